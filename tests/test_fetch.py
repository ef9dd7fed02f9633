"""What `fetch` promises, against mirrors on this machine."""

import gzip
import hashlib
import logging
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from http_mirror import Server, serve
from transfer_gain.data.sources import fashion_mnist, solar_cells, vgg16_weights
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.fetch import (
    Artefact,
    Download,
    FetchError,
    Mirror,
    extract_debian,
    fetch,
    has_sha256,
    read_bounded,
)

CONTENT = b"the true content " * 100
TIMEOUT = 0.5


@pytest.fixture
def server():
    with serve() as running:
        yield running


def copy(downloads: Path, files: Path) -> None:
    shutil.copy(downloads / "download", files / "final")


def mirror(name: str, address: str, checksum: str | None = None) -> Mirror:
    return Mirror(name, (Download("download", address, checksum),), copy)


def artefact(*mirrors: Mirror) -> Artefact:
    check = has_sha256(hashlib.sha256(CONTENT).hexdigest())
    return Artefact("thing", {"final": check}, mirrors)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_good_mirror_delivers_and_leaves_nothing_else(server: Server, tmp_path: Path):
    server.answers = {"/good": CONTENT}
    fetch(artefact(mirror("good", f"{server.url}/good")), tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "final").read_bytes() == CONTENT
    assert names(tmp_path / "new" / "folder") == ["final"]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (404, "404"),
        (CONTENT[:-1], "SHA-256"),
        (b"something else", "SHA-256"),
        (Server.die, "IncompleteRead"),
        (Server.hang, "timed out"),
        (Server.stall, "timed out"),
        (Server.trickle, "slower than"),
    ],
    ids=["404", "truncated", "wrong bytes", "death mid-file", "hang", "stall", "trickle"],
)
def test_a_failing_mirror_is_named_with_its_reason_and_the_next_one_delivers(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, trouble, reason: str
):
    if callable(trouble):
        trouble = trouble.__get__(server)
    server.answers = {"/bad": trouble, "/good": CONTENT}
    both = artefact(mirror("the bad one", f"{server.url}/bad"), mirror("b", f"{server.url}/good"))
    with caplog.at_level(logging.WARNING):
        fetch(both, tmp_path, timeout=TIMEOUT)
    (warning,) = caplog.messages
    assert "the bad one" in warning
    assert reason in warning
    assert names(tmp_path) == ["final"]


def test_a_download_with_a_wrong_checksum_is_not_unpacked(server: Server, tmp_path: Path):
    def unpack(downloads: Path, files: Path) -> None:
        pytest.fail("unpacked before it was verified")

    server.answers = {"/bad": b"something else"}
    download = Download("download", f"{server.url}/bad", "sha256:" + "0" * 64)
    with pytest.raises(FetchError, match="hash"):
        fetch(artefact(Mirror("lying", (download,), unpack)), tmp_path)


def test_an_endless_download_is_ended(server: Server, tmp_path: Path):
    server.answers = {"/endless": CONTENT}
    download = Download("download", f"{server.url}/endless", largest=1_000)
    with pytest.raises(FetchError, match="larger than 1,000 bytes"):
        fetch(artefact(Mirror("endless", (download,), copy)), tmp_path)


def test_when_all_fail_one_error_lists_each_and_says_what_to_do(server: Server, tmp_path: Path):
    server.answers = {"/wrong": b"something else"}
    both = artefact(
        mirror("first", f"{server.url}/missing"), mirror("second", f"{server.url}/wrong")
    )
    with pytest.raises(SourceError) as caught:
        fetch(both, tmp_path)
    message = str(caught.value)
    assert "first: HTTPError: 404" in message
    assert "second: ValueError: final has SHA-256" in message
    assert f"into {tmp_path} and run again:\n  - download (first)" in message
    assert names(tmp_path) == []


