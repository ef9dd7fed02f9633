"""Compare the methods: scores, gains, hypotheses and the value of a label.

Every function takes `selected`: one row per run of a configuration that a protocol selected. Its
columns are dataset, backbone ("none" for networks trained from scratch), method, fraction, labels
(training images per class), protocol, replicate, the score that the protocol reports (named after
the metric), configurations (how many there were to choose from), train_loss (final, in nats) and
levelled_off (whether the loss had stopped falling). Within a replicate of a dataset and fraction,
all methods have the same training images.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from transfer_gain.evaluation import statistics, tables
from transfer_gain.evaluation.label_value import label_value
from transfer_gain.methods import records
from transfer_gain.methods.records import FROM_SCRATCH_METHODS, RANDOM_WEIGHTS, TRANSFER
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE, FROM_SCRATCH, SAME_IMAGES

METHOD = ["backbone", "method"]
PLACE = ["dataset", "protocol", "fraction"]
SCORES = [
    *["dataset", "backbone", "fraction", "labels", "method", "protocol"],
    *["mean", "ci_low", "ci_high"],
    *["behind_best", "behind_low", "behind_high", "behind_p_holm"],
    *["replicates", "configurations", "train_loss", "levelled_off", "published"],
]
GAINS = [
    *["dataset", "backbone", "fraction", "method", "reference", "protocol"],
    *["relative_gain", "relative_low", "relative_high"],
    *["absolute_gain", "absolute_low", "absolute_high"],
    *["replicates", "p_value", "p_holm", "published_relative_gain", "published_absolute_gain"],
]
HYPOTHESES = [
    *["hypothesis", "dataset", "backbone", "protocol", "statistic", "fraction"],
    *["estimate", "ci_low", "ci_high", "p_value", "p_holm", "p_reversed_holm"],
    *["replicates", "verdict"],
]


def tabulate(
    table: str,
    selected: pd.DataFrame,
    metric: Metric,
    *,
    published: Path | str,
    sources: Mapping[str, str],
    backbones: Sequence[str],
    controls: Mapping[str, Sequence[str]],
    contrast: tuple[float, float],
    seed: int,
) -> pd.DataFrame:
    """Return one of the tables below by name.

    Args:
        table: the metric's name, "gains", "hypotheses" or "label_value".
        selected: see above.
        metric: the metric that is compared.
        published: see `tables.read_published`.
        sources: see `tables.read_published`.
        backbones: those of our backbones that the 2018 paper used.
        controls: backbones with random weights, which the hypotheses exclude; for each, the trained
            backbones of the same network, layer and input size.
        contrast: the smaller and the larger fraction of `hypotheses`.
        seed: the study's seed.
    """
    if table == "hypotheses":
        return hypotheses(selected[~selected["backbone"].isin(controls)], metric, *contrast)
    if table == "label_value":
        return label_value(selected, metric, seed)
    if table == "gains":
        theirs = tables.read_published(published, "gains", sources)
        return gains(selected, metric, theirs, backbones, controls)
    theirs = tables.read_published(published, "accuracy", sources)
    return scores(selected, metric, theirs, backbones)


def scores(
    selected: pd.DataFrame, metric: Metric, published: pd.DataFrame, backbones: Sequence[str]
) -> pd.DataFrame:
    """Return each method's mean score with its 95 % interval (Table 4 of the 2018 paper).

    Args:
        selected: see above.
        metric: the metric that is compared.
        published: the 2018 paper's Table 4, as `tables.read_published` returns it.
        backbones: those of our backbones that the 2018 paper used.

    Returns:
        Columns `SCORES`, one row per dataset, protocol, fraction and method. The interval is
        Student's t over replicates. `behind_best` is the gain of the best method of the same
        dataset, protocol and fraction. (Transfer with more updates is only a reference, see
        `gains`.) `behind_p_holm` is its two-sided p-value, Holm-adjusted over these
        methods. `levelled_off` is the share of replicates whose loss had stopped falling, and
        `train_loss` is the mean over replicates. `published` is the 2018 paper's value, under
        protocol "same-images" only.
    """
    rows = []
    best = {
        tuple(place.values()): max(
            (
                runs
                for (_, method), runs in of_methods.items()
                if not records.method(method).is_reference
            ),
            key=lambda runs: metric.sign * runs.mean(),
        )
        for place, of_methods in _by_place(selected, metric)
    }
    for names, runs in selected.groupby([*PLACE, *METHOD], sort=False):
        mean, low, high = statistics.mean_interval(runs[metric.name], bounds=metric.bounds)
        own = runs.set_index("replicate")[metric.name]
        better, worse = _paired(best[names[: len(PLACE)]], own, metric)
        behind = statistics.contrast([better - worse], [1])
        rows.append(
            {
                **dict(zip([*PLACE, *METHOD], names, strict=True)),
                "behind_best": behind.estimate,
                "behind_low": behind.low,
                "behind_high": behind.high,
                "behind_p_holm": 2 * min(behind.p_less, behind.p_greater),
                "labels": runs["labels"].iloc[0],
                "mean": mean,
                "ci_low": low,
                "ci_high": high,
                "replicates": len(runs),
                "configurations": runs["configurations"].iloc[0],
                "train_loss": runs["train_loss"].mean(),
                "levelled_off": runs["levelled_off"].mean(),
            }
        )
    theirs = published.melt(["dataset", "fraction"], var_name="method", value_name="published")
    trained_from_scratch = theirs["method"] != TRANSFER
    theirs = pd.concat(
        [theirs[trained_from_scratch].assign(backbone=FROM_SCRATCH)]
        + [theirs[~trained_from_scratch].assign(backbone=backbone) for backbone in backbones]
    ).assign(protocol=SAME_IMAGES)
    table = pd.DataFrame(rows).merge(theirs, how="left", on=[*PLACE, *METHOD])
    table["behind_p_holm"] = table.groupby(PLACE)["behind_p_holm"].transform(statistics.holm)
    return table[SCORES]


def gains(
    selected: pd.DataFrame,
    metric: Metric,
    published: pd.DataFrame,
    backbones: Sequence[str],
    controls: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the gain of each method over each reference, paired by replicate (Table 5).

    Args:
        selected: see above.
        metric: the metric that is compared.
        published: the 2018 paper's Table 5, as `tables.read_published` returns it.
        backbones: those of our backbones that the 2018 paper used.
        controls: see `tabulate`.

    Returns:
        Columns `GAINS`, one row per dataset, protocol, fraction, method and reference. Estimates,
        intervals and two-sided p-values come from `statistics.paired_gain`. If a lower score is
        better, method and reference change places there, so that a gain is an improvement.
        `p_holm` is Holm-adjusted over all tests under the same protocol: both protocols read the
        same runs, and a reader uses one of them. Transfer with more updates is only a reference. It
        is not a method of its own, and at the smallest fractions it hardly differs from plain
        transfer.
    """
    rows = []
    for place, runs in _by_place(selected, metric):
        for backbone, method in runs:
            for name, reference in _references(backbone, method, controls).items():
                if reference not in runs:
                    continue
                pairs = _paired(runs[backbone, method], runs[reference], metric)
                names = {"backbone": backbone, "method": method, "reference": name}
                gain = statistics.paired_gain(*pairs)._asdict()
                rows.append({**place, **names, **gain, "replicates": len(pairs[0])})
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby("protocol")["p_value"].transform(statistics.holm)
    theirs = pd.DataFrame(
        {"backbone": list(backbones), "method": TRANSFER, "protocol": SAME_IMAGES}
    )
    theirs = theirs.merge(published, how="cross")
    return tables.beside(table, theirs, [*PLACE, *METHOD, "reference"])[GAINS]


