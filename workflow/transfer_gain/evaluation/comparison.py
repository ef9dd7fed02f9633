"""Compare the methods: accuracies, gains, hypotheses and the value of a label.

Every function takes `selected`: one row per run of a configuration that a protocol selected. Its
columns are dataset, backbone ("none" for networks trained from scratch), method, fraction, labels
(training images per class), protocol, replicate, accuracy (the one that the protocol reports),
configurations (how many there were to choose from), train_loss (final, in nats) and levelled_off
(whether the loss had stopped falling). Within a replicate of a dataset and fraction, all methods
have the same training images.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from transfer_gain import seeds
from transfer_gain.evaluation import statistics, tables
from transfer_gain.methods import records
from transfer_gain.methods.records import FROM_SCRATCH_METHODS, RANDOM_WEIGHTS, TRANSFER
from transfer_gain.names import BASELINE, FROM_SCRATCH, SAME_IMAGES

DRAWS = 2000

METHOD = ["backbone", "method"]
PLACE = ["dataset", "protocol", "fraction"]
ACCURACY = [
    *[
        "dataset",
        "backbone",
        "fraction",
        "labels",
        "method",
        "protocol",
        "mean",
        "ci_low",
        "ci_high",
    ],
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
LABEL_VALUE = [
    *["dataset", "backbone", "method", "fraction", "protocol", "labels", "accuracy"],
    *["baseline_labels_for_same_accuracy", "relation", "ci_low", "ci_high"],
    *["multiplier", "multiplier_low", "multiplier_high", "replicates"],
]


def tabulate(
    table: str,
    selected: pd.DataFrame,
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
        table: "accuracy", "gains", "hypotheses" or "label_value".
        selected: see above.
        published: see `tables.read_published`.
        sources: see `tables.read_published`.
        backbones: those of our backbones that the 2018 paper used.
        controls: backbones with random weights, which the hypotheses exclude; for each, the trained
            backbones of the same network, layer and input size.
        contrast: the smaller and the larger fraction of `hypotheses`.
        seed: the study's seed.
    """
    if table == "hypotheses":
        return hypotheses(selected[~selected["backbone"].isin(controls)], *contrast)
    if table == "label_value":
        return label_value(selected, seed)
    theirs = tables.read_published(published, table, sources)
    if table == "gains":
        return gains(selected, theirs, backbones, controls)
    return accuracy(selected, theirs, backbones)


def accuracy(
    selected: pd.DataFrame, published: pd.DataFrame, backbones: Sequence[str]
) -> pd.DataFrame:
    """Return each method's mean accuracy with its 95 % interval (Table 4 of the 2018 paper).

    Args:
        selected: see above.
        published: the 2018 paper's Table 4, as `tables.read_published` returns it.
        backbones: those of our backbones that the 2018 paper used.

    Returns:
        Columns `ACCURACY`, one row per dataset, protocol, fraction and method. The interval is
        Student's t over replicates. `behind_best` is the paired difference from the most accurate
        method of the same dataset, protocol and fraction. (Transfer with more updates is only a
        reference, see `gains`.) `behind_p_holm` is its two-sided p-value, Holm-adjusted over these
        methods. `levelled_off` is the share of replicates whose loss had stopped falling, and
        `train_loss` is the mean over replicates. `published` is the 2018 paper's accuracy, under
        protocol "same-images" only.
    """
    rows = []
    best = {
        tuple(place.values()): max(
            (
                runs
                for (_, method), runs in accuracies.items()
                if not records.method(method).is_reference
            ),
            key=pd.Series.mean,
        )
        for place, accuracies in _by_place(selected)
    }
    for names, runs in selected.groupby([*PLACE, *METHOD], sort=False):
        mean, low, high = statistics.accuracy_interval(runs["accuracy"])
        first, own = _paired(best[names[: len(PLACE)]], runs.set_index("replicate")["accuracy"])
        behind = statistics.contrast([first - own], [1])
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
    return table[ACCURACY]


