"""Promises of the figures of heads and images: they say what they show."""

import numpy as np
import pandas as pd
import pytest

from drawings import CHOSEN, STUDIES, best_heads, history_of, learning_rates, text_of
from studies import CLASSES, PUBLISHED, make_runs, runs_of, samples
from transfer_gain.evaluation import selection, tables
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting.figures.augmented import plot_augmented
from transfer_gain.reporting.figures.grid import plot_grid
from transfer_gain.reporting.figures.head_runs import describe
from transfer_gain.reporting.figures.learning_rates import best_at_smallest, plot_learning_rates
from transfer_gain.reporting.figures.long_runs import plot_long_runs

pytestmark = pytest.mark.usefixtures("closed_figures")


# --- accuracy against learning rate


def test_learning_rates_name_configuration_units_sizes_and_replicates():
    figure = learning_rates(STUDIES["the default"])
    (axes,) = figure.axes
    assert axes.get_title() == (
        "clothes, features of vgg16: accuracy against learning rate\n"
        "hidden layers (100, 50), sigmoid"
    )
    assert axes.get_xlabel() == "learning rate (Adam)"
    assert axes.get_ylabel() == "validation accuracy"
    assert axes.get_xscale() == "log"
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend[:4] == [
        "0.1 %: 42 images, 10 replicates",
        "1 %: 420 images, 5 replicates",
        "10 %: 4,200 images, 3 replicates",
        "100 %: 42,000 images, 1 replicate",
    ]
    assert any("2018 paper, its best at 0.1 %\n(2 hidden layers, sigmoid)" in t for t in legend)
    assert any(text.startswith("chance (0.143)") for text in legend)
    assert "mean over replicates; band and bars: 95 % interval" in text_of(figure)


def test_learning_rates_show_the_means_of_the_chosen_layers_and_activation():
    (axes,) = learning_rates({0.1: 3}).axes
    runs = runs_of({0.1: 3})
    same = runs[(runs["layers"] == "100-50") & (runs["activation"] == "sigmoid")]
    means = same.groupby("learning_rate")["validation_accuracy"].mean()
    rates, accuracies = axes.lines[0].get_data()
    assert rates.tolist() == [0.0001, 0.001, 0.01]
    np.testing.assert_allclose(accuracies, means)


def test_no_band_or_bar_of_an_accuracy_goes_beyond_one():
    near_one = runs_of({0.1: 2})
    near_one["validation_accuracy"] = np.where(near_one["replicate"] == 0, 0.9, 1.0)
    published = tables.read_published(PUBLISHED, "best_heads", {})
    (axes,) = plot_learning_rates(near_one, CHOSEN, published, 1 / 7, ACCURACY).axes
    drawn = [path for each in axes.collections for path in each.get_paths()]
    assert max(path.vertices[:, 1].max() for path in drawn) == 1


def test_one_replicate_has_neither_band_nor_bars_and_several_have():
    for replicates, shown in ((1, 0), (3, 2)):
        (axes,) = learning_rates({0.1: replicates}).axes
        drawn = [
            each
            for each in axes.collections
            if any(len(path.vertices) > 1 for path in each.get_paths())
        ]
        assert len(drawn) == shown


def test_the_reports_figure_is_drawn_only_beside_its_own_data():
    assert "2018 paper" in text_of(learning_rates({0.1: 1}))
    assert "2018 paper" not in text_of(learning_rates({0.1: 1}, source="avatars"))


@pytest.mark.parametrize(
    ("layers", "words"),
    [("100", "hidden layer (100), elu"), ("100-50-25", "hidden layers (100, 50, 25), elu")],
)
def test_a_configuration_in_words(layers: str, words: str):
    assert describe(pd.Series({"layers": layers, "activation": "elu"})) == words


