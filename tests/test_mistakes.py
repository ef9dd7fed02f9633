"""Promises of what is told of mistakes: per class, confusions, confidence, the images."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_fscore_support

import studies
from drawings import text_of
from studies import predictions
from transfer_gain.evaluation import comparison, evidence, mistakes
from transfer_gain.evaluation.mistakes import Chosen
from transfer_gain.evaluation.per_class import PER_CLASS, confusion_matrix, per_class
from transfer_gain.metrics import ACCURACY, BALANCED_ACCURACY, LOSS, metric
from transfer_gain.reporting import alt_text
from transfer_gain.reporting import mistakes as told
from transfer_gain.reporting.figures.confusion import MOST_CLASSES, PAIRS, plot_confusion
from transfer_gain.reporting.figures.contact_sheet import SHOWN
from transfer_gain.reporting.figures.mistakes import plot_mistakes
from transfer_gain.reporting.figures.reliability import plot_reliability

CLASSES = ["sound", "cracked", "dirty"]
BEST = [Chosen("vgg16", "transfer", 1.0)]


def of_classes(labels, predicted, replicates=0, images=None, confidence=0.8, classes=3):
    """Predictions of these classes, each with the same confidence."""
    shares = np.full((len(labels), classes), (1 - confidence) / (classes - 1))
    shares[np.arange(len(labels)), predicted] = confidence
    return predictions(shares, labels, replicates, images)


def random_rows(replicates: int, images: int = 90) -> pd.DataFrame:
    """Predictions of several replicates for the same images."""
    rng = np.random.default_rng(replicates)
    labels = np.arange(images) % 3
    shares = rng.dirichlet(np.ones(3), replicates * images)
    shares[np.arange(len(shares)), np.tile(labels, replicates)] += 0.3
    shares /= shares.sum(axis=1, keepdims=True)
    names = [f"image {number}" for number in range(images)] * replicates
    numbers = np.repeat(np.arange(replicates), images)
    return predictions(shares, np.tile(labels, replicates), numbers, names)


def cross_fitted(repeats: int = 2, images: int = 30, folds: int = 3) -> pd.DataFrame:
    """Predictions in which every image is scored once in each repeat, by one of the splits."""
    rows = random_rows(repeats, images)
    fold = np.arange(len(rows)) % folds
    return rows.assign(replicate=rows["replicate"] * folds + fold)


# --- per class


@pytest.mark.parametrize("replicates", [1, 4])
def test_recall_precision_and_f1_are_scikit_learn_s(replicates):
    rows = random_rows(replicates)
    table = per_class(rows, CLASSES, "cells")
    precision, recall, f1, _ = precision_recall_fscore_support(rows["label"], rows["predicted"])
    assert list(table) == PER_CLASS
    np.testing.assert_allclose(table["recall"], recall)
    np.testing.assert_allclose(table["precision"], precision)
    np.testing.assert_allclose(table["f1"], f1)
    assert table["images"].tolist() == [30, 30, 30]


def test_intervals_count_every_image_once_however_often_it_is_scored():
    once = of_classes([0] * 20 + [1] * 20, [0] * 15 + [1] * 25)
    five_times = pd.concat(once.assign(replicate=number) for number in range(5))
    first, second = (per_class(rows, CLASSES, "cells") for rows in (once, five_times))
    pd.testing.assert_frame_equal(first, second)
    sound = first.iloc[0]
    assert (sound["recall_low"], sound["recall_high"]) == evidence.wilson(15 / 20, 20)
    assert (sound["precision"], sound["precision_low"]) == (1, evidence.wilson(1, 15)[0])


def test_a_class_that_is_never_predicted_has_no_precision():
    dirty = per_class(of_classes([0, 1, 2, 2], [0, 1, 0, 1]), CLASSES, "cells").iloc[2]
    assert (dirty["recall"], dirty["f1"], dirty["predicted"]) == (0, 0, 0)
    assert dirty[["precision", "precision_low", "precision_high"]].isna().all()
    assert dirty["recall_low"] == 0
    assert dirty["recall_high"] < 1


def test_cross_fitted_images_are_counted_once_and_averaged_over_repeats():
    rows = cross_fitted()
    matrix = confusion_matrix(rows, 3)
    np.testing.assert_allclose(matrix.sum(axis=1), [10, 10, 10])
    assert matrix.trace() / 30 == pytest.approx((rows["label"] == rows["predicted"]).mean())


@pytest.mark.parametrize("replicates", [1, 3])
def test_confusion_and_scores_agree_since_both_are_of_the_same_predictions(replicates):
    """Reported as keras-team/keras#11427."""
    rows = random_rows(replicates)
    for name, of_matrix in (
        ("accuracy", lambda matrix: matrix.trace() / matrix.sum()),
        ("balanced_accuracy", lambda matrix: (matrix.diagonal() / matrix.sum(axis=1)).mean()),
    ):
        made = [evidence.predictions_of(own) for _, own in rows.groupby("replicate")]
        accuracies = [float(metric(name).score(each)[0]) for each in made]
        selected = studies.runs(("vgg16", "transfer"), 1.0, accuracies, "cells", "held-out")
        selected = selected.rename(columns={"accuracy": name})
        none = studies.published("accuracy").head(0)
        table = comparison.scores(selected, {"cells": rows}, metric(name), none, [])
        matrix = confusion_matrix(rows, 3)
        assert table["mean"].item() == pytest.approx(of_matrix(matrix))
        counted = mistakes.confusion(rows, CLASSES, "cells", BEST)
        assert counted["images"].sum() == pytest.approx(90)
        right = counted.loc[counted["rank"] == 0, "images"].sum()
        assert right == pytest.approx(matrix.trace())
        recall = per_class(rows, CLASSES, "cells")["recall"]
        assert recall.mean() == pytest.approx(of_matrix(matrix))  # classes of the same size


