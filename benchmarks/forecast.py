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
from transfer_gain.evaluation import evidence, learning_curve
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.evaluation.learning_curve import Points

# Fractions of own images by default, and with one more.
FRACTIONS = {"three fractions": (0.1, 0.3, 1.0), "four fractions": (0.1, 0.3, 0.5, 1.0)}
DRAWS = 400
PAGE = Path(__file__).parents[1] / "docs" / "validity.md"


def points(curve: Curve, columns: Sequence[int]) -> Points:
    """Return a study's learning curve as the workflow resamples it."""
    splits = len(curve.scores)
    overlap = 1 / (splits // 2 - 2)
    scores = []
    for column in columns:
        own = Evidence(pd.Series(curve.scores[:, column]), overlap=overlap, images=curve.images)
        drawn = evidence.resampled_means(own, DRAWS, np.random.default_rng(0), None)
        scores.append(np.append(own.mean, drawn))
    return Points(curve.labels[list(columns)], np.stack(scores, axis=1))


def plain_power_law(points: Points, at: np.ndarray, clip: float) -> np.ndarray:
    """Return the scores at some labels by least squares in the logarithm of the error."""
    errors = np.log(np.clip(1 - points.scores[0], clip, 1))
    slope, start = np.polyfit(np.log(points.labels), errors, 1)
    return 1 - np.exp(start + slope * np.log(at))


def backtested(curves: Iterable[Curve], fractions: Sequence[float]) -> pd.DataFrame:
    """Compare forecasts with the truth.

    Returns:
        Columns dataset, classifier, times, told (whether a forecast is given), held (whether the
        interval has the truth), width, and the absolute errors ours, stays, power_law; one row
        per curve and `TIMES`.
    """
    columns = [learning_curves.FRACTIONS.index(fraction) for fraction in fractions]
    rows = []
    for curve in curves:
        known, clip = points(curve, columns), 0.5 / curve.images
        made = learning_curve.forecast(known, TIMES, clip)
        plain = plain_power_law(known, known.labels[-1] * np.array(TIMES), clip)
        for number, times in enumerate(TIMES):
            truth = curve.truth[number]
            rows.append(
                {
                    "dataset": curve.dataset,
                    "classifier": curve.classifier,
                    "times": times,
                    "told": made.holds,
                    "held": made.low[number] <= truth <= made.high[number],
                    "width": made.high[number] - made.low[number],
                    "ours": abs(made.scores[number] - truth),
                    "stays": abs(known.scores[0, -1] - truth),
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
            *(f"{100 * own[name].mean():.1f}" for name in ("width", "ours", "stays", "power_law")),
        ]
        for (dataset, times), own in groups
    ]
    return side_by_side.table(
        [
            *("dataset", "labels", "forecasts", "intervals with the truth", "their width"),
            *("error", "error of 'it stays as it is'", "error of a plain power law"),
        ],
        cells,
    )


def report(curves: Sequence[Curve]) -> str:
    """Return the section: what was done, its table, and what a fourth fraction changes."""
    found = {name: backtested(curves, fractions) for name, fractions in FRACTIONS.items()}
    three, four = found.values()
    sizes = defaultdict(set)
    for curve in curves:
        sizes[curve.dataset].add(curve.images)
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
        f"means, in points. Nothing was told of {refused:.1%} of the curves.\n\n"
        + summary(three)
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
