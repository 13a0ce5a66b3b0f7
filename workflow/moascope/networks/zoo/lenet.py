"""Networks after LeNet."""

from __future__ import annotations

from moascope.networks.architectures import ConvolutionalOptions
from moascope.networks.keras_defaults import keras
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import add_dense_layers, convolve, pool_maps

_LAB_CONVOLUTIONS = ((16, 2, 2), (32, 1, 4), (64, 1, 4))
"""Channels, stride and pooling of each."""


def build_lab(request: NetworkRequest) -> keras.Model:
    """Build the network of the Uppsala course lab on BBBC021 (Kensert 2018).

    Its layers are `conv1`, `pool1`, ... `pool3`, `flatten` and `dense`.
    """
    options = request.options_of(ConvolutionalOptions)
    image = keras.Input((*(request.size or (None, None)), request.n_inputs), name="rgb")
    x = image
    for i, (n_channels, stride, size) in enumerate(_LAB_CONVOLUTIONS, start=1):
        x = convolve(x, options, n_channels, 5, f"conv{i}", stride=stride)
        x = pool_maps(x, options, size, f"pool{i}", stride=size, padding="same")
    x = add_dense_layers(x, options, [1024], options.dropout, names=["dense"])
    return keras.Model(image, x, name="lenet_lab")
