import numpy as np
import pytest
import zoo

from moascope.core.errors import InputError
from moascope.networks.architectures import ConvnetOptions
from moascope.networks.building import build_network
from moascope.networks.registry import find_backbone

CONVNET = find_backbone("convnet")


def build(size=28, channels=1, **options):
    return build_network(CONVNET, None, (size, size), channels, ConvnetOptions(**options))


def test_two_blocks_and_a_dense_layer_have_the_shapes_and_parameters_of_the_ladder():
    network = build(filters=[20, 40], dense=[100])
    assert network.get_layer("conv1").output.shape == (None, 24, 24, 20)
    assert network.get_layer("pool2").output.shape == (None, 4, 4, 40)
    convolutions = (25 * 1 * 20 + 20) + (25 * 20 * 40 + 40)
    assert network.count_params() == convolutions + 4 * 4 * 40 * 100 + 100


def test_the_network_of_the_keras_course_has_the_parameters_of_its_layers():
    network = zoo.build("keras-course", 28, channels=1)
    assert network.get_layer("pool2").output.shape == (None, 4, 4, 64)
    assert zoo.count_parameters(network, 10) == 832 + 51_264 + 1_025_000 + 10_010


def test_options_reach_the_layers():
    network = build(
        filters=[4],
        kernel_size=3,
        pool_size=3,
        padding="same",
        pooling="average",
        activation="tanh",
        initializer="he_normal",
        l2=0.5,
        max_norm=1.5,
        dense=[6],
        dropout=0.25,
    )
    convolution, pool = network.get_layer("conv1"), network.get_layer("pool1")
    assert type(pool).__name__ == "AveragePooling2D"
    assert pool.output.shape == (None, 9, 9, 4)
    for layer, axis in ((convolution, [0, 1, 2]), (network.get_layer("dense1"), [0])):
        assert layer.activation.__name__ == "tanh"
        assert type(layer.kernel_initializer).__name__ == "HeNormal"
        assert (layer.kernel_regularizer.l1, layer.kernel_regularizer.l2) == (0, 0.5)
        assert (layer.kernel_constraint.max_value, layer.kernel_constraint.axis) == (1.5, axis)
    assert network.get_layer("dense1_dropout").rate == 0.25


@pytest.mark.parametrize("kind", ["batch", "layer", "group"])
def test_normalization_stands_between_kernel_and_activation(kind):
    names = [layer.name for layer in build(filters=[4], dense=[6], normalization=kind).layers[1:]]
    assert names == [
        *("conv1_conv", "conv1_norm", "conv1", "pool1", "flatten"),
        *("dense1_dense", "dense1_norm", "dense1"),
    ]


def test_without_dense_layers_features_are_the_flattened_maps():
    assert build(filters=[4], dense=[]).output_shape == (None, 12 * 12 * 4)


def test_images_that_are_too_small_are_told_the_least_size():
    least = 16
    assert build(least).get_layer("pool2").output.shape == (None, 1, 1, 40)
    with pytest.raises(InputError, match=r"at least 16 x 16 px, and these have 15 x 15 px"):
        build(least - 1)


def test_the_network_sees_all_channels():
    network = build(size=20, channels=5)
    images = np.random.default_rng(0).random((1, 20, 20, 5), dtype="float32")
    for channel in range(5):
        changed = images.copy()
        changed[..., channel] += 1
        assert np.abs(network(changed) - network(images)).max() > 0
