"""Problems that people reported of tools like this one, each with the input that it takes.

Each test names the report. Others are named where they are tested, in `ELSEWHERE`.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from containers import encode, make, noise, opened, png
from studies import predictions
from transfer_gain.config.loading import load
from transfer_gain.data import class_sizes
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.sampling import validation_roles
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.folder import Folder
from transfer_gain.data.sources.pictures import decode_picture
from transfer_gain.data.splits import draw_split
from transfer_gain.evaluation import tables
from transfer_gain.evaluation.evidence import Evidence, mean_interval, wilson
from transfer_gain.evaluation.mistakes import Chosen, mistakes
from transfer_gain.evaluation.per_class import per_class
from transfer_gain.methods.records import METHODS
from transfer_gain.metrics import ACCURACY, BALANCED_ACCURACY, fitting
from transfer_gain.reporting.looked_at import looked_at

TESTS = Path(__file__).parent
# Reports whose tests stand beside what they are about.
ELSEWHERE = {
    "NVIDIA/DIGITS#150": "test_forecast.py",  # how many images
    "harvardinformatics/cactus-snakemake#17": "test_gpus.py",  # a GPU by gres alone
    "hushell/pmf_cvpr22#10": "test_larger_images.py",  # a network wants 224 pixels
    "keras-team/keras#11117": "test_take_home.py",  # what comes after training
    "keras-team/keras#11427": "test_mistakes.py",  # accuracy and confusion disagree
    "keras-team/keras#9214": "test_fine_tuning.py",  # batch normalization of a frozen network
    "snakemake/snakemake#281": "test_gpus.py",  # which GPU for which job
    "snakemake/snakemake-executor-plugin-slurm#454": "test_slurm.py",  # a GPU by gres alone
    "ultralytics/ultralytics#5332": "test_mirroring.py",  # left and right
    "zalandoresearch/fashion-mnist#44": "test_fashion_mnist.py",  # copies in the test part
}


@pytest.mark.parametrize(("report", "file"), ELSEWHERE.items())
def test_every_report_is_named_where_it_is_tested(report: str, file: str):
    assert f"Reported as {report}" in (TESTS / file).read_text()


def photo(seed: int) -> Image.Image:
    """A smooth picture with some details."""
    rough = Image.fromarray(noise(seed, (12, 12, 3))).resize((96, 96), Image.Resampling.BICUBIC)
    fine = noise(seed + 1000, (96, 96, 3)).astype(int) - 128
    return Image.fromarray(np.clip(np.asarray(rough) + fine // 16, 0, 255).astype(np.uint8))


def split(source) -> Counter[tuple[str, str]]:
    chosen = draw_split(source.items, source.classes, None, None, np.random.default_rng(0))
    return Counter((source.classes[item.label], part) for item, part in chosen)


def test_with_train_and_test_alone_validation_comes_from_train(tmp_path: Path):
    """Reported as debajyotikarmaker/cvpr_4234#14."""
    counts = {"train": 8, "test": 3}
    names = [f"{part}/{c}/{n}.png" for part in counts for c in "ab" for n in range(counts[part])]
    tree = {name: png(noise(seed)) for seed, name in enumerate(names)}
    mine = opened(make("folder", tmp_path / "mine", tree))
    expected = {"training": 6, "validation": 2, "test": 3}
    assert split(mine) == {(c, part): n for c in "ab" for part, n in expected.items()}
    chosen = draw_split(mine.items, mine.classes, None, None, np.random.default_rng(1))
    assert {item.image_id for item, part in chosen if part == "test"} == {
        name for name in names if name.startswith("test/")
    }


PATIENTS = {
    f"{c}/p{6 * k + patient}_{n}.png": png(noise(100 * k + 10 * patient + n))
    for k, c in enumerate("ab")
    for patient in range(6)
    for n in range(3)
}


def test_images_of_one_patient_are_told_and_kept_on_one_side_by_choice(tmp_path: Path):
    """Reported as fastai/fastai#2724 and UCSD-AI4H/COVID-CT#11."""
    path = make("folder", tmp_path / "mine", PATIENTS)
    (note,) = opened(path).notes
    assert note.startswith("file names suggest 12 groups of images that belong together")
    pattern = re.search(r"`groups: \{pattern: '(.*)'\}`$", note)[1]
    mine = opened(path, groups={"pattern": pattern})
    chosen = draw_split(mine.items, mine.classes, None, None, np.random.default_rng(0), "group")
    sides = {}
    for item, part in chosen:
        sides.setdefault(item.image_id.split("_")[0], set()).add(part)
    assert len(sides) == 12
    assert all(len(parts) == 1 for parts in sides.values())


