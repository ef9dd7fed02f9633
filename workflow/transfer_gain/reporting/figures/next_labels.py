"""How much each strategy helps to choose what to label next, tried on labeled images."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transfer_gain.labelling import replay
from transfer_gain.labelling.strategies import RANDOM, STRATEGIES
from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display
from transfer_gain.reporting.figures.style import colors, footnote, paper_style, spread

MARKERS = "osD^vP"


def plot_next_labels(test: pd.DataFrame, metric: Metric, dataset: str) -> Figure:
    """Draw the score and the gain over random choice against labels, a line per strategy.

    Args:
        test: rows of table `next_labels_test` of one dataset; there may be none.
        metric: the metric that is shown.
        dataset: name of the dataset.
    """
    rows = test[test["batch"] != replay.ALL]
    noun = metric_display.words(metric).noun
    with paper_style():
        figure, (scores, gains) = plt.subplots(1, 2, figsize=(9.2, 4.0))
        apart = spread(len(STRATEGIES), 0.012 * float(rows["labels"].max() if len(rows) else 1))
        styles = zip(STRATEGIES, colors(len(STRATEGIES)), MARKERS, apart, strict=False)
        for strategy, color, marker, dodge in styles:
            own = rows[rows["strategy"] == strategy.name]
            at, look = own["labels"] + dodge, {"color": color, "marker": marker}
            _bars(scores, at, own[["score", "score_low", "score_high"]], strategy.label, look)
            if strategy is not RANDOM:
                values = 100 * own[["difference", "low", "high"]]
                _bars(gains, at, values, strategy.label, look)
        gains.axhline(0, color="0.4", linestyle=":")
        scores.set(xlabel="labeled images", ylabel=noun)
        gains.set(xlabel="labeled images", ylabel="gain over random choice (points)")
        ticks = sorted(rows["labels"].unique())
        scores.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        gains.set_xticks(ticks[1:], [f"{tick:,.0f}" for tick in ticks[1:]])
        handles, labels = scores.get_legend_handles_labels()
        figure.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.tight_layout()
        tried = "could not be tried on so few images"
        if len(rows):
            first = rows.iloc[0]
            tried = f"tried on {first['images']} labeled images in {first['splits']} splits"
        figure.suptitle(f"{dataset}: what to label next, {tried}", y=1.0, va="bottom")
        footnote(
            figure,
            "bars: 95 % interval for new images; those of gains are wider, so that all strategies' "
            "hold at once;\nmarkers are shifted sideways to avoid overlap",
        )
    return figure


def _bars(axes: Axes, at: pd.Series, values: pd.DataFrame, label: str, look: dict) -> None:
    """Draw values with their intervals, (points, 3): value, low and high."""
    middle, low, high = values.to_numpy(float).T
    width = np.nan_to_num(np.stack([middle - low, high - middle]))
    axes.errorbar(at, middle, width, label=label, capsize=2, markersize=4, **look)
