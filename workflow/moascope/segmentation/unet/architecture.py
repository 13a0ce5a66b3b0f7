"""The U-Net: any depth, width and number of channels, with a pretrained encoder if wanted.

A network takes images `(B, Y, X, C)` float32, scaled by percentiles, Y and X multiples of
`multiple(options)`, and gives `(B, Y, X, K)`: three class logits (background, interior, boundary),
then a distance, as far as it has these outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.networks import backbones, transforms
from moascope.networks.keras_defaults import keras, layers, ops
from moascope.networks.registry import ChannelMapping
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.unet.targets import CLASSES, n_maps

# The last layer of EfficientNet-Lite0 at 1/2, 1/4, ... 1/32 of the input's size, except at 1/2,
# where the stem has twice the channels of what follows.
_TAPS = ("stem_relu", "block2_add", "block4_add", "block10_add", "block14_add")
_WIDEST = 8  # times `filters`: deep levels of the decoder need not grow further
_SKIP = 8  # filters of the skip connection at full resolution, with a pretrained encoder


def multiple(options: Network) -> int:
    """Return the number of pixels that height and width must be multiples of.

    Parameters
    ----------
    options : Network
        Of the network.

    Returns
    -------
    int
        Of the image as it is, before binning.
    """
    return options.binning * 2**options.depth


def build(options: Network, channels: Sequence[str]) -> keras.Model:
    """Build a network to train.

    Parameters
    ----------
    options : Network
        What it looks like.
    channels : sequence of str
        Channel names, in the order of the image's last axis. The first layer of a pretrained
        encoder is inflated to their number.

    Returns
    -------
    keras.Model
        Named `unet`, to train: its maps are those of the binned image, and with deep supervision
        there are K more of them for every level that predicts. `core` gives what predicts.

    Raises
    ------
    InputError
        For options that do not exist or do not fit together.
    """
    _check(options, channels)
    image = keras.Input((None, None, len(channels)), name="image")
    binned = layers.AveragePooling2D(options.binning)(image) if options.binning > 1 else image
    if options.encoder == "none":
        levels = _own_encoder(binned, options)
        n_convolutions = 2
    else:
        levels = [_block(binned, _SKIP, 3, options, "skip"), *_lite0(binned, options, channels)]
        n_convolutions = 1
    x = levels[-1]
    if options.dropout:
        x = layers.Dropout(options.dropout, name="dropout")(x)
    heads = []
    for level in reversed(range(options.depth)):
        width = _width(level, options)
        # Fewer channels before the image grows save most of the time of the decoder.
        x = _block(x, width, 1, options, f"up{level}_narrow")
        x = layers.UpSampling2D(name=f"up{level}")(x)
        x = layers.Concatenate(name=f"up{level}_joined")([x, levels[level]])
        for i in range(n_convolutions):
            x = _block(x, width, 3, options, f"up{level}_{i}")
        if level == 0 or (options.deep_supervision and level <= 2):
            heads.append(_head(x, level, options))
    output = heads[0] if len(heads) == 1 else layers.Concatenate(name="heads")(heads[::-1])
    return keras.Model(image, output, name="unet")


def core(network: keras.Model, binning: int = 1) -> keras.Model:
    """Return the part of a network that predicts, without the outputs of deep supervision.

    Parameters
    ----------
    network : keras.Model
        From `build`.
    binning : int
        Of its options.

    Returns
    -------
    keras.Model
        It shares the weights of `network`, and its maps are as large as the image.
    """
    maps = network.get_layer("maps").output
    if binning > 1:
        maps = _enlarged(maps, binning, "enlarged")
    return keras.Model(network.input, maps, name="unet")


def learner(network: keras.Model) -> keras.Model:
    """Return the part of a network that is trained, whose maps are those of the binned image.

    Parameters
    ----------
    network : keras.Model
        From `core`, or loaded.

    Returns
    -------
    keras.Model
        It shares the weights of `network`.

    Raises
    ------
    InputError
        If the network is the mean of several.
    """
    if "maps" not in {layer.name for layer in network.layers}:
        raise InputError(
            "the model averages several networks and cannot be trained further. Set model to one "
            "of them, such as segmentation/unet.0.keras of the run that trained them."
        )
    return keras.Model(network.input, network.get_layer("maps").output, name="unet")


def ensemble(networks: Sequence[keras.Model]) -> keras.Model:
    """Join networks that were trained apart into one that predicts the means of their maps.

    Errors that networks do not share are smaller in the mean (Hansen and Salamon 1990). Logits are
    averaged, so that probabilities are geometric means, scaled to add up to 1; distances are plain
    means.

    Parameters
    ----------
    networks : sequence of keras.Model
        From `core`, or loaded, of the same channels and outputs; they may differ otherwise. At
        least one.

    Returns
    -------
    keras.Model
        It shares their weights. One network is given back as it is.
    """
    if len(networks) == 1:
        return networks[0]
    # Names of layers must differ.
    members = [
        keras.Model(network.input, network.output, name=f"member{number}")
        for number, network in enumerate(networks)
    ]
    image = keras.Input(networks[0].input.shape[1:], name="image")
    means = layers.Average(dtype="float32", name="means")([member(image) for member in members])
    return keras.Model(image, means, name="unet")


def predictor(network: keras.Model) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Build the function that `tiling.predict_tiled` wants, of what objects are cut out by.

    Parameters
    ----------
    network : keras.Model
        From `core`, or loaded.

    Returns
    -------
    callable
        Images `(B, Y, X, C)` to `(B, Y, X, 2)`: `instances.foreground` and `instances.height` of
        the maps, with classes as probabilities.
    """
    maps = network.output
    foreground = height = maps[..., -1:]  # the distance, where there are no classes
    if maps.shape[-1] >= len(CLASSES):
        classes = ops.softmax(maps[..., : len(CLASSES)], axis=-1)
        foreground, interior = 1 - classes[..., :1], classes[..., 1:2]
        has_distance = maps.shape[-1] > len(CLASSES)
        height = (interior + height) / 2 if has_distance else interior
    model = keras.Model(network.input, ops.concatenate([foreground, height], axis=-1))

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(images))

    return predict


