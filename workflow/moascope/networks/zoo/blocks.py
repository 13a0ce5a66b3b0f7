"""Parts of networks: convolutions, dense layers and pooling with the options of an architecture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from moascope.core.errors import InputError
from moascope.networks.architectures import LayerOptions, PoolingOptions
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.registry import NetworkRequest

_MOST_GROUPS = 32


def convolve(
    x: Any,
    options: LayerOptions,
    n_channels: int,
    kernel: int,
    name: str,
    *,
    stride: int = 1,
    padding: str = "same",
    is_activated: bool = True,
) -> Any:
    """Add a convolution, its normalization and its activation.

    Parameters
    ----------
    x : keras tensor
        `(n, h, w, c)`.
    options : LayerOptions
        Of the network.
    n_channels, kernel, stride : int
        Channels of the output, and side and step of the kernel in pixels.
    name : str
        Of the layer whose output is returned, if it is activated.
    padding : {"same", "valid"}
        As of Keras.
    is_activated : bool
        Whether an activation follows.

    Returns
    -------
    keras tensor
        `(n, h', w', n_channels)`.
    """
    is_plain = options.normalization == "none"
    layer = layers.Conv2D(
        n_channels,
        kernel,
        stride,
        padding=padding,
        activation=options.activation if is_plain and is_activated else None,
        use_bias=is_plain,
        name=name if is_plain else f"{name}_conv",
        **options_of_kernel(options, [0, 1, 2]),
    )
    return finish(layer(x), options, name, is_activated=is_activated)


def add_dense(x: Any, options: LayerOptions, n_units: int, name: str) -> Any:
    """Add a dense layer, its normalization and its activation.

    Parameters
    ----------
    x : keras tensor
        `(n, d)`.
    options : LayerOptions
        Of the network.
    n_units : int
        Length of the output.
    name : str
        Of the layer whose output is returned.

    Returns
    -------
    keras tensor
        `(n, n_units)`.
    """
    is_plain = options.normalization == "none"
    layer = layers.Dense(
        n_units,
        activation=options.activation if is_plain else None,
        use_bias=is_plain,
        name=name if is_plain else f"{name}_dense",
        **options_of_kernel(options, [0]),
    )
    return finish(layer(x), options, name, is_activated=True)


def add_dense_layers(
    x: Any, options: LayerOptions, widths: Sequence[int], dropout: float, *, names: Sequence[str]
) -> Any:
    """Flatten maps, and add dense layers with dropout before each.

    Parameters
    ----------
    x : keras tensor
        `(n, h, w, c)`.
    options : LayerOptions
        Of the network.
    widths : sequence of int
        Units of each layer; none leaves the flattened maps.
    dropout : float
        Rate, in [0, 1).
    names : sequence of str
        As many as there are widths.

    Returns
    -------
    keras tensor
        `(n, d)`.
    """
    x = layers.Flatten(name="flatten")(x)
    for width, name in zip(widths, names, strict=True):
        if dropout:
            x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = add_dense(x, options, width, name)
    return x


def pool_maps(
    x: Any, options: PoolingOptions, size: int, name: str, *, stride: int, padding: str = "valid"
) -> Any:
    """Add a pooling layer.

    Parameters
    ----------
    x : keras tensor
        `(n, h, w, c)`.
    options : PoolingOptions
        Of the network.
    size, stride : int
        Side and step of the window in pixels.
    name : str
        Of the layer.
    padding : {"valid", "same"}
        As of Keras.

    Returns
    -------
    keras tensor
        `(n, h', w', c)`.
    """
    kinds = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
    return kinds[options.pooling](size, stride, padding=padding, name=name)(x)


def least_side(windows: Sequence[tuple[int, int]]) -> int:
    """Compute the least side of images that leaves one pixel behind a series of windows.

    Parameters
    ----------
    windows : sequence of (int, int)
        Side and step in pixels of each convolution and pooling without padding, in order. Those
        with padding have side 1.

    Returns
    -------
    int
        Pixels.
    """
    side = 1
    for window, step in reversed(windows):
        side = (side - 1) * step + window
    return side


def check_size(request: NetworkRequest, windows: Sequence[tuple[int, int]]) -> None:
    """Check that images are large enough for the convolutions and pooling of a network.

    Parameters
    ----------
    request : NetworkRequest
        With the size of images; nothing is checked where it is open.
    windows : sequence of (int, int)
        As for `least_side`.

    Raises
    ------
    InputError
        If a side is too short; the message states the least.
    """
    least = least_side(windows)
    if request.size is not None and min(request.size) < least:
        height, width = request.size
        raise InputError(
            f"input_size: {request.name} takes images of at least {least} x {least} px, and these "
            f"have {height} x {width} px. Set input_size to {least} or more."
        )


def options_of_kernel(options: LayerOptions, axes: list[int]) -> dict[str, Any]:
    """Return the arguments of a layer that are about its kernel.

    Parameters
    ----------
    options : LayerOptions
        Of the network.
    axes : list of int
        Axes of the kernel that a unit sums over.

    Returns
    -------
    dict
        Initializer, regularizer and constraint.
    """
    is_penalized = options.l1 > 0 or options.l2 > 0
    return {
        "kernel_initializer": options.initializer,
        "kernel_regularizer": (
            keras.regularizers.L1L2(options.l1, options.l2) if is_penalized else None
        ),
        "kernel_constraint": (
            keras.constraints.MaxNorm(options.max_norm, axis=axes) if options.max_norm else None
        ),
    }


def finish(x: Any, options: LayerOptions, name: str, *, is_activated: bool) -> Any:
    """Add normalization and activation behind a layer that has neither, if there is any.

    Parameters
    ----------
    x : keras tensor
        Output of the layer.
    options : LayerOptions
        Of the network.
    name : str
        Of the activation; of the normalization with the ending `_norm`.
    is_activated : bool
        Whether an activation follows the normalization.

    Returns
    -------
    keras tensor
        Of the same shape; `x` itself without normalization, as the layer has its activation then.
    """
    if options.normalization == "none":
        return x
    x = _normalization(options.normalization, int(x.shape[-1]), f"{name}_norm")(x)
    return layers.Activation(options.activation, name=name)(x) if is_activated else x


def _normalization(kind: str, n_channels: int, name: str) -> keras.layers.Layer:
    match kind:
        case "batch":
            return layers.BatchNormalization(name=name)
        case "layer":
            return layers.LayerNormalization(name=name)
        case "group":
            n_groups = math.gcd(n_channels, _MOST_GROUPS)
            return layers.GroupNormalization(n_groups, name=name)
        case _:
            raise ValueError(f"there is no normalization {kind!r}")
