"""Decode an image file of any format that Pillow reads into an array of 8-bit pixels."""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from transfer_gain.data.sources.archives import naming

Image.init()  # fills Image.OPEN
# Pillow reads EPS by running Ghostscript, which is nothing to run on a stranger's file.
FORMATS = sorted(set(Image.OPEN) - {"EPS"})


def decode_picture(content: bytes, name: str) -> np.ndarray:
    """Decode an image file, the right way up as its EXIF orientation says.

    16-bit gray is scaled to 8 bits, transparency is laid on white, a palette becomes colours, and
    of an animation the first frame is taken.

    Args:
        content: the file's bytes.
        name: the file's name, for the error.

    Returns:
        uint8 array, (height, width) if gray, else (height, width, 3).

    Raises:
        UnreadableError: no image, truncated, over Pillow's limit of pixels
            (`Image.MAX_IMAGE_PIXELS`), or of pixels without a known range.
    """
    with naming(name), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            opened = Image.open(io.BytesIO(content), formats=FORMATS)
        except Image.UnidentifiedImageError:
            raise ValueError("no image that Pillow can read") from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            limit = f"{Image.MAX_IMAGE_PIXELS:,} pixels"
            raise ValueError(f"more than {limit}, which is the limit; scale it down") from None
        return _to_8_bits(ImageOps.exif_transpose(opened))


def _to_8_bits(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        pixels = np.asarray(image)
        # Pillow has 16-bit gray as mode I in some formats; other values have no known range.
        if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError(f"{pixels.dtype} pixels, expected 8 or 16 bits")
        if 0 < pixels.max() < 4096:  # of a camera of 12 bits, say: it would be all but black
            raise ValueError(
                f"{pixels.dtype} pixels of at most {pixels.max()}, expected up to 65535; "
                "scale them to 8 bits"
            )
        return np.round(pixels / 257).astype(np.uint8)
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return np.array(image.convert("L" if gray else "RGB"))
