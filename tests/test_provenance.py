"""Promises of the provenance: a change of code or inputs shows, in git and outside of it."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from checkout import ROOT
from transfer_gain.runtime import provenance


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout, outside of git."""
    (tmp_path / "workflow" / "scripts").mkdir(parents=True)
    (tmp_path / "Snakefile").write_text("rule all:\n")
    (tmp_path / "workflow" / "scripts" / "a.py").write_text("1\n")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as nobody in particular."""
    author = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


def committed(folder: Path) -> Path:
    """Make a folder a repository of one commit, with a tag."""
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    git(folder, "tag", "v0.1")
    return folder


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert provenance.digest(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_the_digest_of_a_folder_is_that_of_what_sha256sum_prints(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "image 1.png").write_bytes(b"1")
    (tmp_path / "a.png").write_bytes(b"2")
    digests = [hashlib.sha256(content).hexdigest() for content in (b"2", b"1")]
    printed = f"{digests[0]}  a.png\n{digests[1]}  b/image 1.png\n"
    assert provenance.digest(tmp_path) == hashlib.sha256(printed.encode()).hexdigest()


def test_outside_git_a_change_of_code_shows(checkout):
    before = provenance.describe_code(checkout)
    assert set(before) == {"sha256"}
    (checkout / "workflow" / "scripts" / "a.py").write_text("2\n")
    assert provenance.describe_code(checkout) != before


def test_what_python_compiles_is_no_change_of_code(checkout):
    before = provenance.describe_code(checkout)
    (checkout / "workflow" / "__pycache__").mkdir()
    (checkout / "workflow" / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    assert provenance.describe_code(checkout) == before


def test_a_repository_without_the_code_is_not_its_version(checkout):
    git(checkout, "init")
    git(checkout, "commit", "--allow-empty", "-m", "a thesis")
    assert set(provenance.describe_code(checkout)) == {"sha256"}


def test_what_git_archive_writes_knows_its_commit(checkout, tmp_path_factory):
    for name in (".gitattributes", provenance.ARCHIVED):
        shutil.copy(ROOT / name, checkout)
    assert set(provenance.describe_code(checkout)) == {"sha256"}  # nothing is filled in
    clean = provenance.describe_code(committed(checkout))
    folder = tmp_path_factory.mktemp("unpacked")
    git(checkout, "archive", "--output", str(folder / "archive.tar"), "HEAD")
    shutil.unpack_archive(folder / "archive.tar", folder)
    del clean["changed"]
    assert provenance.describe_code(folder) == clean
    said = provenance.describe(folder, [], {}, pd.Series([1.0]))["Code"]
    assert f"{clean['commit']} in an archive, changes not checked, SHA-256 " in said
    shutil.rmtree(checkout / ".git")
    git(checkout, "init")
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "without a tag")
    git(checkout, "archive", "--output", str(folder / "archive.tar"), "HEAD")
    shutil.unpack_archive(folder / "archive.tar", folder)
    untagged = provenance.describe_code(folder)
    assert untagged["version"] == untagged["commit"][: provenance.SHORT]


def test_in_git_a_change_shows_until_it_is_committed(checkout):
    clean = provenance.describe_code(committed(checkout))
    assert (clean["version"], clean["changed"]) == ("v0.1", False)
    (checkout / "Snakefile").write_text("rule other:\n")
    changed = provenance.describe_code(checkout)
    assert (changed["version"], changed["changed"]) == ("v0.1-dirty", True)
    assert changed["commit"] == clean["commit"]
    git(checkout, "commit", "--all", "-m", "second")
    after = provenance.describe_code(checkout)
    assert after["version"].startswith("v0.1-1-g")
    assert not after["changed"]
    assert after["commit"] != clean["commit"]
    assert after["sha256"] == changed["sha256"] != clean["sha256"]


def test_the_report_s_words_tell_code_inputs_precision_and_seconds(checkout):
    committed(checkout)
    inputs = {"resources/a": "0123456789abcdef" * 4}
    seconds = pd.Series([1000.0, float("nan"), 234.4])
    said = provenance.describe(checkout, ["float32", "bfloat16", "float32"], inputs, seconds)
    assert said["Code"].startswith("v0.1, commit ")
    assert said["Inputs"] == "SHA-256 of resources/a 0123456789ab"
    assert said["Precision"] == "bfloat16, float32"
    assert said["Jobs"] == "2 measured, 1,234 seconds one after the other"
    assert "numpy " in said["Packages"]
    assert {"System", "Processor", "Memory"} <= set(said)


def test_without_inputs_the_report_says_that_images_are_drawn(checkout):
    said = provenance.describe(checkout, ["float32"], {}, pd.Series([1.0]))
    assert said["Inputs"] == "none: all images are generated"
    assert said["Code"].startswith("SHA-256 ")
