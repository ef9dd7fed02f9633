"""Which images to label next: strategies, their replay, what is chosen and what is said of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containers import make_folder, noise, png
from transfer_gain.data import store
from transfer_gain.data.fitting import Fit
from transfer_gain.evaluation import evidence
from transfer_gain.labelling import next_labels, probes, replay
from transfer_gain.labelling.replay import Images
from transfer_gain.labelling.strategies import BY_NAME, RANDOM, STRATEGIES, Pool, margins
from transfer_gain.methods import linear_probe
from transfer_gain.metrics import ACCURACY, BALANCED_ACCURACY, LOSS
from transfer_gain.reporting import next_label_sentences

PENALTY = (0.001,)


def pool_of(candidates: np.ndarray, probabilities: np.ndarray, labelled: np.ndarray) -> Pool:
    return Pool(probes.unit(labelled), probes.unit(candidates), probabilities)


# --- Strategies ---


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 30), st.integers(0, 40), st.integers(1, 4), st.integers(0, 2**31))
@pytest.mark.parametrize("strategy", STRATEGIES, ids=BY_NAME)
def test_a_strategy_chooses_each_image_once(strategy, images, count, values, seed):
    rng = np.random.default_rng(seed)
    # Few values: many images are equal, and so are their margins.
    candidates = rng.integers(0, 2, (images, values)) + 0.5
    probabilities = rng.integers(1, 3, (images, 3)) / 6
    pool = pool_of(candidates, probabilities, rng.normal(size=(3, values)))
    chosen = strategy.choose(pool, count, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == len(chosen) == min(count, images)
    assert set(chosen.tolist()) <= set(range(images))
    again = strategy.choose(pool, count, np.random.default_rng(seed))
    assert again.tolist() == chosen.tolist()


def test_a_margin_is_the_difference_of_the_two_largest_probabilities():
    found = margins(np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]))
    assert found == pytest.approx([0.2, 0.7])


def at_angles(*degrees: float) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_the_smallest_margins_are_taken_first():
    shares = np.array([0.9, 0.55, 0.7, 0.5])
    pool = pool_of(at_angles(0, 1, 2, 3), np.stack([shares, 1 - shares], 1), at_angles(90))
    chosen = BY_NAME["margin"].choose(pool, 3, np.random.default_rng(0))
    assert chosen.tolist() == [3, 1, 2]


def test_coverage_takes_what_is_farthest_from_all_that_is_labeled_or_taken():
    pool = pool_of(at_angles(10, 170, 160, 80), np.full((4, 2), 0.5), at_angles(0))
    chosen = BY_NAME["coverage"].choose(pool, 3, np.random.default_rng(0))
    assert chosen.tolist() == [1, 3, 2]  # 160 and 10 are equally near, but for rounding


def test_of_clusters_each_gives_its_smallest_margin():
    shares = np.array([0.51, 0.52, 0.53, 0.6, 0.9, 0.8])
    places = at_angles(0, 1, 2, 120, 121, 240)
    pool = pool_of(places, np.stack([shares, 1 - shares], 1), at_angles(90))
    chosen = BY_NAME["clustered-margin"].choose(pool, 3, np.random.default_rng(0))
    assert chosen.tolist() == [0, 3, 5]


# --- The probe ---


def test_compact_features_give_the_same_predictions():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(30, 200)), rng.integers(3, size=30)
    compact = probes.compact(features)
    assert compact.shape == (30, 30)
    [whole] = linear_probe.solve(features, labels, [0.1])
    small = probes.fit(compact, labels, 3, 0.1 * 30 / 200)
    expected = np.exp(whole.log_probabilities(features))
    assert small.probabilities(compact) == pytest.approx(expected, abs=1e-3)


def test_a_class_without_an_image_has_no_probability():
    probe = probes.fit(np.eye(4), np.array([0, 0, 2, 2]), 4, 0.1)
    found = probe.probabilities(np.eye(4))
    assert found.shape == (4, 4)
    assert (found[:, [1, 3]] == 0).all()
    assert found.sum(axis=1) == pytest.approx(1)


def test_the_penalty_is_the_one_that_predicts_what_is_left_out():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    clear = np.c_[labels * 4.0 - 2, rng.normal(size=60)]
    assert probes.penalty(clear, labels, (10, 0.001), np.random.default_rng(0)) == 0.001
    unclear = rng.normal(size=(60, 50))
    assert probes.penalty(unclear, labels, (10, 0.001), np.random.default_rng(0)) == 10
    single = np.array([0] * 59 + [1])
    assert probes.penalty(clear, single, (0.001, 10), np.random.default_rng(0)) == 10


def rare_class(seed: int = 0, images: int = 80) -> Images:
    """Two classes that overlap; one image in eight is of the second."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(images) % 8 == 7).astype(int)
    return Images(
        1.5 * labels[:, None] + rng.normal(size=(images, 3)), labels, np.arange(images), 2
    )


