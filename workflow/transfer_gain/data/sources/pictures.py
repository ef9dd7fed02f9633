"""Decode an image file into an array of 8-bit pixels."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from transfer_gain.data.sources.limits import Budget, naming
from transfer_gain.printable import printable

# Pillow reads many more formats. Some pass untrusted bytes to another program (EPS and WMF) or to a
# decoder that ignores this list (IPTC). These do not, and cover photographs, scans and drawings.
_ALLOWED: tuple[str, ...] = ("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PCX")
_ALLOWED += ("PNG", "PPM", "TGA", "TIFF", "WEBP")

Image.init()  # fills Image.OPEN
FORMATS = [name for name in _ALLOWED if name in Image.OPEN]  # MPO is opened as JPEG
EXTENSIONS = {end for end, name in Image.registered_extensions().items() if name in _ALLOWED}

# Limit per picture. Decoding takes up to 25 bytes per pixel, and the job requests 2 GB. Phones take
# pictures of 12 million pixels, at most 50 million.
Image.MAX_IMAGE_PIXELS = 64_000_000
MAX_PIXELS = 200_000 * 12_000_000  # of all pictures of a dataset; some hours of decoding

_NO_IMAGE = f"no image of a known format ({', '.join(FORMATS)})"
_TILE_WIDTH, _TILE_HEIGHT = 322, 323  # tags of TIFF


def pixel_budget(path: Path | str) -> Budget:
    """Return a budget of `MAX_PIXELS` for `decode_picture`; its error names `path`."""
    limit = f"more than the limit of {MAX_PIXELS:,} pixels in all images"
    return Budget(MAX_PIXELS, f"{printable(path)}: {limit}")


def decode_picture(content: bytes, name: str, pixels: Budget | None = None) -> np.ndarray:
    """Decode an image file and apply its EXIF orientation.

    16-bit gray is scaled to 8 bits, transparency is composited on white, palettes are converted to
    colors, and only the first frame of an animation is used.

    Args:
        content: the file's bytes.
        name: the file's name, for the error.
        pixels: budget that the picture's pixels count against before decoding, if any.

    Returns:
        uint8 array, (height, width) if gray, else (height, width, 3).

    Raises:
        UnreadableError: no image of `FORMATS`, truncated, over the limit of pixels
            (`Image.MAX_IMAGE_PIXELS`), or of pixels without a known range.
        SourceError: `pixels` has fewer left.
    """
    with naming(name), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            _check_tiles(image)
        except Image.UnidentifiedImageError:
            raise ValueError(_NO_IMAGE) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            limit = f"{Image.MAX_IMAGE_PIXELS:,} pixels"
            raise ValueError(f"more than {limit}, which is the limit; scale it down") from None
        if pixels:
            pixels.take(image.width * image.height)
        ImageOps.exif_transpose(image, in_place=True)
        return _to_8_bits(image)


def _check_tiles(image: Image.Image) -> None:
    """Refuse a TIFF whose tiles, which are decoded whole, have more pixels than it may have."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        width, height = (image.tag_v2.get(tag, 0) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        if width * height > Image.MAX_IMAGE_PIXELS:
            raise Image.DecompressionBombError


def _to_8_bits(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        pixels = np.asarray(image)
        # Pillow has 16-bit gray as mode I in some formats; other values have no known range.
        if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError(f"{pixels.dtype} pixels, expected 8 or 16 bits")
        if 0 < pixels.max() < 4096:  # such as 12 bits of a camera, which would look almost black
            raise ValueError(
                f"{pixels.dtype} pixels of at most {pixels.max()}, expected up to 65535; "
                "scale them to 8 bits"
            )
        # The nearest of 255 / 65535, in whole numbers: floats would take twice the memory.
        return ((pixels.astype(np.int32, copy=False) + 128) // 257).astype(np.uint8)
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return np.asarray(image.convert("L" if gray else "RGB"))
