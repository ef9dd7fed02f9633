"""Folders as people have them: which layouts are used, and how the others are explained."""

import doctest
import logging
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from containers import CONTAINERS, make, noise, opened, png
from transfer_gain.data.fitting import Fit
from transfer_gain.data.images import write_images
from transfer_gain.data.sources import layouts
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.layouts import LayoutError, by_folders, natural, split_of
from transfer_gain.data.sources.walk import walk


def tree(*names: str) -> dict[str, bytes]:
    """Return files of noise, each its own."""
    return {name: png(noise(seed)) for seed, name in enumerate(names)}


def splits(source) -> dict[str, str | None]:
    return {item.image_id: item.split for item in source.items}


def refusal(path: Path, **options) -> str:
    """Return the error of a layout, which is one line and is not to be skipped."""
    with pytest.raises(LayoutError) as error:
        opened(path, on_bad_image="skip", **options)
    message = str(error.value)
    assert message.startswith(f"{path}: found ")
    assert "\n" not in message
    assert "on_bad_image" not in message
    return message


def test_the_examples_hold():
    assert doctest.testmod(layouts).failed == 0


# --- Given splits ---


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_given_test_part_is_held_out(kind, tmp_path):
    names = [f"{part}/{name}/1.png" for part in ("train", "val", "test") for name in "ab"]
    mine = opened(make(kind, tmp_path / "mine", tree(*names)))
    assert splits(mine) == {
        "train/a/1.png": "training",
        "train/b/1.png": "training",
        "val/a/1.png": "validation",
        "val/b/1.png": "validation",
        "test/a/1.png": "test",
        "test/b/1.png": "test",
    }
    assert list(splits(mine)) == names


@pytest.mark.parametrize("spelling", ["test", "Testing", "TEST1", "test_set", "holdout", "eval"])
def test_without_a_validation_part_training_images_are_drawn_from(spelling, tmp_path):
    names = [f"{part}/{name}/1.png" for part in ("Train", spelling) for name in "ab"]
    mine = opened(make("folder", tmp_path / "mine", tree(*names)))
    assert splits(mine) == {name: None if "Train" in name else "test" for name in names}


@pytest.mark.parametrize("name", ["val", "Valid", "VALIDATION", "dev", "val-images"])
def test_every_usual_spelling_of_validation(name):
    assert split_of(name) == "validation"


@pytest.mark.parametrize("name", ["trainer", "values", "tests2go", "value", "latest", "1"])
def test_other_names_are_no_parts(name):
    assert split_of(name) is None


def test_a_class_above_the_split(tmp_path):
    names = [f"{name}/{part}/1.png" for name in ("cat", "dog") for part in ("train", "val")]
    mine = opened(make("folder", tmp_path / "mine", tree(*names)))
    assert mine.classes == ("cat", "dog")
    assert splits(mine) == {n: "training" if "train" in n else "validation" for n in names}


def test_a_class_without_test_images_is_named(tmp_path):
    names = ["train/a/1.png", "train/b/1.png", "train/c/1.png", "test/a/1.png", "test/b/1.png"]
    path = make("folder", tmp_path / "mine", tree(*names))
    with pytest.raises(SourceError, match="c: a class without test images"):
        opened(path)
    assert opened(path, on_bad_image="skip").classes == ("a", "b")


def test_a_test_image_that_is_trained_on_is_named(tmp_path):
    files = tree("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png")
    files["test/a/2.png"] = files["train/a/1.png"]
    with pytest.raises(SourceError, match=r"test/a/2\.png: identical to train/a/1\.png, on the"):
        opened(make("folder", tmp_path / "mine", files))


# --- Layouts that are explained ---


@pytest.mark.parametrize(
    ("names", "said"),
    [
        # Kaggle's: a test part without labels.
        (
            ["train/a/1.png", "train/b/1.png", "test1/1.png", "test1/2.png"],
            "found test1, train, the parts of a split, but test1 without class folders",
        ),
        (["train/cat.0.png", "test1/1.png"], "but test1, train without class folders"),
        (["train/a/1.png", "test/a/1.png", "test1/a/1.png"], "the same part .*, test, test1"),
        (["val/a/1.png", "test/a/1.png"], "found test, val, but no folder `train`"),
        (["train/a/1.png", "val/a/1.png", "cat/1.png"], "found train, val, .* beside cat"),
        (["cat/1.png", "test/1.png"], "found test, which is a part .* beside cat"),
        (["images/1.png", "masks/1.png"], "found images, masks, by its name a folder of annotated"),
        (["JPEGImages/1.png", "Annotations/1.xml"], "found Annotations, JPEGImages, by its name"),
        (["images/1.png", "labels/1.txt"], "found images, labels"),
        (["cat/1.png", "dog/1.png", "masks/1.png"], "found masks, .* beside cat, dog"),
        (["fold1/a/1.png", "fold2/a/1.png"], r"the folds of a cross-validation \(fold1, fold2\)"),
        (["cv0/1.png", "cv1/1.png"], r"the folds of a cross-validation \(cv0, cv1\)"),
        (
            ["cat/tom/1.png", "cat/tom/2.png", "dog/rex/1.png"],
            r"folders within class folders \(cat/tom\); .* set `groups: subfolder`",
        ),
        (["train/cat/tom/1.png", "val/cat/tim/1.png"], "set `groups: subfolder`"),
        (["cat/1.png", "dog/rex/1.png"], r"\(dog/rex\)"),
    ],
)
def test_another_layout_is_explained_in_one_line(names, said, tmp_path):
    message = refusal(make("folder", tmp_path / "mine", tree(*names)))
    with pytest.raises(LayoutError, match=said):
        raise LayoutError(message)


