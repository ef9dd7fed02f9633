"""What of a user's folder or archive counts as a change, also for the real rules."""

import os
import shutil
from pathlib import Path

import pytest

from checkout import copy_checkout, snakemake
from containers import make, noise, png
from transfer_gain.runtime import user_files
from transfer_gain.runtime.launcher import ADDRESS

TREE = {
    f"{name}.png": png(noise(seed))
    for seed, name in enumerate(f"{label}/{number}" for label in "ab" for number in range(8))
}
HARMLESS = {
    "note": lambda mine: (mine / "notes.txt").write_text("seen"),
    "readme": lambda mine: (mine / "README").write_text("seen"),
    "empty folder": lambda mine: (mine / "more").mkdir(),
    "clutter": lambda mine: (mine / "a" / ".DS_Store").touch(),
    "sidecar": lambda mine: (mine / "a" / "0.xmp").touch(),
    "touched": lambda mine: os.utime(mine / "a" / "0.png"),
    "copied": lambda mine: (
        mine.rename(shutil.copytree(mine, mine.with_name("c")).parent / "old")
        and (mine.with_name("c")).rename(mine)
    ),
}
HARMFUL = {
    "image": lambda mine: (mine / "a" / "8.png").write_bytes(png(noise(99))),
    "changed": lambda mine: (mine / "a" / "0.png").write_bytes(png(noise(99))),
    "removed": lambda mine: (mine / "b" / "7.png").unlink(),
    "renamed": lambda mine: (mine / "b").rename(mine / "c"),
    "table": lambda mine: (mine / "labels.csv").write_text("file,label\n"),
    "no ending": lambda mine: (mine / "a" / "IMG_1").write_bytes(png(noise(98))),
    "link": lambda mine: (mine / "c").symlink_to(mine / "b"),
}


def state(path: Path) -> str:
    """Return the state as a new process sees it."""
    user_files.contents.cache_clear()
    user_files.state.cache_clear()
    return user_files.state(str(path))


@pytest.mark.parametrize("small", [user_files.SMALL, 0])
@pytest.mark.parametrize("change", HARMFUL)
def test_a_change_of_the_images_is_seen(change, small, tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "SMALL", small)
    mine = make("folder", tmp_path / "mine", TREE)
    before = state(mine)
    HARMFUL[change](mine)
    assert state(mine) != before


@pytest.mark.parametrize("change", HARMLESS)
def test_what_changes_no_image_is_no_change(change, tmp_path):
    mine = make("folder", tmp_path / "mine", TREE)
    before = state(mine)
    HARMLESS[change](mine)
    assert state(mine) == before


def test_a_table_of_labels_counts_whatever_its_name(tmp_path):
    mine = make("folder", tmp_path / "mine", TREE | {"labels.txt": b"file label\n"})
    before = user_files.state(str(mine)), user_files.state(str(mine), "labels.txt")
    (mine / "labels.txt").write_text("file label\na/0.png a\n")
    user_files.contents.cache_clear()
    user_files.state.cache_clear()
    assert user_files.state(str(mine)) == before[0]
    assert user_files.state(str(mine), "labels.txt") != before[1]


@pytest.mark.parametrize("small", [user_files.SMALL, 0])
def test_an_archive_replaced_by_an_older_one_is_seen(small, tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "SMALL", small)
    path = make("zip", tmp_path / "mine", TREE)
    before = state(path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # of the same size
    os.utime(path, (1e9, 1e9))
    assert state(path) != before


def test_every_name_and_no_folder_have_a_state(tmp_path):
    assert state(tmp_path / "gone") == user_files.state(None)
    mine = make("folder", tmp_path / "mine", TREE)
    before = state(mine)
    (mine / "a" / "nowhere.png").symlink_to("gone")
    (mine / "a" / "self").symlink_to(mine)
    assert state(mine) == before
    try:
        (mine / os.fsdecode(b"k\xe4se\n.png")).write_bytes(TREE["a/0.png"])
    except OSError:
        pytest.skip("the file system refuses the name")
    assert state(mine) != before


# --- Through the rules ---

TARGETS = [f"results/samples/{name}/validation_roles.parquet" for name in ("mine", "packed")]


def ran(checkout: Path) -> set[str]:
    """Make the roles of both datasets, and return those whose images were made."""
    images = [checkout / f"results/images/{name}.parquet" for name in ("mine", "packed")]
    before = {path: path.stat().st_mtime_ns if path.exists() else 0 for path in images}
    study = {
        "datasets": {
            "mine": {"source": "folder", "path": "mine"},
            "packed": {"source": "folder", "path": "packed.zip"},
        },
        "backbones": {"vgg16": {"architecture": "VGG16"}},
        "fractions": [{"fraction": 1, "replicates": 1}],
        "long_runs": {"fractions": []},
    }
    done = snakemake(checkout, "--cores", "2", *TARGETS, study=study, **{ADDRESS: "off"})
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem for path in images if path.stat().st_mtime_ns != before[path]}


@pytest.mark.slow
def test_images_are_made_again_only_if_they_changed(tmp_path):
    checkout = copy_checkout(tmp_path)
    mine = make("folder", checkout / "mine", TREE)
    packed = make("zip", checkout / "packed", TREE)
    assert ran(checkout) == {"mine", "packed"}
    assert ran(checkout) == set()
    for change in HARMLESS.values():
        change(mine)
    packed.touch()
    assert ran(checkout) == set()
    (mine / "more").rmdir()  # when images are made, it is a class without images
    HARMFUL["image"](mine)
    assert ran(checkout) == {"mine"}
    other = make("zip", tmp_path / "other", TREE | {"a/9.png": png(noise(97))})
    packed.write_bytes(other.read_bytes())
    os.utime(packed, (1e9, 1e9))
    assert ran(checkout) == {"packed"}


def test_the_size_is_that_of_images(tmp_path: Path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").write_bytes(bytes(3_000_000))
    (tmp_path / "cat" / "notes.txt").write_bytes(bytes(1_000_000))
    assert user_files.megabytes(str(tmp_path)) == 3
    assert user_files.megabytes(str(tmp_path / "cat" / "1.jpg")) == 3
    assert user_files.megabytes(None) == user_files.megabytes(str(tmp_path / "nowhere")) == 0
