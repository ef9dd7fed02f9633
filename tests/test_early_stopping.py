"""A run that stops early is the long run as it was at the time."""

import numpy as np
import pandas as pd
import pytest

from toys import clouds
from transfer_gain import metrics, schedule
from transfer_gain.methods import heads
from transfer_gain.training import loop

SETTINGS = {
    "layers": [8],
    "activation": "elu",
    "learning_rate": 0.01,
    "batch_size": 10,
    "epochs": 30,
    "min_updates": 0,
    "l2": 0.0001,
    "seed_names": (2018, "toy", "0.1"),
    "evaluate": schedule.EVERY_EPOCH,
}
CLOUDS = clouds(replicates=5, distance=0.7)
# Seven images of each of the three classes, so that the mean over classes is that over images.
TRIPLES = np.array([np.random.default_rng(seed).permutation(60)[:7] for seed in range(5)])
DATA = CLOUDS._replace(samples=(3 * TRIPLES[:, :, None] + np.arange(3)).reshape(5, -1))


@pytest.fixture(scope="module")
def whole(tensorflow):
    return heads.train(DATA, **SETTINGS)


def threshold(whole: loop.Trained) -> float:
    """Return a loss that some replicates reach early, and some never."""
    losses = whole.runs["train_loss"].sort_values()
    return float(losses.iloc[2:4].mean())


def test_each_replicate_stops_where_its_own_loss_is_low_enough(whole):
    limit = threshold(whole)
    stopped = heads.train(DATA, **SETTINGS, stop_at_train_loss=limit)
    for replicate, history in whole.history.groupby("replicate"):
        low = history["train_loss"] < limit
        expected = history[low].iloc[0] if low.any() else history.iloc[-1]
        run = stopped.runs.set_index("replicate").loc[replicate]
        same = [name for name in history if name.startswith(("train_", "selection_", "test_"))]
        np.testing.assert_allclose(run[same].astype(float), expected[same].astype(float))
        assert run["epochs"] == expected["epoch"]
        assert run["updates"] == expected["updates"]
        assert run["levelled_off"] or not low.any()
        rows = stopped.history.loc[stopped.history["replicate"] == replicate, "epoch"]
        assert rows.tolist() == list(range(1, expected["epoch"] + 1))
    assert stopped.runs["epochs"].nunique() > 2
    assert stopped.runs["epochs"].max() == SETTINGS["epochs"]


def test_predictions_and_parameters_are_of_the_time_of_the_stop(whole, tensorflow):
    stopped = heads.train(DATA, **SETTINGS, stop_at_train_loss=threshold(whole))
    predicted = stopped.predictions
    test = DATA.image_ids[DATA.test[0]]
    own = predicted[predicted["image_id"].isin(test)]
    right = (own["predicted"] == own["label"]).groupby(own["replicate"]).mean()
    np.testing.assert_allclose(right, stopped.runs["test_accuracy"])
    logits = heads.logits(
        stopped.parameters, DATA.features[DATA.validation][None], tensorflow.nn.elu
    )
    place = predicted["image_id"].map({name: row for row, name in enumerate(DATA.image_ids)})
    classes = np.argmax(logits, axis=-1)[predicted["replicate"], place]
    np.testing.assert_array_equal(classes, predicted["predicted"])


def test_a_run_ends_with_its_last_replicate(whole):
    stopped = heads.train(DATA, **SETTINGS, stop_at_train_loss=whole.history["train_loss"].max())
    assert (stopped.runs["epochs"] < SETTINGS["epochs"]).all()
    assert stopped.runs["levelled_off"].all()


def test_images_of_a_rare_class_count_as_much_as_all_others():
    labels = np.array([[0] * 19 + [1], [0, 1] * 10])
    losses = np.where(labels == 0, 0.01, 1.5)
    predicted = metrics.Predictions(labels, labels, losses, np.zeros((2, 20, 2)))
    assert losses[0].mean() < 0.1
    np.testing.assert_allclose(loop.loss_by_class(predicted), [0.755, 0.755])


def test_a_loss_that_is_never_reached_changes_nothing(whole):
    same = heads.train(DATA, **SETTINGS, stop_at_train_loss=1e-9)
    pd.testing.assert_frame_equal(same.runs, whole.runs)
    pd.testing.assert_frame_equal(same.predictions, whole.predictions)
