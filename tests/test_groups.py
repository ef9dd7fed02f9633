"""Promises about images of one group, which are alike: intervals hold for new groups."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from transfer_gain.data import store
from transfer_gain.data.splits import cross_fitting
from transfer_gain.evaluation import evidence, image_sampling, predictions
from transfer_gain.evaluation.evidence import Evidence
from transfer_gain.evaluation.per_class import per_class
from transfer_gain.metrics import ACCURACY, BALANCED_ACCURACY
from transfer_gain.names import HELD_OUT

OF_GROUP = 10
seeds = st.integers(0, 2**32 - 1)


def images(groups: int, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """Class and group of images; groups are of one class, or of both."""
    rows = np.arange(groups * OF_GROUP)
    return (rows % 2 if shared else rows * 2 // len(rows)), rows // OF_GROUP


def values_of(rng: np.random.Generator, labels: np.ndarray, groups: np.ndarray, kind: str):
    """Values (replicates, images) around zero; half of the variance of images is their group's."""
    of_group = rng.normal(size=groups.max() + 1)[groups]
    of_image = np.sqrt(0.5) * (of_group + rng.normal(size=len(labels)))
    if kind == "fixed":
        training, errors = rng.normal(size=(5, 1)), rng.normal(size=(5, len(labels)))
        return of_image + 0.3 * training + 0.5 * errors
    roles = cross_fitting(labels, groups, "ab", 6, 2, rng)
    values = np.full((len(roles), len(labels)), np.nan)
    moves = rng.normal(size=groups.max() + 1)[groups]
    for row, role in enumerate(roles):
        scored = role == "test"
        moved = 0.7 * moves[role == ""].mean() + 0.2 * rng.normal()
        values[row, scored] = of_image[scored] + moved + 0.5 * rng.normal(size=scored.sum())
    return values


def evidence_of(values, labels, groups, kind) -> Evidence:
    overlap = None if kind == "fixed" else 0.25
    scores = pd.Series(np.nanmean(values, axis=1))
    return Evidence(scores, values, labels, overlap, len(labels), groups)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("kind", "groups", "studies"),
    [
        ("fixed", 12, 300),
        ("cross-fitted", 18, 60),
        pytest.param("fixed", 6, 1500, marks=pytest.mark.slow),
        pytest.param("cross-fitted", 12, 300, marks=pytest.mark.slow),
    ],
)
def test_intervals_cover_new_groups(kind, groups, studies, shared):
    """Taken for independent, fixed images of 12 groups cover in some 80 of 100 studies."""
    rng = np.random.default_rng(2018)
    labels, group = images(groups, shared)
    covered = []
    for _ in range(studies):
        values = values_of(rng, labels, group, kind)
        found = evidence.contrast([evidence_of(values, labels, group, kind)], [1])
        covered.append(found.low <= 0 <= found.high)
    assert np.mean(covered) > 0.95 - 2.6 * (0.95 * 0.05 / studies) ** 0.5


@pytest.mark.parametrize("kind", ["fixed", "cross-fitted"])
def test_a_group_counts_once_however_many_images_it_has(kind):
    rng = np.random.default_rng(1)
    labels, group = np.repeat([0, 1], 18), np.arange(36)
    once = values_of(rng, labels, group, kind)
    more = [np.repeat(each, OF_GROUP, axis=-1) for each in (once, labels, group)]
    terms = image_sampling.variance_terms(np.nanmean(once, axis=0), labels, None)
    found = image_sampling.variance_terms(np.nanmean(more[0], axis=0), *more[1:])
    np.testing.assert_allclose(found, terms)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(2, 9), min_size=1, max_size=4), seeds)