# --- the best method


def test_the_best_method_is_no_reference_no_control_and_of_the_largest_fraction():
    means = {
        ("vgg16", "transfer", 0.1): 0.7,
        ("none", "baseline", 0.1): 0.8,
        ("vgg16", "transfer", 1.0): 0.8,
        ("vgg16", "linear-probe", 1.0): 0.9,
        ("vgg16", "transfer-extended", 1.0): 0.95,
        ("random", "transfer", 1.0): 0.97,
    }
    scores = pd.DataFrame(
        [
            (dataset, protocol, *names, mean * (0.5 if dataset == "other" else 1))
            for dataset in ("cells", "other")
            for protocol in ("held-out", "same-images")
            for names, mean in means.items()
        ],
        columns=["dataset", "protocol", "backbone", "method", "fraction", "mean"],
    )
    same = scores["protocol"] == "same-images"
    scores.loc[same & (scores["method"] == "baseline"), "mean"] = 1.0
    assert mistakes.best_methods(scores, ACCURACY, "cells", ["random"]) == [
        ("none", "baseline", 0.1),
        ("vgg16", "linear-probe", 1.0),
    ]
    *_, best = mistakes.best_methods(scores, LOSS, "cells", ["random"])
    assert best == ("vgg16", "transfer", 1.0)


# --- confusions


def test_confusions_are_counted_and_the_most_frequent_come_first():
    labels = [0] * 6 + [1] * 10 + [2] * 4
    rows = of_classes(labels, [0] * 5 + [1] + [1] * 6 + [0] * 4 + [2] * 3 + [0])
    table = mistakes.confusion(rows, CLASSES, "cells", BEST)
    assert list(table) == mistakes.CONFUSION
    found = table[["class", "predicted", "images", "rank"]].to_numpy().tolist()
    assert found == [
        ["cracked", "sound", 4, 1],
        ["sound", "cracked", 1, 2],
        ["dirty", "sound", 1, 2],
        ["sound", "sound", 5, 0],
        ["cracked", "cracked", 6, 0],
        ["dirty", "dirty", 3, 0],
    ]
    assert table["share_of_class"].tolist() == pytest.approx([0.4, 1 / 6, 1 / 4, 5 / 6, 0.6, 0.75])
    assert table["share_of_mistakes"].tolist()[:3] == pytest.approx([4 / 6, 1 / 6, 1 / 6])
    assert table["share_of_mistakes"][3:].isna().all()


@pytest.mark.parametrize("rows", [random_rows(3), cross_fitted()], ids=["fixed", "cross-fitted"])
def test_the_rows_of_a_class_add_up_to_its_images(rows):
    table = mistakes.confusion(rows, CLASSES, "cells", BEST)
    images = rows.drop_duplicates("image_id")["label"].value_counts().sort_index()
    np.testing.assert_allclose(table.groupby("class", sort=False)["images"].sum()[CLASSES], images)


# --- confidence


def test_reliability_has_known_bins_and_error():
    rows = pd.concat(
        [
            of_classes([0] * 10, [0] * 9 + [1], images=list("abcdefghij"), confidence=0.95),
            of_classes([1] * 10, [1] * 2 + [0] * 8, images=list("klmnopqrst"), confidence=0.6),
        ]
    )
    table = mistakes.reliability(rows, CLASSES, "cells", BEST)
    assert list(table) == mistakes.RELIABILITY
    assert table["images"].tolist() == [10, 10]
    assert table["accuracy"].tolist() == pytest.approx([0.2, 0.9])
    assert table["confidence"].tolist() == pytest.approx([0.6, 0.95])
    assert (table["bin_low"] <= table["confidence"] + 1e-9).all()
    assert (table["confidence"] <= table["bin_high"]).all()
    assert table["calibration_error"].tolist() == pytest.approx([0.225, 0.225])