def hypotheses(selected: pd.DataFrame, metric: Metric, small: float, large: float) -> pd.DataFrame:
    """Test the 2018 paper's two hypotheses on the absolute gain of transfer over the baseline.

    H1: transfer improves the score. The gain at each fraction is above zero. H2: transfer improves
    it more when data are scarce. The gain at `small` minus the gain at `large` is above zero
    (Welch), and the slope of the gain against log10(fraction) is below zero
    (`statistics.slope_weights`).

    Fractions with one replicate have no measured spread. If `large` is one of them, `small` is also
    contrasted with the largest replicated fraction. Such fractions are left out of the slope. The
    exception is when fewer than two fractions are replicated: then all enter the slope, which has
    no interval.

    Args:
        selected: see above.
        metric: the metric that is compared.
        small: the smaller of the two fractions to contrast.
        large: the larger one.

    Returns:
        Columns `HYPOTHESES`. `estimate` has a 95 % interval, and `p_value` is one-sided for the
        hypothesis. `p_holm` and `p_reversed_holm` are p-values for the hypothesis and its opposite,
        Holm-adjusted together over all tests under the same protocol. `replicates` is the smallest
        number at a fraction that entered. `fraction` is empty for H2. `verdict` is the outcome that
        `statistics.verdict` returns.
    """
    gains: dict[tuple, dict[float, np.ndarray]] = {}
    for place, runs in _by_place(selected, metric):
        for backbone, method in runs:
            if method == TRANSFER and (FROM_SCRATCH, BASELINE) in runs:
                pairs = _paired(runs[backbone, method], runs[FROM_SCRATCH, BASELINE], metric)
                gain = np.subtract(*pairs)
                key = (place["dataset"], backbone, place["protocol"])
                gains.setdefault(key, {})[place["fraction"]] = gain
    table = pd.DataFrame(
        {"dataset": dataset, "backbone": backbone, "protocol": protocol, **row}
        for (dataset, backbone, protocol), of_size in gains.items()
        for row in _tests(of_size, small, large)
    )
    if table.empty:  # nothing but controls
        return pd.DataFrame(columns=HYPOTHESES)
    # Both sides of every test form one family: "supported" and "reversed" are wrong in 5 % of cases
    # at most, and neither occurs with an interval that contains zero.
    for _, rows in table.groupby("protocol"):
        corrected = statistics.holm([*rows["p_value"], *rows["p_reversed"]])
        table.loc[rows.index, ["p_holm", "p_reversed_holm"]] = corrected.reshape(2, -1).T
    table["verdict"] = [
        statistics.verdict(row.most, row.p_holm, row.p_reversed_holm, row.replicates)
        for row in table.itertuples()
    ]
    return table[HYPOTHESES]


