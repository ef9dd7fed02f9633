"""Tell what a file is that is no image, by its first bytes rather than by its name."""

import re

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_VIDEO = "a video; save frames of it as PNG"
_UNPACK = "unpack it"
# By the first bytes of a file, the longest first where one begins like another.
_STARTS: dict[bytes, str] = {
    b"version https://git-lfs.github.com/": (
        "a pointer of Git LFS, not the file itself; fetch the files with `git lfs pull`"
    ),
    b"7z\xbc\xaf\x27\x1c": f"a 7z archive; {_UNPACK}",
    b"Rar!\x1a\x07": f"a RAR archive; {_UNPACK}",
    b"PK\x03\x04": f"a zip archive or an office document; {_UNPACK}",
    b"\x1f\x8b": f"a gzip archive; {_UNPACK}",
    b"%PDF-": "a PDF document; save its pages as PNG",
    b"%!PS": "a PostScript drawing; save it as PNG",
    b"\xc5\xd0\xd3\xc6": "a PostScript drawing; save it as PNG",
    b"\x1aE\xdf\xa3": _VIDEO,  # Matroska, WebM
    b"FLV\x01": _VIDEO,
    b"\x00\x00\x01\xba": _VIDEO,  # MPEG
    b"\x00\x00\x01\xb3": _VIDEO,
    b"8BPS": "a Photoshop document; save it as PNG",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array; save it as PNG",
    b"FUJIFILMCCD-RAW": "a raw photograph; save it as TIFF or JPEG",
}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_ANNEX = re.compile(rb"^(\.\./)*\.git/annex/objects/|^/annex/objects/")


def kind_of(content: bytes) -> str | None:
    """Return what a file is and what can be done, or None if it is nothing known.

    >>> kind_of(b"%PDF-1.7")
    'a PDF document; save its pages as PNG'

    Args:
        content: the file's bytes; the first 4096 are looked at.
    """
    start = content[:4096]
    if not content:
        return "an empty file"
    if not any(content[:65536]):
        return "a file of zeros only; copy it again"
    for magic, kind in _STARTS.items():
        if start.startswith(magic):
            return kind
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        return "a damaged HEIC photograph" if brand in _HEIF_BRANDS else _VIDEO
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return _VIDEO
    if start[128:132] == b"DICM":
        return "a DICOM file; save it as PNG or TIFF"
    if _ANNEX.search(start):
        return "a pointer of git-annex, not the file itself; fetch the files with `git annex get`"
    return _kind_of_text(start)


def _kind_of_text(start: bytes) -> str | None:
    """Tell the kinds of text apart."""
    coded = "utf-16" if start.startswith(_UTF16) else "utf-8"
    text = start.decode(coded, errors="ignore").lstrip("\ufeff \t\r\n").lower()
    if "<svg" in text and text.startswith(("<svg", "<?xml", "<!--", "<!doctype svg")):
        return "an SVG drawing; save it as PNG"
    if text.startswith(("<!doctype html", "<html")) or "<html" in text[:1024]:
        return "an HTML page, which a server may have sent in place of the picture; fetch it again"
    return None
