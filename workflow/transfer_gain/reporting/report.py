"""The report of a study: one self-contained HTML file, written from its tables and figures."""

import base64
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from transfer_gain.data import store
from transfer_gain.methods import records
from transfer_gain.metrics import Metric
from transfer_gain.names import SAME_IMAGES
from transfer_gain.reporting import (
    advice,
    alt_text,
    answer,
    few_shot_sentences,
    findings,
    looked_at,
    metric_display,
    option_rows,
    terms,
)
from transfer_gain.reporting.sharing import NOT_SHARED, Sharing

TEMPLATES = Path(__file__).parent / "templates"
LARGE = 400  # a table with more rows is linked instead of embedded
SCORES = "scores"  # kind of the table that is named after the metric


class ReportItem(NamedTuple):
    """A file of the study: a figure (SVG) or a table, and how it was made."""

    name: str  # such as "gains" or "gains_clothes_held-out"
    kind: str  # the same without wildcards: "gains"
    path: str  # relative to the report
    rule: str
    script: str
    wildcards: Mapping[str, str]
    content: str | pd.DataFrame
    caption: str = ""


class Section(NamedTuple):
    """A part of the report, and the kinds of figures and tables that it shows if they exist.

    `{metric}` and `{metrics}` in a text stand for the metric's words.
    """

    name: str
    title: str
    text: str
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


# In the order of the report. Figures and tables that no section names appear under "More". Empty
# sections are left out. The figures of the first one stand beside the answer.
SECTIONS = (
    Section("decision", "What should I do?", "", ("decision",)),
    Section(
        "comparison",
        "How do the methods compare?",
        "{metric} on images that neither trained nor selected, against training images per class. "
        "Within a replicate, all methods train on the same images, so that differences are paired.",
        ("learning_curves", "gains"),
        (SCORES, "gains"),
    ),
    Section(
        "more-labels",
        "What will more labels bring?",
        "The learning curves, continued to 2, 3 and 5 times the labels; the smaller fractions must "
        "predict the largest within the error that is to be expected, or nothing is told. And the "
        "value of a label: how many labels per class training from scratch needs to reach the same "
        "{metric}.",
        ("label_value", "next_labels", "to_label"),
        ("options", "forecast", "label_value", "next_labels_test", "next_labels"),
    ),
    Section(
        "mistakes",
        "Where does it go wrong?",
        "Which class the best method takes for which at the largest fraction, the images that it "
        "gets wrong with most confidence (some may have wrong labels), and whether it is as often "
        "right as it is confident. All of it is computed from the same predictions as its "
        "{metric}.",
        ("confusion", "mistakes", "reliability"),
        ("per_class", "confusion", "mistakes", "reliability"),
    ),
    Section(
        "data",
        "Is my data sound?",
        "What the networks see, images that look alike, and what was left out.",
        ("samples", "near_copies", "augmented"),
        ("classes", "fractions", "notes", "near_copies", "skipped", "unlabelled_skipped"),
    ),
    Section(
        "hypotheses",
        "The hypotheses of the 2018 paper",
        "H1: transfer improves {metric}. H2: transfer improves {metric} more when images are few. "
        "Transfer is a small network on frozen features here. One-sided tests on the gain over "
        "training from scratch, with Holm-adjusted p-values; the intervals are not adjusted. H2 "
        "predicts a larger gain at the smallest fraction than at a larger one, and a negative "
        "slope of the gain over fractions.",
        (),
        ("hypotheses",),
    ),
    Section(
        "one-shot",
        "One-shot classification",
        "Each task shows seven candidates: one of the query's class and six of other classes. "
        "Which one is of the query's class? Trained methods are compared with untrained controls "
        "and with chance. Intervals cover initializations, pairs and tasks. They do not cover the "
        "choice of classes: the network always trains on the first ones.",
        ("one_shot", "one_shot_methods", "one_shot_tasks"),
        ("one_shot_summary", "one_shot", "few_shot"),
    ),
    Section(
        "similarity",
        "Similarity of the classes",
        "How far apart classes are, within and between datasets.",
        ("similarity", "class_map", "distance_and_gain"),
        ("similarity",),
    ),
    Section(
        "heads",
        "The heads",
        "All small networks trained on the frozen features, and the selected ones.",
        ("best_heads", "learning_rates", "long_runs", "grid"),
        ("best_heads", "backbone_ranks", "rank_quality"),
    ),
    Section("more", "More", "Other figures and tables of this study.", ("",), ("",)),
    Section(
        "cost",
        "Cost",
        "Jobs per rule, the sum of their running times, and the peak memory of the largest job.",
        ("cost",),
        ("cost",),
    ),
)
BESIDE_ANSWER = SECTIONS[0].name
LAST = ("cost",)  # shown after the provenance, because it differs between runs


