"""Promises of the shape in which all methods see a picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers import noise
from transfer_gain.data.fitting import Fit, fit, white_of

WIDE = np.full((10, 30, 3), 200, np.uint8)


def test_colors_become_their_luma():
    picture = np.uint8([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]])
    assert fit(picture, Fit(2))[:, :, 0].tolist() == [[76, 150], [29, 255]]
    assert (fit(picture[:1, :1], Fit(5)) == 76).all()


def test_colors_are_kept_and_gray_is_repeated():
    assert np.array_equal(fit(noise(0), Fit(6, "rgb")), noise(0))
    gray = noise(0, (6, 6))
    assert np.array_equal(fit(gray, Fit(6, "rgb")), np.repeat(gray[:, :, None], 3, axis=2))


def test_padding_keeps_the_proportions():
    padded = fit(WIDE, Fit(6, "rgb", "pad", "#0000ff"))
    assert (padded[2:4] == 200).all()
    assert (padded[[0, 1, 4, 5]] == (0, 0, 255)).all()
    assert (fit(WIDE.swapaxes(0, 1), Fit(6, "rgb", "pad"))[:, 2:4] == 200).all()


def test_cropping_keeps_the_middle():
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = noise(0, (8, 8, 3))
    assert np.array_equal(fit(wide, Fit(8, "rgb", "crop")), wide[:, 8:16])
    tall = wide.swapaxes(0, 1)
    assert np.array_equal(fit(tall, Fit(8, "rgb", "crop")), tall[8:16])


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("channels", ["gray", "rgb"])
@given(
    seed=st.integers(0, 99),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(8, 20),
)
def test_every_picture_gets_the_shape(channels, resize, seed, height, width, size):
    how = Fit(size, channels, resize)
    picture = noise(seed, (height, width, 3))
    fitted = fit(picture, how)
    assert (fitted.shape, fitted.dtype) == (how.shape, np.uint8)
    # Fitting again changes nothing, so that a source may do it ahead.
    again = fit(fitted[:, :, 0] if channels == "gray" else fitted, how)
    assert np.array_equal(again, fitted)


@given(seed=st.integers(0, 99), white=st.sampled_from([1023, 4095, 65535]))
def test_more_bits_give_the_same_picture(seed, white):
    picture = noise(seed, (9, 7, 3))
    wide = np.round(picture * (white / 255)).astype(np.uint16)
    for channels in ("gray", "rgb"):
        how = Fit(8, channels, "pad")
        difference = fit(wide, how, white).astype(int) - fit(picture, how)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("brightest", "white"), [(0, 255), (255, 255), (256, 1023), (3900, 4095), (65535, 65535)]
)
def test_white_is_that_of_the_bit_depth(brightest, white):
    assert white_of(brightest) == white
