"""Hostile images: which formats are opened, and how many pixels are unpacked."""

import io
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from containers import encode, make_folder, noise, opened, png
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.jaffe import Jaffe
from transfer_gain.data.sources.limits import UnreadableError
from transfer_gain.data.sources.pictures import decode_picture

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
    monkeypatch.setattr("transfer_gain.data.sources.pictures.MAX_PIXELS", 2 * 36 - 1)
    faces = Jaffe(make_folder(tmp_path / "faces", faces))
    faces.read(faces.items[0])
    with pytest.raises(SourceError, match=r"faces: more than the limit of 71 pixels in all"):
        faces.read(faces.items[1])
