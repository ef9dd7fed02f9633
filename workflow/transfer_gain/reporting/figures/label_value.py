"""Labels that the baseline needs for each method's score."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display
from transfer_gain.reporting.figures.method_lines import comparison_title, side_by_side, tick_labels
from transfer_gain.reporting.figures.style import NO_BARS, footnote, paper_style


def plot_label_value(label_value: pd.DataFrame, metric: Metric) -> Figure:
    """Plot the labels that the baseline needs for each method's score against the method's own.

    Args:
        label_value: rows of table `label_value` of one dataset under one protocol.
        metric: the metric that is shown.
    """
    needed = f"baseline_labels_for_same_{metric.name}"
    noun = metric_display.words(metric).noun
    ours, theirs = label_value["labels"], label_value[needed]
    ends = label_value[["ci_low", "ci_high"]].to_numpy()
    drawn = np.concatenate([ours, theirs, ends[np.isfinite(ends) & (ends > 0)]])
    low, high = drawn.min() / 1.6, drawn.max() * 1.6
    with paper_style():
        figure, axes = plt.subplots(figsize=(6.4, 4.8))
        axes.plot([low, high], [low, high], color="0.4", linestyle=":", label="no gain")
        for (name, style, rows), dodge in side_by_side(label_value):
            rows = rows.sort_values("labels")
            at, reached = rows["labels"] * dodge, rows[needed]
            ends = rows[["ci_low", "ci_high"]].clip(low, high)
            axes.vlines(at, ends["ci_low"], ends["ci_high"], color=style["color"], linewidth=0.8)
            axes.plot(at, reached, **style, label=name)
            for relation, way in (("more than", 1), ("fewer than", -1)):
                for x, y in zip(at, reached.where(rows["relation"] == relation), strict=True):
                    axes.annotate(
                        "",
                        (x, y),
                        (0, 17 * way),
                        textcoords="offset points",
                        arrowprops={"arrowstyle": "<-", "color": style["color"]},
                    )
        axes.set(
            xscale="log",
            yscale="log",
            xlim=(low, high),
            ylim=(low, high),
            xlabel="training images per class of the method",
            ylabel=f"training images per class that\nthe baseline needs for the same {noun}",
            title=comparison_title(label_value, "value of a label"),
        )
        tick_labels(axes.xaxis, ours)
        tick_labels(axes.yaxis, ours)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        footnote(
            figure,
            "above the dotted line, the method saves labels; arrow: the value is outside the "
            "baseline's learning curve\nbars: 95 % interval, the labels at which both are not "
            f"significantly different; {NO_BARS};\nmarkers are shifted sideways to avoid overlap",
        )
    return figure
