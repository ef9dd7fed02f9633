"""The numbers of README.md and docs/, written from the tables of a finished study.

`python -m transfer_gain.reporting.pages results/tables` copies the tables that the pages need to
docs/results/, then rewrites every generated block of the pages. Without a folder it only rewrites.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from transfer_gain.evaluation import few_shot_tables
from transfer_gain.evaluation.statistics import SIGNIFICANT
from transfer_gain.few_shot.tasks import SEEN, UNSEEN
from transfer_gain.methods import records
from transfer_gain.methods.records import TRANSFER
from transfer_gain.metrics import ACCURACY, Metric
from transfer_gain.names import EPOCH_IS_BATCH, FIRST, SECOND, TRANSFER_AUGMENTED, TRANSFER_EXTENDED
from transfer_gain.reporting import answer, compare_2018, words

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "docs" / "results"
PAGES = tuple(
    ROOT / page
    for page in (
        "README.md",
        "docs/results.md",
        "docs/reproducing-2018.md",
        "docs/tutorial-own-images.md",
    )
)
# What the study of solar cells answered: a copy of its `answer.txt`.
SOLAR_CELLS = ROOT / "docs" / "solar-cells-answer.txt"
COPIED = ("accuracy", "best_heads", "classes", "fractions", "gains", "hypotheses", "label_value")
TABLES = (*COPIED, "one_shot", "one_shot_summary")
PROVENANCE, ANSWER = "provenance.json", "answer.txt"
BLOCK = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

# Approach and classes of the columns of the one-shot table.
ONE_SHOT = {
    (FIRST, UNSEEN): "unseen classes",
    (FIRST, SEEN): "classes of training",
    (SECOND, UNSEEN): "second approach",
}
Tables = Mapping[str, Any]


def keep(tables: Path, results: Path = RESULTS) -> None:
    """Copy what the pages need from a finished study.

    Args:
        tables: the study's folder `tables`; its RO-Crate lies beside that.
        results: receives a CSV file per table, `answer.txt` and `provenance.json`.
    """
    results.mkdir(exist_ok=True)
    shutil.copyfile(tables.parent / ANSWER, results / ANSWER)
    for name in (*COPIED, "one_shot_summary"):
        shutil.copyfile(tables / f"{name}.csv", results / f"{name}.csv")
    rows = compare_2018.comparable_one_shot(_read_csv(tables / "one_shot.csv"))
    rows.to_csv(results / "one_shot.csv", index=False)
    crate = json.loads((tables.parent / "ro-crate-metadata.json").read_text())
    entries = {entry["@id"]: entry for entry in crate["@graph"]}
    provenance = {
        "commit": entries["#workflow"]["version"],
        "date": entries["#run"]["endTime"][:10],
        "processor": entries["#machine-processor"]["value"],
        "precision": entries["#precision-precision"]["value"],
    }
    (results / PROVENANCE).write_text(json.dumps(provenance, indent=2) + "\n")


def read(results: Path = RESULTS) -> Tables:
    """Return the tables that `keep` copied, by name, `answer` (its lines) and `provenance`."""
    tables: dict[str, Any] = {name: _read_csv(results / f"{name}.csv") for name in TABLES}
    tables["label_value"]["relation"] = tables["label_value"]["relation"].fillna("")
    tables["answer"] = (results / ANSWER).read_text().splitlines()
    return tables | {"provenance": json.loads((results / PROVENANCE).read_text())}


def fill(page: str, tables: Tables) -> str:
    """Return a page with its generated blocks written from the tables."""
    return BLOCK.sub(lambda block: block[1] + BLOCKS[block[2]](tables) + block[3], page)


def strongest_backbone(tables: Tables, metric: Metric, dataset: str) -> str:
    """Return the trained backbone from which transfer is best on average.

    The average is over the fractions that all backbones share. Backbones with random weights are
    controls and have no row in `hypotheses`.
    """
    trained = _rows(tables["hypotheses"], dataset=dataset)["backbone"].unique()
    rows = _rows(tables[metric.name], dataset=dataset, method=TRANSFER)
    means = rows[rows["backbone"].isin(trained)].pivot(
        index="fraction", columns="backbone", values="mean"
    )
    return (metric.sign * means[trained].dropna().mean()).idxmax()


def findings(tables: Tables) -> str:
    """Return a list: the gain and the value of a label on each dataset, and one-shot accuracy."""
    lines = []
    for dataset in tables["accuracy"]["dataset"].unique():
        named = {
            "dataset": dataset,
            "backbone": strongest_backbone(tables, ACCURACY, dataset),
        }
        gains = _rows(tables["hypotheses"], **named, hypothesis="H1").sort_values("fraction")
        values = _rows(tables["label_value"], **named, method=TRANSFER)
        values = values.sort_values("fraction")
        labels = [words.count(count) for count in values["labels"]]
        points = [words.points(gain) for gain in gains["estimate"]]
        worth = [
            f"{relation} {words.times(times)}".strip()
            for relation, times in values[["relation", "multiplier"]].to_numpy()
        ]
        lines.append(
            f"- **{dataset}**: at {words.listed(labels)} images per class, transfer gains "
            f"{words.listed(points)} percentage points over training from scratch. One label with "
            f"transfer replaces {words.listed(worth)} labels from scratch."
        )
    return "\n".join([*lines, _one_shot_finding(tables["one_shot_summary"])]) + "\n"


def _one_shot_finding(summary: pd.DataFrame) -> str:
    rows = summary[(summary["approach"] == FIRST) & (summary["classes"] == UNSEEN)]
    siamese = rows[rows["method"] == few_shot_tables.SIAMESE]
    siamese, best = (each.loc[each["accuracy"].idxmax()] for each in (siamese, rows))
    return (
        f"- **One-shot learning** on unseen classes (chance {words.accuracy(best['chance'])}): the "
        f"2018 paper's Siamese network solves {words.accuracy(siamese['accuracy'])} of the tasks. "
        f"The best method, `{best['method']}`, solves {words.accuracy(best['accuracy'])}. The best "
        f"control, `{best['control']}`, solves {words.accuracy(best['control_accuracy'])} without "
        "training."
    )


def accuracy(tables: Tables) -> str:
    """Return the accuracy of every method, one row per dataset and fraction.

    The most accurate method of a row is bold, as are those not significantly different from it.
    """
    rows = records.ranked(_rows(tables["accuracy"]))
    rows = rows.sort_values(
        "method", key=lambda names: [records.method(name).position for name in names], kind="stable"
    )
    near = (rows["behind_best"] == 0) | (rows["behind_p_holm"] >= SIGNIFICANT)
    rows = rows.assign(
        column=list(map(_heading, rows["method"], rows["backbone"])),
        cell=list(map(_mean, rows["mean"], rows["ci_low"], rows["ci_high"])),
        bold=near & (rows["replicates"] > 1),
    )
    return _by_fraction(rows, tables)


def gains(tables: Tables) -> str:
    """Return the gain of transfer over each reference, one row per dataset and fraction."""
    rows = _rows(tables["gains"])
    of_transfer = rows["method"] == TRANSFER
    of_copies = (rows["method"] == TRANSFER_AUGMENTED) & (rows["reference"] == TRANSFER_EXTENDED)
    trained = tables["hypotheses"]["backbone"].unique()
    rows = rows[(of_transfer | of_copies) & rows["backbone"].isin(trained)]
    columns = ["absolute_gain", "absolute_low", "absolute_high"]
    rows = rows.assign(
        column=[
            f"{_heading(method, backbone)} over {records.method(reference).label}"
            for method, backbone, reference in rows[["method", "backbone", "reference"]].to_numpy()
        ],
        cell=[
            words.points(gain) + words.interval(low, high, words.points)
            for gain, low, high in rows[columns].to_numpy()
        ],
        bold=rows["p_holm"] < SIGNIFICANT,
    )
    return _by_fraction(rows, tables)


def one_shot_accuracy(tables: Tables) -> str:
    """Return the one-shot accuracy of every method after its training, one row per method.

    Methods that are significantly better than the strongest control are bold.
    """
    rows = tables["one_shot_summary"]
    rows = rows.assign(
        row=[_training(row) for _, row in rows.iterrows()],
        column=list(map(ONE_SHOT.get, zip(rows["approach"], rows["classes"], strict=True))),
        cell=list(map(_mean, rows["accuracy"], rows["ci_low"], rows["ci_high"])),
        bold=(rows["p_holm"] < SIGNIFICANT) & (rows["difference"] > 0),
    )
    rows = rows.dropna(subset="column")
    order = sorted(rows["row"].unique(), key=lambda name: name not in few_shot_tables.CONTROLS)
    cells = _cells(rows, "row").reindex(index=order, columns=list(ONE_SHOT.values()))
    return _table(["method", *cells], [[name, *row] for name, row in _lines(cells)])


def _training(row: pd.Series) -> str:
    """Return a method's name; for the Siamese network also how long it was trained."""
    if row["method"] != few_shot_tables.SIAMESE:
        return row["method"]
    unit = {EPOCH_IS_BATCH: "batches"}.get(row["epoch_unit"], "passes in batches")
    return f"{row['method']}, {row['epochs']} {unit} of {row['batch']} pairs"


