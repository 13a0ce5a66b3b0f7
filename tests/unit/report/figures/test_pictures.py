"""Composites: channels become light."""

import io

import matplotlib.image as mpl_image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moascope.report.figures import pictures


def test_a_composite_adds_up_the_light_of_its_channels():
    image = np.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 0.5], [1.0, 2.0]]])
    limits = np.array([[0.0, 1.0], [0.0, 1.0]])
    rgb = pictures.composite(image, limits, ["#ff0000", "#0000ff"])
    expected = [[0, 0, 0], [255, 0, 0], [0, 0, 128], [255, 0, 255]]
    np.testing.assert_array_equal(rgb[0], expected)


def test_missing_pixels_are_black():
    rgb = pictures.composite(np.full((2, 2, 1), np.nan), np.array([[0.0, 1.0]]), ["#ffffff"])
    assert not rgb.any()


@given(st.integers(1, 700), st.integers(1, 700), st.integers(10, 200))
def test_thumbnails_are_at_most_as_large_as_asked(height, width, side):
    small = pictures.thumbnail(np.zeros((height, width, 1)), side)
    assert max(small.shape[:2]) <= side
    assert min(small.shape[:2]) >= 1


def test_thumbnails_average_blocks():
    image = np.arange(16.0).reshape(4, 4, 1)
    small = pictures.thumbnail(image, 2)
    np.testing.assert_allclose(small[..., 0], [[2.5, 4.5], [10.5, 12.5]])


def test_limits_are_those_of_all_images_together():
    images = [np.zeros((10, 10, 2)), np.ones((10, 10, 2))]
    np.testing.assert_allclose(pictures.display_limits(images, ["a", "b"]), [[0, 1], [0, 1]])


def test_limits_of_constant_images_do_not_divide_by_zero():
    limits = pictures.display_limits([np.ones((4, 4, 1))], ["a"])
    assert limits[0, 1] > limits[0, 0]


def test_limits_without_images_are_the_nominal_range():
    np.testing.assert_array_equal(pictures.display_limits([], ["a", "b", "c"]), [[0, 1]] * 3)


@given(st.floats(1e-3, 1e6))
def test_scale_bars_have_a_round_length_of_a_fair_part_of_the_width(width):
    length = pictures.scale_bar_length(width)
    assert length > width / 3 / 2.6
    assert length <= width / 3
    assert f"{length:.0e}"[0] in "125"


def test_the_bar_is_as_long_as_asked():
    out = pictures.with_scale_bar(np.zeros((100, 120, 3), np.uint8), 25.0)
    assert (out == 255).all(axis=2).any(axis=0).sum() == 25


def test_jpeg_keeps_the_picture():
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, 30:] = [200, 40, 10]
    back = mpl_image.imread(io.BytesIO(pictures.jpeg(rgb)), format="jpeg")
    assert back.shape == rgb.shape
    assert np.abs(back.astype(int) - rgb).mean() < 3


@pytest.mark.parametrize("label", ["Actin", "<b> $x_1$"])
def test_a_montage_holds_every_row(label):
    white = np.full((20, 30, 3), 255, np.uint8)
    red = white.copy()
    red[..., 1:] = 0
    png = pictures.montage({"one": [white], label: [red, red]})
    back = mpl_image.imread(io.BytesIO(png), format="png")
    is_red = (back[..., 0] > 0.9) & (back[..., 1] < 0.1)
    assert is_red.sum() == pytest.approx(2 * 20 * 30, abs=60)


def test_noise_can_be_encoded():
    noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3)).astype(np.uint8)
    assert pictures.jpeg(noise)[:2] == b"\xff\xd8"
