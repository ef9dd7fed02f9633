"""Promises where runs or methods do not differ: intervals come from the images alone."""

import itertools

import numpy as np
import pandas as pd
import pytest

from made_answers import BASELINE, PROBE, predicted
from transfer_gain.evaluation import comparison, evidence, statistics
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.evaluation.label_value import label_value
from transfer_gain.metrics import ACCURACY, BALANCED_ACCURACY, LOSS, Predictions, metric

PUBLISHED = pd.DataFrame(columns=["dataset", "fraction", "reference", "relative_gain"]).assign(
    absolute_gain=np.nan
)


def of_answers(
    right: np.ndarray, labels: np.ndarray, overlap: float | None = None, groups=None
) -> Evidence:
    """Evidence of answers (replicates, images)."""
    return Evidence(pd.Series(right.mean(axis=1)), right, labels, overlap, len(labels), groups)


def answers(labels: np.ndarray, named: np.ndarray) -> Predictions:
    """Predictions of one run that names these classes."""
    count = len(labels)
    return Predictions(labels, named[None], np.zeros((1, count)), np.zeros((1, count, 1)))


def agreeing(labels, metric=ACCURACY, overlap=None, groups=None, level=0.95):
    """The contrast of two methods that give the same answers to images of these classes."""
    right = np.random.default_rng(0).random((5, len(labels))) < 0.8
    own = of_answers(right.astype(float), labels, overlap, groups)
    return evidence.contrast([evidence.gain(own, own, metric)], [1], level)


# --- methods that agree on every image


@pytest.mark.parametrize("images", [10, 32, 300])
def test_a_difference_beyond_the_interval_rarely_shows_on_no_image(images):
    found = agreeing(np.arange(images) % 2)
    squared = 1.959964**2  # Tango's limit without discordant pairs
    assert found.high == -found.low == pytest.approx(squared / (images + squared))
    assert (1 - found.high) ** images <= 0.05
    assert (1 - found.high / 2) ** images > 0.05  # half as wide would be wrong
    wider = agreeing(np.arange(images) % 2, level=0.99)
    assert (1 - wider.high) ** images <= 0.01


def test_a_difference_of_balanced_accuracies_may_be_in_any_class():
    counts = np.array([28, 9])
    found = agreeing(np.repeat([0, 1], counts), BALANCED_ACCURACY)
    for shares in itertools.product(np.linspace(0, 1, 101), repeat=2):
        if (
            np.mean(shares) > found.high
        ):  # share of images of each class that are answered otherwise
            assert np.prod((1 - np.array(shares)) ** counts) <= 0.05


