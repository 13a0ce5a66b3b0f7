"""Backbones as Keras models that carry their own preprocessing and weights.

Every backbone takes units `(n, H, W, C)` with a nominal range of [0, 1]. It returns the feature
maps, or the pooled features, of chosen layers. Layers behind the deepest of them are removed. The
names of layers stand in the module of each backbone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from moascope.core.errors import InputError
from moascope.core.text.suggestions import FEW_NAMES, hint_at, similar_names
from moascope.networks.architectures import NetworkOptions
from moascope.networks.building import build_network, find_input_scale
from moascope.networks.feature_columns import Block
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import ChannelMap, pool
from moascope.networks.options import BackboneOptions
from moascope.networks.registry import (
    Backbone,
    ChannelMapping,
    InputScale,
    find_backbone,
)
from moascope.networks.transforms import fold_normalization, inflate


def build(
    name: str,
    weights: str | None,
    input_size: int | None,
    channels: Sequence[str],
    mapping: ChannelMapping,
    feature_layers: Sequence[str] = (),
    *,
    pooling: str | None = "mean",
    unit_shape: tuple[int, int] | None = None,
    architecture: NetworkOptions | None = None,
) -> keras.Model:
    """Build a backbone for units of C channels.

    Parameters
    ----------
    name : str
        Of one of `registry.BACKBONES`.
    weights : str or None
        `imagenet`, the path of a weights file of the network without its classifier, or
        `none` (or None): random weights, drawn with the seed of `keras.utils.set_random_seed`.
    input_size : int or None
        Side in pixels to which units are resized inside the model; None keeps theirs.
    channels : sequence of str
        Channel names, in the order of the unit's last axis.
    mapping : ChannelMapping
        Channels as red, green and blue.
    feature_layers : sequence of str
        Layers whose output is returned, an empty name for the last one; empty: the last one only.
    pooling : {"mean", "mean+sd"} or None
        Over positions, for layers that are maps: a model for inference, with its batch
        normalization folded into the convolutions. None: a model to train, which returns the map
        of its only layer.
    unit_shape : (int, int) or None
        Height and width of the units in pixels. Needed without `input_size` by networks that
        cannot be built for an open size; otherwise any size is taken.
    architecture : NetworkOptions or None
        Options of the network, of the class that its entry in the registry names; None: their
        defaults.

    Returns
    -------
    keras.Model
        `(n, H, W, C)` float in [0, 1] to `(n, d)` features, or `(n, h, w, d)` for `pooling=None`.
        Its layer `trunk` is the network, from RGB to the feature layers.

    Raises
    ------
    InputError
        For an unknown name, layer or channel, weights that cannot be found or do not fit.
    """
    backbone = find_backbone(name)
    channels = list(channels)
    if pooling is None and len(feature_layers) > 1:
        raise InputError(
            f"feature_layers: a feature map comes from one layer, not from {len(feature_layers)} "
            f"({', '.join(feature_layers)}). Fix: set one layer, or a pooling."
        )
    sources = _sources(mapping, channels)
    n_inputs = len(channels) if mapping.kind == "inflate" else 3
    size = (input_size, input_size) if input_size else unit_shape
    network, scaling = _network(backbone, weights, size, n_inputs, architecture)
    trunk = _truncate(network, feature_layers, backbone.name)
    if pooling is not None:
        trunk = fold_normalization(trunk, keep=feature_layers)

    height, width = unit_shape or (None, None)
    image = keras.Input((height, width, len(channels)), name="image")
    resized = image
    if input_size and unit_shape != (input_size, input_size):
        resized = layers.Resizing(input_size, input_size, antialias=True, dtype="float32")(image)
    parts = []
    for source in sources:
        order = [source[index] for index in scaling.order]
        rescale = ChannelMap(order, scaling.scale, scaling.offset, dtype="float32")
        maps = trunk(rescale(resized))
        maps = list(maps) if isinstance(maps, list | tuple) else [maps]
        parts += [maps[0]] if pooling is None else [pool(each, pooling) for each in maps]
    joined = parts[0] if len(parts) == 1 else layers.Concatenate(name="joined")(parts)
    # Features stay float32 also under mixed precision.
    output = layers.Activation("linear", dtype="float32", name="features")(joined)
    return keras.Model(image, output, name=backbone.name.replace("-", "_"))


def build_extractor(
    options: BackboneOptions, channels: Sequence[str], unit_shape: tuple[int, int]
) -> keras.Model:
    """Build the feature extractor of a model of the configuration.

    Parameters
    ----------
    options : BackboneOptions
        Backbone, channels, feature_layers and pooling.
    channels, unit_shape
        As for `build`.

    Returns
    -------
    keras.Model
        As from `build`.
    """
    return build(
        options.backbone,
        options.weights,
        options.input_size,
        channels,
        ChannelMapping(options.channel_mapping, options.rgb_channels),
        options.feature_layers,
        pooling=options.pooling,
        unit_shape=unit_shape,
        architecture=options.own_architecture(),
    )


def list_blocks(model: keras.Model, feature_layers: Sequence[str], pooling: str) -> list[Block]:
    """List the blocks of columns that the features of a model consist of, in order.

    Parameters
    ----------
    model : keras.Model
        From `build`.
    feature_layers, pooling
        As it was built with.

    Returns
    -------
    list of Block
        As many columns as the model has features.
    """
    of_one_pass: list[tuple[str, Literal["mean", "sd"], int]] = []
    for layer, output in zip(
        feature_layers or ("",), model.get_layer("trunk").outputs, strict=True
    ):
        has_positions = len(output.shape) > 2
        of_one_pass.append((layer, "mean", int(output.shape[-1])))
        if pooling == "mean+sd" and has_positions:
            of_one_pass.append((layer, "sd", int(output.shape[-1])))
    width = sum(size for *_, size in of_one_pass)
    n_passes = int(model.output_shape[-1]) // width
    return [Block(number, *block) for number in range(n_passes) for block in of_one_pass]


def _truncate(network: keras.Model, feature_layers: Sequence[str], name: str) -> keras.Model:
    """Cut a network behind the deepest feature layer."""
    known = {layer.name: layer for layer in network.layers}
    for layer in feature_layers:
        if layer and layer not in known:
            near = similar_names(layer, known, n=4, ratio=FEW_NAMES)
            raise InputError(
                f"feature_layers: {name} has no layer {layer!r}. {hint_at(near)}"
                "Fix: correct the name, or remove feature_layers to use the last layer."
            )
    outputs = [
        known[layer].output if layer else network.output for layer in feature_layers or ("",)
    ]
    return keras.Model(network.input, outputs if len(outputs) > 1 else outputs[0], name="trunk")


def _network(
    backbone: Backbone,
    weights: str | None,
    size: tuple[int, int] | None,
    n_inputs: int,
    architecture: NetworkOptions | None,
) -> tuple[keras.Model, InputScale]:
    """Build a network, and find how it expects its inputs."""
    weights = None if weights in (None, "none") else weights
    scaling = find_input_scale(backbone)
    if n_inputs != 3:
        mean_scale, mean_offset = float(np.mean(scaling.scale)), float(np.mean(scaling.offset))
        scaling = InputScale(
            order=tuple(range(n_inputs)),
            scale=(mean_scale,) * n_inputs,
            offset=(mean_offset,) * n_inputs,
        )
    if n_inputs != 3 and backbone.has_imagenet:
        return inflate(backbone, weights, size, n_inputs), scaling
    return build_network(backbone, weights, size, n_inputs, architecture), scaling


def _sources(mapping: ChannelMapping, channels: list[str]) -> list[list[int]]:
    """List the channels that every pass through the network reads."""
    if mapping.kind == "inflate":
        return [list(range(len(channels)))]
    if mapping.kind == "per-channel":
        return [[index] * 3 for index in range(len(channels))]
    named = mapping.rgb_channels
    if named is None and len(channels) == 3:
        named = channels
    if named is None or len(named) != 3:
        raise InputError(
            f"rgb_channels: {'nothing' if named is None else list(named)} is given for the "
            f"{len(channels)} channels {', '.join(channels)}. Fix: set rgb_channels to three "
            "channels (repeats are allowed), or set channel_mapping to inflate or per-channel."
        )
    unknown = [channel for channel in named if channel not in channels]
    if unknown:
        near = similar_names(unknown[0], channels, n=2)
        raise InputError(
            f"rgb_channels: there is no channel {unknown[0]!r}. {hint_at(near)}"
            f"The channels are {', '.join(channels)}."
        )
    return [[channels.index(channel) for channel in named]]