def render(
    figures: Sequence[ReportItem],
    tables: Sequence[ReportItem],
    runs: pd.DataFrame,
    metric: Metric,
    facts: Mapping[str, Any],
    sharing: Sharing = NOT_SHARED,
) -> str:
    """Return the report as HTML.

    Args:
        figures: their SVG.
        tables: their rows; the metric's table, `hypotheses` and `label_value` among them.
        runs: rows of table `runs`.
        metric: the metric that is compared.
        facts: `config` (every default filled in), `raw` (paths of the tables that are linked),
            `classes` (names by dataset), `provenance` (descriptions by name) and `planned_costs`
            (see `runtime.planned_cost`).
        sharing: whom the report is for.

    Returns:
        A self-contained page. Everything before the section "provenance", but the times of
        computing beside the options, is identical for the same study, code and precision.
    """
    rows = {table.name: table.content for table in tables}
    rows |= {"runs": runs, "planned_costs": facts["planned_costs"]}
    tables = [
        table._replace(content=cost_by_rule(table.content)) if table.kind == "cost" else table
        for table in tables
    ]
    tables = [
        table._replace(kind=SCORES) if table.name == metric.name else table for table in tables
    ]
    left_out = sharing.left_out()
    figures = [figure for figure in figures if figure.name not in left_out]
    shown = {
        section.name: _section(section, figures, tables, rows, metric, left_out)
        for section in SECTIONS
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = cell
    script = (TEMPLATES / "report.js").read_text()
    details = answer.details(rows, metric)
    beside = shown.pop(BESIDE_ANSWER) or {"figures": []}
    return environment.get_template("report.html").render(
        **facts,
        methods=_described_methods(rows[metric.name], facts["config"], environment),
        metric=metric_display.words(metric),
        openings={name: terms.explained(advice.opening(rows, metric, name)) for name in details},
        options={name: option_rows.shown(rows, metric, name) for name in details},
        beside={each["made"].wildcards["dataset"]: each for each in beside["figures"]},
        answer={
            name: terms.explained([looked_at.looked_at(rows, name), *sentences])
            for name, sentences in details.items()
        },
        caveats=terms.explained([*answer.caveats(rows, metric), *answer.limits(rows)]),
        terms=terms.TERMS,
        notice=sharing.notice(),
        scored_on=answer.scored_on(rows),
        sentences={
            "comparison": [
                *answer.still_learning(rows, metric),
                *answer.beside_the_report(rows, metric),
            ],
            "hypotheses": answer.hypotheses(rows, metric),
            "one-shot": few_shot_sentences.sentences(rows["one_shot_summary"])
            if "one_shot_summary" in rows
            else [],
        },
        sections=[part for name, part in shown.items() if part and name not in LAST],
        last=[part for name, part in shown.items() if part and name in LAST],
        yaml=yaml.safe_dump(facts["config"], sort_keys=False, default_flow_style=None, width=100),
        style=Markup((TEMPLATES / "report.css").read_text()),
        script=Markup(script),
        policy=Markup(content_security_policy(script)),
    )


def content_security_policy(script: str) -> str:
    """Return the policy of a page that loads nothing and runs this script alone.

    Styles may be anywhere, because every figure brings its own.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _described_methods(
    scores: pd.DataFrame, config: Mapping[str, Any], environment: jinja2.Environment
) -> dict[str, str]:
    """Return the description of each method that the study compared, by name."""
    compared = {records.method(name) for name in scores["method"].unique()}
    return {
        method.name: Markup(environment.from_string(method.description).render(config=config))
        for method in records.FOR_DISPLAY
        if method in compared
    }


def caption(template: Path | str, wildcards: Mapping[str, str], metric: Metric) -> str:
    """Return a caption of Snakemake's report as plain text.

    Args:
        template: its file, which may use `snakemake.wildcards` and the parameter `metric_label`.
        wildcards: those of the figure.
        metric: the metric that is compared.
    """
    text = jinja2.Template(Path(template).read_text(), undefined=jinja2.StrictUndefined)
    params = {"metric_label": metric_display.words(metric).noun}
    rendered = text.render(snakemake={"wildcards": wildcards, "params": params})
    return rendered.replace("``", "").strip()


def cost_by_rule(cost: pd.DataFrame) -> pd.DataFrame:
    """Return the number of jobs per rule and the sum of their seconds.

    Args:
        cost: table `cost`.
    """
    of_rule = cost.groupby("rule", sort=False)
    return pd.DataFrame(
        {
            "rule": list(of_rule.groups),
            "jobs": of_rule.size().to_numpy(),
            "seconds": of_rule["seconds"].sum().round(1).to_numpy(),
            "cpu_seconds": of_rule["cpu_seconds"].sum().round(1).to_numpy(),
            "max_rss_mb": of_rule["max_rss_mb"].max().round().to_numpy(),
        }
    )


def inline_svg(svg: str, prefix: str, name: str, description: str) -> str:
    """Return an SVG ready to embed in HTML, with a name and a description for screen readers.

    Ids and references to them get a prefix, because figures often share ids.

    Args:
        svg: an SVG file written by matplotlib.
        prefix: prefix of its ids.
        name: short name of the figure.
        description: what the figure shows.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)  # is in report.css
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    opening, rest = body.split(">", 1)
    sides = dict(re.findall(r' (width|height)="([\d.]+)pt"', opening))
    width, height = sides["width"], sides["height"]
    opening = re.sub(r' (width|height|version|xmlns(:\w+)?)="[^"]*"', "", opening)
    label = Markup.escape(f"{name}. {description}".strip())
    return Markup(
        f'{opening} role="img" aria-label="{label}" style="max-width: {float(width) * 1.5:.0f}px; '
        f'aspect-ratio: {width} / {height}"><title>{Markup.escape(name)}</title>{rest}'
    )


