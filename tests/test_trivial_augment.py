"""Promises of TrivialAugment: one operation an image, of the paper's kinds and strengths."""

import numpy as np
import pytest

from toys import picture_rows
from transfer_gain.data import trivial_augment
from transfer_gain.data.trivial_augment import OPERATIONS

STILL = {"shift": 0.0, "flip": False}


def changed(images: np.ndarray, operation: str, strength: float) -> np.ndarray:
    """Return images that an operation of one strength has changed."""
    for seed in range(1000):
        drawn = trivial_augment.draw(np.random.default_rng(seed), len(images), **STILL)
        if (drawn[:, 0] == OPERATIONS.index(operation)).all():
            break
    else:
        raise AssertionError("one image at a time")
    if operation in trivial_augment.PHOTOMETRIC:
        drawn[:, 1] = strength
    return trivial_augment.apply(images, drawn)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_operation_keeps_shape_and_type_and_the_identity_everything(channels: int):
    images = picture_rows(1, 32, channels)
    for operation in OPERATIONS:
        found = changed(images, operation, 0.8)
        assert (found.shape, found.dtype) == (images.shape, np.uint8)
        same = operation == "identity" or (operation, channels) == ("color", 1)
        assert (found == images).all() == same, operation


def test_operations_and_strengths_are_drawn_evenly_and_from_the_generator_alone():
    drawn, again = (
        trivial_augment.draw(np.random.default_rng(3), 14_000, shift=0.1, flip=True)
        for _ in range(2)
    )
    np.testing.assert_array_equal(drawn, again)
    counts = np.bincount(drawn[:, 0].astype(int))
    assert len(counts) == len(OPERATIONS) == 14
    assert np.abs(counts - 1000).max() < 150
    assert np.abs(drawn[:, 1].mean()) < 0.02
    assert np.abs(drawn[:, 1]).max() <= 1
    mirrored = np.linalg.det(drawn[:, 2:].reshape(-1, 2, 3)[:, :, :2]) < 0
    assert mirrored.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("operation", "strength", "expected"),
    [
        ("solarize", 1.0, lambda values: 255 - values),
        ("solarize", 0.5, lambda values: np.where(values < 128, values, 255 - values)),
        ("posterize", 1.0, lambda values: values & 0xF0),
        ("posterize", 0.0, lambda values: values),
        ("brightness", -1.0, lambda values: values * 0.1),
    ],
)
def test_known_answers(operation: str, strength: float, expected):
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    found = changed(images, operation, strength).astype(float)
    np.testing.assert_allclose(found, expected(images), atol=1)


def test_images_are_moved_by_at_most_the_paper_s_share():
    drawn = trivial_augment.draw(np.random.default_rng(1), 5000, **STILL)
    maps = drawn[:, 2:].reshape(-1, 2, 3)
    moved = np.abs(maps[:, :, 2]).max(axis=0) / 2  # coordinates go from -1 to 1
    np.testing.assert_allclose(moved, 10 / 32, atol=0.01)
    turned = drawn[:, 0] == OPERATIONS.index("rotate")
    angles = np.degrees(np.arccos(maps[turned, 0, 0]))
    assert 29 < angles.max() <= 30.01
    still = ~np.isin(drawn[:, 0], np.arange(1, len(trivial_augment.GEOMETRIC)))
    assert (maps[still] == np.eye(2, 3)).all()
