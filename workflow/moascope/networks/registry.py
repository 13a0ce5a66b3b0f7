"""Backbones by name. Free of TensorFlow, so that a config is checked without it.

To add a backbone, write a module with a `Backbone` in its list `BACKBONES`, and add its name and
that module to `MODULES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.suggestions import FEW_NAMES, hint_at, similar_names, unknown

if TYPE_CHECKING:
    from moascope.networks.keras_defaults import keras

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

MODULES = {
    "efficientnet-lite0": "moascope.networks.zoo.efficientnet_lite0",
    "lenet": "moascope.networks.zoo.lenet",
    **dict.fromkeys(APPLICATIONS, "moascope.networks.zoo.applications"),
}
"""The module of every backbone, by its name."""

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
class Backbone:
    """A network without its classifier."""

    name: str
    build: Callable[[str | None, tuple[int, int] | None, int], keras.Model]
    """Takes weights (`imagenet`, a path, or None for random ones), height and width of its images
    in px (None: any size) and the number of its input channels; returns a model whose output is
    `(n, h, w, d)` or `(n, d)`."""
    input_scale: Callable[[], InputScale] = InputScale
    """Returns how it expects red, green and blue."""
    is_inflated: bool = True
    """Whether its weights are for three channels, and are spread where there are others."""
    needs_size: bool = False
    """Whether it must know the size of its images."""


def find_backbone(name: str) -> Backbone:
    """Return a backbone, and import what builds it.

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
    module = importlib.import_module(MODULES[known])
    backbones: Iterable[Backbone] = module.BACKBONES
    return next(backbone for backbone in backbones if backbone.name == known)


def canonical_name(name: str) -> str:
    """Return the canonical name of a backbone; case, hyphens and underscores do not matter.

    Parameters
    ----------
    name : str
        For example `resnet50` or `EfficientNet-Lite0`.

    Returns
    -------
    str
        One of `MODULES`.

    Raises
    ------
    InputError
        If there is none; the message names the nearest ones.
    """
    by_key = {_key(known): known for known in MODULES}
    if _key(name) in by_key:
        return by_key[_key(name)]
    near = [by_key[key] for key in similar_names(_key(name), by_key, n=3, ratio=FEW_NAMES)]
    own = ", ".join(known for known in MODULES if known not in APPLICATIONS)
    raise InputError(
        f"backbone: there is no {name!r}. {hint_at(near)}Fix: set {own} or a model of "
        "keras.applications."
    )


def _key(name: str) -> str:
    return str(name).lower().replace("-", "").replace("_", "").replace(" ", "")
