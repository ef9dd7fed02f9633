"""Classes that mirroring turns into each other are told; others are not."""

import jinja2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from containers import encode, make, opened
from transfer_gain.config.loading import complete, load
from transfer_gain.data import mirroring
from transfer_gain.data.fitting import Fit
from transfer_gain.methods import records


def arrow(seed: int, side: str, length: int = 48) -> Image.Image:
    """An arrow to the left or right, nearly in the middle, on some noise."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(200, 256, (length, length, 3), dtype=np.uint8))
    x, y = rng.integers(-3, 4, 2)
    shape = [(8, 20), (24, 20), (24, 10), (40, 24), (24, 38), (24, 28), (8, 28)]
    ImageDraw.Draw(image).polygon([(px + x, py + y) for px, py in shape], fill=(20, 20, 120))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if side == "left" else image


def disc(seed: int) -> Image.Image:
    image = arrow(seed, "right")
    image.paste((0, 120, 0), (0, 0, 48, 48))
    ImageDraw.Draw(image).ellipse((8, 8, 40, 40 - seed % 9), fill=(200, seed, 0))
    return image


def tree(count: int, kinds=("left", "right")) -> dict[str, bytes]:
    return {
        f"{kind}/{n}.png": encode(arrow(100 * k + n, kind), "PNG")
        for k, kind in enumerate(kinds)
        for n in range(count)
    }


def notes(tmp_path, images) -> list[str]:
    source = opened(make("folder", tmp_path / "data", images), Fit(16, "rgb"), near_copies="warn")
    return [note for note in source.notes if "mirrored" in note]


def test_left_and_right_are_told_with_what_turns_mirroring_off(tmp_path):
    """Reported as ultralytics/ultralytics#5332."""
    discs = {f"disc/{n}.png": encode(disc(n), "PNG") for n in range(12)}
    (note,) = notes(tmp_path, tree(12) | discs)
    assert "another one: left and right; augmentation" in note
    assert "`augmentation: {flip: false}`" in note


def test_mirroring_is_turned_off_for_one_dataset():
    """Reported as ultralytics/ultralytics#5332."""
    datasets = {
        "arrows": {"source": "fashion-mnist", "augmentation": {"flip": False}},
        "clothes": {"source": "fashion-mnist"},
    }
    study = load({"datasets": datasets, "augmentation": {"rotation": 20}})
    assert study.augmentation_of("arrows").settings() == {
        **load({}).augmentation.settings(), "flip": False
    }  # fmt: skip
    assert study.augmentation_of("clothes") == study.augmentation
    plain = {**study.datasets["clothes"].settings(), "name": "arrows"}
    assert study.datasets["arrows"].settings() == plain  # the images are the same


def test_the_report_says_which_dataset_has_an_augmentation_of_its_own():
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["cell"] = str
    template = environment.from_string(records.method("augmentation").description)
    datasets = {
        name: {"source": "fashion-mnist", "augmentation": own}
        for name, own in (("arrows", {"flip": False}), ("clothes", None))
    }
    said = " ".join(template.render(config=complete({"datasets": datasets})).split())
    assert "mirrored. Images of arrows are augmented in a way of their own (not mirrored;" in said
    assert "clothes" not in said


def test_few_images_and_test_images_tell_nothing(tmp_path):
    assert notes(tmp_path / "few", tree(mirroring.FEWEST - 1)) == []
    discs = {
        f"train/{kind}/{n}.png": encode(disc(n + 30 * k), "PNG")
        for k, kind in enumerate(("left", "right"))
        for n in range(12)
    }
    arrows = {f"{{part}}/{name}": content for name, content in tree(12).items()}

    def given(part: str) -> dict[str, bytes]:
        return {name.format(part=part): content for name, content in arrows.items()}

    assert notes(tmp_path / "test", discs | given("test")) == []
    assert len(notes(tmp_path / "train", given("train"))) == 1


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_told_of_classes_by_chance_or_of_symmetric_ones(seed: int):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 60)
    assert mirroring.swapped(rng.normal(size=(60, 8, 8, 3)), labels) == []
    bright = rng.normal(size=(60, 8, 8, 3)) + labels[:, None, None, None]
    assert mirroring.swapped(bright, labels) == []
    tilted = rng.normal(size=(60, 8, 8, 3)) / 3
    tilted[:, :, :4] += np.where(labels, 1, -1)[:, None, None, None]
    tilted[:, :, 4:] -= np.where(labels, 1, -1)[:, None, None, None]
    assert mirroring.swapped(tilted, labels) == [(0, 1)]
