"""Promises of the figures: they draw any study, say what they show, and are the same each time."""

from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from studies import CLASSES, PUBLISHED, make_runs, runs_of, samples
from transfer_gain.evaluation import comparison, label_value, selection, tables
from transfer_gain.methods import records
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting import figures

STUDIES = {
    "one replicate": {0.01: 1, 0.001: 1},
    "one fraction": {0.1: 3},
    "one of each": {0.1: 1},
    "the default": {1: 1, 0.1: 3, 0.01: 5, 0.001: 10},
    "many fractions": {0.5**power: 2 for power in range(12)},
}


@pytest.fixture(autouse=True)
def nothing_stays_open():
    yield
    plt.close("all")


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
    return figures.plot_learning_rates(runs_of(fractions), CHOSEN, published, 1 / 7, ACCURACY)


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
    return figures.plot_best_heads(pd.DataFrame(best), pd.DataFrame(of_size), ACCURACY)


ENDS = (("ci_low", -1), ("ci_high", 1))


def selected_of(fractions: dict[float, int], protocol: str = "same-images") -> pd.DataFrame:
    """Runs of each method of one dataset, two of them on two backbones."""
    rng = np.random.default_rng(0)
    names = [
        ("none" if method in ("baseline", "baseline-2018", "augmentation") else "vgg16", method)
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
    return comparison.scores(selected_of(fractions, protocol), ACCURACY, printed, ["vgg16"])


def learning_curves(fractions: dict[float, int]) -> Figure:
    return figures.plot_learning_curves(accuracies(fractions), 1 / 7, ACCURACY)


def gains_table(fractions: dict[float, int]) -> pd.DataFrame:
    printed = tables.read_published(PUBLISHED, "gains", {"clothes": "fashion-mnist"})
    return comparison.gains(selected_of(fractions), ACCURACY, printed, ["vgg16"], {})


def label_values(fractions: dict[float, int]) -> pd.DataFrame:
    return label_value.label_value(selected_of(fractions), ACCURACY, 0)


def plot_label_value(fractions: dict[float, int]) -> Figure:
    return figures.plot_label_value(label_values(fractions), ACCURACY)


def cost_table(fractions: dict[float, int]) -> pd.DataFrame:
    rows = accuracies(fractions)
    return rows.assign(seconds=10 + 100 * rows["fraction"])


def augmented(_: dict[float, int] | None = None) -> Figure:
    images = np.random.default_rng(0).integers(0, 256, (13, 64, 64, 1), dtype=np.uint8)
    return figures.plot_augmented(images, "clothes")


FIGURES = {
    "learning_curves": learning_curves,
    "gains": lambda fractions: figures.plot_gains(gains_table(fractions), ACCURACY),
    "label_value": plot_label_value,
    "cost": lambda fractions: figures.plot_cost(cost_table(fractions), ACCURACY),
    "augmented": augmented,
    "best_heads": best_heads,
    "learning_rates": learning_rates,
    "long_runs": lambda fractions: figures.plot_long_runs(history_of(fractions)),
    "grid": lambda fractions: figures.plot_grid(runs_of(fractions), 1 / 7, ACCURACY),
    "samples": samples,
}


def text_of(figure: Figure) -> str:
    """All that a reader can read in a figure."""
    return "\n".join(
        text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    )


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")  # of an empty axis, …
def test_every_figure_draws_any_study(name: str, study: str, tmp_path: Path):
    figure = FIGURES[name](STUDIES[study])
    assert "clothes" in text_of(figure)
    figures.save(figure, tmp_path / "figure.svg")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()
    assert float(root.attrib["width"].removesuffix("pt")) > 100
    assert not plt.get_fignums()


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_saved_as_the_same_bytes_each_time(name: str, tmp_path: Path):
    saved = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        paths = [folder / "figure.svg", folder / "figure.png"]
        figures.save(FIGURES[name](STUDIES["one replicate"]), *paths)
        saved.append([path.read_bytes() for path in paths])
        assert sorted(path.name for path in folder.iterdir()) == ["figure.png", "figure.svg"]
    assert saved[0] == saved[1]
    assert saved[0][1].startswith(b"\x89PNG")


def svg_text(path: Path) -> str:
    return " ".join(ElementTree.parse(path).getroot().itertext())


def test_text_stays_text_in_svg(tmp_path: Path):
    figures.save(learning_rates(STUDIES["one fraction"]), tmp_path / "figure.svg")
    assert "validation accuracy" in svg_text(tmp_path / "figure.svg")


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
    (axes,) = figures.plot_learning_rates(near_one, CHOSEN, published, 1 / 7, ACCURACY).axes
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
    assert figures.describe(pd.Series({"layers": layers, "activation": "elu"})) == words


def test_the_smallest_sizes_head_is_the_one_shown():
    selections = pd.concat(
        [
            selection.select_heads(make_runs(seed=seed), ACCURACY).assign(fraction=fraction)
            for seed, fraction in enumerate((0.01, 0.001, 1.0))
        ],
        ignore_index=True,
    )
    shown = figures.best_at_smallest(selections)
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
    figure = figures.plot_long_runs(history_of({0.01: 1, 0.001: 3}))
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
    figure = figures.plot_grid(runs_of(fractions), 1 / 7, ACCURACY)
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


# --- the verdict


LEGEND = [
    *["baseline-2018, from scratch", "baseline, from scratch", "augmentation, from scratch"],
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
    assert "95 % interval (Student's t)" in text_of(figure)


def test_methods_are_told_apart_by_colour_and_marker_and_backbones_by_line():
    (axes,) = learning_curves(STUDIES["one fraction"]).axes
    drawn = [line for line in axes.lines if line.get_label() in LEGEND]
    styles = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in drawn]
    assert len(set(styles)) == len(LEGEND)
    assert len({color for color, _, _ in styles}) == len({marker for _, marker, _ in styles}) == 9


def test_the_other_protocol_is_named_and_has_nothing_of_the_report():
    figure = figures.plot_learning_curves(accuracies({0.01: 3}, "held-out"), 1 / 7, ACCURACY)
    (axes,) = figure.axes
    assert "selected and scored on different images" in axes.get_title()
    assert hollow_in(axes) == []
    assert not any("2018 paper" in text for text in legend_of(axes))


def test_gains_have_a_panel_a_backbone_and_intervals_only_where_there_are_replicates():
    fractions = {1: 1, 0.1: 3, 0.01: 5}
    figure = figures.plot_gains(gains_table(fractions), ACCURACY)
    assert [axes.get_title() for axes in figure.axes] == [
        "transfer from vgg16",
        "transfer from other",
    ]
    first, second = figure.axes
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["1 %", "10 %", "100 %"]
    assert first.get_ylabel() == "absolute gain\n(difference in validation accuracy)"
    assert legend_of(second) == [
        *["over baseline-2018", "over baseline", "over augmentation", "hollow: 2018 paper"],
    ]
    assert hollow_in(first) == [-0.01, 0.02, 0.25, 0.27]
    assert hollow_in(second) == []
    for axes in figure.axes:
        segments = [segment for bars in axes.collections for segment in bars.get_segments()]
        assert sum(len(segment) == 2 for segment in segments) == 3 * 2  # references, fractions
    assert "clothes: gain from transfer learning" in text_of(figure)


def test_labels_worth_has_a_line_of_no_gain_and_an_arrow_where_the_curve_ends():
    table = label_values({1: 1, 0.1: 3, 0.01: 5})
    figure = figures.plot_label_value(table, ACCURACY)
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
    assert "bootstrap over replicates" in text_of(figure)


def test_cost_shows_all_methods_and_leaves_out_what_was_not_measured():
    table = cost_table({1: 1, 0.1: 3})
    table.loc[(table["method"] == "baseline") & (table["fraction"] == 1), "seconds"] = np.nan
    figure = figures.plot_cost(table, ACCURACY)
    (axes,) = figure.axes
    assert legend_of(axes) == LEGEND
    assert axes.get_xlabel() == "training time (seconds)"
    assert axes.get_xscale() == "log"
    drawn = [len(dots.get_offsets()) for dots in axes.collections]
    assert drawn == [2, 1, 2, 2, 2, 2, 2, 2, 2, 2]
    assert "larger markers stand for larger fractions: 10 %, 100 %" in text_of(figure)


def test_augmented_images_stand_beside_the_one_they_were_made_of():
    images = np.arange(13, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 1), np.uint8)
    figure = figures.plot_augmented(images, "clothes")
    shown = [axes.images[0] for axes in figure.axes]
    assert [int(image.get_array()[0, 0]) for image in shown] == list(range(13))
    assert {image.get_clim() for image in shown} == {(0, 255)}
    sides = [axes.get_position().height for axes in figure.axes]
    assert sides[0] > 1.9 * sides[1]
    assert "clothes: a training image and 12 augmented copies of it" in text_of(figure)
