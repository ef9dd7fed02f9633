"""Whether 'the probability that it is better' and the interval of the best of five keep their word.

    python benchmarks/probabilities.py [--studies 1200] [--write]

Answers of methods of known accuracy are drawn, for one split and for cross-fitting, and told by the
workflow's own functions (`evidence`, `statistics`). --write puts the table into
benchmarks/probabilities.csv and the numbers into docs/validity.md; without it, they are printed.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from run import with_section
from transfer_gain.evaluation import evidence, statistics
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.metrics import ACCURACY

HERE = Path(__file__).parent
TABLE = HERE / "probabilities.csv"
PAGE = HERE.parent / "docs" / "validity.md"
SPLIT, CROSS_FITTED = "one split", "cross-fitting"
IMAGES = {SPLIT: 40, CROSS_FITTED: 240}  # that are scored
CLASSES, REPLICATES, FOLDS, REPEATS = 4, 5, 6, 2
RUN, MOVE = 0.15, 0.7  # by how much a run, and a training image, moves answers
WIDEST, SMALL = 0.2, 0.05  # true gains: of all sizes up to the first, or most below the second
ACCURATE = 0.7
P_BETTER, BEST = "p_better", "best of five"
BINS = np.linspace(0, 1, 6)
CASES = {"five equal methods": 0.0, "one better by 5 points": 0.05}


def _scored(kind: str, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which images the replicates score, bool (replicates, images)."""
    if kind == SPLIT:
        return np.ones((REPLICATES, len(labels)), bool)
    folds = []
    for _ in range(REPEATS):
        order = rng.permutation(len(labels))
        order = order[np.argsort(labels[order], kind="stable")]
        fold = np.empty(len(labels), int)
        fold[order] = np.arange(len(labels)) % FOLDS
        folds += [fold == each for each in range(FOLDS)]
    return np.stack(folds)


def answers(kind: str, accuracies: np.ndarray, rng: np.random.Generator) -> list[Evidence]:
    """Draw what methods of known accuracy answer in one study.

    An answer is right if the image is easy enough for all methods, for this one and in this run.
    Half of the variance is that of images. In cross-fitting, training images move a run's answers.

    Args:
        kind: of the study.
        accuracies: of the methods, over all images and training sets.
        rng: random generator.
    """
    images = IMAGES[kind]
    labels = np.arange(images) % CLASSES
    scored = _scored(kind, labels, rng)
    training = images * (FOLDS - 2) / FOLDS
    spread = RUN**2 + (MOVE**2 / training if kind == CROSS_FITTED else 0)
    easy, found = rng.normal(size=images), []
    for accuracy in accuracies:
        moved = RUN * rng.normal(size=(len(scored), 1))
        if kind == CROSS_FITTED:
            trains = ~(
                scored | np.roll(scored.reshape(REPEATS, FOLDS, -1), 1, 1).reshape(scored.shape)
            )
            moved += MOVE * trains @ rng.normal(size=(images, 1)) / training
        of_image = np.sqrt(0.4) * easy + np.sqrt(0.1) * rng.normal(size=images)
        latent = of_image + moved + np.sqrt(0.5) * rng.normal(size=scored.shape)
        right = norm.ppf(accuracy) * np.sqrt(1 + spread) + latent > 0
        values = np.where(scored, right, np.nan)
        overlap = None if kind == SPLIT else 1 / (FOLDS - 2)
        scores = pd.Series(np.nanmean(values, axis=1))
        found.append(Evidence(scores, values, labels, overlap, images))
    return found


def probabilities(kind: str, studies: int, seed: int = 2018) -> Iterator[dict[str, float | str]]:
    """Yield how often a gain is above the margin where that is told to be so probable."""
    rng = np.random.default_rng([seed, IMAGES[kind]])
    gains = rng.uniform(-WIDEST, WIDEST, studies)
    told, margin = np.empty(studies), 0.0
    for study, gain in enumerate(gains):
        method, reference = answers(kind, ACCURATE + np.array([gain, 0]), rng)
        found = evidence.contrast([evidence.gain(method, reference, ACCURACY)], [1])
        margin = method.margin
        told[study] = statistics.probabilities(found, margin)[2]
    above, weights = gains > margin, norm.pdf(gains, 0, SMALL)
    for low, high in itertools.pairwise(BINS):
        own = (told >= low) & ((told < high) | (high == 1))
        yield {
            "quantity": P_BETTER,
            "kind": kind,
            "case": f"{low:.1f} to {high:.1f}",
            "studies": int(own.sum()),
            "told": told[own].mean(),
            "share": above[own].mean(),
            "small": np.average(above[own], weights=weights[own]),
        }


def best(kind: str, case: str, studies: int, seed: int = 2018) -> dict[str, float | str]:
    """Return how often the interval of the method that scored best has its true accuracy."""
    rng = np.random.default_rng([seed, IMAGES[kind], round(100 * CASES[case])])
    accuracies = ACCURATE + CASES[case] * (np.arange(5) == 0)
    covered, too_high = [], []
    for _ in range(studies):
        made = answers(kind, accuracies, rng)
        place = int(np.argmax([method.mean for method in made]))
        mean, low, high = evidence.mean_interval(made[place], ACCURACY)
        covered.append(low <= accuracies[place] <= high)
        too_high.append(mean - accuracies[place])
    names = {"quantity": BEST, "kind": kind, "case": case, "studies": studies}
    return {**names, "told": np.mean(too_high), "share": np.mean(covered), "small": np.nan}


def table(studies: int) -> pd.DataFrame:
    """Return what both simulations found, one row per kind and case.

    Returns:
        Columns quantity, kind, case and studies. Of `P_BETTER`: told (the mean probability), share
        (of studies whose true gain is above the margin, if all gains up to `WIDEST` are as likely)
        and small (the same if most are below `SMALL`). Of `BEST`: told (by how much its score is
        too high on average) and share (of intervals that contain its accuracy).
    """
    rows = [row for kind in IMAGES for row in probabilities(kind, studies)]
    rows += [best(kind, case, studies // 2) for kind in IMAGES for case in CASES]
    return pd.DataFrame(rows)


def page(text: str, found: pd.DataFrame) -> str:
    """Return the text of docs/validity.md with its numbers written from the table."""
    for name, section in SECTIONS.items():
        text = with_section(text, name, section(found))
    return text


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _told(found: pd.DataFrame) -> str:
    lines = ["| scored by | told | studies | above the margin | the same if most gains are small |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for row in found[found["quantity"] == P_BETTER].itertuples():
        shares = f"{_percent(row.share)} | {_percent(row.small)}"
        told = f"{row.case}, mean {row.told:.2f}"
        lines.append(f"| {row.kind} | {told} | {row.studies} | {shares} |")
    return "\n".join(lines) + "\n"


def _best(found: pd.DataFrame) -> str:
    lines = ["| scored by | methods | studies | intervals with the truth | score too high by |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for row in found[found["quantity"] == BEST].itertuples():
        shares = f"{_percent(row.share)} | {100 * row.told:.1f} points"
        lines.append(f"| {row.kind} | {row.case} | {row.studies} | {shares} |")
    return "\n".join(lines) + "\n"


SECTIONS = {"probabilities": _told, "best of five": _best}


def main() -> None:
    """Simulate the studies; print the tables, or write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1200)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = table(options.studies)
    if options.write:
        found.round(4).to_csv(TABLE, index=False)
        PAGE.write_text(page(PAGE.read_text(), pd.read_csv(TABLE)))
    else:
        for section in SECTIONS.values():
            print(section(found))


if __name__ == "__main__":
    main()