def test_one_run_has_the_calibration_error_of_the_metric():
    rows = random_rows(1)
    made = evidence.predictions_of(rows)
    table = mistakes.reliability(rows, CLASSES, "cells", BEST)
    (score,) = metric("calibration_error").score(made)
    assert table["calibration_error"].iloc[0] == pytest.approx(score)
    assert table["share"].sum() == pytest.approx(1)


def test_reliability_is_that_of_the_best_method_of_each_fraction():
    rows = random_rows(2)
    small = rows.assign(fraction=0.1, method="linear-probe")
    both = pd.concat([rows, small, rows.assign(fraction=0.1)])
    best = [Chosen("vgg16", "linear-probe", 0.1), *BEST]
    table = mistakes.reliability(both, CLASSES, "cells", best)
    pairs = table[["fraction", "method"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [[0.1, "linear-probe"], [1.0, "transfer"]]


# --- the images


def test_mistakes_are_listed_with_the_most_confident_first():
    shares = [[0.9, 0.1, 0], [0.2, 0.8, 0], [0.4, 0.6, 0], [0.95, 0.0, 0.05]]
    rows = predictions(shares, [0, 0, 0, 2], images=["right", "sure", "unsure", "surest"])
    table = mistakes.mistakes(rows, CLASSES, "cells", BEST)
    assert list(table) == mistakes.MISTAKES
    found = table[["image_id", "class", "predicted", "confidence"]].to_numpy().tolist()
    assert found == [
        ["surest", "dirty", "sound", 0.95],
        ["sure", "sound", "cracked", 0.8],
        ["unsure", "sound", "cracked", 0.6],
    ]
    assert (table["runs_wrong"] == 1).all()


def test_an_image_is_a_mistake_if_most_of_its_runs_say_so():
    shares = [[0.1, 0.9, 0], [0.4, 0.6, 0], [0.7, 0.3, 0], [0.8, 0.2, 0], [0.6, 0.4, 0], [0, 1, 0]]
    images = ["mostly wrong"] * 3 + ["mostly right"] * 3
    rows = predictions(shares, [0] * 6, [0, 1, 2] * 2, images)
    (row,) = mistakes.mistakes(rows, CLASSES, "cells", BEST).to_dict("records")
    assert (row["image_id"], row["runs_wrong"], row["runs"]) == ("mostly wrong", 2, 3)
    assert row["confidence"] == pytest.approx(0.6)  # of all three


# --- the sentence


def sentence(rows: pd.DataFrame, classes: list[str] = CLASSES) -> str:
    selected = studies.runs(("vgg16", "transfer"), 1.0, [0.5], "cells", "held-out")
    tables = {
        "accuracy": studies.accuracy(selected),
        "confusion": mistakes.confusion(rows, classes, "cells", BEST),
        "per_class": per_class(rows, classes, "cells"),
    }
    return told.mistakes(tables, ACCURACY, "cells")


def test_the_most_confused_classes_are_told_and_how_many_of_each_are_found():
    predicted = [0] * 19 + [1] + [1] * 8 + [0] * 12
    assert sentence(of_classes([0] * 20 + [1] * 20, predicted, classes=2), CLASSES[:2]) == (
        "At 6,000 images per class, transfer from vgg16 most often takes cracked for sound (12 of "
        "20 scored, 92 % of its mistakes); it finds 0.95 [0.76, 0.99] of sound and 0.40 [0.22, "
        "0.61] of cracked."
    )


def test_of_many_classes_the_least_and_the_most_found_are_told():
    labels = np.repeat(np.arange(6), 10)
    predicted = labels.copy()
    predicted[[0, 1, 2, 10, 20, 30, 40]] = [1, 1, 1, 0, 1, 1, 1]
    said = sentence(of_classes(labels, predicted, classes=6), list("abcdef"))
    assert "most often takes a for b (3 of 10 scored, 43 % of its mistakes)" in said
    assert said.endswith("of a, the least, and 1.00 [0.72, 1.00] of f, the most.")


def test_what_stands_out_in_no_way_is_not_told():
    labels = np.repeat(np.arange(3), 10)
    predicted = labels.copy()
    predicted[[0, 10, 20]] = [1, 2, 0]
    said = sentence(of_classes(labels, predicted))
    assert "transfer from vgg16 confuses no two classes more often than others; it finds" in said
    assert "takes" not in said
    predicted = labels.copy()
    predicted[[0, 10]] = [1, 0]
    said = sentence(of_classes(labels, predicted))
    assert "takes sound for cracked (1 of 10 scored" in said
    assert "and cracked for sound (1 of 10 scored" in said


def test_no_mistake_is_told():
    labels = np.repeat(np.arange(3), 10)
    assert sentence(of_classes(labels, labels)).endswith(
        "transfer from vgg16 makes no mistake on the 30 images that are scored."
    )


# --- the figures


def confused(classes: int) -> pd.DataFrame:
    """Table `confusion` of so many classes, each taken once for its neighbor."""
    labels = np.repeat(np.arange(classes), 3)
    predicted = labels.copy()
    predicted[::3] = (labels[::3] + 1) % classes
    names = [f"class {number}" for number in range(classes)]
    rows = of_classes(labels, predicted, classes=classes)
    return mistakes.confusion(rows, names, "cells", BEST)


def test_few_classes_are_a_heat_map_with_numbers():
    figure = plot_confusion(confused(MOST_CLASSES))
    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"class {number}" for number in range(MOST_CLASSES)]
    assert [text.get_text() for text in axes.texts].count("2") == MOST_CLASSES
    assert "transfer from vgg16, 100 % of the training images" in text_of(figure)
    plt.close(figure)


def test_of_many_classes_the_most_confused_pairs_are_drawn():
    table = confused(200)
    figure = plot_confusion(table)
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == PAIRS
    assert labels[0] == "class 0 → class 1"
    assert axes.texts[0].get_text().strip() == "1 of 3"
    assert figure.get_figheight() < 10
    plt.close(figure)


def test_reliability_says_the_error_of_each_fraction_beside_the_share_of_images():
    small, large = random_rows(1).assign(fraction=0.1), random_rows(2)
    best = [Chosen("vgg16", "transfer", fraction) for fraction in (0.1, 1.0)]
    table = mistakes.reliability(pd.concat([small, large]), CLASSES, "cells", best)
    figure = plot_reliability(table)
    text = text_of(figure)
    for fraction, rows in table.groupby("fraction"):
        error = rows["calibration_error"].iloc[0]
        assert f"{100 * fraction:g} %: transfer from vgg16\nECE {error:.3f}" in text
    bars = [patch.get_height() for axes in figure.axes[2:] for patch in axes.patches]
    assert sum(bars) == pytest.approx(2)
    plt.close(figure)


@pytest.mark.parametrize(("count", "channels"), [(0, 1), (1, 3), (30, 3), (30, 1)])
def test_mistakes_are_shown_with_their_classes_in_their_colors(count, channels):
    labels = [0] * (count + 1)
    rows = of_classes(labels, [1] * count + [0])
    table = mistakes.mistakes(rows, ["$a$", "b", "c"], "cells", BEST)
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels), dtype=np.uint8)
    figure = plot_mistakes(table, pixels, "cells")
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == min(count, SHOWN)
    assert all(axes.get_title() == "$a$\n→ b 0.80" for axes in drawn)
    expected = f"{len(drawn)} of {count} mistake" if count else "no mistakes"
    assert expected in text_of(figure)
    for axes, picture in zip(drawn, pixels, strict=False):
        shown = np.asarray(axes.images[0].get_array())
        np.testing.assert_array_equal(shown.reshape(picture.shape), picture)
    plt.close(figure)


