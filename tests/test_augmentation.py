"""Promises of augmentation: changes that the config allows, drawn by seed for every batch."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spies import Spy
from toys import SETTINGS, make_pictures
from transfer_gain.data import augmentation, store
from transfer_gain.methods import scratch
from transfer_gain.training import loop

pytestmark = pytest.mark.usefixtures("tensorflow")

NONE = {"rotation": 0.0, "shift": 0.0, "zoom": 0.0, "shear": 0.0, "flip": False}
SOME = {"rotation": 20.0, "shift": 0.2, "zoom": 0.3, "shear": 10.0, "flip": True}
quick = settings(deadline=None, max_examples=20)


def draw(count: int, seed: int = 0, **ranges: float) -> np.ndarray:
    return augmentation.draw_transforms(np.random.default_rng(seed), count, **NONE | ranges)


def pictures(count: int, height: int = 8, width: int = 8, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(count)
    return rng.integers(0, 256, (count, height, width, channels)).astype(np.uint8)


# --- what is drawn


@quick
@given(st.floats(0, 180), st.floats(0, 0.5), st.floats(0, 0.9), st.floats(0, 60), st.booleans())
def test_draws_lie_within_the_ranges_and_fill_them(rotation, shift, zoom, shear, flip):
    ranges = {"rotation": rotation, "shift": shift, "zoom": zoom, "shear": shear, "flip": flip}
    maps = draw(500, **ranges).astype(float)
    assert maps.shape == (500, 2, 3)
    # The first column is mirrored, scaled and rotated; the second is also sheared.
    linear = maps[:, :, :2]
    mirror = np.sign(np.linalg.det(linear))
    first = linear[:, :, 0] * np.stack([mirror, np.ones(500)], axis=1)
    fraction = np.hypot(*first.T)
    along = (linear[:, :, 1] * np.stack([mirror, np.ones(500)], axis=1) * first).sum(axis=1)
    found = {
        "rotation": np.degrees(np.arctan2(first[:, 1], first[:, 0])),
        "shift": maps[:, :, 2].ravel() / 2,  # the image is 2 wide
        "zoom": 1 / fraction - 1,
        "shear": np.degrees(np.arcsin(np.clip(-along / fraction**2, -1, 1))),
    }
    for name, values in found.items():
        limit = ranges[name]
        assert np.abs(values).max() <= limit * 1.0001 + 1e-4, name
        assert values.max() >= 0.9 * limit - 1e-4, name
        assert values.min() <= -0.9 * limit + 1e-4, name
    assert (0.4 < (mirror < 0).mean() < 0.6) if flip else (mirror > 0).all()


def test_draws_depend_on_the_seed_alone_and_differ_from_image_to_image():
    one, again, other = draw(50, 1, **SOME), draw(50, 1, **SOME), draw(50, 2, **SOME)
    assert one.tobytes() == again.tobytes() != other.tobytes()
    assert one.dtype == np.float32
    assert len(np.unique(one.reshape(50, -1), axis=0)) == 50


# --- what it does to images


@quick
@given(*[st.integers(2, 40)] * 2, st.sampled_from([1, 3]))
def test_ranges_of_zero_leave_images_as_they_are_bit_for_bit(height, width, channels):
    images = pictures(3, height, width, channels)
    found = augmentation.apply(images, draw(3))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, images)


@quick
@given(*[st.integers(2, 40)] * 2)
def test_flip_alone_mirrors_an_image_or_leaves_it(height, width):
    images = pictures(40, height, width)
    found = augmentation.apply(images, draw(40, flip=True))
    is_left = (found == images).all(axis=(1, 2, 3))
    is_mirrored = (found == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (is_left | is_mirrored).all()
    assert not is_left.all()
    assert not is_mirrored.all()


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, 0), (0, -2), (-1, 4), (20, 0)])
def test_a_shift_by_whole_pixels_moves_them_and_repeats_the_edge(right, down):
    images = pictures(2, 9, 11)
    maps = np.tile(np.eye(2, 3, dtype=np.float32), (2, 1, 1))
    maps[:, :, 2] = 2 * right / 10, 2 * down / 8  # from the first pixel's centre to the last's
    rows, columns = np.clip(np.arange(9) + down, 0, 8), np.clip(np.arange(11) + right, 0, 10)
    found = augmentation.apply(images, maps)
    np.testing.assert_array_equal(found, images[:, rows][:, :, columns])


def test_a_quarter_turn_turns_and_a_half_size_shows_twice_as_much():
    image = pictures(1, 9, 9)
    turn = np.array([[[0, -1, 0], [1, 0, 0]]], np.float32)
    np.testing.assert_array_equal(augmentation.apply(image, turn)[0], np.rot90(image[0]))
    half = np.array([[[2, 0, 0], [0, 2, 0]]], np.float32)
    found = augmentation.apply(image, half)[0]
    np.testing.assert_array_equal(found[2:7, 2:7], image[0, ::2, ::2])


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(16, 16, 1), (64, 64, 3), (9, 30, 1), (200, 7, 3)]
)
def test_all_at_once_is_scipys_bilinear_affine_map(height: int, width: int, channels: int):
    images, maps = pictures(20, height, width, channels), draw(20, **SOME)
    found = augmentation.apply(images, maps)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    places = np.stack([columns.ravel(), rows.ravel(), np.ones(height * width)])
    for image, map_, changed in zip(images, maps, found, strict=True):
        x, y = (map_ @ places + 1) * np.array([[width - 1], [height - 1]]) / 2
        for channel in range(channels):
            expected = ndimage.map_coordinates(
                image[:, :, channel].astype(float), [y, x], order=1, mode="nearest"
            )
            rounded = changed[:, :, channel].ravel()
            np.testing.assert_allclose(rounded, expected, atol=0.51)


def test_several_samples_of_images_are_changed_each_by_its_own():
    images, maps = pictures(6), draw(6, **SOME)
    flat = augmentation.apply(images, maps)
    nested = augmentation.apply(images.reshape(2, 3, 8, 8, 1), maps.reshape(2, 3, 2, 3))
    np.testing.assert_array_equal(nested.reshape(flat.shape), flat)


# --- in training


@pytest.mark.slow
def test_training_with_ranges_of_zero_is_the_baseline_bit_for_bit():
    data = make_pictures()
    plain, changed = (scratch.train(data, **SETTINGS, ranges=ranges) for ranges in (None, NONE))
    pd.testing.assert_frame_equal(plain.history, changed.history, check_exact=True)
    for one, other in zip(plain.parameters, changed.parameters, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_each_image_of_each_epoch_and_replicate_is_changed_differently(
    monkeypatch: pytest.MonkeyPatch,
):
    data, spy = make_pictures(), Spy(monkeypatch)
    one = scratch.train(data, **SETTINGS, ranges=SOME)
    (changed,) = spy.changed
    maps = changed.drawn
    assert maps.shape == (*spy.batches.shape, 2, 3)
    assert len(np.unique(maps.reshape(-1, 6), axis=0)) == spy.batches.size
    for update, replicate, image in np.ndindex(spy.batches.shape):
        pixels = data.features[spy.batches[update, replicate, image]]
        expected = augmentation.apply(pixels, maps[update, replicate, image])
        np.testing.assert_array_equal(changed[update][replicate, image], expected)
    again = scratch.train(data, **SETTINGS, ranges=SOME)
    pd.testing.assert_frame_equal(one.history, again.history, check_exact=True)
    plain = scratch.train(data, **SETTINGS)
    assert (one.runs["train_loss"] != plain.runs["train_loss"]).all()


@pytest.mark.slow
def test_training_does_not_depend_on_how_many_images_are_changed_at_once(
    monkeypatch: pytest.MonkeyPatch,
):
    data = make_pictures()
    at_once = scratch.train(data, **SETTINGS, ranges=SOME)
    monkeypatch.setattr(loop, "CHANGED_BYTES", 1)
    one_by_one = scratch.train(data, **SETTINGS, ranges=SOME)
    pd.testing.assert_frame_equal(at_once.history, one_by_one.history, check_exact=True)
    for one, other in zip(at_once.parameters, one_by_one.parameters, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_losses_are_reported_of_images_as_they_are():
    settings = SETTINGS | {"learning_rate": 0.0, "epochs": 1}
    plain, changed = (
        scratch.train(make_pictures(), **settings, ranges=ranges) for ranges in (None, SOME)
    )
    pd.testing.assert_frame_equal(plain.runs, changed.runs, check_exact=True)


# --- the figure's images


def test_the_example_is_the_first_training_image_and_its_changes(tmp_path: Path):
    index = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "split": [store.VALIDATION, store.TRAINING, store.TRAINING],
            "label": [0, 1, 0],
        }
    )
    pixels = pictures(3)
    store.write_arrays(
        tmp_path / "images", "pixels", (8, 8, 1), "|u1", [(index, pixels)], {"classes": ["x", "y"]}
    )
    contents = []
    for number in range(2):
        output = tmp_path / f"example-{number}"
        augmentation.write_example(
            tmp_path / "images", output, ranges=SOME, times=12, study_seed=1, dataset="toy"
        )
        contents.append(output.read_bytes())
    assert contents[0] == contents[1]
    found = store.read_arrays(output)
    assert found.shape == (13, 8, 8, 1)
    np.testing.assert_array_equal(found[0], pixels[1])
    assert len(np.unique(found.reshape(13, -1), axis=0)) == 13
    assert set(store.read_index(output)["image_id"]) == {"b"}
