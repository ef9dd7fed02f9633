"""Metrics: what they score, and that none is without words."""

from dataclasses import replace

import numpy as np
import pytest

from studies import accuracy, gains, hypotheses, label_value, make_runs, published, study
from transfer_gain import metrics
from transfer_gain.evaluation import comparison, selection
from transfer_gain.evaluation import label_value as worth
from transfer_gain.metrics import ACCURACY, METRICS, Predictions, UnknownMetricError
from transfer_gain.reporting import metric_display

# The share of images that are classified wrongly: accuracy, mirrored.
ERROR = replace(
    ACCURACY,
    name="error",
    values=lambda predictions: predictions.classes != predictions.labels,
    higher_is_better=False,
)


def predictions(labels: list, classes: list, count: int = 3) -> Predictions:
    """Predictions without any doubt: a probability of 1 for the predicted class."""
    certain = np.eye(count)[np.array(classes)]
    return Predictions(np.array(labels), np.array(classes), np.zeros(np.shape(classes)), certain)


def test_accuracy_is_the_share_of_correct_images():
    made = predictions([0, 1, 2, 2], [[0, 1, 2, 2], [0, 0, 0, 2]])
    assert ACCURACY.score(made).tolist() == [1, 0.5]
    assert ACCURACY.score(made.of(np.array([False, True, True, False]))).tolist() == [1, 0]


def test_each_replicate_may_have_its_own_labels():
    made = predictions([[0, 1], [1, 1]], [[0, 1], [0, 1]])
    assert ACCURACY.score(made).tolist() == [1, 0.5]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_keeps_its_promises(metric):
    labels = np.repeat([0, 1, 2], [5, 3, 2])
    perfect, constant = labels, np.zeros(10, int)
    shares = np.bincount(labels) / 10
    made = Predictions(
        labels,
        np.stack([perfect, constant]),
        np.stack([np.zeros(10), -np.log(shares[labels])]),
        np.stack([np.eye(3)[labels], np.tile(shares, (10, 1))]),
    )
    best, guessed = metric.score(made)
    assert best == pytest.approx(metric.best)
    assert guessed == pytest.approx(metric.chance(np.bincount(labels)))
    assert metric.name.isidentifier()
    assert metric_display.words(metric).noun


def test_a_metric_without_a_record_or_words_is_an_error():
    with pytest.raises(UnknownMetricError, match=r"found 'guess', expected one of accuracy"):
        metrics.metric("guess")
    with pytest.raises(UnknownMetricError, match=r"found none for 'error'"):
        metric_display.words(ERROR)


def test_limits_of_axes_show_the_best_score_and_a_little_beyond_chance():
    assert metric_display.limits(ACCURACY) == (0, 1.02)
    assert metric_display.limits(ACCURACY, 0.5) == (0.42, 1.02)
    assert metric_display.limits(ACCURACY, 0.05) == (0, 1.02)
    assert metric_display.limits(ERROR, 0.5) == (-0.02, 0.58)
    assert metric_display.limits(replace(ERROR, bounds=(0, np.inf))) == (-0.02, None)


# --- A lower score may be better: the same runs are judged alike by accuracy and by error.


def test_the_lowest_error_is_selected():
    runs = make_runs()
    for role in ("validation", "selection", "test"):
        runs[f"{role}_error"] = 1 - runs[f"{role}_accuracy"]
    expected = selection.select_heads(runs, ACCURACY)
    found = selection.select_heads(runs, ERROR)
    names = ["protocol", "replicate", *selection.CONFIGURATION, "configurations"]
    assert found[names].equals(expected[names])
    by_protocol = found.groupby("protocol", sort=False)["selected_by"].unique()
    assert by_protocol.map(list).tolist() == [["validation_error"], ["selection_error"]]
    np.testing.assert_allclose(found["error"], 1 - expected["accuracy"])


def test_gains_verdicts_and_label_values_are_alike():
    selected = study().assign(error=lambda rows: 1 - rows["accuracy"])
    theirs = published("gains")
    controls = {"vgg16-random": ["vgg16"]}
    found = comparison.gains(selected, {}, ERROR, theirs, ["vgg16"], controls)
    alike = ["absolute_gain", "absolute_low", "absolute_high", "p_holm"]
    np.testing.assert_allclose(found[alike], gains(selected)[alike], atol=1e-12)
    relative = found["relative_gain"] > 1
    assert (relative == (found["absolute_gain"] > 0)).all()

    found = comparison.hypotheses(selected, {}, ERROR, 0.01, 1)
    assert found["verdict"].equals(hypotheses(selected)["verdict"])

    found = comparison.scores(selected, {}, ERROR, published("accuracy"), ["vgg16"])
    expected = accuracy(selected)
    np.testing.assert_allclose(found["mean"], 1 - expected["mean"])
    np.testing.assert_allclose(found["ci_low"], 1 - expected["ci_high"])
    behind = ["behind_best", "behind_p_holm"]
    np.testing.assert_allclose(found[behind], expected[behind], atol=1e-9)

    found, expected = worth.label_value(selected, {}, ERROR), label_value(selected)
    assert list(found) == worth.columns(ERROR)
    np.testing.assert_allclose(found["error"], 1 - expected["accuracy"])
    np.testing.assert_allclose(found["multiplier"], expected["multiplier"])
