"""Promises of the heads: the 2018 paper's networks, trained as by Keras, reported honestly."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_class_weight

from spies import Spy
from toys import assert_scored_on_its_own, clouds, of_cross_fitting
from transfer_gain import schedule
from transfer_gain.data import store
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sampling import draw_samples, validation_roles
from transfer_gain.data.whole_files import StoreError
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.methods import heads
from transfer_gain.seeds import run_seed

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]

SETTINGS = {
    "layers": [8, 5],
    "activation": "elu",
    "learning_rate": 0.01,
    "batch_size": 5,
    "epochs": 4,
    "min_updates": 0,
    "l2": 0.01,
    "seed_names": (2018, "toy", "0.1"),
}
SCORES = ["train_accuracy", "train_loss", "validation_accuracy", "validation_loss"]


@pytest.mark.parametrize(
    ("layers", "count"), [([100], 205_607), ([100, 50], 210_307), ([100, 50, 25], 211_407)]
)
def test_the_reports_parameter_counts(layers: list[int], count: int):
    parameters = heads.initial_parameters(np.random.default_rng(0), 2048, layers, 7)
    assert sum(array.size for array in parameters) == count
    assert {array.dtype for array in parameters} == {np.dtype(np.float32)}
    assert not any(bias.any() for bias in parameters[1::2])
    for kernel in parameters[::2]:
        assert kernel.any()
        assert np.abs(kernel).max() <= np.float32(np.sqrt(6 / sum(kernel.shape)))


def keras_twin(start: list[np.ndarray], activation: str):
    """Build one replicate's network in plain Keras."""
    import keras

    units = [bias.shape[0] for bias in start[1::2]]
    model = keras.Sequential(
        [keras.Input((start[0].shape[0],))]
        + [
            keras.layers.Dense(
                count,
                activation="softmax" if last else activation,
                kernel_regularizer=keras.regularizers.L2(SETTINGS["l2"]),
            )
            for count, last in zip(units, [False] * (len(units) - 1) + [True], strict=True)
        ]
    )
    model.compile(
        keras.optimizers.Adam(SETTINGS["learning_rate"]),
        "sparse_categorical_crossentropy",
        run_eagerly=True,
    )
    model.set_weights(start)
    return model


def scores_of(model, data: Replicates, rows: np.ndarray) -> tuple[float, float]:
    probabilities = model(data.features[rows]).numpy().astype(float)
    truth = data.labels[rows]
    loss = -np.log(probabilities[np.arange(len(rows)), truth]).mean()
    return (probabilities.argmax(axis=1) == truth).mean(), loss


@pytest.mark.parametrize(
    ("activation", "class_weights"), [("sigmoid", "none"), ("elu", "none"), ("elu", "balanced")]
)
def test_a_training_run_is_the_one_of_keras(
    activation: str, class_weights: str, monkeypatch: pytest.MonkeyPatch
):
    data, spy = clouds(), Spy(monkeypatch)
    settings = SETTINGS | {"activation": activation, "class_weights": class_weights}
    history = heads.train(data, **settings, evaluate=schedule.EVERY_EPOCH).history

    assert spy.batches.shape == (4 * 5, 3, 5)  # 23 images: five batches an epoch, the last of 3
    first_losses = []
    for replicate in range(3):
        model = keras_twin([array[replicate] for array in spy.start], activation)
        own = data.labels[data.samples[replicate]]
        weights = None if class_weights == "none" else "balanced"
        weights = compute_class_weight(weights, classes=np.unique(own), y=own)
        assert (len(set(weights)) > 1) == (class_weights == "balanced")
        losses = []
        for update, batch in enumerate(spy.batches[:, replicate], start=1):
            rows = batch[batch >= 0]
            assert len(rows) == (3 if update % 5 == 0 else 5)
            losses.append(
                model.train_on_batch(
                    data.features[rows],
                    data.labels[rows],
                    class_weight=dict(enumerate(weights)),
                )
            )
            if update % 5 == 0:
                epoch = history[
                    (history["replicate"] == replicate) & (history["updates"] == update)
                ]
                expected = [
                    *scores_of(model, data, data.samples[replicate]),
                    *scores_of(model, data, data.validation),
                ]
                np.testing.assert_allclose(epoch[SCORES].to_numpy()[0], expected, rtol=1e-4)
                model.reset_metrics()
        first_losses.append(losses[0])
        for ours, theirs in zip(spy.parameters, model.get_weights(), strict=True):
            np.testing.assert_allclose(ours.numpy()[replicate], theirs, rtol=1e-3, atol=2e-5)
            assert np.abs(theirs).max() > 0.01
    np.testing.assert_allclose(spy.first_loss, sum(first_losses), rtol=1e-5)