def gains(
    selected: pd.DataFrame,
    published: pd.DataFrame,
    backbones: Sequence[str],
    controls: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the gain of each method over each reference, paired by replicate (Table 5).

    Args:
        selected: see above.
        published: the 2018 paper's Table 5, as `tables.read_published` returns it.
        backbones: those of our backbones that the 2018 paper used.
        controls: see `tabulate`.

    Returns:
        Columns `GAINS`, one row per dataset, protocol, fraction, method and reference. Estimates,
        intervals and two-sided p-values come from `statistics.paired_gain`. `p_holm` is
        Holm-adjusted over all tests under the same protocol: both protocols read the same runs, and
        a reader uses one of them. Transfer with more updates is only a reference. It is not a
        method of its own, and at the smallest fractions it hardly differs from plain transfer.
    """
    rows = []
    for place, runs in _by_place(selected):
        for backbone, method in runs:
            for name, reference in _references(backbone, method, controls).items():
                if reference not in runs:
                    continue
                pairs = _paired(runs[backbone, method], runs[reference])
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


def hypotheses(selected: pd.DataFrame, small: float, large: float) -> pd.DataFrame:
    """Test the 2018 paper's two hypotheses on the absolute gain of transfer over the baseline.

    H1: transfer improves accuracy. The gain at each fraction is above zero. H2: transfer improves
    accuracy more when data are scarce. The gain at `small` minus the gain at `large` is above zero
    (Welch), and the slope of the gain against log10(fraction) is below zero
    (`statistics.slope_weights`).

    Fractions with one replicate have no measured spread. If `large` is one of them, `small` is also
    contrasted with the largest replicated fraction. Such fractions are left out of the slope. The
    exception is when fewer than two fractions are replicated: then all enter the slope, which has
    no interval.

    Args:
        selected: see above.
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
    for place, runs in _by_place(selected):
        for backbone, method in runs:
            if method == TRANSFER and (FROM_SCRATCH, BASELINE) in runs:
                gain = np.subtract(*_paired(runs[backbone, method], runs[FROM_SCRATCH, BASELINE]))
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


def label_value(selected: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return how many labels per class the baseline needs to be as accurate as each method.

    The baseline's learning curve is the non-decreasing curve nearest to its means, linear in the
    logarithm of labels. Intervals are percentiles of a bootstrap over replicates. Within a
    fraction, the same replicates are drawn for the method and the baseline. Fractions are drawn
    independently. If the baseline's runs at a fraction do not differ, their spread is unknown: the
    curve may lie anywhere between the neighboring fractions, and beyond the last of these the
    interval is open. Each mean is spread for its own number of replicates
    (`statistics.resampled_means`), so intervals cover 95 to 99 %, more with fewer replicates (but
    93 % with two).

    Args:
        selected: see above.
        seed: the study's seed.

    Returns:
        Columns `LABEL_VALUE`, one row per dataset, protocol, fraction and method except the
        baseline. `relation` is "more than" if the baseline is never as accurate; then
        `baseline_labels_for_same_accuracy` is its largest number of labels. It is "fewer than" if
        the baseline is always as accurate; then the value is its smallest number of labels.
        Otherwise it is "". `multiplier` is the same value divided by `labels`. An open interval
        ends at 0 or infinity. There is no interval (NaN) if the method or the whole baseline ran
        once or with equal accuracies.
    """
    rows = []
    for (dataset, protocol), runs in selected.groupby(["dataset", "protocol"], sort=False):
        runs = runs.sort_values("replicate", kind="stable")
        is_baseline = runs["method"] == BASELINE
        by_labels = runs[is_baseline].groupby("labels")["accuracy"]
        curve = by_labels.mean()
        draws = pd.DataFrame(
            {
                labels: _resampled(values, seed, dataset, labels)
                if statistics.is_spread(values)
                else np.full(DRAWS, np.nan)
                for labels, values in by_labels
            }
        )
        highest, lowest = (  # curves that need the fewest and the most labels
            curves.dropna(axis="columns")
            for curves in (draws.bfill(axis="columns"), draws.ffill(axis="columns"))
        )
        others = runs[~is_baseline].groupby([*METHOD, "fraction", "labels"], sort=False)["accuracy"]
        for (backbone, method, fraction, labels), values in others:
            low, high = statistics.labels_for(values.mean(), curve.index, curve)
            reached = float(low if np.isinf(high) else high)
            ends = np.full(2, np.nan)
            if statistics.is_spread(values) and not lowest.empty:
                drawn = _resampled(values, seed, dataset, labels)
                lows, _ = statistics.labels_for(drawn, highest.columns, highest)
                _, highs = statistics.labels_for(drawn, lowest.columns, lowest)
                ends[0] = np.quantile(lows, 0.025, method="lower")
                ends[1] = np.quantile(highs, 0.975, method="higher")
            row = [dataset, backbone, method, fraction, protocol, labels, values.mean(), reached]
            row += ["more than" if np.isinf(high) else "fewer than" if low == 0 else "", *ends]
            row += [reached / labels, *ends / labels, len(values)]
            rows.append(row)
    return pd.DataFrame(rows, columns=LABEL_VALUE)


def training_cost(
    cost: pd.DataFrame, accuracy: pd.DataFrame, fractions: pd.DataFrame
) -> pd.DataFrame:
    """Return the cost of each method's accuracy at each fraction.

    The cost is the time of all jobs of the method, over configurations and replicates. A refit
    includes the grid that selected its configuration. Methods on features include a share of the
    extraction: the images that the fraction needs, out of all that passed through the backbone.

    Args:
        cost: table `cost`.
        accuracy: rows of table `accuracy` under one protocol.
        fractions: table `fractions`.

    Returns:
        Columns dataset, backbone, method, fraction, seconds (summed over jobs), accuracy. Seconds
        are NaN if a job was not measured.
    """
    cost = cost.assign(
        backbone=cost["backbone"].replace("", FROM_SCRATCH),
        fraction=pd.to_numeric(cost["fraction"]),
    )
    # Refits under the other protocol do not count.
    (protocol,) = accuracy["protocol"].unique()
    cost = cost[cost["protocol"].isin(["", protocol])]
    trained = cost[cost["fraction"].notna() & (cost["rule"] != "train_selected_head")]
    own = trained.groupby(["dataset", "backbone", "method", "fraction"])["seconds"]
    own = own.agg(lambda seconds: seconds.sum(skipna=False))
    extraction = cost[cost["rule"].isin(["extract_features", "extract_shard"])]
    extraction = extraction.groupby(["dataset", "backbone"])["seconds"]
    extraction = extraction.agg(lambda seconds: seconds.sum(skipna=False))
    images = fractions.set_index(["dataset", "fraction"])
    scored = images["selection_samples"] + images["test_samples"]
    needed = images["training_samples"] * images["replicates"] + scored
    every = images["training_samples"] + scored
    passed = every.where(images.index.get_level_values("fraction") == 1, needed)
    largest = accuracy.groupby(["dataset", "backbone"])["fraction"].max()
    rows = []
    for row in accuracy.itertuples():
        seconds = own.get((row.dataset, row.backbone, row.method, row.fraction))
        if row.backbone != FROM_SCRATCH:
            share = (
                needed[row.dataset, row.fraction]
                / passed[row.dataset, largest[row.dataset, row.backbone]]
            )
            seconds += extraction[row.dataset, row.backbone] * min(share, 1)
        if refit_of := records.method(row.method).refit_of:
            seconds += own[row.dataset, row.backbone, refit_of, row.fraction]
        names = {name: getattr(row, name) for name in ("dataset", "backbone", "method", "fraction")}
        rows.append({**names, "seconds": seconds, "accuracy": row.mean})
    return pd.DataFrame(rows)


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
    selected: pd.DataFrame,
) -> Iterator[tuple[dict[str, Any], dict[tuple[str, str], pd.Series]]]:
    """Yield each place with the accuracies of every (backbone, method), by replicate."""
    for names, runs in selected.groupby(PLACE, sort=False):
        accuracies = {
            method: rows.set_index("replicate")["accuracy"]
            for method, rows in runs.groupby(METHOD, sort=False)
        }
        yield dict(zip(PLACE, names, strict=True)), accuracies


def _paired(method: pd.Series, reference: pd.Series) -> np.ndarray:
    """Return accuracies (2, replicates) of the replicates that both methods have."""
    return pd.concat([method, reference], axis=1, join="inner").to_numpy().T


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


def _resampled(values: Sequence[float], seed: int, dataset: str, labels: int) -> np.ndarray:
    """Return bootstrap means of one fraction's replicates, with the same draws for all methods."""
    rng = seeds.generator(seed, dataset, int(labels), "label value")
    return statistics.resampled_means(values, DRAWS, rng)
