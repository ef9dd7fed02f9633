"""How often what 300 photographs tell holds for some 1,900 others, over many draws of the 300.

    PYTHONPATH=workflow python benchmarks/solar_draws.py [--draws 40] [--processes 2] [--write]

Each draw is a study of a user who has 300 photographs of solar cells, see
workflow/studies/solar-cells.yaml. They are cross-fitted as own images are, by the workflow's own
functions, and every selected model also scores the other photographs, 'the world'. What they score
there is the truth. --write puts the table into benchmarks/solar_draws.csv, and numbers and figure
into docs/validity.md.

To save time, features are the first `COMPONENTS` principal components of VGG16's, networks train
for `UPDATES` updates, and the one from scratch has one learning rate and sees smaller pictures.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml
from scipy.special import logit
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

import simulated
from run import with_section
from side_by_side import CHECKOUT, WORK
from transfer_gain.config import loading
from transfer_gain.config.study import Study
from transfer_gain.data import sampling, splits, store
from transfer_gain.data.fitting import Fit, fit
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sources import solar_cells, vgg16_weights
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.data.sources.solar_cells import SolarCells
from transfer_gain.data.sources.vgg16_tensors import FILE
from transfer_gain.evaluation import predictions, selection, statistics
from transfer_gain.evaluation.statistics import BETTER, EQUAL, WORSE
from transfer_gain.methods.records import TRANSFER
from transfer_gain.metrics import BALANCED_ACCURACY, Predictions
from transfer_gain.names import BASELINE, FROM_SCRATCH, HELD_OUT
from transfer_gain.seeds import generator

STUDY = CHECKOUT / "workflow" / "studies" / "solar-cells.yaml"
TABLE = Path(__file__).with_name("solar_draws.csv")
PAGE = CHECKOUT / "docs" / "validity.md"
FIGURE = PAGE.parent / "images" / "solar-draws.png"
LINEAR_PROBE = "linear-probe"
DATASET, BACKBONE = "cells", "vgg16"
IMAGES, SIZE, SIZE_FROM_SCRATCH = 300, 64, 32
COMPONENTS, UPDATES, LEARNING_RATE = 128, 200, 0.001
METHODS = {LINEAR_PROBE: BACKBONE, TRANSFER: BACKBONE, BASELINE: FROM_SCRATCH}
METRIC = BALANCED_ACCURACY
SCORE, GAIN, MULTIPLIER = "score", "gain", "label value"
NAMES = ["quantity", "fraction", "method"]
# What is written of each interval of each draw.
COLUMNS = ["draw", *NAMES, "estimate", "low", "high", "outcome", "truth_low", "truth_high"]


class Pictures(NamedTuple):
    """All photographs.

    Attributes:
        image_ids: their names, (images,).
        labels: int32 (images,).
        inputs: what each method sees, (images, ...).
    """

    image_ids: np.ndarray
    labels: np.ndarray
    inputs: Mapping[str, np.ndarray]


def pictures(work: Path) -> Pictures:
    """Return all photographs with their features, made once and kept in `work`."""
    kept = work / "solar_draws.npz"
    if not kept.exists():
        np.savez(kept, **_extracted(work))
    with np.load(kept) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    features = PCA(COMPONENTS, random_state=0).fit_transform(found["features"])
    inputs = {method: features.astype(np.float32) for method in (LINEAR_PROBE, TRANSFER)}
    return Pictures(found["image_ids"], found["labels"], inputs | {BASELINE: found["pixels"]})


def _extracted(work: Path) -> dict[str, np.ndarray]:
    from transfer_gain.features import extraction, keras_networks

    for artefact in (solar_cells.ARTEFACT, vgg16_weights.ARTEFACT):
        fetch(artefact, work)
    compute = keras_networks.extractor(
        keras_networks.build("VGG16", work / FILE, "last", SIZE, "float32"), "VGG16"
    )
    source = _source(work, 0)
    items = sorted(source.items, key=lambda item: item.image_id)
    read = [source.read(item) for item in items]
    colored = np.stack([fit(each, Fit(SIZE, "rgb", "stretch")) for each in read])
    batches = np.split(colored, range(extraction.BATCH, len(colored), extraction.BATCH))
    return {
        "image_ids": np.array([item.image_id for item in items]),
        "labels": np.array([item.label for item in items], np.int32),
        "features": np.concatenate([compute(batch) for batch in batches]),
        "pixels": np.stack([fit(each, Fit(SIZE_FROM_SCRATCH, "gray", "stretch")) for each in read]),
    }


def _source(work: Path, seed: int) -> SolarCells:
    return SolarCells(work / solar_cells.WHEEL, IMAGES, rest=True, seed=seed)


class Fitted(NamedTuple):
    """All configurations of a method, trained on the samples of a fraction.

    Attributes:
        runs: one row per configuration and replicate.
        predictions: of the images that select or are scored.
        classify: function from a row of the selected runs to the predicted classes of all
            photographs, int (images,).
    """

    runs: pd.DataFrame
    predictions: pd.DataFrame
    classify: Callable[[Any], np.ndarray]


def train(method: str, data: Replicates, names: tuple[int, str, str], settings: Study) -> Fitted:
    """Train every configuration of a method on every sample of a fraction.

    Args:
        method: one of `METHODS`.
        data: of all photographs.
        names: seed, dataset and fraction.
        settings: the study in the config.
    """
    from transfer_gain.methods import heads, linear_probe, scratch
    from transfer_gain.training import loop
    from transfer_gain.training.devices import tf

    if method == LINEAR_PROBE:

        def classify_by_probe(run: Any) -> np.ndarray:
            sample = data.samples[run.replicate]
            features, labels = data.features[sample], data.labels[sample]
            [probe] = linear_probe.solve(features, labels, [run.l2])
            return probe.log_probabilities(data.features).argmax(axis=1)

        made = linear_probe.fit(data, settings.linear_probe.l2, names)
        return Fitted(made["runs"], made["predictions"], classify_by_probe)

    common = {"batch_size": settings.heads.batch_size, "l2": settings.heads.l2}
    common |= {"epochs": settings.heads.epochs, "min_updates": UPDATES, "seed_names": names}
    network = settings.scratch_network(BASELINE).settings()
    if method == BASELINE:
        trained = [scratch.train(data, network=network, learning_rate=LEARNING_RATE, **common)]
    else:
        trained = [
            heads.train(
                data,
                layers=[int(units) for units in each["layers"].split("-")],
                activation=each["activation"],
                learning_rate=float(each["learning_rate"]),
                **common,
            )
            for each in settings.heads.configurations()
        ]
    by_rate = {each.runs["learning_rate"][0]: each.parameters for each in trained}

    def classify(run: Any) -> np.ndarray:
        own = [tf.Variable(values[[run.replicate]]) for values in by_rate[run.learning_rate]]
        activation = getattr(tf.nn, run.activation)
        if method == BASELINE:
            shape = network["stride"], network["pooling"]
            values = scratch.logits(own, tf.constant(data.features[None]), activation, *shape)
        else:
            values = heads.logits(own, tf.constant(data.features[None]), activation)
        return values.numpy()[0].argmax(axis=1)

    made = loop.joined(trained)
    return Fitted(made["runs"], made["predictions"], classify)


class Draw(NamedTuple):
    """What the study of one draw has made.

    Attributes:
        selected: see `comparison`, of protocol "held-out".
        predictions: of these runs, for the images of the draw, see `comparison`.
        world: what these runs score on the other photographs, with `selected`'s names.
    """

    selected: pd.DataFrame
    predictions: pd.DataFrame
    world: pd.DataFrame


def draw(known: Pictures, work: Path, seed: int, settings: Study) -> Draw:
    """Draw photographs, run a study of them, and score its models on all others.

    Args:
        known: all photographs.
        work: folder of the downloads.
        seed: of the draw.
        settings: the study in the config.
    """
    source = _source(work, seed)
    own = [item for item in source.items if item.split is None]
    rng = generator(seed, DATASET, "split")
    parts = splits.draw_split(own, source.classes, None, None, rng, cross_fitted=True)
    index = pd.DataFrame(
        [(item.image_id, split, item.label) for item, split in parts],
        columns=["image_id", "split", "label"],
    )
    roles = sampling.validation_roles(index, DATASET, seed, source.classes)
    everything = pd.DataFrame({"image_id": known.image_ids, "label": known.labels})
    runs, counts, predicted, fitted = [], [], [], {}
    for entry in settings.fractions:
        fraction = entry.fraction
        samples = sampling.draw_samples(
            index, fraction, DATASET, entry.replicates, seed, source.classes, roles
        )
        per_class = len(samples) / samples["replicate"].nunique() / len(source.classes)
        counts.append((DATASET, fraction, per_class))
        for method, backbone in METHODS.items():
            data = simulated.replicates_of(everything, samples, roles, known.inputs[method])
            made = train(method, data, (seed, DATASET, f"{fraction:g}"), settings)
            names = {"dataset": DATASET, "backbone": backbone, "method": method}
            names |= {"fraction": fraction, "run": "grid", "protocol": "both"}
            runs.append(store.with_names(made.runs, names))
            predicted.append(store.with_names(made.predictions, names))
            fitted[method, fraction] = made
    labels = pd.DataFrame(counts, columns=["dataset", "fraction", "training_per_class"])
    selected = selection.select_runs(pd.concat(runs, ignore_index=True), labels, METRIC)
    selected = selected[selected["protocol"] == HELD_OUT].reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        store.write_rows(pd.concat(predicted, ignore_index=True), path)
        gathered = predictions.gather(selected, roles, index, DATASET, [path])
    world = ~np.isin(known.image_ids, index["image_id"])
    truth = selected[[*predictions.NAMES, "replicate"]].assign(
        **{
            METRIC.name: [
                _score(known.labels[world], fitted[run.method, run.fraction].classify(run)[world])
                for run in selected.itertuples()
            ]
        }
    )
    return Draw(selected, gathered, truth)


def _score(labels: np.ndarray, classes: np.ndarray) -> float:
    unknown = np.empty((1, len(labels)))  # no loss or probability is needed
    return float(METRIC.score(Predictions(labels, classes[None], unknown, unknown[..., None]))[0])


def drawn(work: Path, seeds: Sequence[int]) -> None:
    """Run the studies of several draws in a single thread, and keep what they make in `work`."""
    settings = loading.load(yaml.safe_load(STUDY.read_text()))
    with threadpool_limits(1):
        known = pictures(work)
        for seed in seeds:
            folder = _folder(work, seed)
            if folder.exists():
                continue
            made = draw(known, work, seed, settings)
            partial = folder.with_suffix(".partial")
            partial.mkdir(parents=True, exist_ok=True)
            for name, rows in made._asdict().items():
                store.write_rows(rows, partial / f"{name}.parquet")
            partial.rename(folder)


def _begin() -> None:
    """Prepare a process that trains."""
    from transfer_gain.training import devices

    devices.configure(gpu=False)


def _folder(work: Path, seed: int) -> Path:
    return work / "solar_draws" / str(seed)


# --- what the draws tell, and how it holds


def told(seed: int, made: Draw) -> pd.DataFrame:
    """Return what one draw tells, with an interval each, beside the truth.

    The truth is what the draw's own models score on the other photographs, on average over the
    splits. For a label value it is read from these scores as the estimate is from its own; beyond
    the curve from scratch, it is only known to lie between `truth_low` and `truth_high`.

    Returns:
        Columns `COLUMNS`; gains are those over the network from scratch.
    """
    study = simulated.Study(made.selected, {DATASET: made.predictions}, METRIC)
    world = made.world.groupby(["method", "fraction"])[METRIC.name].mean()
    labels = made.selected.groupby("fraction")["labels"].first()
    curve = world[BASELINE].sort_index()
    clip = 0.5 / (len(made.predictions["image_id"].unique()) or 1)

    def truth_of(quantity: str, row: Any) -> tuple[float, float]:
        score = world[row.method, row.fraction]
        if quantity == SCORE:
            return score, score
        if quantity == GAIN:
            return (score - world[BASELINE, row.fraction],) * 2
        at = labels[curve.index].astype(int)
        reached = statistics.labels_for(
            np.asarray(score), at, curve, lambda shares: logit(np.clip(shares, clip, 1 - clip))
        )
        low, high = (float(end) / int(labels[row.fraction]) for end in reached)
        return low, high

    gains = study.gains()
    parts = (
        (SCORE, study.scores(), ["mean", "ci_low", "ci_high"]),
        (
            GAIN,
            gains[gains["reference"] == BASELINE],
            ["absolute_gain", "absolute_low", "absolute_high"],
        ),
        (MULTIPLIER, study.label_value(), ["multiplier", "multiplier_low", "multiplier_high"]),
    )
    return pd.DataFrame(
        [
            (
                *(seed, quantity, row.fraction, row.method),
                *(getattr(row, column) for column in columns),
                getattr(row, "outcome", ""),
                *truth_of(quantity, row),
            )
            for quantity, table, columns in parts
            for row in table.itertuples()
        ],
        columns=COLUMNS,
    )


def kept(work: Path, seed: int) -> Draw:
    """Read what the study of a draw has made."""
    return Draw(*(store.read_rows(_folder(work, seed) / f"{n}.parquet") for n in Draw._fields))


def summarized(table: pd.DataFrame) -> pd.DataFrame:
    """Return how the intervals of all draws compare with the truth.

    Returns:
        One row per quantity, fraction and method: draws, truth (mean; the median for label values),
        covered (the share of intervals that contain the draw's truth), half_width (mean), error
        (root mean square of estimate less truth), `BETTER`, `WORSE` and `EQUAL` (the share of draws
        that say so), and wrong (the share that say better or worse where the truth is not so).
    """
    truth = (table["truth_low"] + table["truth_high"]) / 2
    claims = {word: table["outcome"] == word for word in (BETTER, WORSE, EQUAL)}
    table = table.assign(
        truth=truth,
        covered=(table["low"] <= table["truth_high"]) & (table["truth_low"] <= table["high"]),
        half_width=(table["high"] - table["low"]) / 2,
        squared=(table["estimate"] - truth) ** 2,
        wrong=(claims[BETTER] & (truth <= 0)) | (claims[WORSE] & (truth >= 0)),
        **claims,
    )
    groups = table.groupby(NAMES, sort=False)
    columns = ["covered", "half_width", BETTER, WORSE, EQUAL, "wrong"]
    found = groups[columns].mean()
    found.insert(0, "draws", groups["draw"].nunique())
    found.insert(1, "truth", groups["truth"].median())
    found["error"] = groups["squared"].mean() ** 0.5
    return found.reset_index()


# --- the page


def page(text: str, table: pd.DataFrame) -> str:
    """Return the text of docs/validity.md with its numbers written from the table."""
    return with_section(text, "solar draws", section(table))


def section(table: pd.DataFrame) -> str:
    """Return the numbers of the page."""
    found = summarized(table)
    draws = int(found["draws"].min())
    shares = [
        f"of a {quantity} {_range(own['covered'])}"
        for quantity, own in found.groupby("quantity", sort=False)
    ]
    gains = found[found["quantity"] == GAIN]
    told = gains[[BETTER, WORSE]].sum(axis=1).mean()
    lines = [
        [
            *(row.quantity, f"{row.fraction:g}", row.method),
            *(_truth(row.quantity, row.truth), _percent(row.covered)),
            *(
                "" if row.quantity == MULTIPLIER else f"{100 * value:.1f}"
                for value in (row.half_width, row.error)
            ),
        ]
        for row in found.itertuples()
    ]
    head = [
        "quantity",
        "fraction",
        "method",
        "truth",
        "intervals with the truth",
        "half-width",
        "error",
    ]
    rows = [head, ["---"] * len(head), *lines]
    return (
        f"{draws} draws of {IMAGES} photographs. The intervals contain the truth in this share: "
        f"{', '.join(shares)}. One share of {draws} draws that is truly 95 % may show as "
        f"{200 * (0.95 * 0.05 / draws) ** 0.5:.0f} points less or more. Of the statements about a "
        f"gain, {_percent(told)} were *better* or *worse*, and {_percent(gains['wrong'].mean())} "
        "said so of a gain that is not so in the world.\n\n"
        + "\n".join(f"| {' | '.join(row)} |" for row in rows)
        + "\n"
    )


def _truth(quantity: str, value: float) -> str:
    if quantity != MULTIPLIER:
        return f"{100 * value:.1f}"
    return "beyond the curve" if np.isinf(value) else f"{value:.1f}"


def _range(shares: pd.Series) -> str:
    """Return "96 % on average (92 % to 100 %)"."""
    low, high = _percent(shares.min()), _percent(shares.max())
    return f"{_percent(shares.mean())} on average ({low} to {high})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def draw_figure(table: pd.DataFrame, path: Path) -> None:
    """Draw the gains at the largest fraction: an interval for each draw, and its truth."""
    gains = table[(table["quantity"] == GAIN) & (table["fraction"] == table["fraction"].max())]
    methods = list(dict.fromkeys(gains["method"]))
    size = {"figsize": (8, 3.4), "sharey": True, "layout": "constrained"}
    figure, axes = plt.subplots(1, len(methods), **size)
    for axis, method in zip(axes, methods, strict=True):
        own = gains[gains["method"] == method].sort_values("estimate", ignore_index=True)
        low, high = 100 * own["low"], 100 * own["high"]
        axis.vlines(own.index, low, high, color="C0", linewidth=2, alpha=0.5, label="interval")
        axis.plot(own.index, 100 * own["estimate"], "_", color="C0", label="what the draw tells")
        axis.plot(own.index, 100 * own["truth_low"], "k.", label="what its models do in the world")
        axis.axhline(0, color="0.6", linewidth=1)
        axis.set(title=method, xlabel="draws, by what they tell", xticks=[])
    axes[0].set_ylabel("gain over training\nfrom scratch (points)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write(table: pd.DataFrame) -> None:
    """Write the table, the numbers of the page and its figure."""
    table.round(4).to_csv(TABLE, index=False)
    written = pd.read_csv(TABLE)
    PAGE.write_text(page(PAGE.read_text(), written))
    draw_figure(written, FIGURE)


def main() -> None:
    """Run the studies; print the tables, or write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    seeds = range(1, options.draws + 1)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(pictures, WORK).result()
    with ProcessPoolExecutor(options.processes, get_context("spawn"), _begin) as pool:
        for each in [pool.submit(drawn, WORK, [seed]) for seed in seeds]:
            each.result()
    table = pd.concat([told(seed, kept(WORK, seed)) for seed in seeds], ignore_index=True)
    if options.write:
        write(table)
    else:
        print(section(table))


if __name__ == "__main__":
    main()
