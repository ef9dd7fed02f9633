"""The figures of one-shot learning show the numbers that they are given."""

import itertools

import numpy as np
import pandas as pd
import pytest

from transfer_gain.evaluation import similarity
from transfer_gain.evaluation.few_shot_tables import CONTROLS
from transfer_gain.reporting.figures.class_map import plot_class_map
from transfer_gain.reporting.figures.distance_and_gain import (
    distances_to_others,
    plot_distance_and_gain,
)
from transfer_gain.reporting.figures.one_shot import plot_one_shot
from transfer_gain.reporting.figures.one_shot_methods import plot_one_shot_methods
from transfer_gain.reporting.figures.similarity import plot_similarity
from transfer_gain.reporting.figures.tasks import plot_tasks

pytestmark = pytest.mark.usefixtures("closed_figures")


def rows() -> pd.DataFrame:
    """Return rows of table `one_shot` of the first approach: accuracy is 0.2 + epoch / 100."""
    found = []
    for classes, replicate in itertools.product(("seen", "unseen"), range(3)):
        place = {"approach": "first", "trained_on": "faces", "tested_on": "faces"}
        place |= {"classes": classes, "replicate": replicate}
        for index, method in enumerate(CONTROLS):
            names = {"epoch_unit": "none", "batch": 0, "method": method, "epochs": 0}
            found.append({**place, **names, "accuracy": 0.2 + index / 100})
        for epoch_unit, epochs in (("batch", 20), ("pass", 4)):
            for epoch in range(1, epochs + 1):
                names = {
                    "epoch_unit": epoch_unit,
                    "batch": 36,
                    "method": "siamese",
                    "epochs": epoch,
                }
                accuracy = 0.2 + epoch / 100 + 0.01 * (replicate - 1)
                found.append({**place, **names, "accuracy": accuracy})
    table = pd.DataFrame(found)
    return table.assign(accuracy_320=table["accuracy"])


PUBLISHED = pd.DataFrame(
    [["first", 36, 1, 0.28, 0.28], ["first", 36, 20, 0.4, 0.49]],
    columns=["approach", "batch", "epochs", "low", "high"],
)


def test_accuracy_stands_against_epoch_beside_every_control_and_chance():
    figure = plot_one_shot(rows(), PUBLISHED)
    assert len(figure.axes) == 4
    for axes in figure.axes:
        lines = {line.get_label(): line for line in axes.get_lines()}
        assert {*CONTROLS, "chance"} <= {*lines}
        assert lines["chance"].get_ydata()[0] == pytest.approx(1 / 7)
        assert lines["cosine"].get_ydata()[0] == pytest.approx(0.21)
        course = lines["siamese, 36 pairs per batch"]
        np.testing.assert_allclose(course.get_ydata(), 0.2 + course.get_xdata() / 100)
    published = [
        tuple(line.get_ydata())
        for line in figure.axes[0].get_lines()
        if line.get_color() == "black" and len(line.get_ydata())
    ]
    assert published == [(0.28, 0.28), (0.4, 0.49)]
    assert any("2018 paper" in text.get_text() for text in figure.legends[0].get_texts())


def test_every_batch_has_its_line_and_related_images_are_no_unseen_classes():
    table = rows()
    siamese = table["method"] == "siamese"
    batches = [table[siamese].assign(batch=36 + more) for more in range(1, 8)]
    related = pd.concat([table, *batches]).assign(approach="second", trained_on="peeps")
    figure = plot_one_shot(related, PUBLISHED.iloc[:0])
    for axes in figure.axes:
        labels = {line.get_label() for line in axes.get_lines()}
        assert {f"siamese, {36 + more} pairs per batch" for more in range(8)} <= labels
        assert axes.get_title().startswith("images ")


def summary() -> pd.DataFrame:
    methods = {"cosine": 0.25, "l1": 0.22, "siamese": 0.2, "whitening": 0.4}
    return pd.DataFrame(
        {
            "approach": "second",
            "trained_on": "peeps",
            "tested_on": "faces",
            "classes": "unseen",
            "epoch_unit": "batch",
            "batch": 96,
            "method": [*methods],
            "accuracy": [*methods.values()],
            "ci_low": [value - 0.01 for value in methods.values()],
            "ci_high": [value + 0.01 for value in methods.values()],
            "chance": 1 / 7,
            "control": "cosine",
            "published_low": [np.nan, np.nan, 0.2, np.nan],
            "published_high": [np.nan, np.nan, 0.3, np.nan],
        }
    )


