"""Promises of the linear probe: the optimum of the heads' loss, whatever the features' scale."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special
from threadpoolctl import threadpool_limits

from toys import assert_scored_on_its_own, clouds, of_cross_fitting
from transfer_gain.data import store
from transfer_gain.data.replicates import Replicates
from transfer_gain.data.sampling import draw_samples, validation_roles
from transfer_gain.evaluation.statistics import mean_interval
from transfer_gain.methods import linear_probe
from transfer_gain.seeds import run_seed

NAMES = (2018, "toy", "0.1")
LOSSES = ["train_loss", "validation_loss", "selection_loss"]


def make_data(replicates: int = 2, **changed) -> Replicates:
    """Overlapping clouds."""
    usual = {"images": 40, "width": 5, "validation": 60, "distance": 0.7, "scale": 3}
    return clouds(replicates, **usual | changed)


def optimum(
    data: Replicates, sample: np.ndarray, l2: float, weights: np.ndarray
) -> tuple[list[float], float]:
    """Minimize the documented loss, one kernel per class; return losses and validation accuracy.

    The weights are those of the classes.
    """
    scale = np.sqrt((data.features[sample].astype(float) ** 2).mean())
    inputs, width = data.features / scale, data.features.shape[1]

    def logarithms(parameters: np.ndarray, rows: np.ndarray) -> np.ndarray:
        kernel, bias = np.split(parameters.reshape(width + 1, data.classes), [width])
        return special.log_softmax(inputs[rows] @ kernel + bias, axis=1)

    def entropies(parameters: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return -logarithms(parameters, rows)[np.arange(len(rows)), data.labels[rows]]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient."""
        kernel = (
            parameters.reshape(width + 1, data.classes) * (np.arange(width + 1) < width)[:, None]
        )
        labels = data.labels[sample]
        errors = np.exp(logarithms(parameters, sample)) - np.eye(data.classes)[labels]
        errors *= weights[labels][:, None] / len(sample)
        gradient = np.vstack([inputs[sample].T @ errors, errors.sum(axis=0)]) + 2 * l2 * kernel
        weighted = weights[labels] * entropies(parameters, sample)
        return weighted.mean() + l2 * np.sum(kernel**2), gradient.ravel()

    start = np.zeros((width + 1) * data.classes)
    tight = {"ftol": 0, "gtol": 1e-9, "maxiter": 10_000}
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=tight)
    rows = (sample, data.validation, data.validation[data.selection[0]])
    accuracy = logarithms(found.x, data.validation).argmax(axis=1) == data.labels[data.validation]
    return [entropies(found.x, part).mean() for part in rows], accuracy.mean()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@pytest.mark.parametrize("width", [5, 200])  # without and with the span of the images
def test_the_optimum_is_that_of_the_stated_loss(classes, class_weights, width):
    data, penalties = make_data(classes=classes, images=41, width=width), [0.1, 1, 0.01]
    fitted = linear_probe.fit(data, penalties, NAMES, class_weights)["runs"]
    fitted = fitted.set_index(["l2", "replicate"])
    assert len(fitted) == 3 * 2
    for l2 in penalties:
        for replicate, sample in enumerate(data.samples):
            row = fitted.loc[(l2, replicate)]
            counts = np.bincount(data.labels[sample])
            weights = np.ones(classes)
            if class_weights == "balanced":
                assert counts.min() < counts.max()
                weights = len(sample) / (classes * counts)
            losses, accuracy = optimum(data, sample, l2, weights)
            np.testing.assert_allclose(row[LOSSES].astype(float), losses, rtol=5e-4, atol=1e-5)
            assert row["validation_accuracy"] == pytest.approx(accuracy, abs=1.5 / 60)
    assert fitted["levelled_off"].all()


@pytest.mark.parametrize(
    ("factor", "tolerance"), [(2**-7, 0), (1024, 0), (1e-3, 1e-3), (7e4, 1e-3)]
)
def test_the_scale_of_features_does_not_matter(factor, tolerance):
    data = make_data()
    scaled = data._replace(features=data.features * np.float32(factor))
    one, other = (linear_probe.fit(each, [0.1, 0.001], NAMES)["runs"] for each in (data, scaled))
    if not tolerance:  # a power of two changes no digit
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    columns = [column for column in one if column.endswith(("_loss", "_accuracy"))]
    np.testing.assert_allclose(one[columns], other[columns], rtol=tolerance)


