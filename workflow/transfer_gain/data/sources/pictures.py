"""Decode an image file into an array of pixels."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageColor, TiffImagePlugin

from transfer_gain.data.sources.kinds import kind_of
from transfer_gain.data.sources.limits import Budget, naming
from transfer_gain.printable import printable

# Pillow reads many more formats. Some pass untrusted bytes to another program (EPS and WMF) or to a
# decoder that ignores this list (IPTC). These do not, and cover photographs, scans and drawings.
_ALLOWED: tuple[str, ...] = ("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PCX")
_ALLOWED += ("PNG", "PPM", "TGA", "TIFF", "WEBP")

pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)  # photographs of phones
Image.init()  # fills Image.OPEN
FORMATS = [name for name in _ALLOWED if name in Image.OPEN]  # MPO is opened as JPEG
EXTENSIONS = {end for end, name in Image.registered_extensions().items() if name in _ALLOWED}

# Limit per picture. Decoding takes up to 25 bytes per pixel, and the job requests 2 GB. Phones take
# pictures of 12 million pixels, at most 50 million.
LARGEST = 64_000_000
# Pillow raises an error from twice its limit on. Between its limit and there it warns, and warnings
# cannot be turned into errors in threads.
Image.MAX_IMAGE_PIXELS = LARGEST // 2
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
MAX_PIXELS = 200_000 * 12_000_000  # of all pictures of a dataset; some hours of decoding
# A JPEG of which at most this share of rows is missing is used, as viewers do.
MISSING_ROWS = 0.1

_NO_IMAGE = f"no image of a known format ({', '.join(FORMATS)})"
_TILE_WIDTH, _TILE_HEIGHT = 322, 323  # tags of TIFF
_END_OF_JPEG = b"\xff\xd9"


def pixel_budget(path: Path | str) -> Budget:
    """Return `MAX_PIXELS` for `decode_picture` to take from; `path` is named where they end."""
    limit = f"more than the limit of {MAX_PIXELS:,} pixels in all images"
    return Budget(MAX_PIXELS, f"{printable(path)}: {limit}")


def decode_picture(
    content: bytes,
    name: str,
    pixels: Budget | None = None,
    background: str = "#ffffff",
    enough: int | None = None,
) -> np.ndarray:
    """Decode an image file and apply its EXIF orientation.

    Transparency is composited on the background, palettes are converted to colors, and only the
    first frame of an animation is used. A JPEG that lacks a few rows (`MISSING_ROWS`) gets them in
    gray. Threads may call this in parallel.

    Args:
        content: the file's bytes.
        name: the file's name, for the error.
        pixels: budget that the picture's pixels count against before decoding, if any.
        background: a color code, "#rrggbb".
        enough: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which takes a fraction of the
            time, as long as both sides keep this many pixels; None for its full size.

    Returns:
        (height, width) if gray, else (height, width, 3). uint8, or uint16 as stored in the file,
        whose white is not known.

    Raises:
        UnreadableError: no image of `FORMATS`, truncated, over the limit of pixels (`LARGEST`), or
            of pixels without a known range.
        SourceError: `pixels` has fewer left.
    """
    with naming(name):
        image = _open(content, pixels, enough)
        if _is_wide_color(image):
            return _turned(_decode_wide_color(content), _orientation(image))
        loaded = _load(image, content, enough)
        return _turned(_to_array(loaded, background), _orientation(image))


def _open(content: bytes, pixels: Budget | None, enough: int | None) -> Image.Image:
    """Open an image file, without decoding it yet."""
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_tiles(image)
    except Image.UnidentifiedImageError:
        raise ValueError(kind_of(content) or _NO_IMAGE) from None
    except Image.DecompressionBombError:
        raise ValueError(
            f"more than {LARGEST:,} pixels, which is the limit; scale it down"
        ) from None
    if pixels:
        pixels.take(image.width * image.height)
    if enough:
        image.draft(image.mode, (enough, enough))  # of a JPEG; nothing happens to other formats
    return image


def _check_tiles(image: Image.Image) -> None:
    """Refuse a TIFF whose tiles, which are decoded whole, have more pixels than it may have."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        width, height = (image.tag_v2.get(tag, 0) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        if width * height > LARGEST:
            raise Image.DecompressionBombError


def _load(image: Image.Image, content: bytes, enough: int | None) -> Image.Image:
    """Decode the pixels; complete a JPEG that lacks a few rows."""
    try:
        image.load()
    except OSError:
        if image.format not in ("JPEG", "MPO"):
            raise
        # At an end mark, the decoder fills up what is missing with gray.
        completed = _open(content + _END_OF_JPEG, None, enough)
        rows = np.asarray(completed)
        flat = (rows == rows[:, :1]).reshape(len(rows), -1)
        missing = np.logical_and.accumulate(flat.all(axis=1)[::-1]).mean()
        if missing > MISSING_ROWS:
            raise
        image = completed
    return image


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if its tags cannot be read."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged tags raise many types of exceptions, and the pixels are fine
        return 1


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an EXIF orientation to an array of pixels."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _is_wide_color(image: Image.Image) -> bool:
    """Return whether the file has colors of 16 bits, which Pillow would open as 8 bits."""
    tiles = getattr(image, "tile", [])
    return any("'RGB;16" in str(tile) for tile in tiles)


def _decode_wide_color(content: bytes) -> np.ndarray:
    """Decode colors of 16 bits, of which Pillow drops the lower eight: uint16 (…, …, 3)."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None or pixels.dtype != np.uint16 or pixels.shape[2:] != (3,):
        raise ValueError("16-bit colors that cannot be decoded; save it with 8 bits")
    return pixels[:, :, ::-1]


def _to_array(image: Image.Image, background: str) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        pixels = np.asarray(image)
        # Pillow has 16-bit gray as mode I in some formats; other values have no known range.
        if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError(f"{pixels.dtype} pixels, expected 8 or 16 bits")
        return pixels.astype(np.uint16)
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        # Only a gray background leaves a gray picture gray.
        color = ImageColor.getrgb(background)[:3]
        gray = gray and len(set(color)) == 1
        ground = Image.new("RGBA", image.size, color)
        ground.alpha_composite(image.convert("RGBA"))
        image = ground
    return np.asarray(image.convert("L" if gray else "RGB"))
