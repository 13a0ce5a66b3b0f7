"""Intensity ranges of images and plates, and camera noise."""

import imagecodecs
import numpy as np
import pytest
from scipy import ndimage

from moascope.images.intensities import (
    NOISE_SPAN,
    PlateIntensities,
    measure,
    noise,
    percentiles,
    range_of,
    scaled,
)

RNG = np.random.default_rng(3)


def site(n_nuclei=8, level=1000.0, deviation=20.0, offset=300.0, seed=0):
    """A site (1, 200, 200) of blurred discs with camera noise."""
    rng = np.random.default_rng(seed)
    spots = np.zeros((200, 200))
    for y, x in rng.uniform(20, 180, (n_nuclei, 2)):
        yy, xx = np.mgrid[:200, :200]
        spots = np.maximum(spots, np.hypot(yy - y, xx - x) < 10)
    image = offset + level * ndimage.gaussian_filter(spots, 1.5)
    noisy = image + rng.normal(0, deviation, image.shape)
    return noisy.round().clip(0, 65535).astype(np.uint16)[None]


def test_a_constant_16_bit_image_gives_zeros():
    image = np.full((1, 8, 9), 4095, np.uint16)
    assert not scaled(image, *percentiles(image)).any()


def test_few_bright_pixels_are_not_lost():
    image = np.zeros((1, 100, 100), np.uint8)
    image[0, 5, 5:9] = 200
    assert scaled(image, *percentiles(image)).max() == 1


@pytest.mark.parametrize("deviation", [2.0, 30.0, 500.0])
def test_noise_is_estimated_beside_objects(deviation):
    assert noise(site(deviation=deviation, offset=3000)[0]) == pytest.approx(deviation, rel=0.05)


def test_noise_of_a_large_image_is_estimated_from_a_part():
    plane = RNG.normal(500, 25, (1500, 1700))
    assert noise(plane) == pytest.approx(25, rel=0.02)


def test_slopes_and_edges_are_no_noise():
    slope = np.add.outer(np.arange(64.0), 3 * np.arange(70.0))
    slope[20:40, 30:50] += 1000
    assert noise(slope) == pytest.approx(0, abs=1e-6)


def test_whole_numbers_have_the_noise_of_rounding_and_constants_none():
    plane = np.zeros((20, 20), np.uint8)
    assert noise(plane) == 0
    plane[3, 4] = 1
    assert noise(plane) == pytest.approx(1 / np.sqrt(12))
    assert noise(plane[:2]) == 0


def test_noise_alone_stays_dark():
    low, high = percentiles(site(n_nuclei=0))
    assert high - low == pytest.approx(NOISE_SPAN * 20, rel=0.1)


def test_images_with_objects_keep_their_percentiles():
    image = site()
    expected = np.percentile(image[0], [1, 99.8])
    np.testing.assert_allclose(np.concatenate(percentiles(image)), expected)


def test_real_images_with_nuclei_are_above_the_noise(shared_data):
    images = sorted((shared_data / "dsb2018/images").glob("*.png"))[::20]
    for path in images:
        own = measure(np.atleast_3d(imagecodecs.png_decode(path.read_bytes()))[..., :1].T)
        np.testing.assert_array_equal(own.floored_span(), own.span)


def test_the_span_of_an_image_is_held_to_that_of_its_plate():
    plate = PlateIntensities.of([site(seed=1), site(seed=2), site(seed=3)])
    low, high = plate.whole()
    span = high - low
    spans = {
        name: np.diff(range_of(image, plate), axis=0)[0] / span
        for name, image in {
            "usual": site(seed=4),
            "empty": site(n_nuclei=0),
            "debris": np.where(np.arange(200) < 4, 60_000, site(seed=4)).astype(np.uint16),
            "overexposed": site(n_nuclei=20, level=9000.0),
            "sparse": site(n_nuclei=3, level=9000.0),
            "dim": site(level=700.0),
        }.items()
    }
    assert spans["usual"] == pytest.approx(1, abs=0.1)
    assert spans["empty"] == pytest.approx(0.5)
    assert spans["debris"] == pytest.approx(1, abs=0.1)
    assert 8 < spans["overexposed"] < 10
    assert 1 < spans["sparse"] <= 2
    assert 0.6 < spans["dim"] < 0.8


def test_the_background_is_that_of_the_image():
    plate = PlateIntensities.of([site(seed=1)])
    low, _ = range_of(site(offset=2000), plate)
    assert low == pytest.approx(2000 - 2.3 * 20, rel=0.02)


def test_one_odd_site_does_not_change_a_plate():
    sites = [site(seed=seed) for seed in range(4)]
    odd = PlateIntensities.of([*sites, np.full((1, 200, 200), 65535, np.uint16)]).whole()
    np.testing.assert_allclose(odd, PlateIntensities.of(sites).whole(), rtol=0.05)


def test_a_plate_of_empty_wells_stays_dark():
    plate = PlateIntensities.of([site(n_nuclei=0, seed=seed) for seed in range(4)])
    low, high = range_of(site(n_nuclei=0, seed=5), plate)
    assert high - low == pytest.approx(NOISE_SPAN * 20, rel=0.1)


def test_channels_have_ranges_of_their_own():
    both = np.concatenate([site(), site(level=5000.0)])
    low, high = PlateIntensities.of([both]).whole()
    np.testing.assert_allclose(low + 0 * high, [np.percentile(plane, 1) for plane in both])
    assert (high - low)[1] > 4 * (high - low)[0]


def test_another_percentile_may_become_one():
    image = site()
    assert range_of(image, None, 99.0)[1] == pytest.approx(np.percentile(image, 99))
