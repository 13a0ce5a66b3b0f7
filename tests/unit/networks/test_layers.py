import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks import layers


def images(shape):
    return np.random.default_rng(0).random(shape, dtype="float32")


def test_a_channel_map_picks_and_scales_channels():
    x = images((2, 3, 4, 3))
    mapped = np.asarray(layers.ChannelMap([2, 0], [2.0, 1.0], [0.5, -1.0])(x))
    np.testing.assert_allclose(mapped[..., 0], 2 * x[..., 2] + 0.5, rtol=1e-6)
    np.testing.assert_allclose(mapped[..., 1], x[..., 0] - 1, rtol=1e-6)


def test_the_standard_deviation_is_taken_over_positions():
    x = images((2, 5, 6, 3))
    np.testing.assert_allclose(np.asarray(layers.SpatialSD()(x)), x.std(axis=(1, 2)), rtol=1e-4)


@pytest.mark.parametrize("views", [1, 4, 8])
def test_the_mean_of_stacked_views_is_that_of_each_image(views):
    x = images((3, 4, 4, 2))
    stacked = np.asarray(layers.DihedralViews(views)(x))
    assert stacked.shape == (3 * views, 4, 4, 2)
    corner = stacked[:, 0, 0]
    expected = np.mean([view[:, 0, 0] for view in layers.dihedral_views(x, views)], axis=0)
    np.testing.assert_allclose(np.asarray(layers.MeanOverViews(views)(corner)), expected, rtol=1e-5)


def test_an_unknown_pooling_is_an_error():
    with pytest.raises(InputError, match="pooling: 'max' is neither mean nor mean"):
        layers.pool(images((1, 2, 2, 1)), "max")
