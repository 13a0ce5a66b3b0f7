"""Networks changed: folded batch normalization, and other numbers of input channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moascope.core.errors import InputError
from moascope.networks.building import build_network
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.registry import Backbone


def fold_normalization(network: keras.Model, keep: Sequence[str] = ()) -> keras.Model:
    """Fold batch normalization into the convolutions before it, which halves the time on a CPU.

    Parameters
    ----------
    network : keras.Model
        A functional model in inference mode; it is not changed.
    keep : sequence of str
        Layers whose own output must not change (convolutions that are tapped).

    Returns
    -------
    keras.Model
        The same function, up to rounding. Layer names stay; a folded normalization is an identity.
    """
    pairs = {}
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization) and layer.axis in (-1, 3, [3]):
            before = layer.input._keras_history.operation
            if _takes_fold(before) and before.name not in keep:
                pairs[before.name] = layer.name

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in pairs:
            return type(layer).from_config({**config, "use_bias": True})
        if layer.name in pairs.values():
            return layers.Activation("linear", name=layer.name)
        return type(layer).from_config(config)

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("mask", None)  # batch normalization takes one, an activation does not
        return layer(*args, **kwargs)

    twin = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in network.layers:
        if layer.name in pairs:
            normalization = network.get_layer(pairs[layer.name])
            twin.get_layer(layer.name).set_weights(_folded_weights(layer, normalization))
        elif layer.weights and layer.name not in pairs.values():
            twin.get_layer(layer.name).set_weights(layer.get_weights())
    twin.name = network.name
    return twin


def _takes_fold(layer: Any) -> bool:
    kinds = layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D
    return (
        isinstance(layer, kinds)
        and layer.activation is keras.activations.linear
        and len(layer._outbound_nodes) == 1
    )


def _folded_weights(
    convolution: keras.layers.Layer, normalization: keras.layers.BatchNormalization
) -> list[np.ndarray]:
    mean = keras.ops.convert_to_numpy(normalization.moving_mean)
    gain = 1 / np.sqrt(
        keras.ops.convert_to_numpy(normalization.moving_variance) + normalization.epsilon
    )
    shift = 0.0
    if normalization.scale:
        gain = gain * keras.ops.convert_to_numpy(normalization.gamma)
    if normalization.center:
        shift = keras.ops.convert_to_numpy(normalization.beta)
    kernels = convolution.get_weights()
    bias = kernels.pop() if convolution.use_bias else np.zeros_like(mean)
    is_depthwise = isinstance(convolution, layers.DepthwiseConv2D)
    # A separable convolution has two kernels, of which the second makes the output.
    scaled = kernels[-1] * (gain.reshape(kernels[-1].shape[2:]) if is_depthwise else gain)
    return [*kernels[:-1], scaled, (bias - mean) * gain + shift]


def inflate(
    backbone: Backbone, weights: str | None, size: tuple[int, int] | None, n_inputs: int
) -> keras.Model:
    """Build a network of `n_inputs` channels from its weights for three.

    Parameters
    ----------
    backbone : Backbone
        The network.
    weights, size, n_inputs
        As for `build_network`.

    Returns
    -------
    keras.Model
        As of `build_network`. The kernels of its first layer are averaged over colour and scaled
        by 3 / `n_inputs`.

    Raises
    ------
    InputError
        If it cannot be built for that many channels, or scales colours inside the network.
    """
    try:
        network = build_network(backbone, None, size, n_inputs)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"channel_mapping: {backbone.name} cannot be built for {n_inputs} channels ({error}). "
            "Use rgb or per-channel."
        ) from error
    if weights is None:
        return network
    pretrained = build_network(backbone, weights, size, 3)
    if len(pretrained.layers) != len(network.layers):
        raise InputError(
            f"channel_mapping: the pretrained {backbone.name} scales red, green and blue inside "
            "the network, so it cannot be inflated. Use rgb or per-channel."
        )
    network.set_weights(
        [
            _spread(old, new)
            for old, new in zip(pretrained.get_weights(), network.get_weights(), strict=True)
        ]
    )
    return network


def _spread(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Spread a weight for three input channels evenly over the input channels of `new`."""
    if old.shape == new.shape:
        return old
    axis = next(i for i, (a, b) in enumerate(zip(old.shape, new.shape, strict=True)) if a != b)
    grey = old.mean(axis=axis, keepdims=True)
    # A kernel sums over its inputs, so that its size must fall as their number grows;
    # the statistics of an input normalization (one axis) do not.
    share = 3 / new.shape[axis] if old.ndim > 1 else 1.0
    return np.repeat(grey * share, new.shape[axis], axis=axis)
