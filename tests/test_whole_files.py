"""Promises of writing: a file has its name only once it is whole."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from stored import names
from transfer_gain.data.whole_files import StoreError, written_whole


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == tmp_path  # the same disk, so that renaming is atomic
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert names(tmp_path) == ["file.txt"]


def test_what_a_killed_job_left_is_swept_away_by_the_next_and_nothing_else(tmp_path: Path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = f".file[1].txt.{platform.node()}.{dead.pid}.partial"
    alive = f".file[1].txt.{platform.node()}.{os.getppid()}.partial"
    others = [
        alive,
        ".file[1].txt.elsewhere.1.partial",
        left.replace("[1]", "1"),
        left.replace(f".{dead.pid}.", f".cluster.{dead.pid}."),  # of a host that is so called
        "file[1].txt.old",
    ]
    for name in (left, *others):
        (tmp_path / name).write_text("half")
    with written_whole(tmp_path / "file[1].txt") as temporary:
        temporary.write_text("whole")
    assert names(tmp_path) == sorted(["file[1].txt", *others])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_with_the_file(tmp_path: Path):
    path = tmp_path / "file.txt"
    with (
        pytest.raises(StoreError, match=r"file\.txt: found no space left on device, expected"),
        written_whole(path) as temporary,
    ):
        temporary.symlink_to("/dev/full")
        temporary.write_text("text")
    assert names(tmp_path) == []