def test_each_epochs_batches_are_the_replicates_own_sample(monkeypatch: pytest.MonkeyPatch):
    data, spy = clouds(), Spy(monkeypatch)
    heads.train(data, **SETTINGS)
    for replicate in range(3):
        for epoch in spy.batches[:, replicate].reshape(4, -1):
            assert sorted(epoch[epoch >= 0]) == sorted(data.samples[replicate])


def test_a_replicate_trained_alone_is_the_one_trained_beside_others(
    monkeypatch: pytest.MonkeyPatch,
):
    data, spy = clouds(), Spy(monkeypatch)
    together, *_ = heads.train(data, **SETTINGS)
    beside = [parameter.numpy()[0] for parameter in spy.parameters]
    alone, *_ = heads.train(data.of([0]), **SETTINGS)
    for one, other in zip(beside, spy.parameters, strict=True):
        np.testing.assert_allclose(one, other.numpy()[0], rtol=1e-3, atol=1e-5)
    pd.testing.assert_frame_equal(together.iloc[:1], alone, rtol=1e-4)


def test_training_is_the_same_bit_for_bit_each_time():
    one, other = (heads.train(clouds(), **SETTINGS)[:2] for _ in range(2))
    for rows, again in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(rows, again, check_exact=True)


def test_how_often_a_run_is_evaluated_and_in_what_chunks_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    settings = SETTINGS | {"epochs": 30}
    rare, rare_history, *_ = heads.train(clouds(), **settings)
    whole = heads.network
    monkeypatch.setattr(
        heads, "network", lambda *given, **also: whole(*given, **also)._replace(scored_at_once=7)
    )
    often, often_history, *_ = heads.train(clouds(), **settings, evaluate=schedule.EVERY_EPOCH)
    pd.testing.assert_frame_equal(rare, often, rtol=1e-6)
    assert sorted(set(rare_history["epoch"])) == schedule.evaluation_epochs(30, 30)
    assert sorted(set(often_history["epoch"])) == list(range(1, 31))
    common = often_history[often_history["epoch"].isin(rare_history["epoch"])]
    pd.testing.assert_frame_equal(
        rare_history.reset_index(drop=True), common.reset_index(drop=True), rtol=1e-6
    )


def test_a_split_is_scored_on_its_own_images_as_among_all():
    shared = heads.train(clouds(), **SETTINGS).predictions
    crossed = heads.train(of_cross_fitting(clouds()), **SETTINGS)
    assert_scored_on_its_own(crossed.runs, crossed.predictions, shared)


def test_a_run_is_one_row_that_agrees_with_its_history():
    data = clouds()
    runs, history, *_ = heads.train(data, **SETTINGS | {"min_updates": 50})
    assert runs["epochs"].tolist() == [10] * 3  # five updates an epoch
    assert runs["updates"].tolist() == [50] * 3
    assert runs["replicate"].tolist() == [0, 1, 2]
    assert runs["training_samples"].tolist() == [23] * 3
    assert runs["seed"].tolist() == [run_seed(2018, "toy", "0.1", n) for n in range(3)]
    assert set(runs["layers"]) == {"8-5"}
    assert set(runs["activation"]) == {"elu"}
    assert set(runs["learning_rate"]) == {0.01}
    assert 4 in set(history["epoch"])  # the figure after `epochs` is there as well
    assert not history.duplicated(["replicate", "epoch"]).any()
    last = history[history["epoch"] == 10].rename(columns={"epoch": "epochs"})
    pd.testing.assert_frame_equal(runs[list(last)], last.reset_index(drop=True))
    selecting = data.selection.mean()
    for rows in (runs, history):
        np.testing.assert_allclose(
            rows["validation_accuracy"],
            selecting * rows["selection_accuracy"] + (1 - selecting) * rows["test_accuracy"],
        )
        for half, images in (("selection", 11), ("test", 20)):
            correct = rows[f"{half}_accuracy"] * images
            np.testing.assert_allclose(correct, correct.round(), atol=1e-9)


def test_methods_and_configurations_are_compared_on_the_same_seeds(
    monkeypatch: pytest.MonkeyPatch,
):
    data, spy = clouds(), Spy(monkeypatch)
    batches, starts = [], []
    for names, activation in (("0.1", "elu"), ("0.1", "sigmoid"), ("0.01", "elu")):
        changed = {"seed_names": (2018, "toy", names), "activation": activation, "epochs": 1}
        heads.train(data, **SETTINGS | changed)
        batches.append(spy.batches.tobytes())
        starts.append(spy.start[0])
    assert batches[0] == batches[1] != batches[2]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert (starts[0] != starts[2]).any()
    assert (starts[0][0] != starts[0][1]).any()  # replicates start differently, too


