"""The tables of one-shot learning: every method compared with the strongest control."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from transfer_gain.evaluation.statistics import SIGNIFICANT, accuracy_interval, contrast, holm
from transfer_gain.few_shot import results, transforms
from transfer_gain.few_shot.tasks import TASKS_2018, UNSEEN
from transfer_gain.names import EPOCH_IS_BATCH

SIAMESE, UNTRAINED_SIAMESE = "siamese", "siamese-untrained"
# Methods without training: distances between raw features, and the network as initialized.
CONTROLS = (*transforms.CONTROLS, UNTRAINED_SIAMESE)
# Within these columns, every method solves the same tasks of a replicate.
PLACE = ["approach", "trained_on", "tested_on", "backbone", "classes"]
METHOD = ["epoch_unit", "batch", "method"]
ONE_SHOT = [
    *[
        "approach",
        "epoch_unit",
        "trained_on",
        "tested_on",
        "backbone",
        "classes",
        "method",
        "batch",
    ],
    *["epochs", "updates", "replicate", "tasks", "accuracy", "accuracy_320", "control"],
    *["control_accuracy", "chance", "train_accuracy", "train_loss"],
]
FEW_SHOT = [
    *["approach", "epoch_unit", "trained_on", "tested_on", "backbone", "classes", "way", "shot"],
    *["method", "batch", "accuracy", "ci_low", "ci_high", "replicates", "episodes"],
    *["episode_half_width", "control", "difference", "difference_low", "difference_high"],
    *["p_value", "p_holm", "chance"],
]
SUMMARY = [
    *[
        "approach",
        "trained_on",
        "tested_on",
        "backbone",
        "classes",
        "epoch_unit",
        "batch",
        "method",
    ],
    *["epochs", "accuracy", "ci_low", "ci_high", "replicates", "chance", "control"],
    *["control_accuracy", "difference", "difference_low", "difference_high"],
    *["p_value", "p_holm", "conclusion"],
    *["published_epochs", "published_low", "published_high", "accuracy_at_published"],
]


def tabulate(
    table: str, history: pd.DataFrame, few_shot_rows: pd.DataFrame, published: Path | str
) -> pd.DataFrame:
    """Return one of the tables below by name.

    Args:
        table: "one_shot", "few_shot" or "one_shot_summary".
        history: rows of all methods (see `results.HISTORY`).
        few_shot_rows: rows of all methods (see `results.FEW_SHOT`).
        published: file of published values.
    """
    if table == "few_shot":
        return few_shot(few_shot_rows)
    if table == "one_shot":
        return beside_controls(history)
    return summary(history, read_published(published))


def read_published(path: Path | str) -> pd.DataFrame:
    """Return the 2018 paper's values: approach, batch, epochs, and the range of accuracies."""
    return pd.DataFrame(yaml.safe_load(Path(path).read_text())["one_shot"])


