"""The same picture in several files is found, whatever the format and size."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from containers import encode, make, noise, opened, png
from transfer_gain.data import audit
from transfer_gain.data.fitting import Fit
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.splits import draw_split
from transfer_gain.reporting.figures.near_copies import plot_near_copies


def photo(seed: int, side=96) -> Image.Image:
    """A smooth picture with some details."""
    rough = Image.fromarray(noise(seed, (12, 12, 3))).resize((side, side), Image.Resampling.BICUBIC)
    fine = noise(seed + 1000, (side, side, 3)).astype(int) - 128
    return Image.fromarray(np.clip(np.asarray(rough) + fine // 16, 0, 255).astype(np.uint8))


def copies(seed: int) -> dict[str, bytes]:
    """A picture as PNG, as JPEG of quality 90, and as thumbnail."""
    image = photo(seed)
    small = image.resize((48, 48), Image.Resampling.LANCZOS)
    return {
        "whole.png": encode(image, "PNG"),
        "q90.jpg": encode(image, "JPEG", quality=90),
        "small.jpg": encode(small, "JPEG", quality=90),
    }


def classes_of_copies(count: int) -> dict[str, bytes]:
    """Two classes of so many pictures, each in three files."""
    return {
        f"{c}/{n}-{name}": content
        for k, c in enumerate("ab")
        for n in range(count)
        for name, content in copies(10 * k + n).items()
    }


PHOTOS = {
    f"{c}/{n}.png": encode(photo(10 * k + n), "PNG") for k, c in enumerate("ab") for n in range(6)
}
COPIES = {f"a/copy-{name}": content for name, content in copies(0).items() if name != "whole.png"}
HOW = Fit(32, "rgb")


def folder(tmp_path, tree, **options):
    return opened(make("folder", tmp_path / "data", tree), HOW, **options)


def test_png_jpeg_and_thumbnail_are_near_copies_and_other_pictures_are_not(tmp_path):
    mine = folder(tmp_path, PHOTOS | COPIES, near_copies="warn")
    found = {frozenset(pair[:2]) for pair in mine.near_copies}
    names = ["a/0.png", *COPIES]
    assert found == {frozenset((x, y)) for x in names for y in names if x < y}
    assert {pair[3] for pair in mine.near_copies} == {"same class"}
    assert len(mine.items) == len(PHOTOS) + 2
    assert all(item.group is None for item in mine.items)
    (note,) = mine.notes
    assert note.startswith("3 images are near copies of each other within a class, which a random")


def test_near_copies_of_a_class_become_a_group_and_cannot_leak(tmp_path):
    mine = folder(tmp_path, classes_of_copies(8))
    groups = {item.image_id: item.group for item in mine.items}
    assert len(set(groups.values())) == 16
    assert all(groups[name] == groups[name.replace("small.jpg", "whole.png")] for name in groups)
    chosen = draw_split(mine.items, mine.classes, None, None, np.random.default_rng(0), "group")
    sides = {
        split: {item.group for item, of in chosen if of == split}
        for split in ("training", "validation")
    }
    assert sides["training"].isdisjoint(sides["validation"])
    assert mine.notes[0].startswith(
        "48 images are near copies of each other within a class, kept on"
    )


def test_dropping_keeps_the_first_copy(tmp_path):
    mine = folder(tmp_path, PHOTOS | COPIES, near_copies="drop")
    assert {item.image_id for item in mine.items} == set(PHOTOS)
    assert mine.skipped == [(name, "a near copy of a/0.png") for name in sorted(COPIES)]


@pytest.mark.parametrize("choice", ["warn", "group", "drop"])
def test_near_copies_of_two_classes_are_told_and_kept(choice, tmp_path):
    tree = PHOTOS | {"b/strange.jpg": copies(0)["q90.jpg"]}
    mine = folder(tmp_path, tree, near_copies=choice)
    assert [(*pair[:2], pair[3]) for pair in mine.near_copies] == [
        ("a/0.png", "b/strange.jpg", "another class")
    ]
    assert {item.image_id for item in mine.items} == set(tree)
    assert all(item.group is None for item in mine.items)
    assert "in two classes: is a label wrong? (such as a/0.png and b/strange.jpg;" in mine.notes[0]


@pytest.mark.parametrize("part", ["val", "test"])
@pytest.mark.parametrize(("choice", "kept"), [("warn", True), ("group", True), ("drop", False)])
def test_near_copies_on_both_sides_of_a_given_split(choice, kept, part, tmp_path):
    tree = {f"train/{name}": content for name, content in PHOTOS.items()}
    tree |= {
        f"{part}/{c}/{n}.png": encode(photo(100 + 10 * k + n), "PNG")
        for k, c in enumerate("ab")
        for n in range(3)
    }
    copy = f"{part}/a/copy.jpg"
    tree |= {copy: copies(0)["small.jpg"]}
    mine = folder(tmp_path, tree, near_copies=choice)
    (pair,) = mine.near_copies
    assert (*pair[:2], pair[3]) == ("train/a/0.png", copy, "other side of the split")
    assert (copy in {item.image_id for item in mine.items}) == kept
    assert ("of which those in validation or test are left out" in mine.notes[0]) != kept


def test_near_copies_join_the_groups_of_a_pattern(tmp_path):
    tree = {f"a/p{n}_{k}.png": encode(photo(10 * n + k), "PNG") for n in range(3) for k in (1, 2)}
    tree |= {
        f"b/q{n}_{k}.png": encode(photo(100 + 10 * n + k), "PNG") for n in range(3) for k in (1, 2)
    }
    tree |= {"a/p9_1.jpg": encode(photo(11), "JPEG"), "a/p9_2.png": encode(photo(500), "PNG")}
    mine = folder(tmp_path, tree, groups={"pattern": "^[pq][0-9]"})
    groups = {item.image_id: item.group for item in mine.items}
    assert (
        groups["a/p9_2.png"] == groups["a/p9_1.jpg"] == groups["a/p1_1.png"] == groups["a/p1_2.png"]
    )
    assert len(set(groups.values())) == 6


def test_pictures_that_differ_in_hue_alone_are_not_near_copies(tmp_path):
    def square(color, at):
        picture = np.full((32, 32, 3), 255, np.uint8)
        picture[at : at + 16, 8:24] = color
        return png(picture)

    colors = {"red": (196, 0, 0), "green": (0, 100, 0)}
    tree = {
        f"{name}/{at}.png": square(color, at) for name, color in colors.items() for at in (2, 8, 14)
    }
    mine = folder(tmp_path, tree)
    assert {pair[3] for pair in mine.near_copies} <= {"same class"}


def test_too_few_different_pictures_are_refused_with_the_number(tmp_path):
    mine = folder(tmp_path, classes_of_copies(2))
    with pytest.raises(
        SourceError,
        match=r"class a: found 2 groups of images, expected at least 3.*near_copies: warn",
    ):
        draw_split(mine.items, mine.classes, None, None, np.random.default_rng(0), "group")


def test_16_bits_are_compared_like_8():
    gray = np.asarray(photo(3).convert("L"))
    wide = audit.fingerprint(gray.astype(np.uint16) * 16, white=4080)
    pairs, distances = audit.near_pairs(np.stack([audit.fingerprint(gray), wide]))
    assert (pairs.tolist(), distances.tolist()) == ([[0, 1]], [0])


def test_many_images_are_compared_in_seconds_and_many_copies_are_few_pairs():
    prints = np.random.default_rng(0).integers(0, 256, (20_000, 224), dtype=np.uint8)
    prints[5000:6000] = prints[4999]
    began = time.perf_counter()
    pairs, _ = audit.near_pairs(prints)
    assert time.perf_counter() - began < 60  # about two seconds on one core
    assert set(pairs.ravel()) == set(range(4999, 6000))
    assert len(pairs) <= 20 * 1001


def test_chance_pairs_of_noise_are_none():
    prints = np.stack([audit.fingerprint(noise(seed, (32, 32, 3))) for seed in range(300)])
    assert len(audit.near_pairs(prints)[0]) == 0


def test_no_images_have_no_near_copies():
    assert audit.near_pairs(np.zeros((0, 224), np.uint8))[0].shape == (0, 2)
    assert audit.audit({}, {}, {}, "group").pairs == ()


def test_the_figure_shows_every_pair_with_its_names_and_none_at_all():
    for count in (0, 1, 12):
        pairs = pd.DataFrame(
            [(f"a/$x$_{n}.png", f"b/{n}.png", n, audit.OTHER_CLASS) for n in range(count)],
            columns=["path", "other", "distance", "relation"],
        )
        pixels = np.zeros((count, 2, 8, 8, 3), np.uint8)
        figure = plot_near_copies(pairs, pixels, "mine")
        titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
        assert len(titles) == count
        assert all(f"{n} of 256 bits\na/$x$_{n}.png" in title for n, title in enumerate(titles))
        plt.close(figure)
