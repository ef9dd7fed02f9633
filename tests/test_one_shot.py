"""Pairs, tasks, episodes and scores of one-shot learning: known answers."""

import numpy as np
import pandas as pd
import pytest

from toys import one_shot_data
from transfer_gain.config.loading import load
from transfer_gain.data import store
from transfer_gain.data.sources.base import SourceError
from transfer_gain.evaluation import few_shot_tables
from transfer_gain.few_shot import inputs, scoring, transforms
from transfer_gain.few_shot.tasks import draw_episodes, draw_pairs, draw_tasks
from transfer_gain.names import BY_GRADIENTS, CONTROLS

LABELS = np.repeat([3, 5, 8, 9], [20, 20, 20, 20])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- Pairs ---


@pytest.mark.parametrize("batch_size", [36, 37])
def test_half_of_each_batch_is_of_one_class_and_no_image_is_paired_with_itself(batch_size):
    labels = np.repeat([0, 1, 2], [2, 5, 300])
    pairs = draw_pairs(labels, 200, batch_size, rng())
    assert pairs.left.shape == pairs.right.shape == pairs.same.shape == (200, batch_size)
    assert (pairs.same.sum(axis=1) == batch_size // 2).all()
    assert ((labels[pairs.left] == labels[pairs.right]) == (pairs.same == 1)).all()
    assert (pairs.left != pairs.right).all()


def test_every_class_and_every_pair_of_an_even_set_is_as_likely():
    labels = np.repeat([0, 1, 2], 4)
    pairs = draw_pairs(labels, 4000, 12, rng())
    for side in (pairs.left, pairs.right):
        counts = np.bincount(side.ravel(), minlength=12)
        assert abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())
    apart = pairs.same == 0
    seen = {*zip(labels[pairs.left[apart]], labels[pairs.right[apart]], strict=True)}
    assert seen == {(a, b) for a in range(3) for b in range(3) if a != b}


def test_pairs_come_from_the_seed():
    first, again, other = (draw_pairs(LABELS, 3, 8, rng(seed)) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first.left != other.left).any()


# --- Tasks and episodes ---


def test_a_task_has_one_candidate_of_its_class_and_six_of_others_all_different():
    query, candidates = draw_tasks(LABELS, 500, rng())
    own = LABELS[candidates] == LABELS[query][:, None]
    assert own[:, 0].all()
    assert not own[:, 1:].any()
    images = np.column_stack([query, candidates])
    assert all(len({*task}) == 8 for task in images)
    assert set(np.unique(images)) == set(range(80))


def test_an_episode_has_its_ways_shots_and_queries_all_different():
    support, query = draw_episodes(LABELS, 3, 2, 5, 50, rng())
    assert support.shape == (50, 3, 2)
    assert query.shape == (50, 3, 5)
    both = np.concatenate([support, query], axis=2)
    assert all(len({*episode.ravel()}) == 21 for episode in both)
    of_class = LABELS[both]
    assert (of_class == of_class[:, :, :1]).all()
    assert all(len({*classes}) == 3 for classes in of_class[:, :, 0])


def test_a_tie_is_a_failure():
    scores = np.array([[1.0, 0.0, 0.5], [1.0, 1.0, 0.0], [0.2, 0.9, 0.1], [0.0, 0.0, 0.0]])
    assert scoring.solved(scores).tolist() == [True, False, False, False]
    assert not scoring.solved(np.full((9, 7), np.nan)).any()


def test_constant_scores_solve_nothing():
    episodes = draw_episodes(LABELS, 4, 1, 5, 10, rng())
    alike = scoring.mean_over_shots(np.ones((80, 80)), episodes)
    assert (scoring.episode_accuracy(alike) == 0).all()


def test_scores_that_know_the_class_solve_everything():
    same = (LABELS[:, None] == LABELS).astype(float)
    episodes = draw_episodes(LABELS, 4, 5, 5, 10, rng())
    assert (scoring.episode_accuracy(scoring.mean_over_shots(same, episodes)) == 1).all()
    assert (scoring.episode_accuracy(scoring.to_prototypes(same, episodes)) == 1).all()


def test_the_share_of_queries_that_are_right():
    scores = np.zeros((1, 2, 2, 2))
    scores[0, 0, 0, 0] = 1  # right
    scores[0, 0, 1, 1] = 1  # wrong
    scores[0, 1, 0, 1] = 1  # right; the last is a tie
    assert scoring.episode_accuracy(scores) == pytest.approx([0.5])


# --- Controls ---


def test_distances_of_raw_features():
    features = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    assert scoring.l1_scores(features).tolist() == [[0, -3, -2], [-3, 0, -5], [-2, -5, 0]]
    assert scoring.cosine_scores(features).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    distances = scoring.distance_scores(features @ features.T)
    assert distances.tolist() == [[0, -5, -4], [-5, 0, -13], [-4, -13, 0]]
    assert (scoring.cosine_scores(np.zeros((2, 3))) == 0).all()