def test_the_order_of_penalties_changes_no_digit():
    data = make_data(1, width=200)
    one, other = (
        linear_probe.fit(data, penalties, NAMES)["runs"].sort_values("l2", ignore_index=True)
        for penalties in ([0.01, 1, 0.1], [1, 0.1, 0.01])
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_span_of_images_has_all_of_their_features():
    features = np.random.default_rng(0).normal(size=(30, 50)).astype(np.float32)
    features[:, 7] = 0
    features[1] = features[0]
    coordinates, basis = linear_probe.span(features)
    assert coordinates.shape == (30, 30)
    assert coordinates.dtype == basis.dtype == np.float32
    np.testing.assert_allclose(coordinates @ basis.T, features, atol=1e-5)
    np.testing.assert_allclose(basis.T @ basis, np.eye(30), atol=1e-5)


def test_permuted_labels_bring_chance_and_true_ones_do_not():
    fractions = {"replicates": 8, "images": 200, "classes": 7, "width": 12, "validation": 1400}
    fitted = linear_probe.fit(make_data(**fractions, permuted=True), [0.001], NAMES)["runs"]
    _, low, high = mean_interval(fitted["validation_accuracy"], level=0.999)
    assert low < 1 / 7 < high < 0.2
    assert (fitted["train_accuracy"] > 0.2).all()  # it did fit its own labels
    fitted = linear_probe.fit(make_data(**fractions), [0.001], NAMES)["runs"]
    assert (fitted["validation_accuracy"] > 0.4).all()


def test_rows_are_those_of_a_training_run():
    data = make_data(3)
    fitted = linear_probe.fit(data, [1, 0.01], NAMES)["runs"]
    assert fitted["l2"].tolist() == [1.0] * 3 + [0.01] * 3
    assert fitted["replicate"].tolist() == [0, 1, 2] * 2
    assert fitted["seed"].tolist() == [run_seed(*NAMES, number) for number in range(3)] * 2
    assert (fitted["training_samples"] == 40).all()
    assert (fitted["epochs"] == fitted["updates"]).all()
    share = data.selection.mean()
    np.testing.assert_allclose(
        fitted["validation_accuracy"],
        share * fitted["selection_accuracy"] + (1 - share) * fitted["test_accuracy"],
    )


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_a_probe_that_did_not_converge_is_flagged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(linear_probe, "ITERATIONS", 2)
    fitted = linear_probe.fit(make_data(1), [1e-4], NAMES)["runs"]
    assert fitted[["updates", "levelled_off"]].to_numpy().tolist() == [[2, False]]


def test_the_number_of_threads_changes_no_byte(tmp_path: Path):
    files = {
        name: tmp_path / f"{name}.parquet" for name in ("features", "samples", "validation_roles")
    }
    data = make_data(classes=3, width=700, validation=300)
    index = pd.DataFrame(
        {
            "image_id": [f"image-{row}" for row in range(len(data.labels))],
            "split": np.repeat([store.TRAINING, store.VALIDATION], [180, 300]),
            "label": data.labels,
        }
    )
    about = {"precision": "bfloat16"}
    store.write_arrays(
        files["features"], "features", (700,), "<f4", [(index, data.features)], about
    )
    store.write_rows(draw_samples(index, 1, "toy", 1, 2018), files["samples"])
    store.write_rows(validation_roles(index, "toy", 2018), files["validation_roles"])
    names = {"dataset": "toy", "backbone": "vgg16", "fraction": "1"}
    contents = []
    for threads in (1, 2):
        outputs = {kind: tmp_path / f"{kind}-{threads}" for kind in ("runs", "predictions")}
        with threadpool_limits(threads):
            linear_probe.fit_files(
                **files, outputs=outputs, names=names, study_seed=2018, penalties=[0.01]
            )
        contents.append([path.read_bytes() for path in outputs.values()])
    assert contents[0] == contents[1]
    expected = {**names, "fraction": 1.0, "precision": "bfloat16", "method": "linear-probe"}
    expected |= {"run": "grid", "protocol": "both"}
    assert store.read_rows(outputs["runs"])[list(expected)].to_dict("records") == [expected]


def test_a_split_is_scored_on_its_own_images_as_among_all():
    shared, crossed = (
        linear_probe.fit(data, [0.1], NAMES) for data in (clouds(), of_cross_fitting(clouds()))
    )
    assert_scored_on_its_own(crossed["runs"], crossed["predictions"], shared["predictions"])
