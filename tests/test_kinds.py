"""A file that cannot be read is told by what it is, and the photographs of phones can be read."""

import doctest

import numpy as np
import pytest
from PIL import Image

from containers import encode, make, noise, opened, png, zip_bytes
from transfer_gain.data.sources import kinds
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.limits import UnreadableError
from transfer_gain.data.sources.pictures import decode_picture

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
SMOOTH = np.kron(noise(0, (8, 12, 3)), np.ones((16, 16, 1), np.uint8))


def test_the_example_holds():
    assert doctest.testmod(kinds).failed == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"\xef\xbb\xbf<svg/>", "an SVG drawing"),
        (b"<!DOCTYPE html><title>404</title>", "an HTML page, which a server may have sent"),
        ("<html>404</html>".encode("utf-16"), "an HTML page"),
        (LFS, "a pointer of Git LFS.*`git lfs pull`"),
        (b"../../.git/annex/objects/Kx/1.jpg", "a pointer of git-annex.*`git annex get`"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive; unpack it"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive; unpack it"),
        (zip_bytes({"a": b"b"}), "a zip archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "a video"),
        (b"\x1aE\xdf\xa3\x93", "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"", "an empty file"),
        (bytes(5000), "a file of zeros only"),
        (b"hello", "no image of a known format"),
    ],
)
def test_a_file_is_told_by_its_content(content, told):
    with pytest.raises(UnreadableError, match=rf"^1\.jpg: {told}"):
        decode_picture(content, "1.jpg")


def test_it_is_told_in_the_list_of_problems(tmp_path):
    tree = {"cat/1.jpg": LFS, "cat/2.png": png(noise(0)), "dog/1.png": png(noise(1))}
    with pytest.raises(SourceError, match=r"cat/1\.jpg: a pointer of Git LFS, not the file itself"):
        opened(make("folder", tmp_path / "data", tree))


def test_heic_is_read_and_turned():
    picture = Image.fromarray(SMOOTH)
    assert np.abs(decode_picture(encode(picture, "HEIF"), "x") - SMOOTH.astype(int)).mean() < 5
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    turned = decode_picture(encode(picture, "HEIF", exif=exif.tobytes()), "x")
    assert np.abs(turned - np.rot90(SMOOTH, -1).astype(int)).mean() < 5


def test_a_cut_heic_is_refused_in_one_line():
    content = encode(Image.fromarray(SMOOTH), "HEIF")
    for length in range(20, len(content), 50):
        with pytest.raises(UnreadableError) as error:
            decode_picture(content[:length], "x.heic")
        assert "\n" not in str(error.value)


def test_a_heic_cannot_be_larger_than_it_says():
    content = encode(Image.new("RGB", (9000, 8000)), "HEIF", quality=1)
    with pytest.raises(UnreadableError, match="more than 64,000,000 pixels"):
        decode_picture(content, "x.heic")
    size = content.index(b"ispe") + 8
    for claimed in (64, 60_000):
        sides = claimed.to_bytes(4, "big") * 2
        with pytest.raises(UnreadableError, match="limit"):
            decode_picture(content[:size] + sides + content[size + 8 :], "x.heic")
