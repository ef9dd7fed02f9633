"""The compiled path of training, which GPUs take, gives what the other gives; here on the CPU."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toys import NETWORK, SETTINGS, clouds, make_pictures, one_shot_data

pytestmark = pytest.mark.slow


@pytest.fixture
def programs(tensorflow, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, set]]:
    """Force the compiled path; say which functions are compiled, and for which shapes."""
    from transfer_gain.training import devices

    monkeypatch.setattr(devices, "on_gpu", lambda: True)
    function, made = tensorflow.function, []

    def recorded(**options: Any) -> Callable:
        def decorate(body: Callable) -> Callable:
            program, shapes = function(**options)(body), set()
            made.append((body.__name__, options.get("jit_compile", False), shapes))

            def call(*arguments: Any) -> Any:
                shapes.add(tuple(tuple(argument.shape) for argument in arguments))
                return program(*arguments)

            return call

        return decorate

    monkeypatch.setattr(tensorflow, "function", recorded)
    return made


def head() -> list[np.ndarray]:
    from transfer_gain.methods import heads

    settings = {key: value for key, value in SETTINGS.items() if key != "network"}
    return heads.train(clouds(2), layers=[6, 5], activation="elu", **settings).parameters


def from_scratch() -> list[np.ndarray]:
    from transfer_gain.methods import scratch

    ranges = {"rotation": 10, "shift": 0.1, "zoom": 0.1, "shear": 5, "flip": True}
    settings = SETTINGS | {"network": NETWORK, "epochs": 6}
    return scratch.train(make_pictures(2), ranges=ranges, **settings).parameters


def residual() -> list[np.ndarray]:
    from transfer_gain.methods import resnet

    settings = SETTINGS | {"network": {"filters": (4,)}}
    ranges = {"shift": 0.1, "flip": True}
    return resnet.train(make_pictures(1), ranges=ranges, **settings).parameters


def siamese() -> list[np.ndarray]:
    from transfer_gain.few_shot import siamese_training

    labels = np.repeat(np.arange(4, dtype=np.int32), 12)
    features = np.random.default_rng(5).random((48, 20)).astype(np.float32)
    _, _, parameters = siamese_training.train(
        one_shot_data(features, labels, 2, tasks=20, queries=4, episodes=5),
        epochs=2,
        batches_per_epoch=5,
        batch_size=16,
        learning_rate=0.01,
        l2=1e-4,
        units=16,
        seed_names=(1, "faces", "faces", "siamese"),
    )
    return parameters


@pytest.mark.parametrize("train", [head, from_scratch, residual, siamese])
def test_both_ways_train_the_same(tensorflow, train: Callable, request: pytest.FixtureRequest):
    expected = train()
    programs = request.getfixturevalue("programs")
    for one, other in zip(expected, train(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    ((_, compiled, shapes),) = [program for program in programs if program[0] == "advance"]
    assert compiled
    # XLA compiles once for each shape, which takes seconds.
    assert len(shapes) == 1