def once_untrained(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with one copy of the untrained network, which is the same for all trainings.

    The rows of the approach's first training are kept, without epoch_unit and batch.
    """
    untrained = rows["method"] == UNTRAINED_SIAMESE
    unnamed = rows[untrained].assign(epoch_unit=results.UNTRAINED_EPOCH, batch=0)
    seen_before = ["method", "replicate", *(c for c in ("way", "shot") if c in rows)]
    kept = unnamed.drop_duplicates([*PLACE, *seen_before])
    return pd.concat([rows[~untrained], kept], ignore_index=True)


def strongest_controls(rows: pd.DataFrame, place: list[str]) -> pd.DataFrame:
    """Return the control with the highest mean accuracy at each place, one row per replicate.

    Returns:
        Columns place, replicate, control, control_accuracy.
    """
    controls = rows[rows["method"].isin(CONTROLS)]
    means = controls.groupby([*place, "method"], sort=False)["accuracy"].mean().reset_index()
    best = means.loc[means.groupby(place, sort=False)["accuracy"].idxmax(), [*place, "method"]]
    kept = controls.merge(best, on=[*place, "method"])
    names = {"method": "control", "accuracy": "control_accuracy"}
    return kept.rename(columns=names)[[*place, "replicate", *names.values()]]


def beside_controls(history: pd.DataFrame) -> pd.DataFrame:
    """Return every evaluation with the strongest control on the same tasks.

    Returns:
        Columns `ONE_SHOT`. `accuracy` and `control_accuracy` are on `tasks` tasks; `accuracy_320`
        is on 320 tasks, as in the 2018 paper.
    """
    history = once_untrained(history)
    controls = strongest_controls(history, PLACE)
    named = history.rename(columns={"method": "control", "accuracy_320": "control_320"})
    fewer = named[[*PLACE, "replicate", "control", "control_320"]].merge(
        controls, on=[*PLACE, "replicate", "control"]
    )
    rows = history.merge(fewer, how="left", on=[*PLACE, "replicate"])
    few = rows["tasks"] == TASKS_2018
    rows["control_accuracy"] = rows["control_320"].where(few, rows["control_accuracy"])
    return rows[ONE_SHOT]


def few_shot(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean accuracy of each N-way K-shot evaluation after training.

    Returns:
        Columns `FEW_SHOT`. Intervals are Student's t over replicates. `episode_half_width` is the
        half width of the 95 % interval over one replicate's episodes, as in the few-shot
        literature, averaged over replicates. `difference` is the paired difference from the
        strongest control. `p_holm` is its two-sided p-value, Holm-adjusted over all methods of the
        table except the controls.
    """
    rows = once_untrained(rows)
    place = [*PLACE, "way", "shot"]
    rows = rows.merge(strongest_controls(rows, place), how="left", on=[*place, "replicate"])
    table = [
        {
            **dict(zip([*place, *METHOD], names, strict=True)),
            **_compared(runs),
            "episodes": runs["episodes"].iloc[0],
            "episode_half_width": runs["episode_half_width"].mean(),
            "chance": runs["chance"].iloc[0],
        }
        for names, runs in rows.groupby([*place, *METHOD], sort=False)
    ]
    table = pd.DataFrame(table)
    return table.assign(p_holm=_corrected(table))[FEW_SHOT]


def summary(history: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Compare every method, after its training, with the strongest control.

    Args:
        history: rows of all methods.
        published: the table that `read_published` returns.

    Returns:
        Columns `SUMMARY`, one row per approach, group of classes and method. Intervals are
        Student's t over replicates; that of the difference is paired. `p_holm` is the two-sided
        p-value, Holm-adjusted over all methods of the table except the controls. `published_low`
        and `published_high` are the 2018 paper's range on other images (FERG-DB) after its last
        epoch, `published_epochs`. `accuracy_at_published` is ours after as many epochs, on as many
        tasks.
    """
    rows = beside_controls(history)
    last = rows.groupby([*PLACE, *METHOD], sort=False)["epochs"].transform("max")
    table = [
        {
            **dict(zip([*PLACE, *METHOD], names, strict=True)),
            **_compared(runs),
            "epochs": runs["epochs"].iloc[0],
            "chance": runs["chance"].iloc[0],
        }
        for names, runs in rows[rows["epochs"] == last].groupby([*PLACE, *METHOD], sort=False)
    ]
    table = pd.DataFrame(table)
    table["p_holm"] = _corrected(table)
    table["conclusion"] = [conclusion(row) for _, row in table.iterrows()]
    theirs = published.loc[published.groupby(["approach", "batch"])["epochs"].idxmax()]
    theirs = theirs.rename(columns={end: f"published_{end}" for end in ("epochs", "low", "high")})
    theirs = theirs.assign(method=SIAMESE, epoch_unit=EPOCH_IS_BATCH, classes=UNSEEN)
    on = ["approach", "batch", "method", "epoch_unit", "classes"]
    table = table.merge(theirs, how="left", on=on)
    then = rows.groupby([*PLACE, *METHOD, "epochs"])["accuracy_320"].mean()
    then = then.rename("accuracy_at_published").reset_index()
    then = then.rename(columns={"epochs": "published_epochs"})
    return table.merge(then, how="left", on=[*PLACE, *METHOD, "published_epochs"])[SUMMARY]


def _compared(runs: pd.DataFrame) -> dict[str, object]:
    """Return a method's accuracy and its difference from the control, over replicates."""
    mean, low, high = accuracy_interval(runs["accuracy"])
    difference = contrast([runs["accuracy"] - runs["control_accuracy"]], [1])
    return {
        "accuracy": mean,
        "ci_low": low,
        "ci_high": high,
        "replicates": len(runs),
        "control": runs["control"].iloc[0],
        "control_accuracy": runs["control_accuracy"].mean(),
        "difference": difference.estimate,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p_value": 2 * min(difference.p_less, difference.p_greater),
    }


def _corrected(table: pd.DataFrame) -> np.ndarray:
    """Return Holm-adjusted p-values, NaN for the controls, about which no claim is made."""
    return holm(table["p_value"].where(~table["method"].isin(CONTROLS)))


def conclusion(row: pd.Series) -> str:
    """Say in a sentence how a method compares with the strongest control and with chance.

    Args:
        row: method, accuracy, ci_low, ci_high, chance, control, difference and p_holm.
    """
    name, control = row["method"], row["control"]
    if name in CONTROLS:
        kind = "the strongest control" if name == control else "a control"
        return f"{name} is {kind}. It needs no training."
    gap = f"by {abs(row['difference']):.3f}"
    if np.isnan(row["p_holm"]):
        side = "above" if row["difference"] > 0 else "below"
        said = (
            f"{name} is {gap[3:]} {side} the strongest control, {control}; the replicates are too"
        )
        return f"{said} few, or too similar, for a test."
    if row["p_holm"] >= SIGNIFICANT:
        said = (
            f"{name} does not beat its controls: it is not significantly different from {control}"
        )
    elif row["difference"] > 0:
        said = f"{name} beats the strongest control, {control}, {gap}"
    else:
        said = f"{name} does not beat its controls: it is significantly worse than {control}, {gap}"
    at_chance = row["ci_low"] <= row["chance"] <= row["ci_high"]
    return f"{said}. It is not significantly different from chance." if at_chance else f"{said}."
