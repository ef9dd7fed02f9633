"""The promise of the value of a label: its interval holds for other test images."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from scipy.stats import norm

from made_answers import BASELINE, LABELS_OF, PROBE, predicted
from transfer_gain.evaluation import comparison
from transfer_gain.evaluation.label_value import label_value
from transfer_gain.metrics import ACCURACY

REPLICATES = {1.0: 5, 0.3: 5, 0.1: 10}
STEEP = {1.0: 0.845, 0.3: 0.74, 0.1: 0.58}
HIGH = {1.0: 0.97, 0.3: 0.9, 0.1: 0.8}


def study(rng: np.random.Generator, images: int, curve: dict[float, float], at: float, own: float):
    """One study of a method whose true accuracy at a fraction is known.

    An answer is right if an image is easy enough, for the method and for both, in a run. Half of
    the variance is that of images.
    """
    easy = rng.normal(size=images)

    def right(share: float, of_method: np.ndarray, replicates: int) -> np.ndarray:
        runs, noise = rng.normal(size=(replicates, 1)), rng.normal(size=(replicates, images))
        latent = np.sqrt(0.4) * easy + np.sqrt(0.1) * of_method + np.sqrt(0.5) * noise
        return norm.ppf(share) * np.sqrt(1 + 0.15**2) + 0.15 * runs + latent > 0

    of_baseline, of_probe = rng.normal(size=(2, images))
    baseline = {each: right(curve[each], of_baseline, REPLICATES[each]) for each in curve}
    probe = {at: right(own, of_probe, REPLICATES[at])}
    return predicted({BASELINE: baseline, PROBE: probe}, np.arange(images) % 2)


def needed(curve: dict[float, float], own: float) -> float:
    """Labels at which the true curve has an accuracy."""
    heights, labels = [curve[each] for each in sorted(curve)], sorted(LABELS_OF.values())
    return float(np.exp(np.interp(logit(own), logit(heights), np.log(labels))))


@pytest.mark.parametrize(
    ("images", "curve", "at", "own", "studies"),
    [
        (60, STEEP, 0.1, 0.70, 40),
        pytest.param(60, STEEP, 0.1, 0.70, 500, marks=pytest.mark.slow),
        pytest.param(30, HIGH, 1.0, 0.97, 500, marks=pytest.mark.slow),
        pytest.param(400, HIGH, 0.3, 0.93, 300, marks=pytest.mark.slow),
    ],
)
def test_intervals_cover_new_images_to_score(images, curve, at, own, studies):
    """No interval is a miss: a method that was always right had none."""
    rng = np.random.default_rng(2018)
    truth, covered = needed(curve, own), []
    for _ in range(studies):
        row = label_value(*study(rng, images, curve, at, own), ACCURACY).iloc[0]
        covered.append(row["ci_low"] <= truth <= row["ci_high"])
        reached = row["baseline_labels_for_same_accuracy"]
        assert row["ci_low"] <= reached * (1 + 1e-9)
        assert reached <= row["ci_high"] * (1 + 1e-9)
    assert np.mean(covered) > 0.95 - 2.6 * (0.95 * 0.05 / studies) ** 0.5


def test_the_interval_has_the_methods_labels_if_and_only_if_its_gain_is_not_significant():
    rng = np.random.default_rng(1)
    published = pd.DataFrame(columns=["dataset", "fraction", "reference", "relative_gain"])
    published = published.assign(absolute_gain=np.nan)
    published = published.astype({"dataset": str, "reference": str, "fraction": float})
    decided = []
    for number in range(24):
        made = study(rng, 120, STEEP, *(0.1, 0.68) if number % 2 else (0.3, 0.62))
        gain = comparison.gains(*made, ACCURACY, published, [], {}).iloc[0]
        value = label_value(*made, ACCURACY).iloc[0]
        within = value["multiplier_low"] <= 1 <= value["multiplier_high"]
        assert within == (gain["absolute_low"] <= 0 <= gain["absolute_high"])
        decided.append(not within)
    assert 4 < sum(decided) < 20


def test_a_method_that_is_always_right_has_an_interval():
    rng = np.random.default_rng(3)
    labels = np.arange(30) % 2
    baseline = {fraction: rng.random((5, 30)) < share for fraction, share in HIGH.items()}
    made = predicted({BASELINE: baseline, PROBE: {0.3: np.ones((5, 30), bool)}}, labels)
    row = label_value(*made, ACCURACY).iloc[0]
    assert 0 < row["ci_low"] < 100
    assert np.isinf(row["ci_high"])
    # One run still shows nothing of other runs.
    once = predicted({BASELINE: baseline, PROBE: {0.3: np.ones((1, 30), bool)}}, labels)
    assert np.isnan(label_value(*once, ACCURACY).iloc[0]["ci_low"])
