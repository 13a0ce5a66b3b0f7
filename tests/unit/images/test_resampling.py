"""Resizing of images and of label images."""

import numpy as np
import pytest
from disc_pictures import draw_discs
from PIL import Image
from scipy import ndimage
from skimage.measure import block_reduce

from moascope.images import resampling
from moascope.images.resampling import resize_labels


@pytest.mark.parametrize("shape", [(24, 32), (17, 23), (96, 128), (60, 64), (5, 100)])
def test_resizing_is_pillows(shape):
    images = np.random.default_rng(0).random((2, 3, 48, 64)).astype(np.float32)
    found = resampling.resize(images, shape)
    for image, result in zip(images.reshape(-1, 48, 64), found.reshape(-1, *shape), strict=True):
        expected = Image.fromarray(image).resize(shape[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_allclose(result, np.asarray(expected), atol=1e-5)


def test_shrinking_does_not_alias():
    stripes = np.tile(np.array([0, 1], np.float32), (1, 1, 64, 32))
    small = resampling.resize(stripes, (16, 16))
    np.testing.assert_allclose(small[..., 1:-1], 0.5, atol=1e-6)


def test_shrinking_keeps_the_mean_brightness():
    images = np.random.default_rng(0).random((1, 1, 256, 256)).astype(np.float32)
    blocks = block_reduce(images[0, 0], (4, 4), np.mean)
    small = resampling.resize(images, (64, 64))[0, 0]
    assert small.mean() == pytest.approx(blocks.mean(), abs=0.002)
    assert np.corrcoef(small.ravel(), blocks.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("shape", [(40, 60), (7, 9), (120, 55)])
def test_label_images_come_back_in_the_size_of_the_image(shape):
    labels = np.arange(20 * 30, dtype=np.int32).reshape(20, 30)
    found = resize_labels(labels, shape)
    assert found.shape == shape
    assert set(np.unique(found)) <= set(np.unique(labels))


def test_labels_stay_where_they_are_when_enlarged():
    _, labels = draw_discs(12.0, 64, 4, 0)
    half = labels[::2, ::2]
    again = resize_labels(half, (64, 64))
    for number in range(1, 5):
        one = ndimage.center_of_mass(labels == number)
        assert ndimage.center_of_mass(again == number) == pytest.approx(one, abs=1)
