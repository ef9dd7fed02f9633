"""Distances between samples of features: known answers."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm

from transfer_gain.evaluation import similarity
from transfer_gain.few_shot.inputs import ClassSamples


def sample(seed: int, count: int = 30, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 8)).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_identical_samples_have_distance_zero():
    discrepancy = similarity.mmd(sample(0), sample(0), 2.0, rng())
    assert discrepancy.distance == pytest.approx(0, abs=1e-6)
    assert discrepancy.p_value == 1
    assert similarity.frechet(sample(0), sample(0)) == pytest.approx(0, abs=1e-9)


def test_two_random_halves_differ_significantly_as_seldom_as_the_level_says():
    width = similarity.bandwidth([sample(0, 200)])
    p_values = []
    for draw in range(200):
        halves = np.split(rng(draw).permutation(sample(draw + 1000, 60)), 2)
        p_values.append(similarity.mmd(*halves, width, rng(draw), permutations=199).p_value)
    # 5 % of 200, give or take three standard deviations.
    assert 1 <= (np.array(p_values) <= 0.05).sum() <= 19
    assert 0.4 < np.mean(p_values) < 0.6


def test_samples_apart_differ_significantly_and_the_more_so_the_farther():
    width = similarity.bandwidth([sample(0), sample(1, shift=1)])
    near, far = (similarity.mmd(sample(0), sample(1, shift=s), width, rng()) for s in (0.5, 2))
    assert far.distance > near.distance
    assert far.p_value == 1 / (1 + similarity.PERMUTATIONS)


def test_mmd_is_the_formula():
    a, b, width = sample(0, 3), sample(1, 4), 1.5

    def mean_kernel(x, y):
        return np.mean([[np.exp(-((p - q) ** 2).sum() / (2 * width**2)) for q in y] for p in x])

    squared = mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)
    assert similarity.mmd(a, b, width, rng()).distance == pytest.approx(np.sqrt(squared), rel=1e-5)


def test_distances_are_symmetric():
    a, b = sample(0), sample(1, shift=0.3)
    there, back = (similarity.mmd(*pair, 2.0, rng()) for pair in ((a, b), (b, a)))
    assert there.distance == pytest.approx(back.distance, rel=1e-9)
    assert similarity.frechet(a, b) == pytest.approx(similarity.frechet(b, a), rel=1e-9)


def test_the_frechet_distance_is_that_of_the_covariances():
    a, b = sample(0, 40), 1.5 * sample(1, 40, shift=0.5)
    first, second = np.cov(a.T.astype(float)), np.cov(b.T.astype(float))
    shift = a.mean(axis=0, dtype=float) - b.mean(axis=0, dtype=float)
    expected = shift @ shift + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert similarity.frechet(a, b) == pytest.approx(expected, rel=1e-6)


@pytest.fixture
def table() -> pd.DataFrame:
    """Two datasets of two classes; class b of both is the same."""
    samples = ClassSamples(
        ["x", "x", "y", "y"],
        ["a", "b", "a", "b"],
        [sample(0), sample(1, shift=2), sample(2, shift=-2), sample(1, shift=2)],
    )
    names = list(zip(samples.datasets, samples.classes, strict=True))
    rows = [
        (*names[a], *names[b], 0.9 if a == b else 0.1 * (a + b))
        for a in range(4)
        for b in range(a, 4)
    ]
    probabilities = pd.DataFrame(rows, columns=[*similarity.PAIR, "p_same"])
    return similarity.compare(samples, probabilities, 7)


def test_all_pairs_of_classes_and_of_datasets_are_compared(table):
    assert list(table) == similarity.SIMILARITY
    of_classes = table["class_a"] != similarity.WHOLE
    assert of_classes.sum() == 4 * 5 / 2
    wholes = table[~of_classes].set_index(["dataset_a", "dataset_b"])
    assert {*wholes.index} == {("x", "x"), ("x", "y"), ("y", "y")}
    assert (wholes["images"] == 60).all()
    # x a with y a and b, x b with both.
    assert wholes.loc[("x", "y"), "p_same"] == pytest.approx(np.mean([0.2, 0.3, 0.3, 0.4]))
    assert wholes.loc[("x", "x"), "p_same"] == pytest.approx(np.mean([0.9, 0.1, 0.1, 0.9]))
    assert (table["siamese_distance"] == 1 - table["p_same"]).all()


def test_a_p_value_is_corrected_for_all_pairs_but_a_class_with_itself(table):
    itself = (table["dataset_a"] == table["dataset_b"]) & (table["class_a"] == table["class_b"])
    assert itself.sum() == 6
    assert (table["p_holm"].isna() == itself).all()
    smallest = table[~itself].sort_values("p_value").iloc[0]
    # Ten pairs less four of classes, three less two of datasets.
    assert smallest["p_holm"] == pytest.approx(7 * smallest["p_value"])
    assert smallest["p_holm"] < 0.05


def test_like_classes_stand_together(table):
    distances = similarity.matrix(table, "feature_distance")
    assert (distances.to_numpy() == distances.to_numpy().T).all()
    assert distances.loc["x: b", "y: b"] == pytest.approx(0, abs=1e-6)
    order = similarity.clustered(distances)
    assert abs(order.index("x: b") - order.index("y: b")) == 1
    points = similarity.placed(distances, 1)
    apart = np.linalg.norm(points.loc["x: b"] - points.loc["y: b"])
    assert apart < 0.1 * np.linalg.norm(points.loc["x: a"] - points.loc["y: a"])
    assert points.equals(similarity.placed(distances, 1))