def test_prototypes_are_class_means():
    features = rng().normal(size=(80, 6))
    episodes = draw_episodes(LABELS, 3, 4, 2, 1, rng())
    found = scoring.to_prototypes(features @ features.T, episodes)[0]
    means = features[episodes.support[0]].mean(axis=1)
    queries = features[episodes.query[0]]
    distances = ((queries[:, :, None] - means) ** 2).sum(axis=-1)
    expected = (queries**2).sum(axis=-1)[..., None] - distances
    np.testing.assert_allclose(found, expected, atol=1e-12)


def data(features: np.ndarray, labels: np.ndarray, replicates: int = 1) -> inputs.Data:
    return one_shot_data(features, labels, replicates, tasks=2000, queries=5, episodes=60)


@pytest.mark.parametrize("method", [*transforms.CONTROLS, *transforms.TRANSFORMATIONS])
def test_permuted_labels_are_at_chance_within_the_interval(method):
    draw = rng(5)
    features = draw.gamma(1, size=(80, 30)).astype(np.float32) + 3 * np.eye(30)[LABELS]
    shuffled = data(features.astype(np.float32), draw.permutation(LABELS), replicates=3)
    rows, few_shot = transforms.evaluate(method, shuffled)
    # Tasks share images, so their share varies more than that of independent tasks.
    assert rows["accuracy"].mean() == pytest.approx(1 / 7, abs=0.045)
    assert few_shot["accuracy"].mean() == pytest.approx(1 / 4, abs=0.06)


@pytest.mark.parametrize("method", [*transforms.CONTROLS, *transforms.TRANSFORMATIONS])
def test_classes_far_apart_are_recognised(method):
    draw = rng(6)
    features = draw.gamma(1, size=(80, 30)) + 40 * draw.integers(2, size=(10, 30))[LABELS]
    rows, few_shot = transforms.evaluate(method, data(features.astype(np.float32), LABELS))
    assert rows["accuracy"].item() > 0.97
    assert few_shot["accuracy"].item() > 0.97


def test_whitening_within_classes_sees_past_what_varies_within_them():
    draw = rng(8)
    roots = draw.normal(10, 0.1, size=(80, 6))
    roots[:, 0] += draw.normal(0, 1.5, size=80)  # varies in every class
    roots[:, 1:5] += 0.5 * (LABELS[:, None] == [3, 5, 8, 9])
    images = data((roots**2).astype(np.float32), LABELS)
    accuracy = {
        method: transforms.evaluate(method, images)[0]["accuracy"].item()
        for method in ("square-root", "within-class-whitening")
    }
    assert accuracy["within-class-whitening"] > 0.9 > 0.7 > accuracy["square-root"]


def test_the_study_names_every_variant_there_is():
    variants = load({"one_shot": {"target": "avatars", "backbone": "vgg16"}}).one_shot.variants
    assert {*variants} == {*transforms.TRANSFORMATIONS, *BY_GRADIENTS}
    assert CONTROLS not in variants


# --- What is read ---


@pytest.fixture
def features_file(tmp_path):
    """Features of 4 classes, 12 training and 10 validation images each; each identifies its row."""
    path = tmp_path / "features.parquet"
    index = pd.DataFrame(
        {
            "image_id": [f"i{row}" for row in range(88)],
            "split": ([store.TRAINING] * 12 + [store.VALIDATION] * 10) * 4,
            "label": np.repeat(np.arange(4, dtype=np.int32), 22),
        }
    )
    values = np.arange(88, dtype=np.float32)[:, None]
    metadata = {"classes": ["a", "b", "c", "d"], "precision": "float32"}
    store.write_arrays(path, "features", (1,), "<f4", [(index, values)], metadata)
    return path, index


FEW_SHOT = {"ways": (4, 7), "shots": (1,), "queries": 2, "episodes": 5}
DRAWS = {"test_per_class": 6, "replicates": 2, "tasks": 30, "few_shot": FEW_SHOT}


def test_the_first_approach_trains_on_seen_classes_and_tests_on_other_images(features_file):
    path, index = features_file
    read = inputs.read(path, path, seen=2, per_class=5, seed_names=(1, "faces"), **DRAWS)
    assert set(read.labels) == {0, 1}
    assert len(read.labels) == 10
    trained = index.loc[read.features[:, 0].astype(int)]
    assert (trained["split"] == store.TRAINING).all()
    for pool, evaluation in zip(read.pools, read.evaluations, strict=True):
        tested = index.loc[pool.features[:, 0].astype(int)]
        assert (tested["split"] == store.VALIDATION).all()
        assert (tested["label"].to_numpy() == pool.labels).all()
        assert (tested["image_id"].to_numpy() == pool.image_ids).all()
        assert np.bincount(pool.labels).tolist() == [6] * 4
        for name, classes in (("seen", {0, 1}), ("unseen", {2, 3}), ("all", {0, 1, 2, 3})):
            tasks = evaluation.tasks[name]
            assert {*pool.labels[tasks.query]} <= classes
            assert {*pool.labels[tasks.candidates].ravel()} <= classes
        ways = {(name, way) for name, way, _ in evaluation.episodes}
        assert ways == {("seen", 2), ("unseen", 2), ("all", 4)}
    assert (read.pools[0].image_ids != read.pools[1].image_ids).any()


