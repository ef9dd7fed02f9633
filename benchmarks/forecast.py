"""How far forecasts can be trusted: small studies are continued, and compared with what came.

    PYTHONPATH=workflow python benchmarks/forecast.py [--draws 40] [--write]

--write puts the result into docs/validity.md. It needs no peers, only the project's environment.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import learning_curves
import side_by_side
from learning_curves import TIMES, Curve
from run import with_section
from side_by_side import WORK
from transfer_gain.evaluation import forecast
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.metrics import ACCURACY

# Fractions of own images by default, and with one more.
FRACTIONS = {"three fractions": (0.1, 0.3, 1.0), "four fractions": (0.1, 0.3, 0.5, 1.0)}
ERRORS = ["ours", "stays", "power_law"]
TOLD = ["score", "low", "high", "gain_low", "gain_high", "p_better"]
# Probabilities of a gain that are told apart: the answer decides at 0.2 and 0.5.
CHANCES = np.array([0, 0.2, 0.5, 0.7, 0.9, 1])
PAGE = Path(__file__).parents[1] / "docs" / "validity.md"


def evidence_of(curve: Curve, column: int) -> Evidence:
    """Return what a study shows at one of `learning_curves.FRACTIONS`."""
    splits, images, _ = curve.right.shape
    right = curve.right[:, :, column]
    scores = pd.Series(np.nanmean(right, axis=1))
    # Of the folds, one is scored and another selects.
    overlap = 1 / (splits // learning_curves.REPEATS - 2)
    return Evidence(scores, right, curve.classes, overlap=overlap, images=images)


def plain_power_law(
    labels: np.ndarray, scores: np.ndarray, at: np.ndarray, clip: float
) -> np.ndarray:
    """Return the scores at some labels by least squares in the logarithm of the error."""
    slope, start = np.polyfit(np.log(labels), np.log(np.clip(1 - scores, clip, 1)), 1)
    return 1 - np.exp(start + slope * np.log(at))


def backtested(curves: Iterable[Curve], fractions: Sequence[float]) -> pd.DataFrame:
    """Compare forecasts with the truth.

    Returns:
        Columns dataset, classifier, times and told (whether a forecast is given). If it is, held
        and gain_held (whether the interval of the score and that of the gain have the truth), width
        and gain_width, chance (the probability of more than the margin), better (whether it came),
        and the absolute errors ours, stays, power_law. One row per curve and `TIMES`.
    """
    columns = [learning_curves.FRACTIONS.index(fraction) for fraction in fractions]
    rows = []
    for curve in curves:
        labels = curve.labels[columns]
        known = {
            labels_per_class: evidence_of(curve, column)
            for labels_per_class, column in zip(labels, columns, strict=True)
        }
        own = known[labels[-1]]
        guess = ACCURACY.chance(np.bincount(curve.classes))
        seed_names = learning_curves.SEED, curve.dataset
        told = forecast.said(known, labels[-1], guess, ACCURACY, seed_names, None)
        names = {"dataset": curve.dataset, "classifier": curve.classifier}
        if told["status"] != forecast.EXPECTED:
            rows += [{**names, "times": times, "told": False} for times in TIMES]
            continue
        scores = np.array([evidence.mean for evidence in known.values()])
        plain = plain_power_law(labels, scores, labels[-1] * np.array(TIMES), own.clip)
        for number, times in enumerate(TIMES):
            now = {name: told[name][number] for name in TOLD}
            truth = curve.truth[number]
            gain = truth - curve.now
            rows.append(
                {
                    **names,
                    "times": times,
                    "told": True,
                    "held": now["low"] <= truth <= now["high"],
                    "width": now["high"] - now["low"],
                    "gain_held": now["gain_low"] <= gain <= now["gain_high"],
                    "gain_width": now["gain_high"] - now["gain_low"],
                    "chance": now["p_better"],
                    "better": gain > own.margin,
                    "ours": abs(now["score"] - truth),
                    "stays": abs(own.mean - truth),
                    "power_law": abs(plain[number] - truth),
                }
            )
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame) -> str:
    """Return the table of the section."""
    told = rows[rows["told"]]
    by = ["dataset", "times"]
    groups = [(names, own) for names, own in told.groupby(by, sort=False) if names[1] != 3]
    groups += [(("all", times), told[told["times"] == times]) for times in TIMES if times != 3]
    cells = [
        [
            dataset,
            f"{times} ×",
            str(len(own)),
            f"{own['held'].mean():.3f}",
            f"{100 * own['width'].mean():.1f}",
            f"{own['gain_held'].mean():.3f}",
            *(f"{100 * own[name].mean():.1f}" for name in ("gain_width", *ERRORS)),
        ]
        for (dataset, times), own in groups
    ]
    return side_by_side.table(
        [
            *("dataset", "labels", "forecasts", "intervals with the truth", "their width"),
            *("intervals of gains with the truth", "their width"),
            *("error", "error of 'it stays as it is'", "error of a plain power law"),
        ],
        cells,
    )


def chances(rows: pd.DataFrame) -> str:
    """Return the table of how often a gain came, by the probability that was told."""
    told = rows[rows["told"] & (rows["times"] != 3)]
    bins = np.clip(np.searchsorted(CHANCES, told["chance"], side="right"), 1, len(CHANCES) - 1)
    cells = [
        [
            f"{CHANCES[of - 1]:.1f} to {CHANCES[of]:.1f}",
            str(len(own)),
            f"{own['chance'].mean():.2f}",
            f"{own['better'].mean():.2f}",
        ]
        for of, own in told.groupby(bins)
    ]
    names = ["probability of more than the margin", "forecasts", "mean", "share that gained more"]
    return side_by_side.table(names, cells)


def report(curves: Sequence[Curve]) -> str:
    """Return the section: what was done, its table, and what a fourth fraction changes."""
    found = {name: backtested(curves, fractions) for name, fractions in FRACTIONS.items()}
    three, four = found.values()
    sizes = defaultdict(set)
    for curve in curves:
        sizes[curve.dataset].add(len(curve.classes))
    drawn = "; ".join(f"{name} {' and '.join(map(str, sorted(of)))}" for name, of in sizes.items())
    at_most = TIMES[-1]
    errors, widths = (
        [100 * rows.loc[rows["times"] == at_most, name].mean() for rows in (three, four)]
        for name in ("ours", "width")
    )
    refused = 1 - three["told"].mean()
    return (
        f"{len(curves)} learning curves of small studies: {len(curves) // len(sizes)} per dataset, "
        f"drawn with these numbers of images: {drawn}. Each is cross-fitted in twelve splits at "
        "fractions 0.1, 0.3 and 1, as own images are, with a linear probe and with nearest "
        "neighbours. The truth is one classifier trained on 2 and 5 times the labels, among them "
        "those of the study, and scored on images that are in neither. Features are 64 principal "
        "components of VGG16's, or the pixels of scikit-learn's digits. Widths and errors are "
        "means, in points. A true gain is over the mean accuracy, on the same images, of the "
        "classifiers of all splits. Both kinds of classifier see the same draws. Nothing was told "
        f"of {refused:.1%} of the curves.\n\n"
        + summary(three)
        + "\n\n"
        + chances(three)
        + f"\n\nWith a fourth fraction, 0.5, the error at {at_most} × is {errors[1]:.1f} instead "
        f"of {errors[0]:.1f} points, and the intervals are {widths[1]:.1f} instead of "
        f"{widths[0]:.1f} points wide."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure; print the section, or write it into its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=40, help="studies of each dataset and size")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    WORK.mkdir(parents=True, exist_ok=True)
    known = learning_curves.features(WORK)
    section = report(list(learning_curves.draws(known, range(options.draws))))
    print(section)
    if options.write:
        PAGE.write_text(with_section(PAGE.read_text(), "forecast", section))


if __name__ == "__main__":
    main()
