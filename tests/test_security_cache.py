"""The cache between workflows: only those enter it whom the user lets in."""

import os
import stat
from pathlib import Path

import pytest

from checkout import copy_checkout, snakemake
from stubbed_workflow import STUDY
from transfer_gain.runtime import shared_cache
from transfer_gain.runtime.shared_cache import LOCATION, SHARED_WITH, CacheError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    """A folder of its own, of mode 700."""
    monkeypatch.delenv(SHARED_WITH, raising=False)
    (tmp_path / "cache").mkdir(mode=0o700)
    return tmp_path / "cache"


def prepare(cache: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(cache))
        shared_cache.prepare()


def refused(cache: Path) -> str:
    with pytest.raises(CacheError) as error:
        prepare(cache)
    (line,) = str(error.value).splitlines()
    assert line.startswith("SNAKEMAKE_OUTPUT_CACHE: found '")
    return line


@pytest.mark.parametrize("mode", [0o755, 0o701, 0o702, 0o704, 0o777, 0o1777, 0o770, 0o750, 0o710])
def test_a_cache_that_others_can_enter_is_refused(cache: Path, mode: int):
    cache.chmod(mode)
    assert f"which other users can enter (mode {mode:o}), expected" in refused(cache)
    assert f"of mode {mode & ~0o077:o} (chmod)" in refused(cache)
    cache.chmod(0o700)
    prepare(cache)


def test_a_group_and_everyone_enter_only_if_the_user_says_so(cache: Path, monkeypatch):
    monkeypatch.setenv(SHARED_WITH, "group")
    for mode in (0o2770, 0o750, 0o700):
        cache.chmod(mode)
        prepare(cache)
    cache.chmod(0o2775)
    assert "of mode 2770 (chmod)" in refused(cache)
    monkeypatch.setenv(SHARED_WITH, "everyone")
    cache.chmod(0o777)
    prepare(cache)
    monkeypatch.setenv(SHARED_WITH, "all")
    with pytest.raises(CacheError, match="found 'all', allowed: private, group, everyone"):
        prepare(cache)


@pytest.mark.parametrize(
    ("shared_with", "mode"), [(None, 0o700), ("group", 0o770), ("everyone", 0o777)]
)
def test_a_missing_cache_is_created_for_those_who_may_enter(
    cache: Path, shared_with: str | None, mode: int, monkeypatch
):
    if shared_with:
        monkeypatch.setenv(SHARED_WITH, shared_with)
    before = os.umask(0o022)
    try:
        prepare(cache / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((cache / "new").stat().st_mode) == mode
    assert "No such file or directory" in refused(cache / "no" / "folder")
    (cache / "file").touch()
    assert "Not a directory" in refused(cache / "file")


def test_a_folder_or_a_file_of_another_user_is_refused(cache: Path, monkeypatch):
    (cache / "features").touch()
    prepare(cache)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "that another user owns, expected a folder of yours alone" in refused(cache)
    monkeypatch.setenv(SHARED_WITH, "group")
    prepare(cache)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_that_another_user_planted_is_refused(cache: Path):
    (cache / "features").touch()
    os.chown(cache / "features", 12345, 12345)
    assert "or a file in it that another user owns" in refused(cache)


def test_a_folder_in_which_everyone_can_replace_the_cache_is_refused(cache: Path):
    inner = cache / "inner"
    inner.mkdir(mode=0o700)
    cache.chmod(0o777)
    assert f"in '{cache}', where everyone can replace it" in refused(inner)
    (cache.parent / "link").symlink_to(inner)
    assert f"in '{cache}', where everyone can replace it" in refused(cache.parent / "link")
    cache.chmod(0o1777)  # like /tmp: only owners rename and delete
    prepare(inner)


@pytest.mark.slow
def test_a_run_with_an_open_cache_stops_before_any_work(tmp_path: Path):
    checkout = copy_checkout(tmp_path / "checkout")
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o755)
    settings = {LOCATION: str(cache)}
    arguments = ("--cores", "1", "--cache", "make_images")
    done = snakemake(checkout, *arguments, study=STUDY, **settings)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "refused" in line]
    assert line.startswith(f"the cache is refused: SNAKEMAKE_OUTPUT_CACHE: found '{cache}'")
    assert "Traceback" not in done.stderr
    assert not (checkout / STUDY["results"]).exists()
    assert list(cache.iterdir()) == []
    # Without the cache, the variable alone stops nothing.
    assert snakemake(checkout, "-n", study=STUDY, **settings).returncode == 0
