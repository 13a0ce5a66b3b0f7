"""Multilayer perceptron on pixels. Its layers are `dense1`, `dense2` and so on."""

from __future__ import annotations

from moascope.networks.architectures import PerceptronOptions
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import add_dense


def build(request: NetworkRequest) -> keras.Model:
    """Build a multilayer perceptron, as `Backbone.build` says."""
    options = request.options_of(PerceptronOptions)
    image = keras.Input(request.input_shape, name="rgb")
    x = layers.Flatten(name="flatten")(image)
    for number, width in enumerate(options.hidden, start=1):
        if number > 1 and options.dropout:
            x = layers.Dropout(options.dropout, name=f"dense{number}_dropout")(x)
        x = add_dense(x, options, width, f"dense{number}")
    return keras.Model(image, x, name="mlp")
