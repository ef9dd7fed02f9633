"""What choosing among several learning rates brings, from the runs of finished studies.

In each split, the rate with the highest score on the selection images is taken, as the study does,
and its score on the test images is compared with that of the best of all the rates that were
trained. Nothing is trained here.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import side_by_side
from run import with_section
from side_by_side import CHECKOUT
from transfer_gain.methods.records import TRANSFER
from transfer_gain.names import AUGMENTATION, BASELINE

PAGE = CHECKOUT / "docs/methods.md"
TRAINED = (0.01, 0.001, 0.0001)
FEWER = ((0.01, 0.001), (0.001, 0.0001), (0.001,))
COLUMNS = ["dataset", "backbone", "precision", "method", "fraction", "layers", "activation"]
# Equal to accuracy where all classes have as many images.
METRIC = "balanced_accuracy"


def selected(runs: pd.DataFrame, rates: Sequence[float]) -> float:
    """Return the mean score, in points, of each split's best of some learning rates.

    Args:
        runs: one row per split and learning rate.
        rates: the rates to choose from; the first one wins a tie.
    """
    wide = runs.pivot(index="learning_rate", columns="replicate")
    selection, test = (wide[f"{role}_{METRIC}"].loc[list(rates)] for role in ("selection", "test"))
    best = selection.to_numpy().argmax(axis=0)
    return 100 * float(np.mean(test.to_numpy()[best, np.arange(test.shape[1])]))


def compare(runs: pd.DataFrame) -> Iterator[dict]:
    """Yield, for each place where all rates were trained, what fewer of them change in points."""
    runs = runs[(runs["run"] == "grid") & runs["method"].isin([BASELINE, AUGMENTATION, TRANSFER])]
    for place, group in runs.groupby(COLUMNS, observed=True):
        if set(group["learning_rate"]) >= set(TRAINED):
            named = dict(zip(COLUMNS, place, strict=True))
            every = selected(group, TRAINED)
            yield named | {rates: selected(group, rates) - every for rates in FEWER}


def section(folders: Sequence[Path]) -> str:
    """Return, per method and choice of rates, the mean difference with its standard error."""
    tables = [pd.read_parquet(folder / "tables/runs.parquet") for folder in folders]
    found = pd.DataFrame([row for runs in tables for row in compare(runs)])
    cells = [
        [str(method), str(len(rows))]
        + [f"{rows[fewer].mean():+.2f} ± {rows[fewer].sem():.2f}" for fewer in FEWER]
        for method, rows in found.groupby("method", observed=True)
    ]
    chosen = [", ".join(map(str, fewer)) for fewer in FEWER]
    return side_by_side.table(["method", "places", *chosen], cells)


def main() -> None:
    """Print the table, and write it into docs/methods.md if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="folders of finished studies")
    parser.add_argument("--write", action="store_true", help="write into docs/methods.md")
    options = parser.parse_args()
    text = section(options.results)
    print(text)
    if options.write:
        PAGE.write_text(with_section(PAGE.read_text(), "learning rates", text))


if __name__ == "__main__":
    main()
