"""Promises of the residual network: that of Keras, batch by batch, for any replicate."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from checkout import copy_checkout, jobs_to_run
from toys import SETTINGS, make_pictures
from transfer_gain import gpus
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.methods import resnet
from transfer_gain.training.devices import tf

pytestmark = pytest.mark.usefixtures("tensorflow")

FILTERS = (4, 6)
RESNET = {key: value for key, value in SETTINGS.items() if key != "network"} | {
    "network": {"filters": FILTERS},
    "ranges": {"shift": 0.1, "flip": False},
}


def twin(channels: int) -> keras.Model:
    """Build the network in plain Keras."""

    def convolve(values, filters: int, kernel: int, stride: int):
        values = keras.layers.Conv2D(
            filters, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal"
        )(values)
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(values)

    inputs = keras.Input((9, 9, channels))
    values = keras.layers.ReLU()(convolve(inputs / 255, FILTERS[0], 3, 2))
    for filters in FILTERS:
        inner = keras.layers.ReLU()(convolve(values, filters, 3, 2))
        inner = convolve(inner, filters, 3, 1)
        values = keras.layers.ReLU()(inner + convolve(values, filters, 1, 2))
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(values))
    return keras.Model(inputs, outputs)


def parameters_of(model: keras.Model) -> tuple[list, list]:
    """Return a Keras model's parameters and averages, with an axis of one replicate.

    Keras lists layers by their depth, so that a shortcut may stand elsewhere.
    """
    convolutions = [each for each in model.layers if isinstance(each, keras.layers.Conv2D)]
    convolutions.sort(
        key=lambda layer: (
            int(layer.name.rpartition("_")[2] or 0)
            if "_" in layer.name.removeprefix("conv2d")
            else 0
        )
    )
    normal = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    normal.sort(
        key=lambda layer: int(layer.name.removeprefix("batch_normalization").strip("_") or 0)
    )
    parameters, averages = [], []
    for convolution, norm in zip(convolutions, normal, strict=True):
        parameters += [convolution.kernel, norm.gamma, norm.beta]
        averages += [norm.moving_mean, norm.moving_variance]
    parameters += model.layers[-1].weights
    return [
        [tf.Variable(np.asarray(each)[None]) for each in part] for part in (parameters, averages)
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_the_network_of_keras_in_training_and_after(channels: int):
    keras.utils.set_random_seed(3)
    keras.backend.clear_session()
    model = twin(channels)
    parameters, averages = parameters_of(model)
    shapes = [tuple(each.shape[1:]) for each in parameters]
    drawn = resnet.initial_parameters(np.random.default_rng(1), channels, 3, FILTERS)
    assert [part.shape for part in drawn] == shapes
    images = np.random.default_rng(2).integers(0, 256, (8, 9, 9, channels)).astype(np.uint8)
    for _ in range(3):
        expected = model(images.astype(np.float32), training=True)
        found = resnet.logits(parameters, averages, tf.constant(images)[None], tf.ones((1, 8)))
        np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        resnet.logits(parameters, averages, tf.constant(images)[None])[0],
        model(images.astype(np.float32), training=False),
        rtol=1e-3,
        atol=1e-4,
    )


def test_padding_has_no_part_in_the_moments():
    rng = np.random.default_rng(1)
    parameters = [part[None] for part in resnet.initial_parameters(rng, 1, 3, FILTERS)]
    images = rng.integers(0, 256, (1, 6, 9, 9, 1)).astype(np.uint8)
    padded = np.concatenate([images, np.full((1, 4, 9, 9, 1), 255, np.uint8)], axis=1)
    weights = np.array([[1] * 6 + [0] * 4], np.float32)

    def run(images: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        sizes = [shape[-1] for shape in resnet.kernel_shapes(1, FILTERS)]
        averages = [tf.Variable(tf.zeros((1, size))) for size in sizes for _ in range(2)]
        values = resnet.logits(parameters, averages, tf.constant(images), tf.constant(weights))
        return values.numpy()[:, :6], [each.numpy() for each in averages]

    (one, averages), (other, others) = run(images, weights[:, :6]), run(padded, weights)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    for left, right in zip(averages, others, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
        assert np.abs(left).max() > 0


@pytest.mark.slow
def test_a_replicate_trained_alone_is_the_one_trained_beside_others():
    data = make_pictures(2)
    together = resnet.train(data, **RESNET)
    for replicate in range(2):
        alone = resnet.train(
            data.of([replicate]),
            **RESNET,
        )
        # The averages of the moments follow the parameters.
        assert len(together.parameters) == len(alone.parameters) == 7 * 3 + 2 + 7 * 2
        for one, other in zip(together.parameters, alone.parameters, strict=True):
            np.testing.assert_allclose(one[replicate], other[0], rtol=1e-3, atol=1e-4)
        rows = together.runs.iloc[replicate : replicate + 1].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, alone.runs, rtol=1e-3)
    again = resnet.train(data, **RESNET)
    for one, other in zip(together.parameters, again.parameters, strict=True):
        assert one.tobytes() == other.tobytes()
    assert together.runs["layers"].unique().tolist() == ["resnet4-6"]


@pytest.mark.slow
def test_what_can_be_separated_is_learned_and_permuted_labels_are_not():
    longer = {"batch_size": 20, "min_updates": 400, "l2": 1e-4}
    settings = RESNET | longer | {"ranges": {"shift": 0.0, "flip": False}}
    runs = resnet.train(make_pictures(2, 120, classes=3), **settings).runs
    assert (runs["validation_accuracy"] > 0.8).all()
    permuted = make_pictures(3, 120, classes=3, validation=400, permuted=True)
    runs = resnet.train(permuted, **settings | {"min_updates": 150}).runs
    _, low, high = mean_interval(runs["validation_accuracy"], level=0.999)
    assert low < 1 / 3 < high


STUDY = {
    "datasets": {"avatars": {"source": "avatars"}},
    "fractions": [{"fraction": 1, "replicates": 1}, {"fraction": 0.1, "replicates": 2}],
    "resnet_scratch": {"max_fraction": 0.1},
    "baseline": {"max_tuned_fraction": 0.1},
    "fine_tuning": {"max_fraction": 0.1},
}


@pytest.mark.slow
def test_it_has_jobs_at_its_fractions_side_by_side_where_there_is_no_gpu(tmp_path: Path):
    jobs = jobs_to_run(copy_checkout(tmp_path), study=STUDY)
    trained = [job.wildcards for job in jobs if job.rule == "train_resnet"]
    assert {(each["method"], each["fraction"]) for each in trained} == {("resnet-scratch", "0.1")}
    assert sorted(each["learning_rate"] for each in trained) == ["0.0001", "0.001", "0.01"]
    rules = ("train_resnet", "fine_tune")
    asked = {job.rule: job.resources["gpu"] for job in jobs if job.rule in rules}
    # On a processor, a job that asks for a GPU would wait for the others (`resources: gpu: 1`).
    assert asked == dict.fromkeys(rules, int(gpus.has_driver()))
