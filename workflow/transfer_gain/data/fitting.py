"""Bring pictures of any size and depth to one shape: the form in which all methods see them."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageColor

CHANNELS = {"gray": 1, "rgb": 3}
# Largest values of common cameras and scanners, in 8, 10, 12, 14 and 16 bits.
_WHITES = (255, 1023, 4095, 16383, 65535)


class Fit(NamedTuple):
    """How pictures are brought to one shape.

    Attributes:
        size: side in pixels.
        channels: "gray" (ITU-R 601 luma) or "rgb"; gray pictures are repeated in three channels.
        resize: "stretch" ignores the proportions, "pad" keeps them and fills the rest with the
            background, "crop" keeps them and cuts the longer side, equally on both ends.
        background: a color code, "#rrggbb"; also behind transparent pixels.
    """

    size: int
    channels: Literal["gray", "rgb"] = "gray"
    resize: Literal["stretch", "pad", "crop"] = "stretch"
    background: str = "#ffffff"

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Fit":
        """Return the fit that a dataset's settings in the config ask for."""
        names = {"size": "image_size"}
        return cls(*(settings[names.get(field, field)] for field in cls._fields))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of a fitted picture: (size, size, 1 or 3)."""
        return self.size, self.size, CHANNELS[self.channels]

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the part of the fitted picture that a picture fills: left, top, right, bottom.

        All of it, unless it is padded.
        """
        if self.resize != "pad":
            return 0, 0, self.size, self.size
        longer = max(height, width)
        across, down = (max(1, round(side * self.size / longer)) for side in (width, height))
        left, top = (self.size - across) // 2, (self.size - down) // 2
        return left, top, left + across, top + down


def fit(picture: np.ndarray, how: Fit, white: int = 255) -> np.ndarray:
    """Bring a picture to one shape, by bilinear interpolation with antialiasing.

    Args:
        picture: uint8 or uint16, (height, width) or (height, width, 3).
        how: the shape.
        white: the value of white in a picture of uint16; uint8 is never scaled.

    Returns:
        uint8 (size, size, 1 or 3).
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = how.box(height, width)
    cut = _cut(height, width) if how.resize == "crop" else None

    def resized(image: Image.Image) -> np.ndarray:
        sides = (right - left, bottom - top)
        return np.asarray(image.resize(sides, Image.Resampling.BILINEAR, cut))

    if picture.dtype == np.uint8:
        mode = "L" if how.channels == "gray" else "RGB"
        values = resized(Image.fromarray(picture).convert(mode))
    else:
        planes = [resized(plane) for plane in _planes(picture, how.channels)]
        scaled = np.stack(planes, axis=-1) * np.float32(255 / white) + np.float32(0.5)
        values = np.clip(scaled, 0, 255)
    fitted = np.empty(how.shape, np.uint8)
    fitted[:] = background(how)
    fitted[top:bottom, left:right] = values.reshape(bottom - top, right - left, -1)
    return fitted


def background(how: Fit) -> np.ndarray:
    """Return the background's color: uint8 (1 or 3,)."""
    color = ImageColor.getcolor(how.background, "L" if how.channels == "gray" else "RGB")
    return np.array(color, np.uint8).reshape(-1)


def white_of(brightest: int) -> int:
    """Return the value of white of pictures of uint16, from the largest value in all of them.

    It is the largest value of the smallest usual bit depth that holds it: 4095 for 12 bits.
    """
    return next(white for white in _WHITES if white >= brightest)


def _planes(picture: np.ndarray, channels: str) -> list[Image.Image]:
    """Return the channels of a picture of uint16 as images of floats."""
    values = picture.astype(np.float32)
    if picture.ndim == 3 and channels == "gray":
        values = values @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601
    elif picture.ndim == 2 and channels == "rgb":
        values = np.repeat(values[:, :, None], 3, axis=2)
    return [Image.fromarray(plane) for plane in np.moveaxis(np.atleast_3d(values), -1, 0)]


def _cut(height: int, width: int) -> tuple[float, float, float, float]:
    """Return the square in the middle of a picture: left, top, right, bottom."""
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
