"""Compare the methods: scores, gains, hypotheses and the value of a label.

Every function takes `selected`: one row per run of a configuration that a protocol selected. Its
columns are dataset, backbone ("none" for networks trained from scratch), method, fraction, labels
(training images per class), protocol, replicate, the score that the protocol reports (named after
the metric), configurations (how many there were to choose from), train_loss (final, in nats) and
levelled_off (whether the loss had stopped falling). Within a replicate of a dataset and fraction,
all methods have the same training images.

Most take `predictions` as well: of each dataset, what the runs under protocol "held-out" predict
for the images that score them. With these, intervals and tests hold for new images; without, as
under protocol "same-images", for the images that were scored (see `evidence`).
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from transfer_gain.evaluation import evidence, statistics, tables
from transfer_gain.evaluation.evidence import METHOD, PLACE, Evidence, by_place
from transfer_gain.evaluation.label_value import label_value
from transfer_gain.methods import records
from transfer_gain.methods.records import FROM_SCRATCH_METHODS, RANDOM_WEIGHTS, TRANSFER
from transfer_gain.metrics import Metric
from transfer_gain.names import BASELINE, FROM_SCRATCH, SAME_IMAGES

SCORES = [
    *["dataset", "backbone", "fraction", "labels", "method", "protocol"],
    *["mean", "ci_low", "ci_high", "same_images_low", "same_images_high"],
    *["behind_best", "behind_low", "behind_high", "behind_p_holm", "may_be_best"],
    *["replicates", "images", "configurations", "train_loss", "levelled_off", "published"],
]
GAINS = [
    *["dataset", "backbone", "fraction", "method", "reference", "protocol"],
    *["relative_gain", "relative_low", "relative_high"],
    *["absolute_gain", "absolute_low", "absolute_high", "simultaneous_low", "simultaneous_high"],
    *["margin", "p_better", "p_equal", "p_worse", "outcome", "more_images"],
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
    predictions: Mapping[str, pd.DataFrame],
    metric: Metric,
    *,
    published: Path | str,
    sources: Mapping[str, str],
    backbones: Sequence[str],
    controls: Mapping[str, Sequence[str]],
    contrast: tuple[float, float],
) -> pd.DataFrame:
    """Return one of the tables below by name.

    Args:
        table: the metric's name, "gains", "hypotheses" or "label_value".
        selected: see above.
        predictions: see above.
        metric: the metric that is compared.
        published: see `tables.read_published`.
        sources: see `tables.read_published`.
        backbones: those of our backbones that the 2018 paper used.
        controls: backbones with random weights, which the hypotheses exclude; for each, the trained
            backbones of the same network, layer and input size.
        contrast: the smaller and the larger fraction of `hypotheses`.
    """
    if table == "hypotheses":
        trained = selected[~selected["backbone"].isin(controls)]
        return hypotheses(trained, predictions, metric, *contrast)
    if table == "label_value":
        return label_value(selected, predictions, metric)
    if table == "gains":
        theirs = tables.read_published(published, "gains", sources)
        return gains(selected, predictions, metric, theirs, backbones, controls)
    theirs = tables.read_published(published, "accuracy", sources)
    return scores(selected, predictions, metric, theirs, backbones)


def scores(
    selected: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    metric: Metric,
    published: pd.DataFrame,
    backbones: Sequence[str],
) -> pd.DataFrame:
    """Return each method's mean score with its 95 % interval (Table 4 of the 2018 paper).

    Args:
        selected: see above.
        predictions: see above.
        metric: the metric that is compared.
        published: the 2018 paper's Table 4, as `tables.read_published` returns it.
        backbones: those of our backbones that the 2018 paper used.

    Returns:
        Columns `SCORES`, one row per dataset, protocol, fraction and method. The interval is the
        one that the evidence allows; `same_images_` is Student's t over replicates, which holds for
        these images only, and `images` is how many were scored (0 where unknown). `behind_best` is
        the gain of the best method of the same dataset, protocol and fraction. (Transfer with more
        updates is only a reference, see `gains`.) `behind_p_holm` is its two-sided p-value,
        Holm-adjusted over these methods. `may_be_best` is false if another method is significantly
        better (`_may_be_best`). `levelled_off` is the share of replicates whose loss had stopped
        falling, and `train_loss` is the mean over replicates. `published` is the 2018 paper's
        value, under protocol "same-images" only.
    """
    about = dict(iter(selected.groupby([*PLACE, *METHOD], sort=False)))
    rows: dict[tuple, dict[str, Any]] = {names: {} for names in about}
    for place, known in by_place(selected, predictions, metric):
        ranked = {
            method: own
            for method, own in known.items()
            if not records.method(method[1]).is_reference
        }
        best = max(ranked.values(), key=lambda own: metric.sign * own.mean)
        candidates = _may_be_best(ranked, metric)
        for method, own in known.items():
            mean, low, high = evidence.mean_interval(own, metric)
            _, *same_images = statistics.mean_interval(own.scores, bounds=metric.bounds)
            behind = statistics.untested(0.0)  # the best is not compared with itself
            if own is not best:
                behind = evidence.contrast([evidence.gain(best, own, metric)], [1])
            names = (*place.values(), *method)
            runs = about[names]
            rows[names] = {
                **place,
                **dict(zip(METHOD, method, strict=True)),
                "behind_best": behind.estimate,
                "behind_low": behind.low,
                "behind_high": behind.high,
                "behind_p_holm": 2 * min(behind.p_less, behind.p_greater),
                "may_be_best": method in candidates,
                "labels": runs["labels"].iloc[0],
                "mean": mean,
                "ci_low": low,
                "ci_high": high,
                "same_images_low": same_images[0],
                "same_images_high": same_images[1],
                "replicates": len(runs),
                "images": own.images,
                "configurations": runs["configurations"].iloc[0],
                "train_loss": runs["train_loss"].mean(),
                "levelled_off": runs["levelled_off"].mean(),
            }
    theirs = published.melt(["dataset", "fraction"], var_name="method", value_name="published")
    trained_from_scratch = theirs["method"] != TRANSFER
    theirs = pd.concat(
        [theirs[trained_from_scratch].assign(backbone=FROM_SCRATCH)]
        + [theirs[~trained_from_scratch].assign(backbone=backbone) for backbone in backbones]
    ).assign(protocol=SAME_IMAGES)
    table = pd.DataFrame(rows.values()).merge(theirs, how="left", on=[*PLACE, *METHOD])
    table["behind_p_holm"] = table.groupby(PLACE)["behind_p_holm"].transform(statistics.holm)
    return table[SCORES]


def _may_be_best(known: Mapping[Any, Evidence], metric: Metric) -> set[Any]:
    """Return the methods of which none is significantly better.

    All pairs are tested, Holm-adjusted over them, so the set holds the best method with 95 %
    confidence (multiple comparisons with the best; Hsu 1981 has narrower limits). A pair without
    spread cannot be tested, and excludes neither.
    """
    pairs = list(itertools.combinations(known, 2))
    gains = [evidence.contrast([evidence.gain(known[a], known[b], metric)], [1]) for a, b in pairs]
    p_values = statistics.holm([2 * min(gain.p_less, gain.p_greater) for gain in gains])
    return set(known) - {
        pair[gain.estimate > 0]
        for pair, gain, p_value in zip(pairs, gains, p_values, strict=True)
        if p_value < statistics.SIGNIFICANT
    }


def gains(
    selected: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    metric: Metric,
    published: pd.DataFrame,
    backbones: Sequence[str],
    controls: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the gain of each method over each reference, paired by replicate (Table 5).

    Args:
        selected: see above.
        predictions: see above.
        metric: the metric that is compared.
        published: the 2018 paper's Table 5, as `tables.read_published` returns it.
        backbones: those of our backbones that the 2018 paper used.
        controls: see `tabulate`.

    Returns:
        Columns `GAINS`, one row per dataset, protocol, fraction, method and reference. The absolute
        gain is the mean of the paired differences, with the interval and the two-sided test that
        the evidence allows; the relative gain is from `evidence.relative_gain`. If a lower score is
        better, method and reference change places there, so that a gain is an improvement.

        `simultaneous_` intervals hold together, for all fractions of a method and reference
        (Bonferroni). `outcome` is what they show (`statistics.outcome`), beyond a `margin` of
        `RELEVANT` or of three scored images, and `more_images` about how many more would decide.
        `p_better`, `p_equal` and `p_worse` are the probabilities that the gain is above, within and
        below the margin, given the data and no prior opinion (Benavoli et al. 2017).

        `p_holm` is Holm-adjusted over all tests under the same protocol: both protocols read the
        same runs, and a reader uses one of them. Transfer with more updates is only a reference. It
        is not a method of its own, and at the smallest fractions it hardly differs from plain
        transfer.
    """
    fractions = selected.groupby(["dataset", *METHOD])["fraction"].nunique()
    rows = []
    for place, known in by_place(selected, predictions, metric):
        for backbone, method in known:
            for name, reference in _references(backbone, method, controls).items():
                if reference not in known:
                    continue
                own, other = known[backbone, method], known[reference]
                tests = min(
                    fractions[(place["dataset"], *each)] for each in ((backbone, method), reference)
                )
                names = {"backbone": backbone, "method": method, "reference": name}
                rows.append({**place, **names, **_gain_row(own, other, metric, tests)})
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby("protocol")["p_value"].transform(statistics.holm)
    theirs = pd.DataFrame(
        {"backbone": list(backbones), "method": TRANSFER, "protocol": SAME_IMAGES}
    )
    theirs = theirs.merge(published, how="cross")
    return tables.beside(table, theirs, [*PLACE, *METHOD, "reference"])[GAINS]


