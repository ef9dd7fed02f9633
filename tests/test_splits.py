"""Promises of cross-fitting: every image is scored, by methods that have never seen it."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_gain.data.sampling import draw_samples, validation_roles
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.splits import cross_fitting

quick = settings(deadline=None, max_examples=25)
FOLDS, REPEATS = 6, 2
seeds = st.integers(0, 2**32 - 1)


def names_of(labels: np.ndarray) -> list[str]:
    return [f"class {label}" for label in range(labels.max() + 1)]


def divided(labels, groups=None, folds=FOLDS, repeats=REPEATS, seed=0) -> list[np.ndarray]:
    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    rng = np.random.default_rng(seed)
    return cross_fitting(labels, groups, names_of(labels), folds, repeats, rng)


def grouped(classes: int, per_class: int, largest: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups of images, where groups have 1 to `largest` images of one class."""
    rng = np.random.default_rng(seed)
    labels, groups = [], []
    for label in range(classes):
        for _ in range(per_class):
            size = rng.integers(1, largest + 1)
            groups += [len(set(groups))] * size
            labels += [label] * size
    order = rng.permutation(len(labels))
    return np.array(labels)[order], np.array(groups)[order]


@quick
@given(st.lists(st.integers(12, 40), min_size=2, max_size=4), seeds)
def test_every_image_is_scored_and_selects_once_per_repeat(per_class, seed):
    labels = np.repeat(np.arange(len(per_class)), per_class)
    roles = divided(labels, seed=seed)
    assert len(roles) == FOLDS * REPEATS
    for repeat in range(REPEATS):
        own = np.stack(roles[repeat * FOLDS : (repeat + 1) * FOLDS])
        assert ((own == "test").sum(axis=0) == 1).all()
        assert ((own == "selection").sum(axis=0) == 1).all()
        assert ((own == "").sum(axis=0) == FOLDS - 2).all()


@quick
@given(st.lists(st.integers(6, 40), min_size=2, max_size=4), seeds)
def test_classes_keep_their_shares_in_every_role(per_class, seed):
    labels = np.repeat(np.arange(len(per_class)), per_class)
    for roles in divided(labels, seed=seed):
        for role in ("test", "selection"):
            found = np.bincount(labels[roles == role], minlength=len(per_class))
            folds = min(FOLDS, min(per_class) // 2)
            assert (np.abs(found - np.array(per_class) / folds) < 1 + 1e-9).all()
            assert found.min() >= 2


def test_repeats_and_seeds_divide_in_other_ways_and_one_seed_always_in_the_same():
    labels = np.repeat(np.arange(3), 30)
    first, again, other = (divided(labels, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    tests = {tuple(roles == "test") for roles in [*first, *other]}
    assert len(tests) == 2 * FOLDS * REPEATS


@quick
@given(st.integers(2, 4), st.integers(6, 15), st.integers(2, 6), seeds)
def test_groups_are_whole_and_every_class_is_in_every_role(classes, per_class, largest, seed):
    labels, groups = grouped(classes, per_class, largest, seed)
    for roles in divided(labels, groups, seed=seed):
        for group in np.unique(groups):
            assert len(set(roles[groups == group])) == 1
        assert set(labels[roles == "test"]) == set(range(classes))
        assert set(labels[roles == "selection"]) == set(range(classes))
        assert set(labels[roles == ""]) == set(range(classes))


@pytest.mark.parametrize(("smallest", "folds"), [(6, 3), (7, 3), (8, 4), (11, 5), (12, 6), (50, 6)])
def test_a_small_class_leaves_fewer_folds_with_two_images_in_each(smallest, folds):
    labels = np.repeat([0, 1], [50, smallest])
    roles = divided(labels)
    assert len(roles) == folds * REPEATS
    assert min(np.count_nonzero(labels[each == "test"]) for each in roles) >= 2


def test_few_groups_leave_fewer_folds():
    labels, groups = np.repeat([0, 1], 40), np.repeat(np.arange(8), 10)
    assert len(divided(labels, groups)) == 4 * REPEATS


def in_groups(*groups_of_class: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups of two images of each class in each of its groups."""
    rows = [(label, group) for label, groups in enumerate(groups_of_class) for group in groups * 2]
    labels, groups = zip(*rows, strict=True)
    return np.array(labels), np.unique(groups, return_inverse=True)[1]


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        (
            [0] * 20 + [1] * 5,
            None,
            "class class 1: found 5 images, expected at least 6: two each to train, to select and "
            "to score on",
        ),
        (
            [0] * 20 + [1],
            None,
            "class class 1: found 1 image, expected at least 6: two each to train, to select and "
            "to score on",
        ),
        (
            [0] * 20 + [1] * 20,
            [*range(20), *[20] * 10, *[21] * 10],
            "class class 1: found 2 groups, expected at least 3: one each to train, to select and "
            "to score on; near copies count as one group unless `near_copies: warn`",
        ),
    ],
)
def test_a_class_with_too_few_images_or_groups_is_refused(labels, groups, message):
    with pytest.raises(SourceError, match=f"^{re.escape(message)}$"):
        divided(labels, groups)


def test_groups_that_cannot_be_divided_are_refused():
    labels, groups = in_groups("ABC", "ABD", "ACD")
    with pytest.raises(SourceError, match="found no division of the groups of images into three"):
        divided(labels, groups)


# --- roles and samples of a cross-fitted dataset


def an_index(per_class: list[int], groups: int | None = None) -> pd.DataFrame:
    labels = np.repeat(np.arange(len(per_class)), per_class)
    index = pd.DataFrame(
        {"image_id": [f"i{row}" for row in range(len(labels))], "split": "training"}
    ).assign(label=labels)
    if groups:
        index["group"] = [f"g{label}-{row % groups}" for row, label in enumerate(labels)]
    return index.sample(frac=1, random_state=1, ignore_index=True)


@pytest.mark.parametrize("groups", [None, 7])
@pytest.mark.parametrize("fraction", [1, 0.3, 0.1])
def test_a_split_trains_on_none_of_the_images_that_it_selects_or_scores_on(groups, fraction):
    index = an_index([40, 60], groups)
    roles = validation_roles(index, "mine", 2018)
    samples = draw_samples(index, fraction, "mine", 5, 2018, ["a", "b"], roles)
    assert set(samples["replicate"]) == set(roles["split"])
    for split, own in roles.groupby("split"):
        trained_on = set(samples.loc[samples["replicate"] == split, "image_id"])
        assert trained_on.isdisjoint(own["image_id"])
        if groups:
            group_of = index.set_index("image_id")["group"]
            assert set(group_of[list(trained_on)]).isdisjoint(group_of[own["image_id"]])
    # All splits train on as many images of each class.
    counts = samples.groupby(["label", "replicate"]).size().groupby("label").nunique()
    assert (counts == 1).all()


def test_samples_of_a_split_are_nested():
    index = an_index([40, 60])
    roles = validation_roles(index, "mine", 2018)
    small, large = (draw_samples(index, f, "mine", 5, 2018, ["a", "b"], roles) for f in (0.1, 0.3))
    for split in set(roles["split"]):
        ids = [set(made.loc[made["replicate"] == split, "image_id"]) for made in (small, large)]
        assert ids[0] < ids[1]