def test_a_single_stray_folder_in_a_class_is_only_a_bad_image(tmp_path):
    files = tree("cat/1.png", "cat/2.png", "dog/1.png", "dog/old/1.png")
    mine = opened(make("folder", tmp_path / "mine", files), on_bad_image="skip")
    assert [name for name, _ in mine.skipped] == ["dog/old/1.png"]


def test_subfolders_of_classes_are_used_by_choice(tmp_path):
    names = ["cat/tom/1.png", "cat/2.png", "dog/rex/young/1.png", "dog/rex/notes.txt"]
    with Files(make("folder", tmp_path / "mine", tree(*names))) as files:
        arranged = by_folders(files, grouped=True)
    assert {path: place.class_name for path, place in arranged.places.items()} == {
        "cat/tom/1.png": "cat",
        "cat/2.png": "cat",
        "dog/rex/young/1.png": "dog",
    }
    assert arranged.litter == ("dog/rex/notes.txt",)
    assert arranged.groups == {"cat/tom/1.png": "tom", "dog/rex/young/1.png": "rex"}


def test_a_table_beside_folders_that_tell_no_class_is_pointed_at(tmp_path):
    files = tree("train/1.png", "test/2.png") | {"train.csv": b"file,label\n1.png,cat\n"}
    message = refusal(make("folder", tmp_path / "mine", files))
    assert "name that table: `labels: {file: train.csv}`" in message


# --- Names of classes ---


def test_classes_come_in_natural_order(tmp_path):
    names = ["10", "b", "2", "A", "1", "c10", "c9"]
    mine = opened(make("folder", tmp_path / "mine", tree(*(f"{name}/1.png" for name in names))))
    assert mine.classes == ("1", "2", "10", "A", "b", "c9", "c10")
    for item in mine.items:
        assert mine.classes[item.label] == item.image_id.split("/")[0]


def test_natural_order_takes_every_name():
    names = ["", "1", "a1", "1a", "²", "٣", "ß", "a", "A", "\udcff"]
    assert len(sorted(names, key=natural)) == len(names)


COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "käse") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [("cat", "Cat", "Cat"), ("cat", "cat ", "cat"), (COMPOSED, DECOMPOSED, COMPOSED)],
)
@pytest.mark.parametrize("split", [False, True])
def test_classes_that_look_alike_are_told_and_merged_by_choice(
    first, second, merged, split, tmp_path
):
    names = [f"{first}/1.png", f"{second}/2.png", "dog/1.png"]
    if split:
        names = [f"train/{first}/1.png", f"val/{second}/1.png", "train/dog/1.png", "val/dog/2.png"]
    path = make("zip", tmp_path / "mine", tree(*names))  # some file systems would merge them
    message = refusal(path)
    assert ascii(first) in message
    assert ascii(second) in message
    assert "`merge_similar_classes: true`" in message
    mine = opened(path, merge_similar_classes=True)
    assert mine.classes == tuple(sorted([merged, "dog"], key=natural))
    assert len(mine.items) == len(names)


def test_class_names_are_shown_composed(tmp_path):
    path = make("zip", tmp_path / "mine", tree(f"{DECOMPOSED}/1.png", "dog/1.png"))
    assert opened(path).classes == ("dog", COMPOSED)


@pytest.mark.parametrize("name", [os.fsdecode(b"k\xe4se"), "new\nline", "\x1b[2J", "\u202ecat"])
def test_any_name_is_used_or_escaped(name, tmp_path):
    path = tmp_path / "mine"
    try:
        make("folder", path, tree(f"{name}/{name}.png", "dog/1.png", f"dog/{name}.txt"))
    except OSError:
        pytest.skip("the file system refuses the name")
    mine = opened(path)
    shown = [*mine.classes, *(item.image_id for item in mine.items), *sum(mine.skipped, ())]
    for text in shown:
        assert text.isprintable()
        text.encode()
    assert [mine.read(item).tobytes() for item in mine.items] in (
        [noise(seed).tobytes() for seed in order] for order in ((0, 1), (1, 0))
    )
    (path / f"{name}/bad.png").write_bytes(b"")
    with pytest.raises(SourceError) as error:
        opened(path)
    assert all(line.isprintable() for line in str(error.value).splitlines())