def test_each_picture_again_as_jpeg_is_named_and_grouped_by_choice(tmp_path: Path):
    """Reported as stefyste/RIAWELC#2."""
    tree = {}
    for k, c in enumerate("ab"):
        for n in range(5):
            tree[f"{c}/{n}.png"] = encode(photo(10 * k + n), "PNG")
            tree[f"{c}/copy-{n}.jpg"] = encode(photo(10 * k + n), "JPEG", quality=90)
    path = make("folder", tmp_path / "mine", tree)
    warned = opened(path, Fit(32, "rgb"), near_copies="warn")
    named = {frozenset(pair[:2]) for pair in warned.near_copies}
    assert named == {
        frozenset((f"{c}/{n}.png", f"{c}/copy-{n}.jpg")) for c in "ab" for n in range(5)
    }
    assert "20 images are near copies of each other" in warned.notes[0]
    grouped = opened(path, Fit(32, "rgb"), near_copies="group")
    group_of = {item.image_id: item.group for item in grouped.items}
    assert all(group_of[one] == group_of[other] for one, other in map(sorted, named))
    assert len(set(group_of.values())) == 10


def square(color: tuple[int, int, int]) -> bytes:
    pixels = np.full((12, 12, 3), 255, np.uint8)
    pixels[3:9, 3:9] = color
    return png(pixels)


def test_classes_that_differ_in_hue_alone_are_told_apart_in_color(tmp_path: Path):
    """Hue is the class; in gray both squares have the luma 59."""
    path = make(
        "folder",
        tmp_path / "m",
        {"red/0.png": square((196, 0, 0)), "green/0.png": square((0, 100, 0))},
    )
    red, green = (opened(path).read(item) for item in opened(path).items)
    assert not np.array_equal(red, green)
    with pytest.raises(SourceError) as error:
        opened(path, Fit(6, "gray"))
    assert "green/0.png: identical to red/0.png, of another class" in str(error.value)
    assert "compared in gray at 6 pixels" in str(error.value)