def test_a_probe_weights_classes_as_the_study_does():
    features, labels, _, classes = rare_class()
    plain = probes.fit(features, labels, classes, 0.1)
    weighted = probes.fit(features, labels, classes, 0.1, "balanced")
    [expected] = linear_probe.solve(features, labels, [0.1], "balanced")
    found = weighted.probabilities(features)
    assert found == pytest.approx(np.exp(expected.log_probabilities(features)))
    assert (found[:, 1] > plain.probabilities(features)[:, 1]).mean() > 0.9
    again = weighted.refitted(features[::-1], labels[::-1])
    assert again.probabilities(features) == pytest.approx(found, abs=1e-3)


def test_a_penalty_is_chosen_with_the_weights_of_the_classes():
    chosen = [
        [
            probes.penalty(
                *rare_class(seed)[:2], (0.001, 0.3), np.random.default_rng(0), class_weights
            )
            for seed in range(8)
        ]
        for class_weights in ("none", "balanced")
    ]
    assert chosen[0] != chosen[1]


# --- The replay ---


def rare_kinds(seed: int, images: int = 240) -> Images:
    """Most images are of two plain kinds; 24 rare kinds are what remains to be learned."""
    rng = np.random.default_rng(seed)
    kind = np.where(
        rng.random(images) < 0.4, rng.integers(2, 26, images), rng.integers(0, 2, images)
    )
    values = 0.05 * rng.normal(size=(images, 26))
    values[np.arange(images), kind] += 1
    return Images(values, kind % 2, np.arange(images), 2)


def pure_noise(seed: int, images: int = 48) -> Images:
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(images, 10)), rng.integers(2, size=images)
    return Images(features, labels, np.arange(images), 2)


def judged(images: Images, metric=ACCURACY) -> pd.DataFrame:
    rows = replay.replay(images, metric, (0.1,), (0, "made up"))
    return rows[rows["batch"] == replay.ALL].set_index("strategy")


@pytest.mark.slow
def test_where_rare_kinds_are_to_be_found_the_replay_recommends_to_choose():
    rows = replay.replay(rare_kinds(1), ACCURACY, PENALTY, (1, "made up"))
    chosen = replay.recommended(rows)
    assert chosen != RANDOM.name
    own = rows[rows["batch"] == replay.ALL].set_index("strategy")
    assert own.loc[chosen, "low"] > 0
    assert own.loc["margin", "low"] > 0
    assert own.loc[chosen, "p_value"] < 0.05
    labels = rows[rows["strategy"] == "margin"].set_index("batch")["labels"]
    assert labels["1"] - labels["0"] == pytest.approx(18, abs=1)
    assert labels[replay.ALL] == pytest.approx(labels[["1", "2", "3", "4"]].mean())


@pytest.mark.slow
def test_a_metric_of_which_less_is_better_gains_when_it_falls():
    own = judged(rare_kinds(1, 120), metric=LOSS)
    better = own["score"] < own.loc[RANDOM.name, "score"]
    gain = own.drop(index=RANDOM.name)["difference"]
    assert (gain > 0).tolist() == better.drop(index=RANDOM.name).tolist()
    assert gain["margin"] > 0