def test_names_that_are_shown_alike_are_a_problem(tmp_path):
    undecodable = os.fsdecode(b"\xe4")
    path = tmp_path / "mine"
    try:
        make("folder", path, tree(f"cat/{undecodable}.png", "cat/\\xe4.png", "dog/1.png"))
    except OSError:
        pytest.skip("the file system refuses the name")
    with pytest.raises(SourceError, match="a name that another one is shown like; rename it"):
        opened(path)


# --- Links and litter ---


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder whose images are links into a store, as DVC and git-annex leave it."""
    store = make("folder", tmp_path / "store", tree("0", "1", "2", "3"))
    mine = tmp_path / "mine"
    for number, name in enumerate(["cat/0.png", "cat/1.png", "dog/2.png"]):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).symlink_to(store / str(number))
    (mine / "eel").symlink_to(make("folder", tmp_path / "eels", tree(*[f"{i}.png" for i in "0"])))
    (tmp_path / "eels" / "0.png").write_bytes(png(noise(9)))
    return mine


def test_links_are_followed_and_those_out_of_the_folder_told(linked, caplog):
    with caplog.at_level(logging.INFO):
        mine = opened(linked)
    assert mine.classes == ("cat", "dog", "eel")
    pixels = [mine.read(item) for item in mine.items]
    assert np.array_equal(pixels, [noise(seed) for seed in (0, 1, 2, 9)])
    told = "links that lead out of the folder, which are followed: 4, such as cat/0.png"
    assert mine.skipped == []
    assert mine.notes == [told]
    assert told in caplog.text


def test_links_within_the_folder_are_not_told(tmp_path):
    path = make("folder", tmp_path / "mine", tree("cat/1.png", "dog/1.png", ".store/2"))
    (path / "dog" / "2.png").symlink_to(path / ".store" / "2")
    mine = opened(path)
    assert len(mine.items) == 3
    assert mine.skipped == []
    assert mine.notes == []


def test_links_that_lead_nowhere_are_named(linked):
    (linked / "cat" / "gone.png").symlink_to("../../store/gone")
    (linked / "cat" / "itself.png").symlink_to("itself.png")
    (linked / "cat" / "all").symlink_to(linked)
    (linked / "cat" / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(SourceError) as error:
        opened(linked)
    lines = [line.strip() for line in str(error.value).splitlines()[1:]]
    nowhere = "a link that leads nowhere, to"
    assert lines == [
        "cat/all: a link to a folder that it lies in",
        f"cat/gone.png: {nowhere} ../../store/gone; fetch its content",
        f"cat/itself.png: {nowhere} itself.png; fetch its content",
        "cat/zero.png: a link to neither a file nor a folder",
    ]
    assert len(opened(linked, on_bad_image="skip").items) == 4


def test_links_to_each_other_s_folders_end(tmp_path):
    path = make("folder", tmp_path / "mine", tree("cat/1.png", "dog/1.png"))
    (path / "cat" / "to").symlink_to(path / "dog")
    (path / "dog" / "to").symlink_to(path / "cat")
    names = [found.name for found in walk(path) if found.kind == "link"]
    assert names == ["dog/to/to", "cat/to/to"]


def test_litter_beside_images_is_passed_over_in_one_line(tmp_path, caplog):
    litter = ["cat/1.txt", "cat/1.xml", "dog/1.JSON", "dog/1.xmp", "dog/Thumbs.db", "readme.md"]
    files = tree("cat/1.png", "dog/1.png") | dict.fromkeys(litter, b"litter")
    with caplog.at_level(logging.INFO):
        mine = opened(make("folder", tmp_path / "mine", files))
    counts = "1 .json, 1 .txt, 1 .xml, 1 .xmp"
    told = ("cat/1.txt", f"passed over, as files that are no images: {counts}")
    assert mine.skipped == [told]
    assert f"{told[0]}: {told[1]}" in caplog.text


def test_the_split_s_error_tells_how_many_images_have_the_same_pixels(tmp_path):
    files = tree("cat/0.png", *(f"dog/{number}.png" for number in range(8)))
    files |= {f"cat/{number}.png": files["cat/0.png"] for number in range(1, 30)}
    mine = opened(make("folder", tmp_path / "mine", files))
    message = r"class cat: found 1 for validation \(of 1 in all and 29 with the same pixels"
    with pytest.raises(SourceError, match=message):
        write_images(
            mine,
            tmp_path / "mine.parquet",
            dataset="mine",
            training_per_class=None,
            validation_per_class=None,
            how=Fit(6, "rgb"),
            study_seed=0,
        )
