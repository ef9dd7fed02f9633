"""Promises of the planned costs: one per method, the same in every run, by a network's work."""

import keras
import numpy as np
import pytest

from transfer_gain.config.loading import load
from transfer_gain.config.networks import APPLICATIONS
from transfer_gain.runtime import network_work
from transfer_gain.runtime.planned_cost import planned_costs

NETWORKS = {
    "vgg16": {"architecture": "VGG16", "fine_tune_from": "block5_conv1"},
    "control": {"architecture": "VGG16", "weights": "none"},
    "large": {"architecture": "VGG16", "input_size": 224},
    "light": {"architecture": "MobileNetV2", "input_size": 224},
}


def costs(**settings) -> dict[tuple[str, str], float | None]:
    config = {
        "datasets": {"cells": {"source": "solar-cells", "images": 300}},
        "backbones": NETWORKS,
        "fractions": [{"fraction": 1, "replicates": 5}, {"fraction": 0.5, "replicates": 5}],
        "heads": {"layers": [[100]], "activations": ["elu"]},
        **{key: {"max_fraction": 1} for key in ("linear_probe", "fine_tuning")},
        "transfer_augmented": {"max_fraction": 1},
        **settings,
    }
    rows = planned_costs(load(config), {})
    assert {row["dataset"] for row in rows} == {"cells"}
    found = {(row["backbone"], row["method"]): row["seconds"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_method_has_one_cost_and_controls_have_none():
    found = costs()
    on_features = {"transfer", "linear-probe", "transfer-augmented", "transfer-extended"}
    expected = {(name, method) for name in ("vgg16", "large", "light") for method in on_features}
    expected |= {("none", "baseline"), ("none", "augmentation"), ("vgg16", "fine-tuning")}
    assert set(found) == expected
    assert found == costs()


def test_what_a_method_needs_before_is_in_its_cost():
    found = costs()
    of_vgg16 = [found["vgg16", name] for name in ("linear-probe", "transfer", "fine-tuning")]
    assert of_vgg16 == sorted(of_vgg16)
    assert found["vgg16", "transfer-augmented"] > found["vgg16", "transfer-extended"]
    assert found["large", "linear-probe"] > 3 * found["vgg16", "linear-probe"]
    assert found["light", "linear-probe"] < found["vgg16", "linear-probe"]
    more = costs(heads={"layers": [[100], [10]], "activations": ["elu"]})
    assert more["vgg16", "transfer"] > found["vgg16", "transfer"]
    assert more["vgg16", "linear-probe"] == found["vgg16", "linear-probe"]


def test_nobody_knows_what_a_network_from_a_file_costs(tmp_path):
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    model.save(tmp_path / "own.keras")
    own = {"architecture": "keras-file", "weights": str(tmp_path / "own.keras")}
    found = costs(backbones={"vgg16": {"architecture": "VGG16"}, "own": own}, fine_tuning={})
    assert found["own", "linear-probe"] is None
    assert found["vgg16", "linear-probe"] > 0


def test_the_work_of_every_network_is_known():
    assert set(network_work.MULTIPLICATIONS) == set(APPLICATIONS)
    assert network_work.relative("VGG16", 64) == pytest.approx(1)
    assert network_work.relative("VGG16", 128) == pytest.approx(4)


@pytest.mark.parametrize("architecture", ["VGG16", "MobileNetV2", "EfficientNetV2B0"])
def test_multiplications_are_those_of_the_network(architecture):
    side = APPLICATIONS[architecture].native
    shape = (side, side, 3)
    network = getattr(keras.applications, architecture)
    model = network(include_top=False, weights=None, input_shape=shape)
    found = [0, 0]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            places = int(np.prod(layer.output.shape[1:3]))
            is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            found[is_depthwise] += places * int(np.prod(layer.kernel.shape))
    expected = network_work.MULTIPLICATIONS[architecture]
    assert np.array(found) / 1e9 == pytest.approx(expected, abs=0.002)
