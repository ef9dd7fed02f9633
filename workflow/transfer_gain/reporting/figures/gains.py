"""Gain of transfer over each reference."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from transfer_gain.metrics import Metric
from transfer_gain.reporting import metric_display, words
from transfer_gain.reporting.figures.method_lines import (
    comparison_title,
    in_order,
    legend,
    method_style,
    plot_published,
)
from transfer_gain.reporting.figures.style import (
    NO_BARS,
    footnote,
    hover,
    paper_style,
    percent,
    spread,
)


def plot_gains(gains: pd.DataFrame, metric: Metric) -> Figure:
    """Plot the absolute gain of transfer over each reference, one panel per backbone.

    Args:
        gains: rows of table `gains` of one dataset under one protocol.
        metric: the metric that is shown.
    """
    gains = gains[gains["method"] == "transfer"]
    backbones = list(gains["backbone"].unique())
    fractions = sorted(gains["fraction"].unique())
    references = in_order(gains["reference"])
    offsets = dict(zip(references, spread(len(references), 0.18), strict=True))
    with paper_style():
        figure, panels = plt.subplots(
            1,
            len(backbones),
            figsize=(1.6 + max(2.6, 1.1 * len(fractions)) * len(backbones), 3.8),
            sharey=True,
            squeeze=False,
        )
        for backbone, axes in zip(backbones, panels[0], strict=True):
            axes.axhline(0, color="0.3", linewidth=1)
            for reference in references:
                rows = gains[(gains["backbone"] == backbone) & (gains["reference"] == reference)]
                at = rows["fraction"].map(fractions.index) + offsets[reference]
                style = {"linestyle": "", **method_style(reference)}
                mean, color = rows["absolute_gain"], style["color"]
                axes.vlines(at, rows["absolute_low"], rows["absolute_high"], color=color)
                axes.plot(at, mean, **style, label=f"over {reference}")
                for x, row in zip(at, rows.itertuples(), strict=True):
                    ends = words.interval(row.absolute_low, row.absolute_high, words.points)
                    gain = f"{words.points(row.absolute_gain)} points{ends}"
                    hover(axes, x, row.absolute_gain, f"over {reference}: {gain}")
                plot_published(axes, at, rows["published_absolute_gain"], style)
            axes.set_xticks(range(len(fractions)), [percent(fraction) for fraction in fractions])
            axes.set(
                xlim=(-0.5, len(fractions) - 0.5),
                xlabel="fraction of the training images",
                title=f"transfer from {backbone}",
            )
            axes.grid(visible=False, axis="x")
        noun = metric_display.words(metric).noun
        panels[0][0].set_ylabel(f"absolute gain\n(difference in validation {noun})")
        low, high = axes.get_ylim()
        # Intervals of two replicates can be wider than the largest possible difference.
        largest = metric.bounds[1] - metric.bounds[0]
        axes.set_ylim(max(low, -largest), min(high, largest))
        legend(axes, gains["published_absolute_gain"])
        figure.suptitle(comparison_title(gains, "gain from transfer learning"), fontsize="medium")
        figure.tight_layout()
        footnote(
            figure,
            f"mean over replicates; bars: 95 % interval of the paired difference;\n{NO_BARS}",
        )
    return figure