def comparison(tables: Tables) -> str:
    """Return our values beside those of the 2018 paper."""
    return compare_2018.compare(tables)


def quoted_answer(tables: Tables) -> str:
    """Return the study's answer as a quotation, without the place of its report."""
    return _quoted(line for line in tables["answer"] if not line.startswith("The report: "))


def solar_cells(tables: Tables) -> str:
    """Return the answer of the study of solar cells as a quotation."""
    return _quoted(SOLAR_CELLS.read_text().splitlines())


def solar_cells_advice(tables: Tables) -> str:
    """Return what that answer opens with as a quotation."""
    return _quoted(SOLAR_CELLS.read_text().splitlines()[:1])


def _quoted(sentences: Iterable[str]) -> str:
    return "\n>\n".join(f"> {sentence}" for sentence in sentences) + "\n"


def provenance(tables: Tables) -> str:
    """Return a sentence on the study that the numbers come from."""
    made = tables["provenance"]
    return (
        f"Commit `{made['commit']}` made these results on {made['date']}, on one machine "
        f"({made['processor']}; precision {made['precision']}).\n"
    )


BLOCKS: dict[str, Callable[[Tables], str]] = {
    "accuracy": accuracy,
    "answer": quoted_answer,
    "comparison": comparison,
    "findings": findings,
    "gains": gains,
    "one-shot": one_shot_accuracy,
    "provenance": provenance,
    "solar-cells": solar_cells,
    "solar-cells-advice": solar_cells_advice,
}


