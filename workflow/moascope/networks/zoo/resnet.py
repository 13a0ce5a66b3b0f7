"""Residual networks of 18 and 34 layers (He et al. 2016, table 1).

Their layers are `conv1`, `pool1`, and the outputs of blocks `conv2_1`, `conv2_2`, `conv3_1` and so
on to `conv5_2` (ResNet-18) or `conv5_3` (ResNet-34). In each block, both convolutions are
normalized before the shortcut is added, and the activation follows the sum. A projection of
1x1 joins maps of different size (option B of the paper).
"""

from __future__ import annotations

from typing import Any

from moascope.networks.architectures import ResNetOptions
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import convolve, pool_maps

_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
_WIDTHS = (64, 128, 256, 512)


def build(request: NetworkRequest) -> keras.Model:
    """Build a residual network, as `Backbone.build` says."""
    options = request.options_of(ResNetOptions)
    image = keras.Input(request.input_shape, name="rgb")
    x = convolve(image, options, 64, 7, "conv1", stride=2)
    x = pool_maps(x, options, 3, "pool1", stride=2, padding="same")
    stages = zip(_WIDTHS, _BLOCKS[request.name], strict=True)
    for stage, (n_channels, n_blocks) in enumerate(stages, start=2):
        for block in range(1, n_blocks + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            x = _add_block(x, options, n_channels, stride, f"conv{stage}_{block}")
    return keras.Model(image, x, name=request.name)


def _add_block(x: Any, options: ResNetOptions, n_channels: int, stride: int, name: str) -> Any:
    shortcut = x
    if stride > 1 or x.shape[-1] != n_channels:
        shortcut = convolve(
            x, options, n_channels, 1, f"{name}_shortcut", stride=stride, is_activated=False
        )
    x = convolve(x, options, n_channels, 3, f"{name}_a", stride=stride)
    x = convolve(x, options, n_channels, 3, f"{name}_b", is_activated=False)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation(options.activation, name=name)(x)
