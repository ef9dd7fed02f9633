"""Figures of studies that were never run, and what can be read in them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from studies import PUBLISHED, of_mistakes, runs_of, samples
from transfer_gain.evaluation import comparison, forecast, selection, tables
from transfer_gain.evaluation import label_value as worth
from transfer_gain.methods import records
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting.figures.augmented import plot_augmented
from transfer_gain.reporting.figures.best_heads import plot_best_heads
from transfer_gain.reporting.figures.confusion import plot_confusion
from transfer_gain.reporting.figures.cost import plot_cost
from transfer_gain.reporting.figures.gains import plot_gains
from transfer_gain.reporting.figures.grid import plot_grid
from transfer_gain.reporting.figures.label_value import plot_label_value
from transfer_gain.reporting.figures.learning_curves import plot_learning_curves
from transfer_gain.reporting.figures.learning_rates import plot_learning_rates
from transfer_gain.reporting.figures.long_runs import plot_long_runs
from transfer_gain.reporting.figures.mistakes import plot_mistakes
from transfer_gain.reporting.figures.reliability import plot_reliability

STUDIES = {
    "one replicate": {0.01: 1, 0.001: 1},
    "one fraction": {0.1: 3},
    "one of each": {0.1: 1},
    "the default": {1: 1, 0.1: 3, 0.01: 5, 0.001: 10},
    "many fractions": {0.5**power: 2 for power in range(12)},
}


def history_of(fractions: dict[float, int], epochs: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    head = {"layers": "100-50", "activation": "sigmoid", "learning_rate": 0.01}
    return pd.DataFrame(
        {
            "dataset": "clothes",
            "backbone": "vgg16",
            "fraction": float(fraction),
            "replicate": replicate,
            "epoch": epoch,
            **head,
            "train_loss": 1 / epoch + rng.uniform(0, 0.01),
            "validation_loss": 1 + abs(epoch - 5) / 10 + rng.uniform(0, 0.01),
        }
        for fraction, replicates in fractions.items()
        for replicate in range(replicates)
        for epoch in range(1, epochs + 1)
    )


CHOSEN = pd.Series({"layers": "100-50", "activation": "sigmoid", "learning_rate": 0.01})


def learning_rates(fractions: dict[float, int], source: str = "fashion-mnist") -> Figure:
    published = tables.read_published(PUBLISHED, "best_heads", {"clothes": source})
    return plot_learning_rates(runs_of(fractions), CHOSEN, published, 1 / 7, ACCURACY)


def best_heads(
    fractions: dict[float, int], backbones: tuple[str, ...] = ("vgg16", "other")
) -> Figure:
    rng = np.random.default_rng(0)
    of_size = [
        {
            "dataset": dataset,
            "fraction": float(fraction),
            "training_per_class": round(6000 * fraction),
            "replicates": replicates,
        }
        for fraction, replicates in fractions.items()
        for dataset in ("clothes", "faces")
    ]
    best = [
        {"dataset": row["dataset"], "fraction": row["fraction"], "backbone": backbone}
        | {"protocol": protocol, "validation_accuracy": mean}
        | {
            "published_validation_accuracy": 0.64
            if (row["dataset"], backbone) == ("clothes", "vgg16")
            else np.nan
        }
        | {end: mean + sign * 0.05 if row["replicates"] > 1 else np.nan for end, sign in ENDS}
        for row in of_size
        for backbone in backbones
        for protocol in selection.PROTOCOLS
        for mean in [rng.uniform(0.3, 0.9)]
    ]
    return plot_best_heads(pd.DataFrame(best), pd.DataFrame(of_size), ACCURACY)


ENDS = (("ci_low", -1), ("ci_high", 1))


def selected_of(fractions: dict[float, int], protocol: str = "same-images") -> pd.DataFrame:
    """Runs of each method of one dataset, two of them on two backbones."""
    rng = np.random.default_rng(0)
    names = [
        ("none" if method in records.FROM_SCRATCH_METHODS else "vgg16", method)
        for method in records.BY_NAME
    ]
    return pd.DataFrame(
        {
            "dataset": "clothes",
            "backbone": backbone,
            "method": method,
            "fraction": float(fraction),
            "labels": round(6000 * fraction),
            "protocol": protocol,
            "replicate": replicate,
            "accuracy": 0.85 + 0.1 * np.log10(fraction) + rng.normal(0, 0.02),
            "configurations": 3,
            "train_loss": 0.1,
            "levelled_off": True,
        }
        for backbone, method in [*names, ("other", "transfer")]
        for fraction, replicates in fractions.items()
        for replicate in range(replicates)
    )


def accuracies(fractions: dict[float, int], protocol: str = "same-images") -> pd.DataFrame:
    printed = tables.read_published(PUBLISHED, "accuracy", {"clothes": "fashion-mnist"})
    return comparison.scores(selected_of(fractions, protocol), {}, ACCURACY, printed, ["vgg16"])


def learning_curves(fractions: dict[float, int], protocol: str = "same-images") -> Figure:
    made = forecast.forecast(selected_of(fractions, protocol), {}, ACCURACY, 1)
    return plot_learning_curves(accuracies(fractions, protocol), 1 / 7, ACCURACY, made)


def gains_table(fractions: dict[float, int]) -> pd.DataFrame:
    printed = tables.read_published(PUBLISHED, "gains", {"clothes": "fashion-mnist"})
    return comparison.gains(selected_of(fractions), {}, ACCURACY, printed, ["vgg16"], {})


def label_values(fractions: dict[float, int]) -> pd.DataFrame:
    return worth.label_value(selected_of(fractions), {}, ACCURACY)


def cost_table(fractions: dict[float, int]) -> pd.DataFrame:
    rows = accuracies(fractions)
    return rows.assign(seconds=10 + 100 * rows["fraction"])


def augmented(_: dict[float, int] | None = None) -> Figure:
    images = np.random.default_rng(0).integers(0, 256, (13, 64, 64, 1), dtype=np.uint8)
    return plot_augmented(images, "clothes")


def mistakes_table(name: str, fractions: dict[float, int]) -> pd.DataFrame:
    selected = selected_of(fractions, "held-out")
    return of_mistakes(selected, accuracies(fractions, "held-out"))[name]


def mistakes(fractions: dict[float, int]) -> Figure:
    images = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3), dtype=np.uint8)
    return plot_mistakes(mistakes_table("mistakes", fractions), images, "clothes")


FIGURES = {
    "learning_curves": learning_curves,
    "gains": lambda fractions: plot_gains(gains_table(fractions), ACCURACY),
    "label_value": lambda fractions: plot_label_value(label_values(fractions), ACCURACY),
    "cost": lambda fractions: plot_cost(cost_table(fractions), ACCURACY),
    "augmented": augmented,
    "confusion": lambda fractions: plot_confusion(mistakes_table("confusion", fractions)),
    "reliability": lambda fractions: plot_reliability(mistakes_table("reliability", fractions)),
    "mistakes": mistakes,
    "best_heads": best_heads,
    "learning_rates": learning_rates,
    "long_runs": lambda fractions: plot_long_runs(history_of(fractions)),
    "grid": lambda fractions: plot_grid(runs_of(fractions), 1 / 7, ACCURACY),
    "samples": samples,
}


def text_of(figure: Figure) -> str:
    """All that a reader can read in a figure."""
    return "\n".join(
        text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    )