@pytest.mark.slow
def test_where_nothing_can_help_the_replay_recommends_random_choice():
    found = [
        replay.recommended(replay.replay(pure_noise(seed), ACCURACY, (1,), (seed, "noise")))
        for seed in range(20)
    ]
    # At a rate of 5 %, more than 3 of 20 are found in 1.6 % of such tests.
    assert sum(name != RANDOM.name for name in found) <= 3


@pytest.mark.slow
def test_images_of_a_group_are_never_on_both_sides():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 6)
    features = 3 * rng.normal(size=(20, 30))[groups] + 0.1 * rng.normal(size=(120, 30))
    labels = np.arange(20)[groups] % 2
    apart = judged(Images(features, labels, np.arange(120), 2)).loc[RANDOM.name, "score"]
    whole = judged(Images(features, labels, groups, 2)).loc[RANDOM.name, "score"]
    assert apart > 0.9
    assert whole < 0.7


def test_the_same_images_are_replayed_in_the_same_way():
    first, second = (replay.replay(pure_noise(3, 40), ACCURACY, (0.1,), (1, "a")) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_the_replay_weights_classes_as_the_study_does():
    own = [
        replay.replay(
            rare_class(), BALANCED_ACCURACY, (0.1,), (1, "a"), [RANDOM], class_weights=weights
        )
        for weights in ("none", "balanced")
    ]
    plain, weighted = (rows.set_index("batch").loc[replay.ALL, "score"] for rows in own)
    assert weighted > plain + 0.05


def test_intervals_of_the_replay_are_those_of_groups():
    """Copies of an image tell no more than the image."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(20), 6)
    labels = np.arange(20)[groups] % 2
    features = (labels[:, None] + 1.5 * rng.normal(size=(20, 5))[groups]).astype(float)
    rows = replay.replay(Images(features, labels, groups, 2), ACCURACY, (0.1,), (0, "a"), [RANDOM])
    row = rows.set_index("batch").loc[replay.ALL]
    low, high = evidence.wilson(row["score"], 20)
    assert row["score_high"] - row["score_low"] > high - low


def test_strategies_that_agree_on_every_image_have_an_interval():
    labels = np.arange(48) % 2
    clear = Images(np.eye(2)[labels], labels, np.arange(48), 2)
    own = judged(clear).drop(index=RANDOM.name)
    assert (own["difference"] == 0).all()
    assert (own["low"] < 0).all() and (own["high"] == -own["low"]).all()
    assert (own["p_value"] == 1).all()
    assert not own["helps"].any()


@pytest.mark.parametrize("labels", [[0] * 20, [0] * 19 + [1], [0, 1]])
def test_images_that_cannot_be_divided_recommend_random_choice(labels):
    count = len(labels)
    features = np.random.default_rng(0).normal(size=(count, 3))
    images = Images(features, np.array(labels), np.arange(count), 2)
    rows = replay.replay(images, ACCURACY, PENALTY, (0, "few"))
    assert replay.recommended(rows) == RANDOM.name


def test_of_strategies_that_help_the_best_is_recommended():
    rows = pd.DataFrame(
        {
            "strategy": ["random", "margin", "coverage", "clustered-margin"],
            "difference": [np.nan, 0.02, 0.05, 0.03],
            "helps": pd.array([None, True, False, True], dtype="boolean"),
        }
    )
    assert replay.recommended(rows) == "clustered-margin"
    assert replay.recommended(rows.head(1)) == RANDOM.name


# --- The unlabelled images ---


def test_what_has_a_label_or_is_there_twice_or_is_no_image_is_left_out(tmp_path):
    from transfer_gain.labelling import unlabelled  # imports TensorFlow

    known, new = noise(1, (8, 8, 3)), noise(2, (8, 8, 3))
    tree = {"a/known.png": png(known), "new.png": png(new), "b/same.png": png(new)}
    tree |= {"=1.png": png(noise(3, (8, 8, 3))), "bad.png": b"no image", "notes.txt": b"notes"}
    folder = make_folder(tmp_path / "others", tree)
    index = pd.DataFrame({"image_id": ["x"], "split": "training", "label": np.int32([0])})
    labelled = tmp_path / "labelled.parquet"
    about = {"classes": ["a", "b"]}
    store.write_arrays(labelled, "pixels", (8, 8, 3), "|u1", [(index, known[None])], about)
    images, skipped = tmp_path / "images.parquet", tmp_path / "skipped.parquet"
    how = Fit(8, "rgb", "stretch")
    unlabelled.read_files(folder, labelled, images, skipped, dataset="mine", how=how, threads=2)
    assert store.read_index(images)["image_id"].to_list() == ["=1.png", "b/same.png"]
    rows = store.read_rows(skipped)
    assert rows["path"].to_list() == ["a/known.png", "bad.png", "new.png"]
    assert rows["reason"].iloc[[0, 2]].to_list() == [
        "is among the labeled images",
        "identical to b/same.png",
    ]
    assert "no image" in rows["reason"].iloc[1]


def test_the_list_is_ordered_and_says_what_the_probe_takes_an_image_for():
    images = rare_kinds(0)
    others = rare_kinds(1, 400)
    rows = next_labels.next_labels(
        images,
        others.features,
        [f"{number}.png" for number in range(400)],
        "margin",
        ["no", "yes"],
        PENALTY,
        (0, "made up"),
    )
    assert len(rows) == next_labels.LISTED
    assert rows["rank"].to_list() == list(range(1, len(rows) + 1))
    assert rows["path"].is_unique
    assert (rows["margin"].diff().dropna() >= -1e-12).all()
    assert (rows["unlabelled"] == 400).all()
    assert rows["probability"].to_numpy() == pytest.approx(0.5 + rows["margin"].to_numpy() / 2)
    true = others.labels[[int(path.removesuffix(".png")) for path in rows["path"]]]
    assert np.mean(np.array(["no", "yes"])[true] == rows["class"]) > 0.8


# --- What is said of it ---


def told(listed: int = 200, helps: bool = False, tried: bool = True, reasons=()) -> str:
    rows = [
        {
            "dataset": "mine",
            "strategy": strategy.name,
            "batch": "all",
            "difference": number / 100,
            "low": (number - 1.5) / 100,
            "high": (number + 1.5) / 100,
            "helps": helps and number == 3,
            "splits": 20,
            "images": 300,
        }
        for number, strategy in enumerate(STRATEGIES)
        if tried
    ]
    columns = ["dataset", "strategy", "batch", "difference", "low", "high", "helps"]
    test = pd.DataFrame(rows, columns=[*columns, "splits", "images"])
    tables = {
        "next_labels": pd.DataFrame({"dataset": ["mine"] * listed, "unlabelled": 1204}),
        "next_labels_test": test,
        "unlabelled_skipped": pd.DataFrame(
            {"dataset": ["mine"] * len(reasons), "reason": list(reasons)}, dtype="str"
        ),
    }
    return " ".join(next_label_sentences.sentences(tables, "mine"))


def test_the_answer_recommends_a_strategy_that_helps():
    assert told(helps=True) == (
        "To label more images of mine, choose by the smallest margin of each cluster: tried on the "
        "300 labeled ones in 20 splits, it gains +3.0 points [+1.5, +4.5] over random choice with "
        "as many labels; table next_labels lists the first 200 of 1,204 images."
    )


def test_the_answer_recommends_random_choice_where_nothing_is_shown_to_help():
    text = told(reasons=["is among the labeled images", "identical to a.png", "an empty file"])
    assert "choose at random: tried on the 300 labeled ones in 20 splits, no strategy is" in text
    assert "the smallest margin +1.0 points [−0.5, +2.5]; coverage +2.0 points" in text
    assert "1 labeled already, 1 identical to others and 1 that cannot be used are left out" in text
    assert "there are too few labeled images to try anything else" in told(tried=False)


def test_the_answer_says_nothing_without_unlabelled_images_and_so_if_none_is_left():
    assert next_label_sentences.sentences({}, "mine") == []
    assert told(listed=0, reasons=["an empty file"]) == (
        "There is nothing to label next for mine: 1 that cannot be used are left out."
    )
