"""Table `forecast`: the scores that methods are expected to reach with more labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from transfer_gain import seeds
from transfer_gain.evaluation import evidence, image_sampling, learning_curve, statistics
from transfer_gain.evaluation.evidence import METHOD, Evidence, by_place
from transfer_gain.evaluation.learning_curve import FARTHEST, FEWEST, Points
from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import HELD_OUT

TIMES = (2, 3, 5)
DRAWS = 2000
COLUMNS = [
    *["dataset", "backbone", "method", "protocol", "times", "labels", "total_labels"],
    *["score", "low", "high", "gain", "gain_low", "gain_high", "p_better"],
    *["backtest_error", "family", "status"],
    *["target", "target_labels", "target_relation", "target_low", "target_high"],
]
EXPECTED = "expected"
# Why nothing can be said.
FEW_FRACTIONS = "cannot say: fewer than three fractions"
NOT_ALL_LABELS = "cannot say: not trained with all labels"
BEST = "cannot say: no score can be higher"
ONE_RUN = "cannot say: runs do not differ, or there is only one"
CHANCE = "cannot say: not significantly better than always giving the same answer"
BACKTEST = "cannot say: the smaller fractions do not predict the largest"
_STEPS = np.geomspace(1, FARTHEST, 13)  # times the labels, where a target is looked for


def forecast(
    selected: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    metric: Metric,
    seed: int,
    target: float | None = None,
) -> pd.DataFrame:
    """Return what each method is expected to score with more labels, by `learning_curve.forecast`.

    Points are resampled together. The fractions of a split of cross-fitting have the same test
    images and nested samples, so the same splits are drawn at all fractions. Elsewhere replicates
    are drawn at each fraction, and the same images at all. A fraction with a single run has the
    spread of the runs at the next smaller fraction.

    Args:
        selected: see `comparison`; only the rows under protocol "held-out" count.
        predictions: see `comparison`.
        metric: the metric that is compared.
        seed: the study's seed.
        target: a score that the user wants to reach.

    Returns:
        Columns `COLUMNS`, one row per dataset, method (references aside) and `TIMES`; none if the
        metric is not a share of which more is better. `labels` are per class in a training set;
        `total_labels` are all labelled images that train and, in cross-fitting, select and score.
        `gain` is the score less today's, with an interval; `p_better` is the probability that it is
        more than `Evidence.margin`. `status` is `EXPECTED`, or else says why nothing can be said;
        then scores and gains are empty. `backtest_error` is what the smaller fractions expect of
        the largest, less its score; `family` has the weights of the families. `target_labels` are
        the labels per class that the target needs, with an interval; `target_relation` is "at most"
        if the fewest labels that were tried suffice, and "more than" if `FARTHEST` times the labels
        may not.
    """
    if not (metric.bounds == (0, 1) and metric.higher_is_better):
        return pd.DataFrame(columns=COLUMNS)
    selected = selected[selected["protocol"] == HELD_OUT]
    labels_of = selected.groupby(["dataset", "fraction"])["labels"].first()
    curves: dict[tuple[str, str, str], dict[int, Evidence]] = {}
    most: dict[str, int] = {}
    for place, known in by_place(selected, predictions, metric):
        dataset = place["dataset"]
        labels = int(labels_of[dataset, place["fraction"]])
        most[dataset] = max(most.get(dataset, 0), labels)
        for method, own in known.items():
            if not records.method(method[1]).is_reference:
                curves.setdefault((dataset, *method), {})[labels] = own
    rows: list[dict[str, Any]] = []
    for (dataset, backbone, name), by_labels in curves.items():
        names = {"dataset": dataset, "backbone": backbone, "method": name, "protocol": HELD_OUT}
        rows += [
            {**names, **row}
            for row in _rows(
                dict(sorted(by_labels.items())),
                most[dataset],
                _images_of_classes(predictions.get(dataset)),
                metric,
                (seed, dataset),
                target,
            )
        ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    for text in ("family", "target_relation"):
        table[text] = [value if isinstance(value, str) else "" for value in table[text]]
    # In the order of the runs.
    return selected[["dataset", *METHOD]].drop_duplicates().merge(table)[COLUMNS]


def _images_of_classes(predictions: pd.DataFrame | None) -> np.ndarray | None:
    """Return the number of scored images of each class, int (classes,)."""
    if predictions is None:
        return None
    return np.bincount(predictions.drop_duplicates("image_id")["label"])


def _rows(
    known: Mapping[int, Evidence],
    most: int,
    classes: np.ndarray | None,
    metric: Metric,
    seed_names: tuple[int, str],
    target: float | None,
) -> list[dict[str, Any]]:
    """Return the rows of one method, from its evidence by labels."""
    per_label = np.nan
    last = known[max(known)]
    if last.overlap is not None:
        per_label = last.images / most
    elif classes is not None:
        per_label = len(classes)
    rows: list[dict[str, Any]] = [
        {"times": times, "labels": times * most, "total_labels": times * most * per_label}
        for times in TIMES
    ]
    chance = 0.0 if classes is None else metric.chance(classes)
    told = said(known, most, chance, metric, seed_names, target)
    return [
        {**row, **{name: _at(value, number) for name, value in told.items()}}
        for number, row in enumerate(rows)
    ]


def _at(value: Any, number: int) -> Any:
    return value[number] if isinstance(value, np.ndarray) else value


def said(
    known: Mapping[int, Evidence],
    most: int,
    chance: float,
    metric: Metric,
    seed_names: tuple[int, str],
    target: float | None,
) -> dict[str, Any]:
    """Return what can be said of one method, by column of the table; arrays have `TIMES` items.

    Args:
        known: its evidence by labels per class, ascending.
        most: all labels per class.
        chance: score of always giving the same answer.
        metric: the metric of the scores.
        seed_names: the study's seed and the dataset.
        target: a score that the user wants to reach.
    """
    if max(known) < most:
        return {"status": NOT_ALL_LABELS}
    if known[most].mean >= metric.bounds[1] - statistics.RESOLUTION:
        return {"status": BEST}
    if len(known) < FEWEST:
        return {"status": FEW_FRACTIONS}
    points = _points(known, seed_names)
    if points is None:
        return {"status": ONE_RUN}
    if not evidence.beats(chance, *evidence.mean_interval(known[most], metric), metric):
        return {"status": CHANCE}
    clip = known[most].clip
    found = learning_curve.forecast(points, TIMES, clip)
    families = ", ".join(f"{name} {weight:.2f}" for name, weight in found.weights.items())
    about = {"backtest_error": found.backtest_error, "family": families}
    if not found.holds:
        return {**about, "status": BACKTEST}
    gain, gain_low, gain_high = found.gains()
    columns = {
        "score": found.scores,
        "low": found.low,
        "high": found.high,
        "gain": gain,
        "gain_low": gain_low,
        "gain_high": gain_high,
        "p_better": found.probability_of(known[most].margin),
        "status": EXPECTED,
    }
    return {**about, **columns, **_target(points, target, clip)}


def _points(known: Mapping[int, Evidence], seed_names: tuple[int, str]) -> Points | None:
    """Return the points of a learning curve, or None if the spread of its runs is unknown."""
    weights = None
    first = next(iter(known.values()))
    if first.labels is not None and first.values is not None:
        rng = seeds.generator(*seed_names, "images of the forecast")
        weights = image_sampling.bootstrap_weights(first.labels, first.groups, DRAWS, rng)
    drawn, runs = [], None
    for labels, own in known.items():
        spread = statistics.is_spread(own.scores.to_numpy())
        if spread:
            runs = own.scores.to_numpy()
        elif runs is None:
            return None
        if spread and own.overlap is not None:
            rng = seeds.generator(*seed_names, "forecast")
            drawn.append(evidence.resampled_means(own, DRAWS, rng, weights))
        else:
            rng = seeds.generator(*seed_names, labels, "forecast")
            drawn.append(_of_runs(own, runs, rng, weights))
    means = [own.mean for own in known.values()]
    scores = np.concatenate([[means], np.stack(drawn, axis=1)])
    return Points(np.array(list(known), float), scores)


def _of_runs(
    own: Evidence, runs: np.ndarray, rng: np.random.Generator, weights: np.ndarray | None
) -> np.ndarray:
    """Return draws of a mean score that vary as runs do, (draws,).

    Runs are drawn in the logit, in which curves are continued. In points, few runs near 1 would
    vary beyond it.

    Args:
        own: evidence whose mean is drawn.
        runs: scores of its runs; of those with fewer labels, if its own show no spread. In the
            logit they vary about as much, sometimes more and sometimes less.
        rng: for the draws.
        weights: see `evidence.resampled_means`.
    """
    mean, logits = (logit(np.clip(scores, own.clip, 1 - own.clip)) for scores in (own.mean, runs))
    away = statistics.resampled_means(logits, DRAWS, rng) - logits.mean()
    means = expit(mean + away * np.sqrt(len(runs) / len(own.scores)))
    if own.values is not None and own.labels is not None and weights is not None:
        # Images that also train count twice, see `new_images.cross_fitted`.
        times = 1 if own.overlap is None else 2
        of_images = image_sampling.resampled_deviations(
            np.nanmean(own.values, axis=0), own.labels, own.groups, weights
        )
        means += np.sqrt(times) * of_images
    return means


def _target(points: Points, target: float | None, clip: float) -> dict[str, Any]:
    """Return the labels that a target needs, read from the curve and from its interval's ends."""
    if target is None:
        return {}
    found = learning_curve.forecast(points, list(_STEPS), clip)
    measured = np.clip(points.scores, clip, 1 - clip)
    half = stats.norm.ppf(0.975) * logit(measured[1:]).std(axis=0)
    labels = np.concatenate([points.labels[:-1], points.labels[-1] * _STEPS])
    needed = {}
    for name, shift, continued in (
        ("target_labels", 0, found.scores),
        ("target_low", 1, found.high),
        ("target_high", -1, found.low),
    ):
        before = expit(logit(measured[0]) + shift * half)
        curve = np.concatenate([before[:-1], continued])
        needed[name] = statistics.labels_for(np.asarray(target), labels, curve, logit)
    low, high = needed["target_labels"]
    relation = "more than" if np.isinf(high) else "at most" if low == 0 else ""
    return {
        "target": target,
        "target_labels": float(low if np.isinf(high) else high),
        "target_relation": relation,
        "target_low": float(needed["target_low"][0]),
        "target_high": float(needed["target_high"][1]),
    }