def _check(options: Network, channels: Sequence[str]) -> None:
    problems = []
    deepest = len(_TAPS)
    if options.encoder != "none" and options.depth > deepest:
        problems.append(f"depth: {options.depth} is above {deepest}, with a pretrained encoder")
    if not channels:
        problems.append("channels: none are given; name at least one")
    if problems:
        raise InputError.collect(problems, "the segmentation network")


def _width(level: int, options: Network) -> int:
    factor = 2**level
    return options.filters * (factor if options.encoder == "none" else min(factor, _WIDEST))


def _own_encoder(image: Any, options: Network) -> list[Any]:
    x, levels = image, []
    for level in range(options.depth + 1):
        if level:
            x = layers.MaxPooling2D(name=f"down{level}")(x)
        for i in range(2):
            x = _block(x, _width(level, options), 3, options, f"down{level}_{i}")
        levels.append(x)
    return levels


def _lite0(image: Any, options: Network, channels: Sequence[str]) -> list[Any]:
    taps = _TAPS[: options.depth]
    mapping = ChannelMapping("inflate")
    whole = backbones.build(
        "efficientnet-lite0", "imagenet", None, channels, mapping, [taps[-1]], pooling=None
    )
    trunk = whole.get_layer("trunk")
    tapped = keras.Model(trunk.input, [trunk.get_layer(tap).output for tap in taps], name="encoder")
    # Statistics of a few patches would be worse than those of ImageNet, and keeping them costs a
    # third of the time. Folded into the convolutions they are free, and go on learning.
    encoder = transforms.fold_normalization(tapped, keep=taps)
    maps = encoder(whole.layers[1](image))
    return list(maps) if isinstance(maps, list | tuple) else [maps]


def _block(x: Any, filters: int, kernel: int, options: Network, name: str) -> Any:
    has_bias = options.normalization == "none"
    x = layers.Conv2D(
        filters,
        kernel,
        padding="same",
        use_bias=has_bias,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    if options.normalization == "batch":
        x = layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
    elif options.normalization == "group":
        x = layers.GroupNormalization(math.gcd(filters, 8), name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _head(x: Any, level: int, options: Network) -> Any:
    name = f"maps{level}" if level else "maps"
    # Maps stay float32 also under mixed precision.
    x = layers.Conv2D(n_maps(options.outputs), 1, dtype="float32", name=name)(x)
    return _enlarged(x, 2**level, f"{name}_grown") if level else x


def _enlarged(maps: Any, factor: int, name: str) -> Any:
    """Repeat every pixel, then average: nearly bilinear, and of layers that take any size.

    `UpSampling2D` with bilinear interpolation fails where height and width are not known (Keras
    3.15), as in an export to ONNX.
    """
    repeated = layers.UpSampling2D(factor, dtype="float32", name=f"{name}_repeated")(maps)
    window = factor + 1 - factor % 2  # odd, so that nothing is shifted
    return layers.AveragePooling2D(window, 1, "same", dtype="float32", name=name)(repeated)