def test_groups_of_one_image_are_images(counts, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    of_image, alone = rng.normal(size=len(labels)), rng.permutation(len(labels))
    np.testing.assert_allclose(
        image_sampling.variance_terms(of_image, labels, alone),
        image_sampling.variance_terms(of_image, labels, None),
    )


def test_the_variance_of_classes_that_share_groups_is_that_of_the_sums_of_groups():
    rng = np.random.default_rng(0)
    labels, group = images(8, shared=True)
    of_image = rng.normal(size=len(labels)) + rng.normal(size=8)[group]
    ((variance, freedom),) = image_sampling.variance_terms(of_image, labels, group)
    assert variance == pytest.approx(of_image.reshape(8, -1).mean(axis=1).var(ddof=1) / 8)
    assert 0 < freedom <= 7


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 8), seeds)
def test_bootstrap_samples_of_groups_have_each_class_as_often_as_it_is(counts, groups, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    group = rng.integers(groups, size=len(labels))
    weights = image_sampling.bootstrap_weights(labels, group, 5, rng)
    for label, count in enumerate(counts):
        assert weights[:, labels == label].sum(axis=1) == pytest.approx(count / len(labels))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", ["fixed", "cross-fitted"])
def test_resampled_means_of_groups_are_spread_as_wide_as_the_interval(kind, shared):
    rng = np.random.default_rng(5)
    labels, group = images(24, shared)
    ratios = []
    for _ in range(8):
        own = evidence_of(values_of(rng, labels, group, kind), labels, group, kind)
        weights = image_sampling.bootstrap_weights(labels, group, 2000, rng)
        low, high = np.quantile(evidence.resampled_means(own, 2000, rng, weights), [0.025, 0.975])
        found = evidence.contrast([own], [1])
        ratios.append((high - low) / (found.high - found.low))
    assert 0.85 < np.mean(ratios) < 1.2


@pytest.mark.parametrize("metric", [ACCURACY, BALANCED_ACCURACY])
def test_all_images_of_a_few_groups_right_are_the_evidence_of_a_few_images(metric):
    labels, group = images(6, shared=False)
    ones = np.ones((5, len(labels)))
    _, low, high = evidence.mean_interval(evidence_of(ones, labels, group, "fixed"), metric)
    _, once, _ = evidence.mean_interval(
        evidence_of(ones[:, :6], np.repeat([0, 1], 3), None, "fixed"), metric
    )
    assert (low, high) == pytest.approx((once, 1))


def of_class(rng: np.random.Generator, groups: int, recall: float, studies: int) -> pd.DataFrame:
    """Predictions of studies of two classes, three runs each, a method per study.

    Of the variance of an answer, half is that of the group, and three eighths that of the image.
    """
    group = np.tile(np.arange(2 * groups).repeat(OF_GROUP), (studies, 3, 1))
    shape = group.shape
    of_group = rng.normal(size=(studies, 1, 2 * groups)).repeat(OF_GROUP, axis=2)
    of_image, noise = rng.normal(size=(studies, 1, shape[2])), rng.normal(size=shape)
    latent = np.sqrt(0.5) * of_group + np.sqrt(0.375) * of_image + np.sqrt(0.125) * noise
    label = group // groups
    study, replicate, image = (axis.ravel() for axis in np.indices(shape))
    names = {"backbone": "none", "method": study, "fraction": 1.0, "replicate": replicate}
    answers = {"label": label.ravel(), "predicted": (label ^ (latent > norm.ppf(recall))).ravel()}
    return pd.DataFrame({**names, "image_id": image, "group": group.ravel(), **answers})


@pytest.mark.parametrize(
    ("groups", "recall", "studies"),
    [
        (12, 0.8, 60),
        *(
            pytest.param(groups, recall, 400, marks=pytest.mark.slow)
            for groups in (6, 12, 30)
            for recall in (0.6, 0.8, 0.95)
        ),
    ],
)
def test_recall_and_precision_of_a_class_cover_new_groups(groups, recall, studies):
    """Taken for independent, the images of these groups cover in some 70 of 100 studies."""
    made = of_class(np.random.default_rng(2018), groups, recall, studies)
    table = per_class(made, ["a", "b"], "mine")
    alone = per_class(made.drop(columns="group"), ["a", "b"], "mine")
    # Both classes have as many images and as many mistakes, so both shares have the same truth.
    for share in ("recall", "precision"):
        within, before = (
            ((found[f"{share}_low"] <= recall) & (recall <= found[f"{share}_high"])).mean()
            for found in (table, alone)
        )
        assert within > 0.95 - 2.6 * (0.95 * 0.05 / (2 * studies)) ** 0.5
        assert before < 0.93
        assert table[share].equals(alone[share])


def test_groups_of_one_image_leave_a_class_as_it_is_and_one_group_is_one_image():
    made = of_class(np.random.default_rng(1), 6, 0.8, 1)
    alone = per_class(made.drop(columns="group"), ["a", "b"], "mine")
    pd.testing.assert_frame_equal(
        per_class(made.assign(group=made["image_id"]), "ab", "mine"), alone
    )
    once = per_class(made.assign(group=0), "ab", "mine")
    assert (once["recall_high"] - once["recall_low"] > 0.7).all()
    perfect = per_class(made.assign(predicted=made["label"]), "ab", "mine")
    assert perfect["recall_low"].to_numpy() == pytest.approx(evidence.wilson(1, 6)[0])


def test_the_predictions_say_which_images_are_of_a_group(tmp_path):
    names = {"backbone": "none", "method": "baseline", "fraction": 1.0, "replicate": 0}
    names |= {"layers": "100", "activation": "elu", "learning_rate": 0.1, "l2": 0.01}
    ids = [f"i{number}" for number in range(6)]
    rows = pd.DataFrame({**names, "run": "grid", "protocol": "both", "image_id": ids})
    rows = rows.assign(label=[0, 1] * 3, predicted=0, probability_0=0.5, probability_1=0.5)
    store.write_rows(rows, tmp_path / "predictions.parquet")
    roles = pd.DataFrame({"split": 0, "image_id": ids, "role": ["selection", *["test"] * 5]})
    selected = pd.DataFrame([{"dataset": "mine", "protocol": HELD_OUT, **names}])

    def gathered(groups: list[str | None]) -> pd.DataFrame:
        index = pd.DataFrame({"image_id": ids[::-1], "group": groups[::-1]})
        paths = [tmp_path / "predictions.parquet"]
        return predictions.gather(selected, roles, index, "mine", paths)

    groups = gathered(["a", "a", "b", "b", None, "b"])["group"]
    assert groups.nunique() == 3
    assert groups[1] == groups[2] == groups[4]
    # Where no two scored images are of one group, the file is as it was.
    assert "group" not in gathered([None] * 6)
    assert "group" not in gathered(["a", "a", "b", "c", "d", None])
