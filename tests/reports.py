"""A report of made-up runs, and what holds of every report in a browser."""

import base64
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import studies
from transfer_gain.config.loading import complete, load
from transfer_gain.evaluation import comparison
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting import advice, report
from transfer_gain.reporting.figures.confusion import plot_confusion
from transfer_gain.reporting.figures.decision import plot_decision
from transfer_gain.reporting.figures.gains import plot_gains
from transfer_gain.reporting.figures.grid import plot_grid
from transfer_gain.reporting.figures.label_value import plot_label_value
from transfer_gain.reporting.figures.learning_curves import plot_learning_curves
from transfer_gain.reporting.figures.style import save
from transfer_gain.runtime.planned_cost import planned_costs

CLASSES = {"clothes": ["t-shirt", "kurta & été"], "avatars": ["anger", "<joy>"]}
CONFIG = complete({})
FACTS = {
    "config": CONFIG,
    "raw": ["tables/runs.csv"],
    "classes": CLASSES,
    "provenance": {"Precision": "float32", "Code": "0" * 40},
    "planned_costs": pd.DataFrame(planned_costs(load({}), {})),
}


def made(kind: str, content, **wildcards: str) -> report.ReportItem:
    """Return a figure or table as the workflow hands it over."""
    name = "_".join([kind, *wildcards.values()])
    ending, folder = (".svg", "figures") if isinstance(content, str) else (".csv", "tables")
    return report.ReportItem(
        name=name,
        kind=kind,
        path=f"{folder}/{name}{ending}",
        rule=f"make_{kind}",
        script=f"workflow/scripts/make_{kind}.py",
        wildcards=wildcards,
        content=content,
        caption=f"Caption of {name}.",
    )


@cache
def tables() -> list[report.ReportItem]:
    """Return the tables of a study of two datasets."""
    rows = {name: studies.table_of_study(name) for name in studies.TABLES}
    best = (
        rows["accuracy"]
        .query("method == 'transfer'")
        .rename(columns={"mean": "validation_accuracy"})
    )
    rows["best_heads"] = best.assign(layers="100-50", activation="elu", learning_rate=0.01)
    held_out = rows["accuracy"].query("protocol == 'held-out'")
    jobs = held_out[["dataset", "backbone", "fraction", "method"]].assign(rule="train_head")
    passes = jobs[["dataset", "backbone"]].drop_duplicates().assign(rule="extract_features")
    cost = pd.concat([jobs, passes]).assign(protocol="", seconds=1.5, cpu_seconds=1.0)
    rows["cost"] = cost.assign(max_rss_mb=[100.0, np.nan] * (len(cost) // 2))
    rows["fractions"] = pd.DataFrame(
        {
            "dataset": np.repeat(list(CLASSES), len(studies.LABELS)),
            "fraction": [*studies.LABELS] * len(CLASSES),
            "training_samples": [7 * labels for labels in studies.LABELS.values()] * len(CLASSES),
            "replicates": 3,
            "validation_samples": 7000,
            "chance": 1 / 7,
        }
    )
    rows |= studies.of_images(CLASSES)
    rows |= studies.of_mistakes(studies.study(), rows["accuracy"])
    rows["extra"] = pd.DataFrame({"a<b": range(500)})
    return [made(name, table) for name, table in rows.items()]


def runs() -> pd.DataFrame:
    """Return rows of heads, of the grid and longer ones."""
    rows = studies.runs_of({0.01: 2, 0.1: 2})
    rows = rows.assign(method="transfer", protocol="same-images")
    return pd.concat([rows.assign(run="grid"), rows.assign(run="long")])


def drawings(folder: Path) -> list[report.ReportItem]:
    """Return figures of both datasets, by both protocols."""
    rows = {table.name: table.content for table in tables()}
    drawn = []

    def draw(figure, kind: str, **wildcards: str) -> None:
        path = folder / f"{kind}.svg"
        save(figure, path)
        drawn.append(made(kind, path.read_text(), **wildcards))

    for dataset in CLASSES:
        for protocol in comparison.tables.selection.PROTOCOLS:
            where = {"dataset": dataset, "protocol": protocol}

            def of(name: str, where=where) -> pd.DataFrame:
                same = rows[name][list(where)] == list(where.values())
                return rows[name][same.all(axis=1)]

            curves = plot_learning_curves(of("accuracy"), 1 / 7, ACCURACY, of("forecast"))
            draw(curves, "learning_curves", **where)
            draw(plot_gains(of("gains"), ACCURACY), "gains", **where)
            draw(plot_label_value(of("label_value"), ACCURACY), "label_value", **where)
        shown = advice.standing(rows, ACCURACY, dataset).methods()
        # The protocol of the last round is held-out.
        decision = plot_decision(of("accuracy"), of("forecast"), shown, 1 / 7, ACCURACY)
        draw(decision, "decision", dataset=dataset)
    of_clothes = rows["confusion"].query("dataset == 'clothes'")
    draw(plot_confusion(of_clothes), "confusion", dataset="clothes")
    draw(plot_grid(runs(), 1 / 7, ACCURACY), "grid", dataset="clothes", backbone="vgg16")
    draw(studies.samples(), "samples", dataset="clothes")
    return drawn


def render(folder: Path, **facts) -> str:
    """Return a whole report."""
    return report.render(drawings(folder), tables(), runs(), ACCURACY, FACTS | facts)


def assert_readable(browser, file: Path, width: int, scheme: str = "light") -> None:
    """Fail where a page complains, asks for anything, is too wide or is not accessible.

    Args:
        browser: of Playwright's.
        file: the page.
        width: of the screen, pixels.
        scheme: "light" or "dark".
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in violations] == []
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    page.close()


def said(html: str) -> str:
    """Return a page with the tables that it brings along as files."""
    files = re.findall(r'href="data:text/csv;base64,([^"]*)"', html)
    return html + "".join(base64.b64decode(file).decode() for file in files)
