"""GoogLeNet, the first Inception network (Szegedy et al. 2015, table 1).

Its layers are `conv1`, `pool1`, `norm1`, `conv2_reduce`, `conv2`, `norm2`, `pool2`; `inception_3a`
and so on, which join four branches such as `inception_3a_3x3`; and `pool3`, `pool4`. The
published size of images is 224 x 224 px. The two auxiliary classifiers, which only serve training,
are left out.
"""

from __future__ import annotations

from typing import Any

from moascope.networks.architectures import GoogLeNetOptions
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import LocalResponse
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import convolve, pool_maps

_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Channels of 1x1; of 3x3 with the 1x1 before it; of 5x5 with the 1x1 before it; of pooling."""
_POOLED_AFTER = {"3b": "pool3", "4e": "pool4"}


def build(request: NetworkRequest) -> keras.Model:
    """Build GoogLeNet, as `Backbone.build` says."""
    options = request.options_of(GoogLeNetOptions)
    image = keras.Input(request.input_shape, name="rgb")
    x = convolve(image, options, 64, 7, "conv1", stride=2)
    x = pool_maps(x, options, 3, "pool1", stride=2, padding="same")
    x = _respond(x, options, "norm1")
    x = convolve(x, options, 64, 1, "conv2_reduce")
    x = convolve(x, options, 192, 3, "conv2")
    x = _respond(x, options, "norm2")
    x = pool_maps(x, options, 3, "pool2", stride=2, padding="same")
    for name, widths in _MODULES.items():
        x = _join_branches(x, options, f"inception_{name}", widths)
        if name in _POOLED_AFTER:
            x = pool_maps(x, options, 3, _POOLED_AFTER[name], stride=2, padding="same")
    return keras.Model(image, x, name="googlenet")


def _join_branches(x: Any, options: GoogLeNetOptions, name: str, widths: tuple[int, ...]) -> Any:
    """Add one Inception module."""
    single, before_3, after_3, before_5, after_5, pooled = widths
    three = convolve(x, options, before_3, 1, f"{name}_3x3_reduce")
    five = convolve(x, options, before_5, 1, f"{name}_5x5_reduce")
    around = pool_maps(x, options, 3, f"{name}_pool", stride=1, padding="same")
    branches = [
        convolve(x, options, single, 1, f"{name}_1x1"),
        convolve(three, options, after_3, 3, f"{name}_3x3"),
        convolve(five, options, after_5, 5, f"{name}_5x5"),
        convolve(around, options, pooled, 1, f"{name}_pool_1x1"),
    ]
    return layers.Concatenate(name=name)(branches)


def _respond(x: Any, options: GoogLeNetOptions, name: str) -> Any:
    return LocalResponse(name=name)(x) if options.local_response else x