def _references(
    backbone: str, method: str, controls: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, str]]:
    """Return the (backbone, method) pairs that a method is compared with, by reference name."""
    found: dict[str, tuple[str, str]] = {}
    for name in records.method(method).references:
        if name == RANDOM_WEIGHTS:  # the same network, untrained
            for control, trained in controls.items():
                if backbone in trained:
                    found[name] = (control, method)
        else:
            found[name] = (FROM_SCRATCH if name in FROM_SCRATCH_METHODS else backbone, name)
    return found


def _by_place(
    selected: pd.DataFrame, metric: Metric
) -> Iterator[tuple[dict[str, Any], dict[tuple[str, str], pd.Series]]]:
    """Yield each place with the scores of every (backbone, method), by replicate."""
    for names, runs in selected.groupby(PLACE, sort=False):
        of_methods = {
            method: rows.set_index("replicate")[metric.name]
            for method, rows in runs.groupby(METHOD, sort=False)
        }
        yield dict(zip(PLACE, names, strict=True)), of_methods


def _paired(method: pd.Series, reference: pd.Series, metric: Metric) -> np.ndarray:
    """Return scores (2, replicates) of the replicates that both methods have.

    The first less the second is the gain of the method over the reference: if a lower score is
    better, the reference comes first.
    """
    pairs = pd.concat([method, reference], axis=1, join="inner").to_numpy().T
    return pairs[:: metric.sign]


def _tests(gains: dict[float, np.ndarray], small: float, large: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of one dataset, backbone and protocol, before adjustment over the table.

    Args:
        gains: absolute gains of the replicates by fraction.
        small: see `hypotheses`.
        large: see `hypotheses`.
    """

    def row(hypothesis: str, statistic: str, tested: dict, weights: ArrayLike, sign: int):
        estimate, low, high, p_less, p_greater = statistics.contrast(list(tested.values()), weights)
        return {
            "hypothesis": hypothesis,
            "statistic": statistic,
            "fraction": np.nan,
            "estimate": estimate,
            "ci_low": low,
            "ci_high": high,
            "p_value": p_greater if sign > 0 else p_less,
            "p_reversed": p_less if sign > 0 else p_greater,
            "most": high if sign > 0 else -low,
            "replicates": min(map(len, tested.values())),
        }

    for fraction, values in gains.items():
        yield row("H1", "absolute gain", {fraction: values}, [1], 1) | {"fraction": fraction}
    replicated = {fraction: values for fraction, values in gains.items() if len(values) > 1}
    for end in sorted({large, max(replicated, default=large)}, reverse=True):
        if small < end and {small, end} <= set(gains):
            ends = {fraction: gains[fraction] for fraction in (small, end)}
            yield row("H2", f"gain at {small:g} less gain at {end:g}", ends, [1, -1], 1)
    line = replicated if len(replicated) > 1 else gains
    if len(line) > 1:
        name = f"slope of gain per tenfold fraction, {min(line):g} to {max(line):g}"
        yield row("H2", name, line, statistics.slope_weights(np.log10(list(line))), -1)
