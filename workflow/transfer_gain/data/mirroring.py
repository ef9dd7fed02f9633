"""Find classes that mirroring turns into each other: left and right, b and d."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from transfer_gain.data.audit import FIELDS
from transfer_gain.data.sources.layouts import Place
from transfer_gain.data.store import TEST

FEWEST = 10  # images of a class
# Share of a class's images that must look like their own class, and mirrored like another one.
SHARE = 0.9
_MOST = 4000  # images that are looked at, which takes a second
_BLOCK = 512  # images compared with all others at a time


def swapped(colors: np.ndarray, labels: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of classes whose mirrored images look like those of each other.

    An image looks like the class of its nearest neighbor, itself left out. Pairs are mutual, since
    most neighbors of a rare class may be of a frequent one by chance.

    Args:
        colors: of the images, float32 (images, height, width, channels).
        labels: the class of each image, int (images,).
    """
    counts = np.bincount(labels)
    plain = _looks_like(colors, colors, labels) == labels
    mirrored = _looks_like(colors[:, :, ::-1], colors, labels)
    becomes = {}
    for label in np.flatnonzero(counts >= FEWEST):
        own = labels == label
        looks = np.bincount(mirrored[own], minlength=len(counts))
        if plain[own].mean() >= SHARE and looks.max() >= SHARE * counts[label]:
            becomes[int(label)] = int(looks.argmax())
    return [(a, b) for a, b in becomes.items() if a < b and becomes.get(b) == a]


def _looks_like(images: np.ndarray, others: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the label of each image's nearest neighbor among others, but the one of its row."""
    rows, columns = (each.reshape(len(each), -1) for each in (images, others))
    squares = (columns**2).sum(axis=1)
    nearest = []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        distances = squares - 2 * block @ columns.T  # less the block's own squares
        distances[np.arange(len(block)), start + np.arange(len(block))] = np.inf
        nearest.append(distances.argmin(axis=1))
    return labels[np.concatenate(nearest)]


def notes(fingerprints: Mapping[str, np.ndarray], places: Mapping[str, Place]) -> list[str]:
    """Say which classes mirroring turns into each other. Test images play no part.

    Args:
        fingerprints: `audit.fingerprint` of each image, by path.
        places: class and side of a given split of each image, by path.
    """
    of_class: dict[str, list[str]] = defaultdict(list)
    for path in sorted(places):
        if places[path].split != TEST:
            of_class[places[path].class_name].append(path)
    names = sorted(of_class)
    if len(names) < 2:
        return []
    most = max(2 * FEWEST, _MOST // len(names))
    paths = [path for of_one in of_class.values() for path in of_one[:: -(-len(of_one) // most)]]
    values = np.array([fingerprints[path][-3 * FIELDS**2 :] for path in paths], np.float32)
    labels = np.array([names.index(places[path].class_name) for path in paths])
    found = swapped(values.reshape(-1, FIELDS, FIELDS, 3), labels)
    if not found:
        return []
    pairs = ", ".join(f"{names[one]} and {names[other]}" for one, other in found)
    return [
        f"mirrored images of a class look like those of another one: {pairs}; augmentation that "
        "mirrors images then teaches wrong classes (`augmentation: {flip: false}` turns it off)"
    ]
