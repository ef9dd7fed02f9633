"""Compare a study with the 2018 paper: one Markdown table of our values next to the paper's."""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from transfer_gain.data import store
from transfer_gain.evaluation import few_shot_tables, statistics
from transfer_gain.evaluation.published import PUBLISHED
from transfer_gain.few_shot.tasks import UNSEEN
from transfer_gain.methods import records
from transfer_gain.names import EPOCH_IS_BATCH
from transfer_gain.reporting import words

ONE_SHOT_KEYS = ["approach", "batch", "epochs"]
TABLES = ("accuracy", "best_heads", "gains", "one_shot")

HEAD = (
    "| table of the paper | dataset | fraction | what | published | ours | difference |\n"
    "|---|---|---|---|---|---|---|"
)


def compare(tables: Mapping[str, pd.DataFrame]) -> str:
    """Return a Markdown row for every published value, under protocol "same-images".

    Args:
        tables: `accuracy`, `best_heads` and `gains` of a study whose metric is accuracy, as the
            paper's; `one_shot` if the study has it.
    """
    return "\n".join([HEAD, *_rows(tables)]) + "\n"


def _rows(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    best = tables["best_heads"].query("protocol == 'same-images'")
    for _, row in best.dropna(subset="published_learning_rate").iterrows():
        yield _row("3", row, "best head", "validation_accuracy", "published_validation_accuracy")
        yield (
            f"| 3 | {row['dataset']} | {100 * row['fraction']:g} % | its learning rate | "
            f"{row['published_learning_rate']:g} | {row['learning_rate']:g} | |"
        )
    for _, row in tables["accuracy"].dropna(subset="published").iterrows():
        yield _row("4", row, records.method(row["method"]).label, "mean", "published")
    for _, row in tables["gains"].dropna(subset="published_relative_gain").iterrows():
        over = f"over {records.method(row['reference']).label}"
        yield _row("5", row, f"RG {over}", "relative_gain", "published_relative_gain", "relative")
        yield _row("5", row, f"AG {over}", "absolute_gain", "published_absolute_gain", "absolute")

    if "one_shot" in tables:
        yield from _one_shot_rows(tables["one_shot"])


def comparable_one_shot(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of table `one_shot` that section 4.2.3 has a value for, other images aside.

    They are the Siamese network's on unseen classes, after as many batches as the paper's.
    """
    ours = {
        "method": few_shot_tables.SIAMESE,
        "epoch_unit": EPOCH_IS_BATCH,
        "classes": UNSEEN,
    }
    rows = rows[(rows[list(ours)] == list(ours.values())).all(axis=1)]
    theirs = few_shot_tables.read_published(PUBLISHED)[ONE_SHOT_KEYS]
    return rows.merge(theirs, on=ONE_SHOT_KEYS)


def _one_shot_rows(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of section 4.2.3: other images, the same number of tasks."""
    rows = comparable_one_shot(rows)
    for _, theirs in few_shot_tables.read_published(PUBLISHED).iterrows():
        own = rows[(rows[ONE_SHOT_KEYS] == theirs[ONE_SHOT_KEYS]).all(axis=1)]
        if own.empty:
            continue
        mean, low, high = statistics.accuracy_interval(own["accuracy_320"])
        ends = sorted({f"{theirs['low']:.2f}", f"{theirs['high']:.2f}"})
        yield (
            f"| 4.2.3 | {own['tested_on'].iloc[0]}, not FERG-DB | | one-shot, {theirs['approach']} "
            f"approach, {theirs['batch']} pairs, epoch {theirs['epochs']} | {' to '.join(ends)} | "
            f"{words.accuracy(mean)}{words.interval(low, high, words.accuracy)} | |"
        )


def _row(table: str, row: pd.Series, what: str, ours: str, published: str, ends: str = "ci") -> str:
    """Return a Markdown row: a published value, and ours with its interval."""
    interval = words.interval(row[f"{ends}_low"], row[f"{ends}_high"], words.accuracy)
    line = (
        f"| {table} | {row['dataset']} | {100 * row['fraction']:g} % | {what} | "
        f"{row[published]:g} | {words.accuracy(row[ours])}{interval} | "
        f"{row[ours] - row[published]:+.3f} |"
    )
    return re.sub(r"(?<=[ \[])-(?=\d)", words.MINUS, line)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    files = {name: folder / f"{name}.parquet" for name in TABLES}
    found = {name: store.read_rows(file) for name, file in files.items() if file.exists()}
    print(compare(found), end="")