def cell(value: Any) -> str:
    """Format a value for a table: numbers to four digits, missing values as ""."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if pd.isna(value) else str(value)
    if pd.isna(value):
        return ""
    if value in (float("inf"), float("-inf")):
        return "∞"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def _section(
    section: Section,
    figures: Sequence[ReportItem],
    tables: Sequence[ReportItem],
    rows: Mapping[str, pd.DataFrame],
    metric: Metric,
    left_out: Collection[str],
) -> dict[str, Any] | None:
    """Return the template's variables for a section, or None if the section is empty."""
    own_figures = [
        _figure(figure, rows, metric) for figure in _of_kinds(figures, section.figures, "figures")
    ]
    own_tables = [_table(table, left_out) for table in _of_kinds(tables, section.tables, "tables")]
    if not own_figures and not own_tables:
        return None
    words = metric_display.words(metric)
    text = section.text.format(metric=words.noun, metrics=words.plural)
    text = f"{text[:1].upper()}{text[1:]}"
    return section._asdict() | {"text": text, "figures": own_figures, "tables": own_tables}


def _figure(figure: ReportItem, rows: Mapping[str, pd.DataFrame], metric: Metric) -> dict[str, Any]:
    """Return the template's variables for a figure."""
    name = ", ".join([figure.kind.replace("_", " "), *figure.wildcards.values()])
    description = alt_text.describe(figure.kind, figure.wildcards, rows, metric)
    svg = inline_svg(figure.content, figure.name, name, description or figure.caption)
    same_images = figure.wildcards.get("protocol") == SAME_IMAGES
    title = findings.finding(figure.kind, figure.wildcards, rows, metric)
    return {
        "made": figure,
        "name": name,
        "title": title,
        "svg": svg,
        "same_images": same_images,
    }


def _table(table: ReportItem, left_out: Collection[str]) -> dict[str, Any]:
    """Return the template's variables for a table; a large or private one is not embedded."""
    rows: pd.DataFrame = table.content
    text = store.without_formulas(rows).to_csv(index=False)
    csv = base64.b64encode(text.encode()).decode()
    return {
        "made": table,
        "count": len(rows),
        "embedded": 0 < len(rows) <= LARGE and table.name not in left_out,
        "columns": list(rows),
        "numeric": [pd.api.types.is_numeric_dtype(dtype) for dtype in rows.dtypes],
        "rows": rows.astype(object).to_numpy().tolist(),
        "csv": csv,
    }


def _of_kinds(made: Sequence[ReportItem], kinds: Sequence[str], what: str) -> list[ReportItem]:
    """Return the figures or tables of the given kinds; "" stands for those of no section."""
    named = {kind for section in SECTIONS for kind in getattr(section, what)}
    return [
        each
        for kind in kinds
        for each in made
        if each.kind == kind or (kind == "" and each.kind not in named)
    ]