def test_every_method_stands_in_its_row_controls_first():
    (axes,) = plot_one_shot_methods(summary()).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["l1", "cosine", "siamese, 96 pairs, batch", "whitening"]
    dots = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "o"]
    assert dots == [0.22, 0.25, 0.2, 0.4]
    assert "trained on related images (peeps)" in axes.get_title()


def test_a_task_is_solved_only_without_a_tie():
    p_same = [1, 0.9, 0.5, 0.4, 1, 0.7, 0.7, 0.1]  # two tasks of a query and three candidates
    tasks = pd.DataFrame(
        {
            "task": np.repeat([0, 1], 4),
            "position": np.tile(np.arange(4), 2),
            "label": [0, 0, 1, 1, 1, 1, 0, 0],
            "p_same": p_same,
        }
    )
    pixels = np.zeros((8, 6, 6, 1), np.uint8)
    figure = plot_tasks(tasks, pixels, ["joy", "fear"], "faces")
    grid = np.array(figure.axes).reshape(2, 4)
    assert [line[0].get_ylabel() for line in grid] == ["solved", "failed"]
    assert grid[0, 1].get_xlabel() == "joy\n0.900"
    framed = [[axes.spines["top"].get_linewidth() > 2 for axes in line] for line in grid]
    assert framed == [[False, True, False, False], [False, True, True, False]]


def table() -> pd.DataFrame:
    """Return rows of table `similarity` of three datasets of two classes."""
    names = [(dataset, label) for dataset in ("x", "y", "z") for label in ("a", "b")]
    wholes = [(dataset, similarity.WHOLE) for dataset in ("x", "y", "z")]
    found = [
        {
            **dict(zip(similarity.PAIR, (*a, *b), strict=True)),
            "images": 29,
            "p_same": 0.5,
            "feature_distance": abs("xyz".index(a[0]) - "xyz".index(b[0])) + 0.1 * (a[1] != b[1]),
        }
        for some in (names, wholes)
        for a, b in itertools.combinations_with_replacement(some, 2)
    ]
    return pd.DataFrame(found)


def test_the_heat_maps_are_ordered_by_clustering():
    figure = plot_similarity(table())
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {label[0] for label in labels[:2]} in ({"x"}, {"y"}, {"z"})
    assert len(labels) == 6


def test_the_map_has_a_point_for_every_class():
    (axes,) = plot_class_map(table(), 1).axes
    assert sum(len(line.get_xdata()) for line in axes.get_lines()) == 6


def test_a_dataset_stands_at_its_mean_distance_from_the_others():
    distance = distances_to_others(table())
    assert distance.to_dict() == pytest.approx({"x": 1.5, "y": 1.0, "z": 1.5})


@pytest.mark.parametrize(
    ("datasets", "said"), [(["x"], "1 dataset with"), (["x", "y"], "2 datasets with")]
)
def test_few_datasets_are_said_to_be_too_few(datasets, said):
    gains = pd.DataFrame(
        [
            {
                **{"dataset": dataset, "method": "transfer", "reference": "baseline"},
                **{"protocol": protocol, "fraction": fraction, "absolute_gain": 0.1},
                **{"absolute_low": 0.05, "absolute_high": 0.15},
            }
            for dataset in datasets
            for protocol in ("same-images", "held-out")
            for fraction in (1, 0.1)
        ]
    )
    figure = plot_distance_and_gain(table(), gains)
    text = "".join(text.get_text() for text in figure.texts)
    assert said in text
    assert "too few to establish a trend" in text
    points = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in points) == 2 * len(datasets)


def test_enough_datasets_have_a_rank_correlation():
    names = list("abcde")
    pairs = list(itertools.combinations(names, 2))
    rows = [(a, "*", b, "*", names.index(a) + names.index(b)) for a, b in pairs]
    columns = ["dataset_a", "class_a", "dataset_b", "class_b", "feature_distance"]
    distances = pd.DataFrame(rows, columns=columns)
    gains = pd.DataFrame({"dataset": names, "absolute_gain": [0.1, 0.2, 0.3, 0.4, 0.5]})
    gains = gains.assign(method="transfer", reference="baseline", protocol="held-out", fraction=0.1)
    gains = gains.assign(absolute_low=gains["absolute_gain"], absolute_high=gains["absolute_gain"])
    figure = plot_distance_and_gain(distances, gains)
    text = "".join(text.get_text() for text in figure.texts)
    assert "rank correlation over datasets: 1.00, p < 0.001." in text