def test_large_pictures_are_drawn_small():
    table = mistakes.mistakes(of_classes([0], [1]), CLASSES, "cells", BEST)
    pixels = np.zeros((1, 224, 224, 3), np.uint8)
    pixels[:, :112] = 200
    figure = plot_mistakes(table, pixels, "cells")
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert shown.shape == (112, 112, 3)
    assert (shown[:56] == 200).all()
    assert (shown[56:] == 0).all()
    plt.close(figure)


def test_the_figures_are_told_from_their_tables():
    rows = random_rows(2)
    tables = {name: make(rows, CLASSES, "cells", BEST) for name, make in mistakes.TABLES.items()}
    first = tables["confusion"].iloc[0]
    said = alt_text.describe("confusion", {"dataset": "cells"}, tables, ACCURACY)
    assert f"{first['class']} for {first['predicted']} {first['images']:g}" in said
    said = alt_text.describe("reliability", {"dataset": "cells"}, tables, BALANCED_ACCURACY)
    assert f"100 %: {tables['reliability']['calibration_error'].iloc[0]:.3f}" in said
    first = tables["mistakes"].iloc[0]
    said = alt_text.describe("mistakes", {"dataset": "cells"}, tables, ACCURACY)
    assert f"{first['image_id']}: {first['class']} taken for {first['predicted']}" in said
