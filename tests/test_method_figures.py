"""Promises of the figures that compare methods: they say what they show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from drawings import (
    STUDIES,
    accuracies,
    cost_table,
    gains_table,
    label_values,
    learning_curves,
    text_of,
)
from transfer_gain.evaluation import forecast
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting.figures.cost import plot_cost
from transfer_gain.reporting.figures.gains import plot_gains
from transfer_gain.reporting.figures.label_value import plot_label_value
from transfer_gain.reporting.figures.learning_curves import plot_learning_curves

pytestmark = pytest.mark.usefixtures("closed_figures")

LEGEND = [
    *["baseline-2018, from scratch", "baseline, from scratch", "augmentation, from scratch"],
    "resnet-scratch, from scratch",
    "linear-probe, vgg16",
    *["transfer, vgg16", "transfer, other", "transfer-extended, vgg16"],
    *["transfer-augmented, vgg16", "fine-tuning, vgg16", "random-weights, vgg16"],
]


def legend_of(axes: plt.Axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def hollow_in(axes: plt.Axes) -> list[float]:
    """The heights of all hollow markers."""
    heights = [line.get_ydata() for line in axes.lines if line.get_fillstyle() == "none"]
    return sorted(float(height) for each in heights for height in each if np.isfinite(height))


def test_learning_curves_show_every_method_the_report_and_chance():
    figure = learning_curves(STUDIES["the default"])
    (axes,) = figure.axes
    assert axes.get_title() == (
        "clothes: accuracy against labels\nconfigurations selected and scored on the same images"
    )
    assert legend_of(axes) == [*LEGEND, "chance (0.143)", "hollow: 2018 paper"]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("training images per class", "log")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["6", "60", "600", "6,000"]
    assert hollow_in(axes) == [0.50, 0.51, 0.75, 0.76, 0.76, 0.78]
    table = accuracies(STUDIES["the default"]).sort_values("fraction")
    (line,) = [line for line in axes.lines if line.get_label() == "transfer, other"]
    np.testing.assert_allclose(line.get_ydata(), table[table["backbone"] == "other"]["mean"])
    assert "band and bars: 95 % interval" in text_of(figure)


def test_methods_are_told_apart_by_colour_and_marker_and_backbones_by_line():
    (axes,) = learning_curves(STUDIES["one fraction"]).axes
    drawn = [line for line in axes.lines if line.get_label() in LEGEND]
    styles = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in drawn]
    assert len(set(styles)) == len(LEGEND)
    assert len({color for color, _, _ in styles}) == len({marker for _, marker, _ in styles}) == 10


def test_the_forecast_of_the_best_method_and_of_the_baseline_is_dashed():
    (axes,) = learning_curves({1: 5, 0.1: 5, 0.01: 5}, "held-out").axes
    dashed = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(dashed) == 2
    assert {line.get_linestyle() for line in dashed} == {"--"}
    for line in dashed:
        at = line.get_xdata()
        assert at / at[0] == pytest.approx([1, 2, 3, 5])
    assert [tick.get_text() for tick in axes.get_xticklabels()][-1] == "30,000"
    assert "dashed: forecast" in text_of(axes.figure)


def test_the_other_protocol_is_named_and_has_nothing_of_the_report():
    nothing = pd.DataFrame(columns=forecast.COLUMNS)
    figure = plot_learning_curves(accuracies({0.01: 3}, "held-out"), 1 / 7, ACCURACY, nothing)
    (axes,) = figure.axes
    assert "selected and scored on different images" in axes.get_title()
    assert hollow_in(axes) == []
    assert not any("2018 paper" in text for text in legend_of(axes))


def test_gains_have_a_panel_a_backbone_and_intervals_only_where_there_are_replicates():
    fractions = {1: 1, 0.1: 3, 0.01: 5}
    figure = plot_gains(gains_table(fractions), ACCURACY)
    assert [axes.get_title() for axes in figure.axes] == [
        "transfer from vgg16",
        "transfer from other",
    ]
    first, second = figure.axes
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["1 %", "10 %", "100 %"]
    assert first.get_ylabel() == "absolute gain\n(difference in validation accuracy)"
    assert legend_of(second) == [
        *["over baseline-2018", "over baseline", "over augmentation", "over resnet-scratch"],
        "hollow: 2018 paper",
    ]
    assert hollow_in(first) == [-0.01, 0.02, 0.25, 0.27]
    assert hollow_in(second) == []
    for axes in figure.axes:
        segments = [segment for bars in axes.collections for segment in bars.get_segments()]
        assert sum(len(segment) == 2 for segment in segments) == 4 * 2  # references, fractions
    assert "clothes: gain from transfer learning" in text_of(figure)


def test_labels_worth_has_a_line_of_no_gain_and_an_arrow_where_the_curve_ends():
    table = label_values({1: 1, 0.1: 3, 0.01: 5})
    figure = plot_label_value(table, ACCURACY)
    (axes,) = figure.axes
    assert legend_of(axes) == [
        "no gain",
        *(name for name in LEGEND if name != "baseline, from scratch"),
    ]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    diagonal = axes.lines[0]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    arrows = [note for note in axes.texts if np.isfinite(note.xy).all()]
    assert len(arrows) == (table["relation"] != "").sum() > 0
    assert "significantly different" in text_of(figure)


def test_cost_shows_all_methods_and_leaves_out_what_was_not_measured():
    table = cost_table({1: 1, 0.1: 3})
    table.loc[(table["method"] == "baseline") & (table["fraction"] == 1), "seconds"] = np.nan
    figure = plot_cost(table, ACCURACY)
    (axes,) = figure.axes
    assert legend_of(axes) == LEGEND
    assert axes.get_xlabel() == "training time (seconds)"
    assert axes.get_xscale() == "log"
    drawn = [len(dots.get_offsets()) for dots in axes.collections]
    assert drawn == [2, 1, *[2] * 9]
    assert "larger markers stand for larger fractions: 10 %, 100 %" in text_of(figure)
