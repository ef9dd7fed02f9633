"""Learning curves of small studies drawn from large datasets, with what more labels really bring.

Each draw is a study of a user who has few images: they are cross-fitted as own images are. The
truth is a classifier that is trained on the study's images and on more of the dataset, scored on
images that are in neither.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.sources import fashion_mnist, solar_cells, vgg16_weights
from transfer_gain.data.sources.base import Source
from transfer_gain.data.sources.faces import Avatars
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.data.sources.vgg16_tensors import FILE
from transfer_gain.data.splits import cross_fitting

SIZE, SEED, COMPONENTS = 64, 2018, 64
FRACTIONS = (0.1, 0.2, 0.3, 0.5, 1.0)
TIMES = (2, 3, 5)
FOLDS, REPEATS = 6, 2
# Images of a draw; five times its training images, and as many to score on, must be there.
SIZES = {
    "clothes": (140, 350),
    "avatars": (140, 350),
    "solar cells": (150, 300),
    "digits": (150, 300),
}
CLASSIFIERS: Mapping[str, Callable] = {
    "linear probe": lambda: LogisticRegression(C=0.1, max_iter=200, tol=1e-3),
    "nearest neighbours": lambda: KNeighborsClassifier(5, weights="distance"),
}


class Curve(NamedTuple):
    """A learning curve that a small study shows, and how it goes on.

    Attributes:
        dataset: its name.
        classifier: its name.
        classes: class of each image, int (images,).
        labels: training images per class at each of `FRACTIONS`, (fractions,).
        right: 1 for each image that a split takes for its class, 0 for another, NaN where it is not
            scored, at each of `FRACTIONS`, (splits, images, fractions).
        now: accuracy of what the splits learned from all their images, on those that `truth` is of.
        truth: accuracy with each of `TIMES` the labels, (times,).
    """

    dataset: str
    classifier: str
    classes: np.ndarray
    labels: np.ndarray
    right: np.ndarray
    now: float
    truth: np.ndarray


def sources(work: Path) -> Iterator[tuple[str, Source, int]]:
    """Yield name, source and number of images of each dataset of pictures; downloads go to `work`.

    Args:
        work: folder for files that are kept.
    """
    fetch(fashion_mnist.ARTEFACT, work)
    yield "clothes", fashion_mnist.FashionMnist(work, fashion_mnist.CLASSES[:7]), 2800
    yield "avatars", Avatars(400, seed=SEED, identities="free", size=SIZE), 2800
    fetch(solar_cells.ARTEFACT, work)
    cells = solar_cells.SolarCells(work / solar_cells.WHEEL, 2200, rest=False, seed=SEED)
    yield "solar cells", cells, 2200


def features(work: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return features (images, values) and labels of each dataset, made once and kept in `work`.

    They are VGG16's at 64 pixels, of which 64 principal components are kept to save time. The
    digits are pixels.
    """
    kept = work / "learning_curves.npz"
    if not kept.exists():
        np.savez(kept, **dict(_extracted(work)))
    with np.load(kept) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    made = {}
    for name in sorted({key.split("/")[0] for key in found}):
        values, labels = found[f"{name}/features"], found[f"{name}/labels"]
        values = PCA(COMPONENTS, random_state=SEED).fit_transform(values)
        made[name] = values / values.std(), labels
    digits, labels = load_digits(return_X_y=True)
    made["digits"] = (digits - digits.mean(0)) / digits.std(), labels
    return made


def vgg16(work: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return VGG16's features at 64 pixels as a function of pictures; `work` has its weights."""
    from transfer_gain.features import extraction, keras_networks

    fetch(vgg16_weights.ARTEFACT, work)
    model = keras_networks.build("VGG16", work / FILE, "last", SIZE, "float32")
    compute = keras_networks.extractor(model, "VGG16")
    return lambda pictures: in_batches(compute, pictures, extraction.BATCH)


def in_batches(
    compute: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray, size: int
) -> np.ndarray:
    """Return what a network makes of pictures, so many at a time."""
    starts = range(0, len(pictures), size)
    return np.concatenate([compute(pictures[start : start + size]) for start in starts])


def _extracted(work: Path) -> Iterator[tuple[str, np.ndarray]]:
    compute = vgg16(work)
    for name, source, images in sources(work):
        items = np.random.default_rng(SEED).permutation(len(source.items))[:images]
        drawn = [source.items[item] for item in items]
        pictures = [fit(source.read(item), Fit(SIZE, "rgb", "stretch")) for item in drawn]
        yield f"{name}/features", compute(np.stack(pictures))
        yield f"{name}/labels", np.array([item.label for item in drawn])


def draw(
    dataset: str, values: np.ndarray, labels: np.ndarray, images: int, number: int
) -> list[Curve]:
    """Draw a study of some images of a dataset, and let each classifier learn.

    Args:
        dataset: its name.
        values: features, (images of the dataset, values).
        labels: classes, int (images of the dataset,).
        images: number of images of the study.
        number: of the draw, for its seed.
    """
    rng = np.random.default_rng([SEED, images, number])
    order = stratified(labels, rng)
    own = order[:images]
    names = [str(label) for label in np.unique(labels)]
    splits = cross_fitting(labels[own], np.arange(images), names, FOLDS, REPEATS, rng)
    training = min(np.count_nonzero(roles == "") for roles in splits)
    sizes = [round(fraction * training) for fraction in FRACTIONS]
    held_out = order[TIMES[-1] * training :]
    shape = len(splits), images, len(sizes)
    right = {name: np.full(shape, np.nan) for name in CLASSIFIERS}
    now = {name: np.empty(len(splits)) for name in CLASSIFIERS}
    for split, roles in enumerate(splits):
        pool = own[roles == ""]
        pool = pool[stratified(labels[pool], rng)]
        tested = roles == "test"
        for column, size in enumerate(sizes):
            for name in CLASSIFIERS:
                is_right = learned(name, values, labels, pool[:size])
                right[name][split, tested, column] = is_right(own[tested])
                if size == training:
                    now[name][split] = is_right(held_out).mean()
    return [
        Curve(
            dataset,
            name,
            labels[own],
            np.array(sizes) / len(names),
            right[name],
            now[name].mean(),
            np.array(
                [
                    learned(name, values, labels, order[: times * training])(held_out).mean()
                    for times in TIMES
                ]
            ),
        )
        for name in CLASSIFIERS
    ]


def draws(
    known: Mapping[str, tuple[np.ndarray, np.ndarray]], numbers: Sequence[int]
) -> Iterator[Curve]:
    """Yield the curves of the numbered draws of each dataset and size."""
    with threadpool_limits(1):
        for number in numbers:
            for dataset, sizes in SIZES.items():
                for images in sizes:
                    yield from draw(dataset, *known[dataset], images, number)


def learned(
    name: str, values: np.ndarray, labels: np.ndarray, training: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Train a classifier on some images; return which of others it takes for their class."""
    model = CLASSIFIERS[name]().fit(values[training], labels[training])
    return lambda tested: model.predict(values[tested]) == labels[tested]


def stratified(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an order of images of which each beginning has about the shares of the classes."""
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        place[rng.permutation(rows)] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(place)
