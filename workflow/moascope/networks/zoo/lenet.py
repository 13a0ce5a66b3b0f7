"""Networks after LeNet."""

from __future__ import annotations

from moascope.networks.architectures import ConvolutionalOptions, LeNet5Options
from moascope.networks.keras_defaults import keras
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import add_dense_layers, check_size, convolve, pool_maps

_LAB_CONVOLUTIONS = ((16, 2, 2), (32, 1, 4), (64, 1, 4))
"""Channels, stride and pooling of each."""


_LENET5_WINDOWS = ((5, 1), (2, 2), (5, 1), (2, 2))


def build_lenet5(request: NetworkRequest) -> keras.Model:
    """Build LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998), as `Backbone.build` says.

    Its layers are `c1`, `s2`, `c3`, `s4`, `flatten`, `c5` and `f6`. The published size of images is
    32 x 32 px. Pooling has no weights of its own, and each map of `c3` sees all maps of `s2`.

    Raises
    ------
    InputError
        If images are too small.
    """
    options = request.options_of(LeNet5Options)
    check_size(request, _LENET5_WINDOWS)
    image = keras.Input(request.input_shape, name="rgb")
    x = convolve(image, options, 6, 5, "c1", padding="valid")
    x = pool_maps(x, options, 2, "s2", stride=2)
    x = convolve(x, options, 16, 5, "c3", padding="valid")
    x = pool_maps(x, options, 2, "s4", stride=2)
    x = add_dense_layers(x, options, [120, 84], options.dropout, names=["c5", "f6"])
    return keras.Model(image, x, name="lenet5")


def build_lab(request: NetworkRequest) -> keras.Model:
    """Build the network of the Uppsala course lab on BBBC021 (Kensert 2018).

    Its layers are `conv1`, `pool1`, ... `pool3`, `flatten` and `dense`.
    """
    options = request.options_of(ConvolutionalOptions)
    image = keras.Input(request.input_shape, name="rgb")
    x = image
    for i, (n_channels, stride, size) in enumerate(_LAB_CONVOLUTIONS, start=1):
        x = convolve(x, options, n_channels, 5, f"conv{i}", stride=stride)
        x = pool_maps(x, options, size, f"pool{i}", stride=size, padding="same")
    x = add_dense_layers(x, options, [1024], options.dropout, names=["dense"])
    return keras.Model(image, x, name="lenet_lab")