def _read_csv(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, keep_default_na=False, na_values=[""])


def _rows(table: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows of protocol held-out that have these values."""
    wanted = {"protocol": answer.PROTOCOL, **values}
    return table[(table[list(wanted)] == list(wanted.values())).all(axis=1)]


def _heading(method: str, backbone: str) -> str:
    return words.method(method, backbone).removeprefix("the ")


def _mean(mean: float, low: float, high: float) -> str:
    """Return "0.853 ± 0.011", half of the interval after the mean; "0.853" without interval."""
    half = "" if pd.isna(low) else f" ± {words.accuracy((high - low) / 2)}"
    return words.accuracy(mean) + half


def _by_fraction(rows: pd.DataFrame, tables: Tables) -> str:
    """Return a table with one row per dataset and fraction, from rows as `_cells` takes them."""
    place = ["dataset", "fraction"]
    known = _rows(tables["accuracy"]).groupby(place, sort=False)[["labels", "replicates"]].max()
    cells = _cells(rows, place)
    lines = []
    for dataset in rows["dataset"].unique():
        for fraction in sorted(rows.loc[rows["dataset"] == dataset, "fraction"].unique()):
            about = known.loc[(dataset, fraction)]
            told = [dataset, words.count(about["labels"]), str(about["replicates"])]
            lines.append([*told, *cells.loc[(dataset, fraction)]])
    return _table(["dataset", "images per class", "replicates", *cells], lines)


def _cells(rows: pd.DataFrame, index: str | list[str]) -> pd.DataFrame:
    """Return texts by row and column, from columns `column`, `cell` and `bold`."""
    text = rows["cell"].where(~rows["bold"], "**" + rows["cell"] + "**")
    cells = rows.assign(cell=text).pivot(index=index, columns="column", values="cell")
    return cells[list(rows["column"].unique())].fillna("")


def _lines(cells: pd.DataFrame) -> list[tuple[str, list[str]]]:
    return list(zip(cells.index, cells.fillna("").to_numpy().tolist(), strict=True))


def _table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: list[str]) -> None:
    """Copy the tables of a study, if its folder is given; rewrite the pages."""
    if arguments:
        keep(Path(arguments[0]))
    tables = read()
    for page in PAGES:
        page.write_text(fill(page.read_text(), tables))


if __name__ == "__main__":
    main(sys.argv[1:])