def test_images_of_a_group_are_one_chance_to_disagree():
    labels = np.repeat([0, 1], 60)
    assert agreeing(labels, groups=np.arange(120) // 10).high == agreeing(labels[::10]).high


def test_images_that_also_train_count_by_half():
    labels = np.repeat([0, 1], 60)
    assert agreeing(labels, overlap=0.25).high == agreeing(labels[::2]).high


def test_one_run_or_a_loss_or_macro_f1_that_is_the_same_shows_nothing():
    labels = np.repeat([0, 1], 60)
    assert np.isnan(agreeing(labels, LOSS).low)
    assert np.isnan(agreeing(labels, metric("macro_f1")).low)  # see docs/validity.md
    once = of_answers(np.ones((1, 120)), labels)
    assert np.isnan(evidence.contrast([evidence.gain(once, once, ACCURACY)], [1]).low)


# --- classes in which methods agree


@pytest.mark.parametrize("overlap", [None, 0.25])
@pytest.mark.parametrize("groups", [None, 3])
def test_a_class_without_a_difference_adds_half_an_image_each_way(overlap, groups):
    """So is the variance of a class with half an image more that gains, and half that loses."""
    labels = np.repeat([0, 1], [28, 9])
    group = None if groups is None else np.concatenate([np.arange(28), 28 + np.arange(9) % groups])
    rng = np.random.default_rng(3)
    right = rng.random((6, 37)) < 0.7
    other = np.where(labels == 1, right, rng.random((6, 37)) < 0.7)
    if overlap is not None:
        scored = np.tile(np.arange(37) % 6, (6, 1)) == np.arange(6)[:, None]
        right, other = (np.where(scored, each, np.nan) for each in (right, other))
    own, reference = (
        Evidence(
            pd.Series(np.nanmean(each, axis=1)), each.astype(float), labels, overlap, 37, group
        )
        for each in (right, other)
    )
    gain = evidence.gain(own, reference, BALANCED_ACCURACY)
    unknown = evidence.contrast([own - reference], [1])
    found = evidence.contrast([gain], [1])
    units = groups or 9
    added = 0.5**2 * (0.5 + 0.5) / (units + 1) / units  # the class is half of the score
    assert found.error**2 - unknown.error**2 == pytest.approx(added * (1 if overlap is None else 2))
    assert found.estimate == unknown.estimate


def test_many_classes_without_a_difference_add_no_more_than_one():
    labels = np.repeat(np.arange(10), 3)
    differs = np.zeros((3, 30))
    differs[:, :2] = 1
    own, reference = of_answers(np.ones((3, 30)), labels), of_answers(1 - differs, labels)
    found = evidence.contrast([evidence.gain(own, reference, ACCURACY)], [1])
    added = found.error**2 - evidence.contrast([own - reference], [1]).error ** 2
    assert added == pytest.approx(27 / 28 / 30**2)


@pytest.mark.parametrize("overlap", [None, 0.25])
def test_a_perfect_method_is_told_from_one_that_always_gives_the_same_answer(overlap):
    """All differences are the same within a class, none in one and of one image in the other."""
    labels = np.repeat([0, 1], [72, 24])
    perfect, constant = (
        np.tile(BALANCED_ACCURACY.values(answers(labels, named))[0], (6, 1)).astype(float)
        for named in (labels, np.zeros(96, np.int64))
    )
    if overlap is not None:
        scored = np.tile(np.arange(96) % 6, (6, 1)) == np.arange(6)[:, None]
        perfect, constant = (np.where(scored, each, np.nan) for each in (perfect, constant))
    own, reference = (
        Evidence(pd.Series(np.nanmean(each, axis=1)), each, labels, overlap, 96)
        for each in (perfect, constant)
    )
    assert np.isnan(evidence.contrast([own - reference], [1]).low)  # nothing is known of images
    found = evidence.contrast([evidence.gain(own, reference, BALANCED_ACCURACY)], [1])
    assert 0.4 < found.low < found.estimate < found.high < 0.6
    assert found.p_greater < 0.001
    assert found.estimate == pytest.approx(0.5)
    # Half an image in each direction, of 24 that are worth 1/48 each.
    added = 96 / 97 / 48**2
    assert found.error**2 == pytest.approx(added if overlap is None else 2 * added)


def test_a_rare_class_in_which_few_images_differ_does_not_narrow_the_interval():
    """9 images of a class often all agree; taken for no variance, this covers 90 in 100 studies."""
    rng = np.random.default_rng(2018)
    labels = np.repeat([0, 1], [28, 9])
    covered = []
    for _ in range(1500):
        hard = rng.random(37)
        own, other = hard < 0.85, (hard < 0.85) ^ (rng.random(37) < np.where(labels, 0.2, 0.1))
        gain = evidence.gain(
            *(of_answers(np.tile(each, (3, 1)).astype(float), labels) for each in (own, other)),
            BALANCED_ACCURACY,
        )
        # A changed answer is wrong if it was right, in 85 % of images.
        truth = (0.85 - 0.15) * (0.2 + 0.1) / 2
        found = evidence.contrast([gain], [1])
        covered.append(found.low <= truth <= found.high)
    assert 0.93 < np.mean(covered) < 0.985


@pytest.mark.parametrize(("images", "outcome"), [(50, "undecided"), (400, "practically equal")])
def test_methods_that_agree_on_enough_images_are_practically_equal(images, outcome):
    labels = np.arange(images) % 2
    right = np.random.default_rng(0).random((5, images)) < 0.8
    made = predicted({BASELINE: {1.0: right}, PROBE: {1.0: right}}, labels)
    published = PUBLISHED.astype({"dataset": str, "reference": str, "fraction": float})
    (row,) = comparison.gains(*made, ACCURACY, published, [], {}).itertuples()
    assert row.absolute_gain == 0
    assert row.absolute_low == -row.absolute_high < 0
    assert row.outcome == outcome
    assert row.p_value == 1
    assert row.p_equal > max(row.p_better, row.p_worse)
    assert row.relative_low < 1 < row.relative_high
    scores = comparison.scores(
        *made, ACCURACY, pd.DataFrame(columns=["dataset", "fraction"]), []
    ).set_index("method")
    assert scores["may_be_best"].all()
    # The best is not compared with itself.
    assert scores["behind_p_holm"].isna().sum() == 1


# --- runs that do not differ


def test_the_label_value_of_a_deterministic_method_varies_with_the_images():
    rng = np.random.default_rng(1)
    labels = np.arange(200) % 2
    hard = rng.random(200)

    def answers(share: float) -> np.ndarray:
        return hard + 0.2 * rng.normal(size=(5, 200)) < share

    baseline = {
        fraction: answers(share) for fraction, share in ((1.0, 0.9), (0.3, 0.7), (0.1, 0.5))
    }
    once = answers(0.8)[:1]
    found = {}
    for name, right in {"same": np.tile(once, (5, 1)), "single": once}.items():
        made = predicted({BASELINE: baseline, PROBE: {1.0: right}}, labels)
        found[name] = label_value(*made, ACCURACY).iloc[0]
    same, single = found["same"], found["single"]
    reached = same["baseline_labels_for_same_accuracy"]
    assert 0 < same["ci_low"] < reached < same["ci_high"]
    # As wide as the images alone make it: a share of 200 images at the curve's slope, about.
    assert np.log(same["ci_high"] / same["ci_low"]) > 0.3
    assert np.isnan(single["ci_low"])  # the spread of training is unknown
    without = label_value(made_without_predictions(made[0], once), {}, ACCURACY).iloc[0]
    assert np.isnan(without["ci_low"])


def made_without_predictions(selected: pd.DataFrame, once: np.ndarray) -> pd.DataFrame:
    """The runs of a study, those of the probe five times the same."""
    probe = selected["method"] == PROBE[1]
    again = [selected[probe].assign(replicate=number) for number in range(5)]
    assert not statistics.is_spread(pd.concat(again)["accuracy"])
    return pd.concat([selected[~probe], *again], ignore_index=True)
