"""AlexNet and its successor by Zeiler and Fergus."""

from __future__ import annotations

from typing import Any

from moascope.networks.architectures import AlexNetOptions
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import LocalResponse
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import add_dense_layers, check_size, convolve, pool_maps

_LAST_CONVOLUTIONS = (("conv3", 384), ("conv4", 384), ("conv5", 256))
_WIDTHS = (4096, 4096)
# Sides, less padding, and steps of the layers that shrink images.
_ALEXNET_WINDOWS = ((11, 4), (3, 2), (3, 2), (3, 2))
_ZEILER_FERGUS_WINDOWS = ((5, 2), (1, 2), (5, 2), (1, 2), (3, 2))


def build_alexnet(request: NetworkRequest) -> keras.Model:
    """Build AlexNet (Krizhevsky, Sutskever & Hinton 2012), as `Backbone.build` says.

    All convolutions see all maps, where the paper divides three of them among two GPUs. Its layers
    are `conv1`, `norm1`, `pool1`, `conv2`, `norm2`, `pool2`, `conv3` to `conv5`, `pool5`,
    `flatten`, `fc6` and `fc7`. The published size of images is 227 x 227 px.

    Raises
    ------
    InputError
        If images are too small.
    """
    options = request.options_of(AlexNetOptions)
    check_size(request, _ALEXNET_WINDOWS)
    image = keras.Input(request.input_shape, name="rgb")
    x = convolve(image, options, 96, 11, "conv1", stride=4, padding="valid")
    x = _respond(x, options, "norm1")
    x = pool_maps(x, options, 3, "pool1", stride=2)
    x = convolve(x, options, 256, 5, "conv2")
    x = _respond(x, options, "norm2")
    x = pool_maps(x, options, 3, "pool2", stride=2)
    return _finish(image, x, options, "alexnet")


def build_zeiler_fergus(request: NetworkRequest) -> keras.Model:
    """Build the network of Zeiler & Fergus (2014, figure 3), as `Backbone.build` says.

    The local response normalization of AlexNet stands for the contrast normalization of the paper.
    Its layers are `conv1`, `pool1`, `norm1`, `conv2`, `pool2`, `norm2`, `conv3` to `conv5`,
    `pool5`, `flatten`, `fc6` and `fc7`. The published size of images is 224 x 224 px.

    Raises
    ------
    InputError
        If images are too small.
    """
    options = request.options_of(AlexNetOptions)
    check_size(request, _ZEILER_FERGUS_WINDOWS)
    image = keras.Input(request.input_shape, name="rgb")
    x = layers.ZeroPadding2D(1, name="pad1")(image)
    x = convolve(x, options, 96, 7, "conv1", stride=2, padding="valid")
    x = pool_maps(x, options, 3, "pool1", stride=2, padding="same")
    x = _respond(x, options, "norm1")
    x = convolve(x, options, 256, 5, "conv2", stride=2, padding="valid")
    x = pool_maps(x, options, 3, "pool2", stride=2, padding="same")
    x = _respond(x, options, "norm2")
    return _finish(image, x, options, "zeiler_fergus")


def _finish(image: Any, x: Any, options: AlexNetOptions, name: str) -> keras.Model:
    """Add the layers that both networks end in."""
    for layer, n_channels in _LAST_CONVOLUTIONS:
        x = convolve(x, options, n_channels, 3, layer)
    x = pool_maps(x, options, 3, "pool5", stride=2)
    x = add_dense_layers(x, options, _WIDTHS, options.dropout, names=("fc6", "fc7"))
    return keras.Model(image, x, name=name)


def _respond(x: Any, options: AlexNetOptions, name: str) -> Any:
    return LocalResponse(name=name)(x) if options.local_response else x
