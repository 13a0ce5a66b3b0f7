"""LeNet, the network of the Uppsala course lab on BBBC021 (Kensert 2018).

Its layers are `conv1`, `pool1`, ... `pool3` and `dense`.
"""

from __future__ import annotations

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.registry import Backbone
from moascope.networks.zoo.weights import load_weights

_CONVOLUTIONS = ((16, 2, 2), (32, 1, 4), (64, 1, 4))
"""Channels, stride and pooling of each."""


def build_lenet(weights: str | None, size: tuple[int, int] | None, n_inputs: int) -> keras.Model:
    """Build LeNet without its classifier, as `Backbone.build` says.

    Raises
    ------
    InputError
        For imagenet weights, which there are none of, or images of an open size.
    """
    if weights == "imagenet":
        raise InputError("weights: there are no imagenet weights for lenet. Use none, or a path.")
    if size is None:
        raise InputError(
            "input_size: lenet needs a fixed size, since it ends in a dense layer. Fix: set "
            "input_size."
        )
    image = keras.Input((*size, n_inputs), name="rgb")
    x = image
    for i, (n_channels, stride, pool) in enumerate(_CONVOLUTIONS, start=1):
        x = layers.Conv2D(
            n_channels, 5, stride, padding="same", activation="relu", name=f"conv{i}"
        )(x)
        x = layers.MaxPooling2D(pool, padding="same", name=f"pool{i}")(x)
    x = layers.Dense(1024, activation="relu", name="dense")(layers.Flatten(name="flatten")(x))
    network = keras.Model(image, x, name="lenet")
    if weights is not None:
        load_weights(network, weights)
    return network


BACKBONES = [Backbone("lenet", build_lenet, is_inflated=False, needs_size=True)]
