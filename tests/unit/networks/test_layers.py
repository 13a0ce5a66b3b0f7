import keras
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


def test_local_response_is_its_formula():
    x = 10 * images((1, 2, 3, 7))
    expected = np.empty_like(x)
    for channel in range(7):
        near = x[..., max(0, channel - 2) : channel + 3]
        expected[..., channel] = x[..., channel] / (2 + 1e-4 * (near**2).sum(axis=-1)) ** 0.75
    np.testing.assert_allclose(np.asarray(layers.LocalResponse()(x)), expected, rtol=1e-5)


def test_batch_normalization_is_found_where_it_learns():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    outer = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2)])
    assert layers.has_batch_normalization(outer)
    inner.layers[0].trainable = False
    assert not layers.has_batch_normalization(outer)
    plain = keras.Sequential([keras.Input((4,)), keras.layers.LayerNormalization()])
    assert not layers.has_batch_normalization(plain)