def _gain_row(own: Evidence, other: Evidence, metric: Metric, tests: int) -> dict[str, Any]:
    """Return the columns of a gain; `tests` is the number of fractions that are told together."""
    difference = evidence.gain(own, other, metric)
    absolute = evidence.contrast([difference], [1])
    together = evidence.contrast([difference], [1], 1 - statistics.SIGNIFICANT / tests)
    first, second = (own, other)[:: metric.sign]
    relative = evidence.relative_gain(first, second, absolute)
    margin = own.margin
    worse, equal, better = statistics.probabilities(absolute, margin)
    outcome = statistics.outcome(together, margin)
    return {
        **relative._asdict(),
        "absolute_gain": absolute.estimate,
        "absolute_low": absolute.low,
        "absolute_high": absolute.high,
        "simultaneous_low": together.low,
        "simultaneous_high": together.high,
        "margin": margin,
        "p_better": better,
        "p_equal": equal,
        "p_worse": worse,
        "outcome": outcome,
        "more_images": statistics.more_images(together, margin, own.images)
        if outcome == statistics.UNDECIDED
        else np.nan,
        "p_value": 2 * min(absolute.p_less, absolute.p_greater),
        "replicates": len(difference.scores),
    }


def hypotheses(
    selected: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    metric: Metric,
    small: float,
    large: float,
) -> pd.DataFrame:
    """Test the 2018 paper's two hypotheses on the absolute gain of transfer over the baseline.

    H1: transfer improves the score. The gain at each fraction is above zero. H2: transfer improves
    it more when data are scarce. The gain at `small` minus the gain at `large` is above zero
    (Welch), and the slope of the gain against log10(fraction) is below zero
    (`statistics.slope_weights`). Of two fractions, the slope would say the same again.

    Fractions with one replicate have no measured spread. If `large` is one of them, `small` is also
    contrasted with the largest replicated fraction. Such fractions are left out of the slope. The
    exception is when fewer than two fractions are replicated: then all enter the slope, which has
    no interval.

    Args:
        selected: see above.
        predictions: see above.
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
    gains: dict[tuple, dict[float, Evidence]] = {}
    for place, known in by_place(selected, predictions, metric):
        for backbone, method in known:
            if method == TRANSFER and (FROM_SCRATCH, BASELINE) in known:
                baseline = known[FROM_SCRATCH, BASELINE]
                gain = evidence.gain(known[backbone, method], baseline, metric)
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


def _tests(gains: dict[float, Evidence], small: float, large: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of one dataset, backbone and protocol, before adjustment over the table.

    Args:
        gains: absolute gains by fraction.
        small: see `hypotheses`.
        large: see `hypotheses`.
    """

    def row(hypothesis: str, statistic: str, tested: dict, weights: ArrayLike, sign: int):
        found = evidence.contrast(list(tested.values()), list(np.asarray(weights)))
        return {
            "hypothesis": hypothesis,
            "statistic": statistic,
            "fraction": np.nan,
            "estimate": found.estimate,
            "ci_low": found.low,
            "ci_high": found.high,
            "p_value": found.p_greater if sign > 0 else found.p_less,
            "p_reversed": found.p_less if sign > 0 else found.p_greater,
            "most": found.high if sign > 0 else -found.low,
            "replicates": min(len(each.scores) for each in tested.values()),
        }

    for fraction, own in gains.items():
        yield row("H1", "absolute gain", {fraction: own}, [1], 1) | {"fraction": fraction}
    replicated = {fraction: own for fraction, own in gains.items() if len(own.scores) > 1}
    for end in sorted({large, max(replicated, default=large)}, reverse=True):
        if small < end and {small, end} <= set(gains):
            ends = {fraction: gains[fraction] for fraction in (small, end)}
            yield row("H2", f"gain at {small:g} less gain at {end:g}", ends, [1, -1], 1)
    line = replicated if len(replicated) > 1 else gains
    if len(line) > 2 or (len(line) == 2 and min(line) != small):
        name = f"slope of gain per tenfold fraction, {min(line):g} to {max(line):g}"
        yield row("H2", name, line, statistics.slope_weights(np.log10(list(line))), -1)