def test_what_can_be_separated_is_learned_whole():
    data = clouds(2, 60, distance=4, validation=60)
    runs, *_ = heads.train(data, **SETTINGS | {"min_updates": 400, "l2": 0})
    assert runs["train_accuracy"].tolist() == [1, 1]
    assert runs["validation_accuracy"].tolist() == [1, 1]
    assert (runs["train_loss"] < 0.05).all()


def test_permuted_labels_bring_chance_and_true_ones_do_not():
    settings = SETTINGS | {"batch_size": 50, "min_updates": 300, "l2": 1e-4}
    fractions = {"replicates": 8, "images": 210, "classes": 7, "validation": 1400}
    runs, *_ = heads.train(clouds(**fractions, permuted=True), **settings)
    _, low, high = mean_interval(runs["validation_accuracy"], level=0.999)
    assert low < 1 / 7 < high < 0.2
    assert (runs["train_accuracy"] > 0.3).all()  # it did learn its own labels
    runs, *_ = heads.train(clouds(**fractions), **settings)
    assert (runs["validation_accuracy"] > 0.8).all()


def test_augmented_copies_of_permuted_labels_bring_chance():
    data = clouds(replicates=8, images=210, classes=7, validation=1400, permuted=True)
    pool, images = data.validation[0], len(data.labels)
    noise = np.random.default_rng(0).normal(scale=0.1, size=data.features[:pool].shape)
    data = data._replace(  # a copy is like its image and has its label
        features=np.concatenate([data.features, data.features[:pool] + noise.astype(np.float32)]),
        labels=np.concatenate([data.labels, data.labels[:pool]]),
        samples=np.concatenate([data.samples, data.samples + images], axis=1),
    )
    runs, *_ = heads.train(data, **SETTINGS | {"batch_size": 50, "min_updates": 300, "l2": 1e-4})
    _, low, high = mean_interval(runs["validation_accuracy"], level=0.999)
    assert low < 1 / 7 < high < 0.2
    assert (runs["train_accuracy"] > 0.3).all()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {
        name: tmp_path / f"{name}.parquet" for name in ("features", "samples", "validation_roles")
    }
    rng = np.random.default_rng(0)
    index = pd.DataFrame(
        {
            "image_id": [f"image-{row}" for row in range(90)],
            "split": np.repeat([store.TRAINING, store.VALIDATION], [60, 30]),
            "label": np.arange(90) % 3,
        }
    )
    values = rng.normal(size=(90, 12)).astype(np.float32)
    about = {"precision": "bfloat16"}
    store.write_arrays(paths["features"], "features", (12,), "<f4", [(index, values)], about)
    store.write_rows(draw_samples(index, 0.5, "toy", 2, 2018), paths["samples"])
    store.write_rows(validation_roles(index, "toy", 2018), paths["validation_roles"])
    return paths


KINDS = ("runs", "history", "predictions")


def train_files(files: dict[str, Path], folder: Path) -> None:
    heads.train_files(
        **files,
        outputs={kind: folder / f"{kind}.parquet" for kind in KINDS},
        names={
            "dataset": "toy",
            "backbone": "vgg16",
            "method": "transfer",
            "fraction": "0.5",
            "run": "long",
            "protocol": "held-out",
        },
        study_seed=2018,
        settings={name: value for name, value in SETTINGS.items() if name != "seed_names"},
    )


def test_rows_say_what_they_are_of_and_two_runs_write_the_same_bytes(files, tmp_path: Path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        train_files(files, folder)
    for name in (f"{kind}.parquet" for kind in KINDS):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
        rows = store.read_rows(folders[0] / name)
        names = {
            "dataset": "toy",
            "backbone": "vgg16",
            "precision": "bfloat16",
            "method": "transfer",
            "fraction": 0.5,
            "run": "long",
            "protocol": "held-out",
        }
        assert rows[list(names)].drop_duplicates().to_dict("records") == [names]
    runs = store.read_rows(folders[0] / "runs.parquet")
    assert len(runs) == 2
    wanted = "layers activation learning_rate replicate epochs seed train_accuracy train_loss"
    wanted += " validation_accuracy validation_loss selection_accuracy test_accuracy"
    assert set(wanted.split()) <= set(runs)


def test_a_corrupt_input_is_refused_before_anything_is_written(files, tmp_path: Path):
    files["samples"].write_bytes(files["samples"].read_bytes()[:-20])
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreError, match=r"samples\.parquet"):
        train_files(files, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
