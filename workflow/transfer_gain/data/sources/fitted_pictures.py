"""Decode a user's images once, in threads, and keep them in their final shape."""

import hashlib
import logging
import math
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from PIL import Image

from transfer_gain.data.audit import fingerprint
from transfer_gain.data.fitting import Fit, fit, white_of
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.layouts import Problem
from transfer_gain.data.sources.limits import Budget, UnreadableError
from transfer_gain.data.sources.pictures import decode_picture, pixel_budget
from transfer_gain.processes import map_in_order

# A JPEG is decoded at the smallest of its own sizes with so many times the pixels of the fitted
# picture along a side. No pixel then differs by more than 3 of 255.
_ENOUGH = 2
_REPORTED = 100  # images between two lines of the log

log = logging.getLogger(__name__)


class FittedPictures:
    """Pictures in their final shape, in an unnamed temporary file.

    Attributes:
        fingerprints: `audit.fingerprint` of each picture, by path.
    """

    def __init__(self, how: Fit):
        """Start without pictures; `how` is their shape."""
        self._how = how
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._start: dict[str, int] = {}
        self._of_digest: dict[bytes, list[str]] = defaultdict(list)
        self.fingerprints: dict[str, np.ndarray] = {}

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def __getitem__(self, path: str) -> np.ndarray:
        """Return a picture: uint8 (size, size) or (size, size, 3)."""
        self._file.seek(self._start[path])
        content = self._file.read(math.prod(self._how.shape))
        pixels = np.frombuffer(content, np.uint8).reshape(self._how.shape)
        return pixels[:, :, 0] if self._how.channels == "gray" else pixels

    def copies(self) -> list[list[str]]:
        """Return the paths of the pictures, grouped by identical pixels."""
        return list(self._of_digest.values())

    def decode(self, files: Files, paths: Sequence[str], threads: int) -> list[Problem]:
        """Decode pictures and keep those that are fine; return the problems of the others."""
        bad, wide = [], {}
        decode = partial(_decode, how=self._how, pixels=pixel_budget(files.path))
        decoded = map_in_order(decode, _contents(files, paths), threads)
        for number, (path, found) in enumerate(decoded, 1):
            if isinstance(found, UnreadableError):
                bad.append((path, found.reason))
            elif isinstance(found, int):
                wide[path] = found
            else:
                self._keep(path, *found)
            if number % _REPORTED == 0 or number == len(paths):
                log.info("%d of %d images", number, len(paths))
        if wide:
            # What is white can only be told from all pictures, so these are decoded twice.
            white = white_of(max(wide.values()))
            log.info(
                "%d images of 16 bits, up to %d: white is %d", len(wide), max(wide.values()), white
            )
            decode = partial(_decode, how=self._how, white=white)
            for path, found in map_in_order(decode, _contents(files, list(wide)), threads):
                self._keep(path, *found)
        return bad

    def _keep(self, path: str, fitted: np.ndarray, compared: np.ndarray) -> None:
        self.fingerprints[path] = compared
        self._start[path] = self._file.seek(0, os.SEEK_END)
        self._file.write(fitted.tobytes())
        self._of_digest[hashlib.sha256(fitted.tobytes()).digest()].append(path)


def _contents(
    files: Files, paths: Sequence[str]
) -> Iterator[tuple[str, str, bytes | UnreadableError]]:
    """Yield each path, its name in messages and its content, or why it has none.

    One thread reads, because the files of an archive share a position.
    """
    for path in paths:
        try:
            yield path, f"{files.path}/{path}", files.read(path)
        except UnreadableError as error:
            yield path, path, error


def _decode(
    file: tuple[str, str, bytes | UnreadableError],
    *,
    how: Fit,
    pixels: Budget | None = None,
    white: int | None = None,
) -> tuple[str, tuple[np.ndarray, np.ndarray] | int | UnreadableError]:
    """Decode a picture and bring it to its final shape.

    Returns:
        Its path, and the fitted picture with its `fingerprint`; or the largest value of a picture
        of 16 bits while what is white in it is not known; or why it cannot be used.
    """
    path, name, content = file
    if isinstance(content, UnreadableError):
        return path, content
    try:
        picture = decode_picture(content, name, pixels, how.background, _ENOUGH * how.size)
        if (picture == picture[0, 0]).all():
            raise UnreadableError(name, _one_color(picture, how))
    except UnreadableError as error:
        return path, error
    if picture.dtype == np.uint16 and white is None:
        return path, int(picture.max())
    return path, (fit(picture, how, white or 255), fingerprint(picture, white or 255))


def _one_color(picture: np.ndarray, how: Fit) -> str:
    """Say that all pixels of a picture are alike, and what may be the reason."""
    color = tuple(map(int, np.atleast_1d(picture[0, 0])))
    found = f"all pixels have one color, {color if len(color) > 1 else color[0]}"
    same = Image.new("RGB", (1, 1), how.background).getpixel((0, 0))
    if (color * 3)[:3] == same:
        found += "; if the picture is transparent, set another `background`"
    return found
