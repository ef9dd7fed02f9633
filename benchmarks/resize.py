"""How a picture should become a square: the accuracy of a linear probe on VGG16, by `resize`.

No dataset at hand has pictures of all proportions, so two are given them: photographs of solar
cells are cut to between 1:1 and 1:2, as if details were photographed; drawn faces are put anywhere
on canvases between 1:1 and 1:2, as if objects were.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import side_by_side
from side_by_side import WORK
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.sources import solar_cells, vgg16_weights
from transfer_gain.data.sources.faces import Avatars
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.data.sources.vgg16_tensors import FILE
from transfer_gain.features import extraction, keras_networks

SIZE, SEED, SPLITS = 64, 2018, 8
FITS = {
    "`stretch`": Fit(SIZE, "rgb", "stretch"),
    "`pad`, white": Fit(SIZE, "rgb", "pad", "#ffffff"),
    "`pad`, gray": Fit(SIZE, "rgb", "pad", "#808080"),
    "`pad`, black": Fit(SIZE, "rgb", "pad", "#000000"),
    "`crop`": Fit(SIZE, "rgb", "crop"),
}

Labelled = Iterator[tuple[np.ndarray, int]]


def cut_cells(folder: Path, images: int, rng: np.random.Generator) -> Labelled:
    """Yield photographs of solar cells, cut across or down to between 1:1 and 1:2."""
    fetch(solar_cells.ARTEFACT, folder)
    cells = solar_cells.SolarCells(folder / solar_cells.WHEEL, images, rest=False, seed=SEED)
    for item in cells.items:
        picture = cells.read(item)
        side = len(picture)
        kept = int(side / rng.uniform(1, 2))
        start = rng.integers(0, side - kept + 1)
        cut = picture[start : start + kept]
        yield (cut if rng.random() < 0.5 else cut.swapaxes(0, 1)), item.label


def faces_on_canvases(images: int, rng: np.random.Generator) -> Labelled:
    """Yield drawn faces anywhere on a canvas of their background, between 1:1 and 1:2."""
    faces = Avatars(images // 7, seed=SEED, identities="free", size=128)
    for item in faces.items:
        picture = faces.read(item)
        side = len(picture)
        longer = int(side * rng.uniform(1, 2))
        start = rng.integers(0, longer - side + 1)
        canvas = np.empty((longer, side, 3), np.uint8)
        canvas[:] = picture[0, 0]
        canvas[start : start + side] = picture
        yield (canvas if rng.random() < 0.5 else canvas.swapaxes(0, 1)), item.label


def probe(pictures: Sequence[np.ndarray], labels: np.ndarray, how: Fit, model) -> np.ndarray:
    """Return the balanced accuracy of a linear probe in each of `SPLITS` random splits of 3:1."""
    compute = keras_networks.extractor(model, "VGG16")
    squares = np.stack([fit(np.ascontiguousarray(picture), how) for picture in pictures])
    batches = range(0, len(squares), extraction.BATCH)
    features = np.concatenate([compute(squares[n : n + extraction.BATCH]) for n in batches])
    return cross_val_score(
        make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300)),
        features,
        labels,
        cv=StratifiedShuffleSplit(SPLITS, test_size=0.25, random_state=1),
        scoring="balanced_accuracy",
    )


def main(arguments: Sequence[str] | None = None) -> str:
    """Measure; return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600, help="images of each dataset")
    options = parser.parse_args(arguments)
    fetch(vgg16_weights.ARTEFACT, WORK)
    model = keras_networks.build("VGG16", WORK / FILE, "last", SIZE, "float32")
    found: dict[str, list[str]] = {name: [] for name in FITS}
    for number, dataset in enumerate(
        (
            lambda rng: cut_cells(WORK, options.images, rng),
            lambda rng: faces_on_canvases(options.images, rng),
        )
    ):
        pictures, labels = zip(*dataset(np.random.default_rng(number)), strict=True)
        for name, how in FITS.items():
            scores = probe(pictures, np.array(labels), how, model)
            error = scores.std(ddof=1) / SPLITS**0.5
            found[name].append(f"{scores.mean():.3f} ± {error:.3f}")
    return (
        f"Balanced accuracy of a linear probe on VGG16 at {SIZE} pixels, mean ± standard error "
        f"over {SPLITS} random splits of 3:1, {options.images} images of each kind.\n\n"
        + side_by_side.table(
            ["`resize`", "solar cells, cut to 1:1 to 1:2", "drawn faces on canvases of 1:1 to 1:2"],
            [[name, *scores] for name, scores in found.items()],
        )
    )


if __name__ == "__main__":
    print(main())