@pytest.mark.parametrize("sides", [(300, 100), (100, 300)])
def test_pictures_keep_their_proportions_by_choice(sides: tuple[int, int]):
    """Reported as keras-team/keras#4987."""
    image = Image.new("RGB", sides, "white")
    middle = [(side - 60) // 2 for side in sides]
    image.paste("black", (*middle, *(start + 60 for start in middle)))  # a square in the middle
    dark = {}
    for resize in ("crop", "pad", "stretch"):
        how = Fit(100, "rgb", resize=resize, background="#ffffff")
        pixels = fit(np.asarray(image), how)[:, :, 0] < 128
        dark[resize] = pixels.any(axis=0).sum(), pixels.any(axis=1).sum()
    assert dark["crop"] == (60, 60)
    assert all(abs(side - 20) <= 1 for side in dark["pad"])
    assert dark["stretch"] == ((20, 60) if sides[0] > sides[1] else (60, 20))


def test_classes_of_numbers_come_in_natural_order(tmp_path: Path):
    """Reported as pytorch/vision#714."""
    tree = {f"{name}/x.png": png(noise(seed)) for seed, name in enumerate(("1", "10", "2"))}
    assert opened(make("folder", tmp_path / "mine", tree)).classes == ("1", "2", "10")


@pytest.mark.parametrize("broken", [False, True])
def test_a_rotated_jpeg_is_upright_also_beside_a_broken_tag(broken: bool):
    """Reported as tensorflow/tensorflow#8430."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    content = encode(Image.new("RGB", (40, 20)), "JPEG", exif=exif)
    if broken:  # an impossible type of the maker's tag
        place = content.index(b"\x01\x0f\x00\x02")
        content = content[: place + 2] + b"\x00\x63" + content[place + 4 :]
    assert decode_picture(content, "x").shape == (40, 20, 3)


def images_of(tmp_path: Path, counts: dict[str, int]) -> tuple[Folder, pd.DataFrame]:
    """Make a folder of classes of so many images; return it, and its rows, cross-fitted."""
    names = [f"{name}/{number}.png" for name, count in counts.items() for number in range(count)]
    tree = {name: png(noise(seed)) for seed, name in enumerate(names)}
    mine = opened(make("folder", tmp_path / "mine", tree))
    rng = np.random.default_rng(0)
    chosen = draw_split(mine.items, mine.classes, None, None, rng, cross_fitted=True)
    rows = [(item.image_id, item.label, part) for item, part in chosen]
    return mine, pd.DataFrame(rows, columns=["image_id", "label", "split"])


def test_of_two_times_forty_images_every_one_is_scored_and_the_interval_is_honest(tmp_path: Path):
    """Reported as dotnet/machinelearning#5438."""
    mine, index = images_of(tmp_path, {"a": 40, "b": 40})
    roles = validation_roles(index, "mine", 2018, mine.classes, 6, 2).query("role == 'test'")
    assert (roles["image_id"].value_counts() == 2).all()  # once in each of two divisions
    assert set(roles["image_id"]) == set(index["image_id"])
    # The same 64 of 80 images are right in both. Ten test images could only tell 0.8 ± 0.25.
    right = pd.Series(np.arange(80) % 5 > 0, index["image_id"])
    values = pd.DataFrame(index=range(12), columns=index["image_id"], dtype=float)
    for split, own in roles.groupby("split"):
        values.loc[split, own["image_id"]] = right[own["image_id"]].to_numpy(float)
    labels = index["label"].to_numpy()
    known = Evidence(values.mean(axis=1), values.to_numpy(), labels, 0.25, 80)
    mean, low, high = mean_interval(known, ACCURACY)
    narrowest = wilson(0.8, 80, 0.95)
    assert mean == pytest.approx(0.8, abs=0.01)
    assert low <= narrowest[0] + 0.01
    assert high >= narrowest[1] - 0.01
    assert high - low < 0.4


def test_a_rare_class_is_scored_as_much_as_a_common_one_and_told(tmp_path: Path):
    """Reported as cytomining/DeepProfiler#239."""
    counts = {"common": 190, "rare": 10}
    mine, index = images_of(tmp_path, counts)
    options = {"labels": None, "groups": None, "merge_similar_classes": False}
    listed = class_sizes.listed({"path": str(tmp_path / "mine"), **options})
    assert fitting([listed]) == BALANCED_ACCURACY.name  # what `metric: auto` chooses
    roles = validation_roles(index, "mine", 2018, mine.classes, 6, 2)
    metadata = {"classes": mine.classes, "shape": [6, 6, 3], "resize": "crop"}
    table = tables.classes(index, roles, metadata, "mine")
    assert table["scored"].tolist() == [190, 10]
    said = looked_at({"classes": table, "skipped": pd.DataFrame({"dataset": []})}, "mine")
    assert "190 common and 10 rare" in said
    assert "Always answering 'common' is right for 0.950 of them." in said
    always = predictions(np.tile([0.9, 0.1], (200, 1)), index["label"].to_numpy())
    recalls = per_class(always, mine.classes, "mine").set_index("class")["recall"]
    assert recalls.to_dict() == {"common": 1.0, "rare": 0.0}
    sizes = index["label"].value_counts().to_numpy()
    assert (ACCURACY.chance(sizes), BALANCED_ACCURACY.chance(sizes)) == (0.95, 0.5)


def test_with_two_images_per_class_all_ways_stand_side_by_side(tmp_path: Path):
    """Reported as open-edge-platform/geti#4298. Two images in all are refused."""
    mine, index = images_of(tmp_path, {"a": 2, "b": 2})
    with pytest.raises(SourceError) as error:
        validation_roles(index, "mine", 2018, mine.classes, 6, 2)
    assert re.match(r"class a: found 2 images, expected at least 6", str(error.value))
    ways = ("linear_probe", "transfer_augmented", "fine_tuning", "resnet_scratch")
    study = load(
        {
            "datasets": {"mine": {"source": "folder", "path": str(tmp_path / "mine")}},
            "backbones": {"vgg16": {"architecture": "VGG16", "fine_tune_from": "block5_conv1"}},
            "fractions": [{"fraction": 0.05, "replicates": 5}],  # 2 of 40 images
            "long_runs": {"fractions": []},
            **{way: {"max_fraction": 1} for way in ways},
        }
    )
    trained = {
        method.name
        for method in METHODS
        if any(job["fraction"] == "0.05" for job in method.jobs(study))
    }
    assert trained == {method.name for method in METHODS} - {"baseline-2018", "random-weights"}


def test_swapped_labels_are_the_most_confident_mistakes():
    """Reported as mrdbourke/nutrify#50: 3 of 60 labels are wrong."""
    rng = np.random.default_rng(3)
    true = np.arange(60) % 2
    features = rng.normal(size=(60, 5)) + 3 * true[:, None]
    swapped = [7, 20, 41]
    labels = true.copy()
    labels[swapped] = 1 - labels[swapped]
    shares = cross_val_predict(
        LogisticRegression(C=0.1), features, labels, cv=6, method="predict_proba"
    )
    rows = predictions(shares, labels, images=[f"{number}.png" for number in range(60)])
    listed = mistakes(rows, ["a", "b"], "mine", [Chosen("vgg16", "transfer", 1.0)])["image_id"]
    assert {f"{number}.png" for number in swapped} == set(listed[:3])