def test_training_images_are_drawn_and_not_the_first_ones(features_file):
    path, _ = features_file
    rows = [
        inputs.read(path, path, seen=2, per_class=5, seed_names=(seed, "faces"), **DRAWS).features
        for seed in (1, 1, 2)
    ]
    assert (rows[0] == rows[1]).all()
    assert (rows[0] != rows[2]).any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seen": 3}, "1 unseen classes of 6 validation images"),
        ({"per_class": 1}, "a class of 1 training image"),
        ({"test_per_class": 2}, "a class of 2 validation images, expected at least 3"),
        (
            {"test_per_class": 5},
            "2 seen classes of 5 validation images, expected 6 images of other",
        ),
    ],
)
def test_too_few_images_or_classes_are_refused(features_file, changed, message):
    path, _ = features_file
    draws = DRAWS | {"seen": 2, "per_class": 5} | changed
    with pytest.raises(SourceError, match=f"features.*: found {message}"):
        inputs.read(path, path, seed_names=(1, "faces"), **draws)


def test_for_the_second_approach_all_classes_are_unseen(features_file):
    path, _ = features_file
    read = inputs.read(path, path, seen=0, per_class=None, seed_names=(1, "faces"), **DRAWS)
    assert len(read.labels) == 48
    assert {*read.evaluations[0].tasks} == {"unseen"}


def test_classes_are_compared_on_as_many_images_of_each(features_file):
    path, index = features_file
    samples = inputs.read_classes({"x": path, "y": path}, 50, 1)
    assert samples.datasets == ["x"] * 4 + ["y"] * 4
    assert samples.classes == ["a", "b", "c", "d"] * 2
    assert {len(features) for features in samples.features} == {10}
    rows = np.concatenate(samples.features)[:, 0].astype(int)
    assert (index.loc[rows, "split"] == store.VALIDATION).all()


# --- Tables ---


def history(accuracies: dict[str, list[float]], **names) -> pd.DataFrame:
    rows = []
    for method, values in accuracies.items():
        for replicate, accuracy in enumerate(values):
            trained = method == "siamese"
            rows.append(
                {
                    **{"approach": "first", "trained_on": "faces", "tested_on": "faces"},
                    **{"epoch_unit": "batch" if trained else "none", "batch": 36 * trained},
                    **{"backbone": "vgg16", "classes": "unseen", "method": method},
                    **{"epochs": 50 * trained, "updates": 50 * trained, "replicate": replicate},
                    **{"tasks": 2000, "accuracy": accuracy, "accuracy_320": accuracy},
                    **{"chance": 1 / 7, "train_accuracy": np.nan, "train_loss": np.nan},
                }
            )
    return pd.DataFrame(rows)


ROWS = history(
    {
        "l1": [0.20, 0.22, 0.21],
        "cosine": [0.24, 0.26, 0.25],
        "siamese": [0.14, 0.16, 0.13],
        "whitening": [0.34, 0.37, 0.36],
        "standardised": [0.25, 0.25, 0.26],
    }
)
PUBLISHED = pd.DataFrame(
    [["first", 36, 1, 0.28, 0.28], ["first", 36, 20, 0.4, 0.49]],
    columns=["approach", "batch", "epochs", "low", "high"],
)


def test_every_row_stands_beside_the_strongest_control_of_its_replicate():
    table = few_shot_tables.beside_controls(ROWS)
    assert set(table["control"]) == {"cosine"}
    assert table.groupby("replicate")["control_accuracy"].unique().map(list).tolist() == [
        [0.24],
        [0.26],
        [0.25],
    ]


def test_the_summary_says_in_words_whether_the_controls_are_beaten():
    table = few_shot_tables.summary(ROWS, PUBLISHED).set_index("method")
    conclusions = table["conclusion"]
    assert (
        "does not beat its controls: it is significantly worse than cosine"
        in conclusions["siamese"]
    )
    assert conclusions["siamese"].endswith("It is not significantly different from chance.")
    assert "beats the strongest control, cosine, by 0.107" in conclusions["whitening"]
    assert "not significantly different from cosine" in conclusions["standardised"]
    assert "is the strongest control" in conclusions["cosine"]
    assert table.loc["siamese", ["published_low", "published_high"]].tolist() == [0.4, 0.49]
    assert table["published_low"].notna().sum() == 1
    assert table.loc["whitening", "difference"] == pytest.approx(0.32 / 3)


def test_one_replicate_is_too_few_to_say():
    table = few_shot_tables.summary(ROWS[ROWS["replicate"] == 0], PUBLISHED).set_index("method")
    assert "replicates are too few" in table.loc["whitening", "conclusion"]


def test_the_untrained_network_stands_in_the_table_once():
    rows = pd.concat(
        [
            history({"siamese-untrained": [0.18, 0.19]}).assign(epoch_unit=epoch_unit, batch=36)
            for epoch_unit in ("batch", "pass")
        ]
    )
    kept = few_shot_tables.once_untrained(pd.concat([rows, ROWS], ignore_index=True))
    assert (kept["method"] == "siamese-untrained").sum() == 2
    assert len(kept) == 2 + len(ROWS)
