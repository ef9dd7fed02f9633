"""How often the workflow's intervals contain the truth, in simulated studies whose truth is known.

    python benchmarks/coverage.py [--studies 150] [--processes 2] [--write]

Studies are drawn from a known population and evaluated by the workflow's own functions, see
`simulated`. --write puts the table into benchmarks/coverage.csv, and numbers and figure into
docs/validity.md; without it, the tables are printed.
"""

import argparse
import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import simulated
from run import with_section
from simulated import DESIGNS, FRACTIONS, REFERENCES, Design
from transfer_gain.evaluation.statistics import BETTER, EQUAL, WORSE
from transfer_gain.methods.records import TRANSFER
from transfer_gain.names import BASELINE, BASELINE_2018

HERE = Path(__file__).parent
TABLE = HERE / "coverage.csv"
PAGE = HERE.parent / "docs" / "validity.md"
FIGURE = PAGE.parent / "images" / "coverage.png"
SPLIT, CROSS_FITTED = "one split", "cross-fitting"
KINDS = (SPLIT, CROSS_FITTED)
# What is told of a place, in the order of the tables.
SCORE, GAIN, MULTIPLIER = "score", "gain", "label value"
LONGEST = 10  # times the training images to which the true curve of the baseline is known
NAMES = ["design", "kind", "fraction", "quantity", "method"]
# The columns of the table of coverage.
COLUMNS = {
    (SCORE, TRANSFER): "score of transfer",
    (SCORE, BASELINE): "score of the baseline",
    (GAIN, BASELINE_2018): "gain of nothing",
    (GAIN, BASELINE): "larger gain",
    (MULTIPLIER, TRANSFER): "label value",
}


