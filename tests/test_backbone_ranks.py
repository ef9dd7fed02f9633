"""Promises of the ranks of backbones: exact leave-one-out, known orders, what they predicted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from transfer_gain.data import store
from transfer_gain.evaluation import backbone_ranks
from transfer_gain.metrics import ACCURACY


def clouds(images: int, width: int, distance: float, classes: int = 3, seed: int = 0):
    """Return features of classes whose centres lie some deviations apart, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    centres = distance * rng.normal(size=(classes, width)) / np.sqrt(width)
    return (centres[labels] + rng.normal(size=(images, width))).astype(np.float32) + 3, labels


@pytest.mark.parametrize(("images", "width"), [(30, 5), (25, 60)], ids=["tall", "wide"])
@pytest.mark.parametrize("classes", [2, 3])
def test_leave_one_out_is_that_of_fitting_to_all_others(images: int, width: int, classes: int):
    features, labels = clouds(images, width, 2, classes)
    alphas = (0.01, 1.0)
    norm = np.sqrt((features.astype(float) ** 2).sum(axis=1).mean())
    targets = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
    expected = {}
    for alpha in alphas:
        rows = []
        for left_out in range(images):
            others = np.arange(images) != left_out
            ridge = Ridge(alpha).fit(features[others] / norm, targets[others])
            rows.append(ridge.predict(features[[left_out]] / norm)[0])
        expected[alpha] = np.array(rows)
    errors = {alpha: ((values - targets) ** 2).mean() for alpha, values in expected.items()}
    found = backbone_ranks.leave_one_out(features, labels, alphas)
    assert found.alpha == min(errors, key=errors.__getitem__)
    np.testing.assert_allclose(found.values, expected[found.alpha], rtol=1e-4, atol=1e-4)
    correct = (expected[found.alpha].argmax(axis=1) == labels).mean()
    assert backbone_ranks.leave_one_out(features, labels, (found.alpha,)).alpha == found.alpha
    (row,) = backbone_ranks.score(features, labels).to_dict("records")
    assert (row["images"], row["features"]) == (images, width)
    assert abs(row["left_out_accuracy"] - correct) < 0.25  # it has more penalties to choose from


def test_the_scale_of_the_features_does_not_matter_and_nothing_scores_as_chance():
    features, labels = clouds(90, 20, 4)
    (row,) = backbone_ranks.score(features, labels).to_dict("records")
    (same,) = backbone_ranks.score(features * 1000, labels).to_dict("records")
    assert row["alpha"] == same["alpha"]
    assert row["left_out_accuracy"] == same["left_out_accuracy"]
    assert row["left_out_accuracy"] == row["left_out_balanced_accuracy"] > 0.8
    (none,) = backbone_ranks.score(np.zeros((90, 4), np.float32), labels).to_dict("records")
    assert none["left_out_accuracy"] <= 1 / 3


def test_scores_are_of_the_first_replicate_and_of_not_too_many_images(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(backbone_ranks, "MAX_IMAGES", 30)
    features, labels = clouds(200, 6, 4, 2)
    labels[:120] = 0
    index = pd.DataFrame(
        {"image_id": [f"{n}" for n in range(200)], "split": "training", "label": labels}
    )
    batch = [(index, features)]
    store.write_arrays(tmp_path / "features", "features", (6,), "<f4", batch, {"classes": ["a"]})
    samples = pd.concat(
        index[["image_id", "label"]].sample(frac=1, random_state=seed).assign(replicate=seed)
        for seed in (0, 1)
    )
    store.write_rows(samples, tmp_path / "samples")
    names = {"dataset": "mine", "backbone": "net", "fraction": "1"}
    backbone_ranks.score_files(
        tmp_path / "features", tmp_path / "samples", tmp_path / "scores", names=names
    )
    (row,) = store.read_rows(tmp_path / "scores").to_dict("records")
    assert row.items() >= {"dataset": "mine", "backbone": "net", "fraction": 1.0}.items()
    chosen = backbone_ranks.first_images(samples, 30)
    assert chosen["replicate"].unique() == [0]
    shares = (
        chosen["label"].value_counts() / samples[samples["replicate"] == 0]["label"].value_counts()
    )
    assert shares.between(0.13, 0.15).all()
    assert row["images"] == len(chosen) <= 30


def scores(**accuracies: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dataset": "mine",
            "backbone": list(accuracies),
            "fraction": 1.0,
            "left_out_accuracy": list(accuracies.values()),
            "left_out_balanced_accuracy": 0.5,
        }
    )


def selected(**accuracies: float) -> pd.DataFrame:
    rows = [
        {"dataset": "mine", "backbone": name, "method": "transfer", "fraction": fraction,
         "protocol": "held-out", "replicate": replicate, "accuracy": value + replicate / 100}
        for name, value in accuracies.items() for fraction in (1.0, 0.1) for replicate in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_best_backbone_is_ranked_first():
    ranked = backbone_ranks.ranks(scores(a=0.7, b=0.9, c=0.7, d=0.2), ACCURACY)
    assert ranked["backbone"].tolist() == ["b", "a", "c", "d"]
    assert ranked["rank"].tolist() == [1, 2, 2, 4]
    assert set(ranked["ranked_by"]) == {"left_out_accuracy"}


@pytest.mark.parametrize(
    ("results", "spearman", "best", "lost"),
    [
        ({"a": 0.7, "b": 0.9, "c": 0.6, "d": 0.2}, 1, "b", 0),
        ({"a": 0.3, "b": 0.1, "c": 0.4, "d": 0.8}, -1, "d", 0.7),
        ({"a": 0.5, "b": 0.9}, np.nan, "b", 0),
    ],
)
def test_the_quality_of_ranks_is_their_correlation_with_the_results(results, spearman, best, lost):
    ranked = backbone_ranks.ranks(scores(a=0.7, b=0.9, c=0.6, d=0.2), ACCURACY)
    (row,) = backbone_ranks.rank_quality(ranked, selected(**results), ACCURACY).to_dict("records")
    assert row["spearman"] == pytest.approx(spearman, nan_ok=True)
    assert (row["ranked_first"], row["best"], row["backbones"]) == ("b", best, len(results))
    assert row["lost"] == pytest.approx(lost)
    assert row["fraction"] == 1


def test_one_backbone_has_no_quality_of_ranks():
    ranked = backbone_ranks.ranks(scores(a=0.7), ACCURACY)
    assert backbone_ranks.rank_quality(ranked, selected(a=0.7), ACCURACY).empty
