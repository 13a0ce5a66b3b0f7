"""Parts of networks, with the options of an architecture."""

import keras
import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks.architectures import LayerOptions, PoolingOptions
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo import blocks


def images(shape=(2, 6, 6, 4)):
    return np.random.default_rng(0).random(shape, dtype="float32")


def model_of(build, shape=(6, 6, 4)):
    tensor = keras.Input(shape)
    return keras.Model(tensor, build(tensor))


def test_a_plain_convolution_is_one_layer_with_activation_and_bias():
    network = model_of(lambda x: blocks.convolve(x, LayerOptions(), 8, 3, "conv"))
    layer = network.get_layer("conv")
    assert layer.use_bias
    assert layer.activation is keras.activations.relu
    assert network.output.shape == (None, 6, 6, 8)


@pytest.mark.parametrize(
    ("kind", "layer"),
    [
        ("batch", keras.layers.BatchNormalization),
        ("layer", keras.layers.LayerNormalization),
        ("group", keras.layers.GroupNormalization),
    ],
)
def test_normalization_stands_between_convolution_and_activation(kind, layer):
    options = LayerOptions(normalization=kind)
    network = model_of(lambda x: blocks.convolve(x, options, 8, 3, "conv"))
    names = [each.name for each in network.layers[1:]]
    assert names == ["conv_conv", "conv_norm", "conv"]
    assert isinstance(network.get_layer("conv_norm"), layer)
    assert not network.get_layer("conv_conv").use_bias


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_without_activation_outputs_may_be_negative(normalization):
    options = LayerOptions(normalization=normalization)
    network = model_of(lambda x: blocks.convolve(x, options, 8, 3, "c", is_activated=False))
    assert np.asarray(network(images())).min() < 0


def test_groups_share_the_channels_evenly():
    options = LayerOptions(normalization="group")
    network = model_of(lambda x: blocks.convolve(x, options, 48, 3, "conv"))
    assert network.get_layer("conv_norm").groups == 16  # the largest divisor of 48 and 32


def test_dropout_stands_before_every_dense_layer():
    network = model_of(
        lambda x: blocks.add_dense_layers(x, LayerOptions(), [5, 3], 0.5, names=["a", "b"])
    )
    names = [each.name for each in network.layers[1:]]
    assert names == ["flatten", "a_dropout", "a", "b_dropout", "b"]
    assert network.output.shape == (None, 3)


def test_without_dense_layers_maps_are_flattened():
    network = model_of(lambda x: blocks.add_dense_layers(x, LayerOptions(), [], 0.0, names=[]))
    np.testing.assert_array_equal(np.asarray(network(images())), images().reshape(2, -1))


@pytest.mark.parametrize(("kind", "reduce"), [("max", np.max), ("average", np.mean)])
def test_pooling_takes_the_largest_or_the_mean(kind, reduce):
    options = PoolingOptions(pooling=kind)
    network = model_of(lambda x: blocks.pool_maps(x, options, 3, "pool", stride=3))
    expected = reduce(images().reshape(2, 2, 3, 2, 3, 4), axis=(2, 4))
    np.testing.assert_allclose(np.asarray(network(images())), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("windows", "side"),
    [
        ([], 1),
        ([(5, 1)], 5),
        ([(2, 2)], 2),
        ([(5, 1), (2, 2), (5, 1), (2, 2)], 16),  # 16, 12, 6, 2, 1
        ([(3, 2), (1, 2)], 3),
    ],
)
def test_the_least_side_leaves_one_pixel(windows, side):
    assert blocks.least_side(windows) == side
    for window, step in windows:
        side = (side - window) // step + 1
    assert side == 1


def test_images_that_are_too_small_are_refused_with_the_least_size():
    def request(size):
        return NetworkRequest("net", None, size, 3, LayerOptions())

    blocks.check_size(request((16, 20)), [(5, 1), (2, 2), (5, 1), (2, 2)])
    blocks.check_size(request(None), [(5, 1)])
    with pytest.raises(InputError, match=r"net takes images of at least 5 x 5 px.* 20 x 4 px"):
        blocks.check_size(request((20, 4)), [(5, 1)])


def test_penalties_and_limits_are_on_kernels():
    options = LayerOptions(l2=0.5, max_norm=1.5)
    layer = model_of(lambda x: blocks.convolve(x, options, 8, 3, "conv")).get_layer("conv")
    assert layer.kernel_regularizer.l2 == 0.5
    assert layer.kernel_constraint.max_value == 1.5
    assert layer.kernel_constraint.axis == [0, 1, 2]