def training_of(design: Design, kind: str) -> tuple[int, ...]:
    """Return how many images of each class a study of a design trains on at fraction 1."""
    if kind == SPLIT:
        return tuple(images - images // 4 for images in design.images)
    return tuple(images - 2 * -(-images // 6) for images in design.images)


def selecting_of(design: Design, kind: str) -> tuple[int, ...]:
    """Return how many images of each class select in a study."""
    return tuple(images // 4 // 2 if kind == SPLIT else images // 6 for images in design.images)


def truth(design: Design, kind: str, draws: int) -> pd.DataFrame:
    """Return what scores, gains and label values would be with endless images.

    Args:
        design: of the studies.
        kind: of the studies.
        draws: independent training sets for each number of labels.

    Returns:
        Columns fraction, quantity, method (the reference for gains) and truth.
    """
    full, selecting = np.array(training_of(design, kind)), selecting_of(design, kind)

    def scores(of: Design, fraction: float) -> tuple[float, dict[str, float]]:
        counts = tuple(map(int, fraction * full + 0.5))
        found = simulated.true_scores(of, counts, selecting, draws)
        return float(np.mean(counts)), found

    rows, curve, reached = [], {}, []
    for fraction in FRACTIONS:
        labels, found = scores(design, fraction)
        # Both see through the same noise.
        found[TRANSFER] = found[BASELINE_2018] = (found[TRANSFER] + found[BASELINE_2018]) / 2
        rows += [(fraction, SCORE, method, score) for method, score in found.items()]
        rows += [(fraction, GAIN, name, found[TRANSFER] - found[name]) for name in REFERENCES]
        curve[labels] = found[BASELINE]
        reached.append((fraction, labels, found[TRANSFER]))
    baseline = replace(design, noise={BASELINE: design.noise[BASELINE]})
    for fraction in np.geomspace(1 / min(full), LONGEST, 10):
        labels, found = scores(baseline, fraction)
        curve.setdefault(labels, found[BASELINE])
    at = np.array(sorted(curve))
    heights = np.maximum.accumulate([curve[labels] for labels in at])
    for fraction, labels, score in reached:
        same = np.exp(np.interp(score, heights, np.log(at)))
        rows.append((fraction, MULTIPLIER, TRANSFER, same / labels))
    return pd.DataFrame(rows, columns=["fraction", "quantity", "method", "truth"])


def told(study: simulated.Study) -> pd.DataFrame:
    """Return what one study tells, with an interval each.

    Returns:
        Columns fraction, quantity, method (the reference for gains), estimate, low, high, and for
        gains `outcome`, for scores `may_be_best`.
    """
    scores, gains, values = study.scores(), study.gains(), study.label_value()
    gains = gains[gains["method"] == TRANSFER]
    parts = [
        (SCORE, scores, scores["method"], ["mean", "ci_low", "ci_high"]),
        (GAIN, gains, gains["reference"], ["absolute_gain", "absolute_low", "absolute_high"]),
        (
            MULTIPLIER,
            values[values["method"] == TRANSFER],
            TRANSFER,
            ["multiplier", "multiplier_low", "multiplier_high"],
        ),
    ]
    rows = [
        pd.DataFrame(
            {
                "fraction": table["fraction"],
                "quantity": quantity,
                "method": method,
                **dict(zip(["estimate", "low", "high"], table[columns].to_numpy().T, strict=True)),
                "outcome": table.get("outcome", ""),
                "may_be_best": table.get("may_be_best", False),
            }
        )
        for quantity, table, method, columns in parts
    ]
    return pd.concat(rows, ignore_index=True)


def tell(design: Design, kind: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Return what several studies tell, see `told`, in a single thread."""
    made = []
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            study = simulated.study(design, kind == CROSS_FITTED, seed, Path(folder))
            made.append(told(study).assign(study=seed))
    names = {"design": design.name, "kind": kind}
    return pd.concat(made, ignore_index=True).assign(**names)


def summarized(made: pd.DataFrame, truths: pd.DataFrame) -> pd.DataFrame:
    """Return how the studies' intervals compare with the truth.

    Args:
        made: see `told`, with design, kind and study.
        truths: see `truth`, with design and kind.

    Returns:
        One row per design, kind, fraction, quantity and method: truth, studies, mean (of the
        estimates, the median for label values), covered (the share of intervals that contain the
        truth; no interval does not), half_width (mean), none (share without an interval), the
        shares of the outcomes, claimed (whether the studies told better or worse at any fraction)
        and set (for scores: the share of studies whose `may_be_best` holds the method).
    """
    made = made.merge(truths, on=NAMES)
    within = (made["low"] <= made["truth"] + 1e-12) & (made["truth"] - 1e-12 <= made["high"])
    made = made.assign(
        covered=within,
        half_width=(made["high"] - made["low"]) / 2,
        none=made["low"].isna(),
        **{outcome: made["outcome"] == outcome for outcome in (BETTER, EQUAL, WORSE)},
    )
    anywhere = [*(name for name in NAMES if name != "fraction"), "study"]
    made["claimed"] = (
        (made[BETTER] | made[WORSE]).groupby([made[n] for n in anywhere]).transform("any")
    )
    groups = made.groupby(NAMES, sort=False)
    table = groups[
        ["truth", "covered", "half_width", "none", BETTER, EQUAL, WORSE, "claimed", "may_be_best"]
    ].mean()
    table.insert(1, "studies", groups["study"].nunique())
    table.insert(2, "mean", groups["estimate"].median())
    table = table.rename(columns={"may_be_best": "set"}).reset_index()
    cells = [(design.name, kind) for design, kind in itertools.product(DESIGNS, KINDS)]
    place = [cells.index(names) for names in zip(table["design"], table["kind"], strict=True)]
    return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def parts(studies: int, size: int = 5) -> Iterator[tuple[Design, str, Sequence[int]]]:
    """Yield the studies in parts of about the same cost, the designs in turn."""
    for first in range(0, studies, size):
        for design, kind in itertools.product(DESIGNS, KINDS):
            yield design, kind, range(first, min(first + size, studies))


# --- the page


def page(text: str, table: pd.DataFrame) -> str:
    """Return the text of docs/validity.md with its numbers written from the table."""
    for name, section in SECTIONS.items():
        text = with_section(text, f"coverage: {name}", section(table))
    return text


def write(table: pd.DataFrame) -> None:
    """Write the table, the numbers of the page and its figure."""
    table.round(4).to_csv(TABLE, index=False)
    written = pd.read_csv(TABLE)
    PAGE.write_text(page(PAGE.read_text(), written))
    draw(written, FIGURE)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def coverage(table: pd.DataFrame) -> str:
    """Return how often intervals contain the truth, one row per design, kind and fraction."""
    lines = []
    for (design, kind, fraction), own in table.groupby(NAMES[:3], sort=False):
        rows = own.set_index(["quantity", "method"])
        cells = [_coverage_cell(rows.loc[column], column[0]) for column in COLUMNS]
        lines.append([design, kind, f"{fraction:g}", *cells])
    return _markdown(["images", "scored by", "fraction", *COLUMNS.values()], lines)


def _coverage_cell(row: pd.Series, quantity: str) -> str:
    """Return "96 % (± 8.1)"; without the half-width for a label value, whose end may be open."""
    if row["none"] > 0.5:
        return "no interval"
    half = "" if quantity == MULTIPLIER else f" (± {_points(row['half_width'])})"
    return _percent(row["covered"]) + half


def power(table: pd.DataFrame) -> str:
    """Return how often a gain is found, one row per design, kind and fraction."""
    lines = []
    gains = table[table["quantity"] == GAIN]
    for (design, kind, fraction), own in gains.groupby(NAMES[:3], sort=False):
        of_method = own.set_index("method")
        cells = [
            f"{_percent(of_method.loc[name, BETTER])} (of {_points(of_method.loc[name, 'truth'])})"
            for name, gain in REFERENCES.items()
            if gain
        ]
        lines.append([design, kind, f"{fraction:g}", *cells])
    head = ["images", "scored by", "fraction"]
    return _markdown([*head, "smaller gain found", "larger gain found"], lines)


def claims(table: pd.DataFrame) -> str:
    """Return how often studies claim what is not so, one row per design and kind."""
    lines = []
    for (design, kind), own in table.groupby(NAMES[:2], sort=False):
        gains, scores = (own[own["quantity"] == each].set_index("method") for each in (GAIN, SCORE))
        claimed = gains.loc[[BASELINE_2018], "claimed"].iloc[0]
        wrong = gains.drop(BASELINE_2018)[WORSE].max()
        kept = scores.loc[[TRANSFER, BASELINE_2018], "set"].min()
        studies = str(own["studies"].iloc[0])
        lines.append([design, kind, studies, *map(_percent, (claimed, wrong, kept))])
    head = ["images", "scored by", "studies", "claim without a gain"]
    return _markdown([*head, "'worse' despite a gain", "the best among those that may be"], lines)


def summary(table: pd.DataFrame) -> str:
    """Return the range of the coverage of each kind in a sentence."""
    sentences = []
    for kind, own in table[table["none"] <= 0.5].groupby("kind", sort=False):
        ranges = ", ".join(
            f"of a {quantity} {_percent(found.min())} to {_percent(found.max())}"
            for quantity, found in own.groupby("quantity", sort=False)["covered"]
        )
        sentences.append(f"- With {kind}, the intervals contain the truth in this share: {ranges}.")
    studies = int(table["studies"].min())
    chance = 200 * (0.95 * 0.05 / studies) ** 0.5
    sentences.append(
        f"- Each share is that of {studies} studies. One that is truly 95 % may show as "
        f"{chance:.0f} points less or more, and with this many shares, a few do."
    )
    return "\n".join(sentences) + "\n"


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw how often intervals contain the truth: one dot per design, fraction and method."""
    quantities = list(dict.fromkeys(table["quantity"]))
    figure, axes = plt.subplots(1, len(KINDS), figsize=(8, 2.6), sharey=True, layout="constrained")
    for axis, kind in zip(axes, KINDS, strict=True):
        own = table[(table["kind"] == kind) & (table["none"] <= 0.5)]
        axis.axhspan(93, 98, color="0.9", label="goal")
        axis.axhline(95, color="0.6", linewidth=1)
        for place, quantity in enumerate(quantities):
            shares = 100 * own.loc[own["quantity"] == quantity, "covered"].to_numpy()
            beside = np.linspace(-0.3, 0.3, len(shares))
            axis.plot(place + beside, shares, "o", markersize=4, color="C0")
        axis.set(title=kind, xticks=range(len(quantities)), xticklabels=quantities, ylim=(79, 101))
    axes[0].set_ylabel("intervals that contain\nthe truth (%)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


SECTIONS = {"summary": summary, "coverage": coverage, "claims": claims, "power": power}


def main() -> None:
    """Simulate the studies; print the tables, or write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=150)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cells = list(itertools.product(DESIGNS, KINDS))
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        found = [pool.submit(truth, *cell, options.draws) for cell in cells]
        made = [pool.submit(tell, *part) for part in parts(options.studies)]
        truths = pd.concat(
            each.result().assign(design=design.name, kind=kind)
            for each, (design, kind) in zip(found, cells, strict=True)
        )
        studies = pd.concat([each.result() for each in made], ignore_index=True)
    table = summarized(studies, truths)
    if options.write:
        write(table)
    else:
        for section in SECTIONS.values():
            print(section(table))


if __name__ == "__main__":
    main()
