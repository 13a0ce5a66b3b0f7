"""Plain convolutional network: blocks of convolution and pooling, then dense layers.

Its layers are `conv1`, `pool1`, `conv2` and so on, `flatten`, `dense1`, `dense2` and so on.
"""

from __future__ import annotations

from moascope.networks.architectures import ConvnetOptions
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
    options = request.options_of(ConvnetOptions)
    window = options.kernel_size if options.padding == "valid" else 1
    check_size(
        request, [(window, 1), (options.pool_size, options.pool_size)] * len(options.filters)
    )
    image = keras.Input((*(request.size or (None, None)), request.n_inputs), name="rgb")
    x = image
    for i, n_channels in enumerate(options.filters, start=1):
        x = convolve(
            x, options, n_channels, options.kernel_size, f"conv{i}", padding=options.padding
        )
        x = pool_maps(x, options, options.pool_size, f"pool{i}", stride=options.pool_size)
    names = [f"dense{number}" for number in range(1, len(options.dense) + 1)]
    x = add_dense_layers(x, options, options.dense, options.dropout, names=names)
    return keras.Model(image, x, name="convnet")
