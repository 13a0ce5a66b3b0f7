"""Plain convolutional networks: blocks of convolution and pooling, then dense layers.

Their layers are `conv1`, `pool1`, `conv2` and so on, `flatten`, `dense1`, `dense2` and so on.
"""

from __future__ import annotations

from moascope.networks.architectures import ConvnetOptions, ConvolutionalOptions
from moascope.networks.keras_defaults import keras
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import add_dense_layers, check_size, convolve, pool_maps


def build(request: NetworkRequest) -> keras.Model:
    """Build a plain convolutional network, as `Backbone.build` says.

    Raises
    ------
    InputError
        If images are too small for its convolutions and pooling.
    """
    return _build(request, request.options_of(ConvnetOptions), "convnet")


def build_course(request: NetworkRequest) -> keras.Model:
    """Build the network of introductory courses with Keras, as `Backbone.build` says.

    Two convolutions of 5x5 pixels with 32 and 64 channels, each with pooling, and 1000 units.

    Raises
    ------
    InputError
        If images are too small for its convolutions and pooling.
    """
    common = request.options_of(ConvolutionalOptions).model_dump()
    options = ConvnetOptions(**common, filters=[32, 64], dense=[1000])
    return _build(request, options, "keras_course")


def _build(request: NetworkRequest, options: ConvnetOptions, name: str) -> keras.Model:
    side = options.kernel_size if options.padding == "valid" else 1
    windows = [(side, 1), (options.pool_size, options.pool_size)]
    check_size(request, windows * len(options.filters))
    image = keras.Input(request.input_shape, name="rgb")
    x = image
    for i, n_channels in enumerate(options.filters, start=1):
        x = convolve(
            x, options, n_channels, options.kernel_size, f"conv{i}", padding=options.padding
        )
        x = pool_maps(x, options, options.pool_size, f"pool{i}", stride=options.pool_size)
    names = [f"dense{number}" for number in range(1, len(options.dense) + 1)]
    x = add_dense_layers(x, options, options.dense, options.dropout, names=names)
    return keras.Model(image, x, name=name)
