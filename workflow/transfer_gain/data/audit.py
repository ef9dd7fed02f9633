"""Find near copies among images: the same picture as PNG, as JPEG, smaller, or as the next frame.

Two pictures are near copies if both their shapes and their colors agree: their perceptual hashes
(the signs of 16 × 16 low frequencies of the brightness, 256 bits) differ in at most `MAX_BITS`, and
their colors, averaged over 8 × 8 fields, by at most `MAX_COLOR` of 255 on average.

How the limits were chosen: of 400 drawn avatars (six characters), 400 drawn peeps, 400 crops of
photographs, 400 pictures of noise and 800 handwritten digits (8 pixels), as PNG and as JPEG of
quality 90, 100 %, 100 %, 94 %, 100 % and 88 % are near copies of themselves by 24 bits; what is
missed are flat pieces of sky and upscaled digits. Halved, they are 100 %, 100 %, 99 %, 100 % and
79 %, with colors that differ by at most 1.8. Of a third of the size and as JPEG, 97 % or more of
the avatars, peeps and noise are, with colors that differ by at most 4.6. Of 640,000 pairs of
different pictures, one is called a near copy: two crops that overlap. By 32 bits there are three,
among them two avatars of other expressions, and by 50 bits 18.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import imagehash
import numpy as np
from PIL import Image

from transfer_gain.data.sources.layouts import Place, Problem

MAX_BITS = 24
MAX_COLOR = 5.0
MAX_ROWS = 1000  # of a relation in the table

OTHER_CLASS = "another class"
OTHER_SIDE = "other side of the split"
SAME_CLASS = "same class"

Choice = Literal["warn", "group", "drop"]

_SIDE = 16  # of the hash: its square is the number of bits
FIELDS = 8  # of the colors, along a side
_LENGTH = _SIDE**2 // 8 + 3 * FIELDS**2  # bytes of a fingerprint
_BLOCK = 512  # images compared with all others at a time
_CHUNK = 100_000  # pairs whose colors are compared at a time
# Partners that an image is listed with, so that a thousand frames of a scene are not a million
# pairs: each image is still linked to the next ones, and all become one group.
_PARTNERS = 20


class Pair(NamedTuple):
    """Two near copies.

    Attributes:
        path: of the first by place and name.
        other: of the other.
        distance: bits of 256 in which their hashes differ.
        relation: `OTHER_CLASS`, `OTHER_SIDE` or `SAME_CLASS`.
    """

    path: str
    other: str
    distance: int
    relation: str


@dataclass(frozen=True)
class Audit:
    """What was found among the images of a dataset.

    Attributes:
        pairs: near copies, at most `MAX_ROWS` of each relation; the worst first.
        groups: the group of each image that has one, by path.
        dropped: images that are left out, and why.
        notes: what a reader of the results should know.
    """

    pairs: tuple[Pair, ...]
    groups: Mapping[str, str]
    dropped: tuple[Problem, ...]
    notes: tuple[str, ...]


def fingerprint(picture: np.ndarray, white: int = 255) -> np.ndarray:
    """Return what of a picture is compared: uint8 (224,), its hash and then its colors.

    Args:
        picture: uint8 or uint16, (height, width) or (height, width, 3).
        white: the value of white in a picture of uint16.
    """
    if picture.dtype != np.uint8:
        picture = np.clip(picture * np.float32(255 / white) + 0.5, 0, 255).astype(np.uint8)
    image = Image.fromarray(picture)
    bits = np.packbits(imagehash.phash(image.convert("L"), hash_size=_SIDE).hash)
    fields = image.convert("RGB").resize((FIELDS, FIELDS), Image.Resampling.BILINEAR)
    return np.concatenate([bits, np.asarray(fields).ravel()])


def near_pairs(fingerprints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find near copies: 20,000 images take about a second on one core.

    Args:
        fingerprints: uint8 (images, 224).

    Returns:
        Rows of pairs, int64 (pairs, 2), the smaller row first, sorted; for each row, its first
        `_PARTNERS` larger ones. And the bits in which their hashes differ, int64 (pairs,).
    """
    packed = fingerprints[:, : _SIDE**2 // 8]
    colors = fingerprints[:, _SIDE**2 // 8 :].astype(np.int16)
    # The product of signs is the number of equal bits less that of different ones.
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    pairs, distances = [], []
    for start in range(0, len(signs), _BLOCK):
        different = (_SIDE**2 - signs[start : start + _BLOCK] @ signs[start:].T) / 2
        rows, others = np.nonzero(np.triu(different <= MAX_BITS, 1))
        near = np.concatenate(
            [
                np.abs(colors[start + rows[some]] - colors[start + others[some]]).mean(axis=1)
                <= MAX_COLOR
                for first in range(0, len(rows), _CHUNK)
                for some in [slice(first, first + _CHUNK)]
            ]
            or [np.zeros(0, bool)]
        )
        rows, others = rows[near], others[near]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        rows, others = rows[rank < _PARTNERS], others[rank < _PARTNERS]
        pairs.append(np.stack([start + rows, start + others], axis=1))
        distances.append(different[rows, others].astype(np.int64))
    if not pairs:
        return np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
    return np.concatenate(pairs), np.concatenate(distances)


def audit(
    fingerprints: Mapping[str, np.ndarray],
    places: Mapping[str, Place],
    groups: Mapping[str, str],
    choice: Choice,
) -> Audit:
    """Find near copies and treat them as the config chooses.

    Those of different classes are told, whatever the choice, because a label may be wrong. `group`
    makes one group of those of a class, which a split keeps whole. `drop` leaves out all but the
    first, and the copy in the later part of a given split (training, validation, test).

    Args:
        fingerprints: `fingerprint` of each image, by path.
        places: class and side of a given split of each image, by path.
        groups: the group of each image that has one, by path.
        choice: what is done about near copies.
    """
    # Training comes before validation and test: of two copies, the second is dropped.
    paths = sorted(places, key=lambda path: (places[path].rank, path))
    rows, distances = near_pairs(
        np.array([fingerprints[path] for path in paths], np.uint8).reshape(-1, _LENGTH)
    )
    pairs = [
        Pair(
            paths[row],
            paths[other],
            int(distance),
            _relation(places[paths[row]], places[paths[other]]),
        )
        for (row, other), distance in zip(rows, distances, strict=True)
    ]
    of_relation: dict[str, list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: (pair.distance, pair.path, pair.other)):
        of_relation[pair.relation].append(pair)
    dropped: dict[str, str] = {}
    if choice == "drop":
        for pair in pairs:  # by path, so that what a copy is of is decided before
            if pair.relation != OTHER_CLASS and pair.path not in dropped:
                dropped.setdefault(pair.other, pair.path)
    merged = dict(groups)
    if choice == "group":
        merged = _merged(of_relation[SAME_CLASS], groups)
    order = (OTHER_CLASS, OTHER_SIDE, SAME_CLASS)
    return Audit(
        tuple(pair for relation in order for pair in of_relation[relation][:MAX_ROWS]),
        merged,
        tuple((path, f"a near copy of {of}") for path, of in dropped.items()),
        tuple(_notes(of_relation, choice)),
    )


def _relation(place: Place, other: Place) -> str:
    if place.class_name != other.class_name:
        return OTHER_CLASS
    return SAME_CLASS if place.split == other.split else OTHER_SIDE


def _merged(pairs: list[Pair], groups: Mapping[str, str]) -> dict[str, str]:
    """Return groups in which near copies, and all of their groups, are together."""
    # A group's name may look like a path, so that images are named by a tuple.
    above: dict[object, object] = {}

    def top(node: object) -> object:
        while (higher := above.get(node, node)) != node:
            above[node] = above.get(higher, higher)
            node = higher
        return node

    def node_of(path: str) -> object:
        return groups.get(path, (path,))

    for pair in pairs:
        first, other = top(node_of(pair.path)), top(node_of(pair.other))
        if first != other:
            above[other] = first
    members = set(groups) | {path for pair in pairs for path in (pair.path, pair.other)}
    name_of: dict[object, str] = {}
    merged = {}
    for path in sorted(members):
        node = top(node_of(path))
        merged[path] = name_of.setdefault(node, groups.get(path, f"near copies of {path}"))
    return merged


def _notes(of_relation: Mapping[str, list[Pair]], choice: Choice) -> list[str]:
    """Say how many near copies there are, and what was done about them."""
    what_follows = {
        OTHER_CLASS: "in two classes: is a label wrong?",
        OTHER_SIDE: "on both sides of the given split, "
        + (
            "of which those in validation or test are left out"
            if choice == "drop"
            else "where accuracy may look better than it is (`near_copies: drop` leaves them out)"
        ),
        SAME_CLASS: "within a class, "
        + {
            "warn": "which a random split may separate: validation may look better than it is",
            "group": "kept on one side of the split",
            "drop": "of which one each is used",
        }[choice],
    }
    notes = []
    for relation, follows in what_follows.items():
        if pairs := of_relation.get(relation):
            images = len({path for pair in pairs for path in (pair.path, pair.other)})
            first = pairs[0]
            notes.append(
                f"{images:,} images are near copies of each other {follows} (such as {first.path} "
                f"and {first.other}; table near_copies)"
            )
    return notes
