"""Measures of focus."""

import numpy as np
import pytest
from pictures import cells
from scipy import ndimage

from moascope.preprocessing.quality_measures import focus


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_the_slope_is_the_exponent_of_a_power_law(exponent, rng):
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256))
    frequency[0, 0] = 1
    amplitude = frequency ** (-exponent / 2)
    phases = np.fft.rfft2(rng.normal(size=(20, 256, 256)))
    images = np.fft.irfft2(phases * amplitude, s=(256, 256))
    # The law goes on where camera noise is looked for, so a little too much is taken off.
    assert focus.power_slope(images).mean() == pytest.approx(-exponent, abs=0.25)


def test_noise_has_no_slope_and_a_laplacian_variance_of_20(rng):
    noise = rng.normal(500, 30, (8, 300, 300))
    # The kernel's squared weights add up to 16 + 4 * 1.
    assert focus.laplacian_variance(noise) == pytest.approx(20, rel=0.05)
    assert abs(focus.power_slope(noise).mean()) < 0.5


def test_blur_steepens_the_slope_and_lowers_the_laplacian(rng):
    sharp = cells(rng, n=4, side=192, noise=False).astype(float)
    images = [ndimage.gaussian_filter(sharp, (0, 0, sd, sd)) for sd in (0, 1, 2, 4)]
    noisy = [image + rng.normal(0, 8, image.shape) for image in images]
    for measure in (focus.power_slope, focus.laplacian_variance):
        values = np.array([measure(image).mean() for image in noisy])
        assert (np.diff(values) < 0).all()


def test_focus_does_not_depend_on_gain_and_offset(rng):
    image = cells(rng).astype(float)
    for measure in (focus.power_slope, focus.laplacian_variance):
        assert measure(3.5 * image + 700) == pytest.approx(measure(image), rel=1e-3)


def test_a_constant_image_has_focus_zero():
    constant = np.full((2, 3, 32, 48), 700, np.uint16)
    assert focus.power_slope(constant) == pytest.approx(np.zeros((2, 3)), abs=1e-9)
    assert focus.laplacian_variance(constant) == pytest.approx(np.zeros((2, 3)))


@pytest.mark.parametrize("sigma", [3, 4, 6])
def test_sharpness_tells_cells_in_focus_from_blurred_ones_alone(rng, sigma):
    sharp = cells(rng, n=4, side=128).astype(float)
    soft = ndimage.gaussian_filter(sharp, (0, 0, sigma, sigma))
    assert focus.sharpness(sharp).min() > -1.6
    for noise in (0, 10):
        assert focus.sharpness(soft + rng.normal(0, noise, soft.shape)).max() < -1.85


def test_sharpness_is_the_ratio_of_the_power_in_two_bands():
    # Waves of 8 and of 20 pixels, whose power is as the square of their amplitudes.
    x = np.arange(160)
    image = np.ones((160, 1)) * (np.sin(2 * np.pi * x / 8) + 10 * np.sin(2 * np.pi * x / 20))
    assert focus.sharpness(image) == pytest.approx(-2, abs=0.03)


def test_sharpness_does_not_depend_on_gain_and_offset(rng):
    image = cells(rng).astype(float)
    assert focus.sharpness(3.5 * image + 700) == pytest.approx(focus.sharpness(image), rel=1e-3)


def test_noise_alone_has_no_sharpness(rng):
    assert np.median(focus.sharpness(rng.normal(500, 30, (50, 128, 128)))) == 0


def test_constant_and_tiny_images_have_no_sharpness(rng):
    assert (focus.sharpness(np.full((2, 64, 64), 7, np.uint16)) == 0).all()
    assert (focus.sharpness(rng.normal(500, 30, (4, 24, 24))) == 0).all()


def test_both_measures_come_from_one_transform(rng):
    images = cells(rng, n=3)
    slope, sharpness = focus.spectral_focus(images)
    np.testing.assert_array_equal(slope, focus.power_slope(images))
    np.testing.assert_array_equal(sharpness, focus.sharpness(images))
