"""Backbones by name. Free of TensorFlow, so that a config is checked without it.

To add a backbone, write a module with a function that builds it, and add a line to `BACKBONES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from moascope.core.errors import InputError
from moascope.core.text.suggestions import FEW_NAMES, hint_at, similar_names, unknown
from moascope.networks.architectures import (
    AlexNetOptions,
    ConvnetOptions,
    ConvolutionalOptions,
    FlyEyeOptions,
    GoogLeNetOptions,
    LeNet5Options,
    NetworkOptions,
    PerceptronOptions,
    ResNetOptions,
)

_Options = TypeVar("_Options", bound=NetworkOptions)

APPLICATIONS = (
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetLarge",
    "NASNetMobile",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
)
"""The models of `keras.applications` in Keras 3.15; a test compares the two."""

CHANNEL_MAPPINGS = ("rgb", "inflate", "per-channel")


@dataclass(frozen=True)
class ChannelMapping:
    """Channels of units as red, green and blue of a network."""

    kind: str
    """`rgb`: three named channels; `inflate`: as many input channels as there are, with
    pretrained kernels averaged over colour and scaled by 3/C; `per-channel`: every channel alone,
    as grey, with joined features."""
    rgb_channels: Sequence[str] | None = None
    """The three; None where there are exactly three."""

    def __post_init__(self) -> None:
        """Check the kind."""
        if self.kind not in CHANNEL_MAPPINGS:
            raise InputError(
                f"channel_mapping: {unknown('channel mapping', self.kind, CHANNEL_MAPPINGS)}"
            )


@dataclass(frozen=True)
class InputScale:
    """Channels as a network expects them, made from red, green and blue in [0, 1].

    Channel i of the network is `rgb[order[i]] * scale[i] + offset[i]`.
    """

    order: tuple[int, ...] = (0, 1, 2)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class NetworkRequest:
    """Request for a network: its name, weights, size, channels and options."""

    name: str
    """Name of the backbone."""
    weights: str | None
    """`imagenet`, a path, or None for random ones. Networks without published weights need not
    look at it."""
    size: tuple[int, int] | None
    """Height and width of its images in px (None: any size)."""
    n_inputs: int
    """Number of its input channels."""
    options: NetworkOptions
    """Of the class that the backbone names."""

    @property
    def input_shape(self) -> tuple[int | None, int | None, int]:
        """Return height, width and channels of its images; sides of any size are None."""
        height, width = self.size or (None, None)
        return height, width, self.n_inputs

    def options_of(self, kind: type[_Options]) -> _Options:
        """Return the options as of the class that the network is built with."""
        if not isinstance(self.options, kind):
            raise TypeError(f"{self.name} is built with options of {kind.__name__}")
        return self.options


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier: what the configuration and the jobs need to know of it.

    Functions are named as `module:function`, so that the module is loaded by its jobs only.
    """

    name: str
    build: str
    """Takes a `NetworkRequest`, returns a model whose output is `(n, h, w, d)` or `(n, d)`."""
    options: type[NetworkOptions] = NetworkOptions
    """Keys of `architecture`."""
    has_imagenet: bool = False
    """Whether there are published weights. If so, `build` sets the weights of the request;
    otherwise it leaves random ones."""
    input_scale: InputScale | str = InputScale()
    """How it expects red, green and blue, or the function that returns it for a name. Weights of
    another number of channels are made from those for three where there are published weights."""
    needs_size: bool = False
    """Whether it must know the size of its images."""


_LITE_SCALE = InputScale(scale=(255 / 128,) * 3, offset=(-127 / 128,) * 3)

_PUBLISHED = tuple(
    Backbone(
        name,
        "moascope.networks.zoo.efficientnet_lite:build",
        has_imagenet=True,
        input_scale=_LITE_SCALE,
    )
    for name in ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
)
_FROM_SCRATCH = (
    Backbone("mlp", "moascope.networks.zoo.mlp:build", PerceptronOptions, needs_size=True),
    Backbone("convnet", "moascope.networks.zoo.convnet:build", ConvnetOptions, needs_size=True),
    Backbone("lenet5", "moascope.networks.zoo.lenet:build_lenet5", LeNet5Options, needs_size=True),
    Backbone(
        "lenet-lab", "moascope.networks.zoo.lenet:build_lab", ConvolutionalOptions, needs_size=True
    ),
    Backbone(
        "keras-course",
        "moascope.networks.zoo.convnet:build_course",
        ConvolutionalOptions,
        needs_size=True,
    ),
    Backbone(
        "alexnet", "moascope.networks.zoo.alexnet:build_alexnet", AlexNetOptions, needs_size=True
    ),
    Backbone(
        "zeiler-fergus",
        "moascope.networks.zoo.alexnet:build_zeiler_fergus",
        AlexNetOptions,
        needs_size=True,
    ),
    Backbone("googlenet", "moascope.networks.zoo.googlenet:build", GoogLeNetOptions),
    Backbone("resnet18", "moascope.networks.zoo.resnet:build", ResNetOptions),
    Backbone("resnet34", "moascope.networks.zoo.resnet:build", ResNetOptions),
    Backbone("fly-eye", "moascope.networks.zoo.fly_eye:build", FlyEyeOptions),
)
_APPLICATIONS = tuple(
    Backbone(
        name,
        "moascope.networks.zoo.applications:build",
        has_imagenet=True,
        input_scale="moascope.networks.zoo.applications:measure_input_scale",
    )
    for name in APPLICATIONS
)

BACKBONES = (*_PUBLISHED, *_FROM_SCRATCH, *_APPLICATIONS)
"""All backbones, in the order of the documentation."""

FORMER_NAMES = {"lenet": "lenet-lab"}
"""Today's names of backbones by former ones, which stay valid."""


def find_backbone(name: str) -> Backbone:
    """Return a backbone.

    Parameters
    ----------
    name : str
        As for `canonical_name`.

    Returns
    -------
    Backbone
        Of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    known = canonical_name(name)
    return next(backbone for backbone in BACKBONES if backbone.name == known)


def canonical_name(name: str) -> str:
    """Return the canonical name of a backbone; case, hyphens and underscores do not matter.

    Parameters
    ----------
    name : str
        For example `resnet50` or `EfficientNet-Lite0`.

    Returns
    -------
    str
        Of one of `BACKBONES`.

    Raises
    ------
    InputError
        If there is none; the message names the nearest ones.
    """
    by_key = {_key(backbone.name): backbone.name for backbone in BACKBONES}
    by_key |= {_key(former): known for former, known in FORMER_NAMES.items()}
    if _key(name) in by_key:
        return by_key[_key(name)]
    near = [by_key[key] for key in similar_names(_key(name), by_key, n=3, ratio=FEW_NAMES)]
    own = ", ".join(each.name for each in BACKBONES if each.name not in APPLICATIONS)
    raise InputError(
        f"backbone: there is no {name!r}. {hint_at(near)}Fix: set {own} or a model of "
        "keras.applications."
    )


def _key(name: str) -> str:
    return str(name).lower().replace("-", "").replace("_", "").replace(" ", "")