def test_a_file_put_by_hand_needs_no_download(tmp_path: Path):
    (tmp_path / "download").write_bytes(CONTENT)
    fetch(artefact(mirror("unreachable", "http://127.0.0.1:1/")), tmp_path)
    assert (tmp_path / "final").read_bytes() == CONTENT


def test_a_wrong_file_put_by_hand_is_refused(tmp_path: Path):
    (tmp_path / "download").write_bytes(b"something else")
    with pytest.raises(FetchError, match="final has SHA-256"):
        fetch(artefact(mirror("unreachable", "http://127.0.0.1:1/")), tmp_path)


def test_what_is_there_and_right_is_kept_and_what_is_wrong_is_replaced(
    server: Server, tmp_path: Path
):
    server.answers = {"/good": CONTENT}
    (tmp_path / "final").write_bytes(b"damaged")
    fetch(artefact(mirror("good", f"{server.url}/good")), tmp_path)
    assert (tmp_path / "final").read_bytes() == CONTENT
    fetch(artefact(), tmp_path)  # there is no mirror that it could ask


def test_an_interrupt_leaves_nothing(server: Server, tmp_path: Path):
    def interrupt(downloads: Path, files: Path) -> None:
        (files / "final").write_bytes(CONTENT)
        raise KeyboardInterrupt

    server.answers = {"/good": CONTENT}
    interrupted = Mirror("m", (Download("download", f"{server.url}/good"),), interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(artefact(interrupted), tmp_path)
    assert names(tmp_path) == []


def test_after_a_kill_there_is_no_final_file_and_the_next_fetch_starts_clean(
    server: Server, tmp_path: Path
):
    server.answers = {"/download": server.stall, "/good": CONTENT}
    program = (
        "import sys; from pathlib import Path; from test_fetch import *;"
        f"fetch(artefact(mirror('m', '{server.url}/download')), Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, tmp_path]
    with subprocess.Popen(command, env={"PYTHONPATH": ":".join(sys.path)}) as killed:
        assert server.asked.wait(30)
        killed.kill()
    assert names(tmp_path) == [".thing.partial"]
    fetch(artefact(mirror("good", f"{server.url}/good")), tmp_path)
    assert names(tmp_path) == ["final"]


@pytest.mark.parametrize("address", ["apt:dataset-none", "pip:dataset-none==1"])
def test_a_missing_package_client_is_one_more_failed_mirror(
    server: Server, tmp_path: Path, monkeypatch, caplog: pytest.LogCaptureFixture, address: str
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "no-python")
    server.answers = {"/good": CONTENT}
    fetch(artefact(mirror("a", address), mirror("b", f"{server.url}/good")), tmp_path)
    assert "a: FileNotFoundError" in caplog.text


def test_a_gzip_bomb_is_refused_without_unpacking_it(tmp_path: Path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(10_000_000)))
    with gzip.open(path) as bomb:
        with pytest.raises(ValueError, match="more than the 1,000 bytes"):
            read_bounded(bomb, 1_000)
        assert bomb.tell() == 1_001


def test_exactly_the_limit_is_allowed(tmp_path: Path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(CONTENT))
    with gzip.open(path) as file:
        assert read_bounded(file, len(CONTENT)) == CONTENT


def test_a_damaged_debian_package_is_refused(tmp_path: Path):
    package = tmp_path / "damaged.deb"
    package.write_bytes(b"!<arch>\nnot a package")
    with pytest.raises((tarfile.TarError, FileNotFoundError)):  # the latter without dpkg-deb
        extract_debian(package, ["file"], tmp_path, 1_000)


@pytest.mark.parametrize(
    "artefact", [fashion_mnist.ARTEFACT, solar_cells.ARTEFACT, vgg16_weights.ARTEFACT]
)
def test_a_mirror_without_encryption_is_never_the_first(artefact: Artefact):
    addresses = [mirror.downloads[0].address for mirror in artefact.mirrors]
    plain = [address.startswith("http:") for address in addresses]
    assert not plain[0]
