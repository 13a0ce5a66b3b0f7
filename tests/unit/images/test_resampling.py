"""Resizing of images and of label images."""

import numpy as np
import pytest
from PIL import Image
from skimage.measure import block_reduce

from moascope.images import resampling


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