def test_the_smallest_sizes_head_is_the_one_shown():
    selections = pd.concat(
        [
            selection.select_heads(make_runs(seed=seed), ACCURACY).assign(fraction=fraction)
            for seed, fraction in enumerate((0.01, 0.001, 1.0))
        ],
        ignore_index=True,
    )
    shown = best_at_smallest(selections)
    expected = selection.select_heads(make_runs(seed=1), ACCURACY).iloc[0]
    assert tuple(shown[selection.CONFIGURATION]) == tuple(expected[selection.CONFIGURATION])


def test_accuracy_has_a_line_a_dataset_and_backbone_against_labels():
    (axes,) = best_heads(STUDIES["the default"]).axes
    assert sorted(text.get_text() for text in axes.get_legend().get_texts()) == [
        "clothes, 2018 paper",
        "clothes, other",
        "clothes, vgg16",
        "faces, other",
        "faces, vgg16",
    ]
    assert axes.get_xlabel() == "training images per class"
    assert axes.get_ylabel() == "validation accuracy"
    for container in axes.containers:
        assert container.lines[0].get_xdata().tolist() == [6, 60, 600, 6000]
    assert "bars: 95 % interval" in text_of(axes.figure)


# --- the long runs, the grid and the samples


def test_long_runs_name_head_units_replicates_and_the_epoch_of_the_lowest_loss():
    figure = plot_long_runs(history_of({0.01: 1, 0.001: 3}))
    assert [axes.get_title() for axes in figure.axes] == [
        "1 % (1 replicate), lowest at epoch 5\nhidden layers (100, 50), sigmoid, rate 0.01",
        "0.1 % (3 replicates), lowest at epoch 5\nhidden layers (100, 50), sigmoid, rate 0.01",
    ]
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}
    assert figure.axes[0].get_ylabel() == "cross-entropy (nats)"
    text = text_of(figure)
    assert "clothes, features of vgg16: loss of the selected heads" in text
    assert {"training", "validation", "lowest validation loss"} <= set(text.split("\n"))


def test_the_grid_has_every_head_and_size_with_its_mean():
    fractions = {0.001: 2, 1.0: 1}
    figure = plot_grid(runs_of(fractions), 1 / 7, ACCURACY)
    axes, bar = figure.axes
    title = axes.get_title()
    assert "clothes, features of vgg16: mean accuracy over replicates" in title
    assert "hidden layers, activation, learning rate" in title
    assert "chance: 0.143" in axes.get_xlabel()
    assert bar.get_ylabel() == "validation accuracy"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["100 %", "0.1 %"]
    heads = [tick.get_text() for tick in axes.get_yticklabels()]
    assert len(set(heads)) == 18
    assert heads[0] == "(100) sigmoid 0.01"
    assert heads[-1] == "(100, 50, 25) elu 0.0001"
    means = runs_of(fractions).groupby([*selection.CONFIGURATION, "fraction"], sort=False)
    means = means["validation_accuracy"].mean().unstack("fraction")[[1.0, 0.001]]
    assert [text.get_text() for text in axes.texts] == [
        f"{mean:.3f}" for mean in means.to_numpy().ravel()
    ]


def test_the_contact_sheet_has_a_named_row_a_class_and_shows_every_image_once():
    figure = samples()
    text = text_of(figure)
    assert all(name in text for name in CLASSES)
    assert "clothes: training images of each class, 64 × 64 pixels" in text
    grid = np.array(figure.axes).reshape(3, 4)
    assert [[len(axes.images) for axes in row] for row in grid] == [[1] * 4, [1] * 4, [1] * 3 + [0]]
    for axes in figure.axes:
        for image in axes.images:
            assert image.get_clim() == (0, 255)  # one scale for all


def test_augmented_images_stand_beside_the_one_they_were_made_of():
    images = np.arange(13, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 1), np.uint8)
    figure = plot_augmented(images, "clothes")
    shown = [axes.images[0] for axes in figure.axes]
    assert [int(image.get_array()[0, 0]) for image in shown] == list(range(13))
    assert {image.get_clim() for image in shown} == {(0, 255)}
    sides = [axes.get_position().height for axes in figure.axes]
    assert sides[0] > 1.9 * sides[1]
    assert "clothes: a training image and 12 augmented copies of it" in text_of(figure)
