"""Augmentations by name. Free of TensorFlow, so that a config is checked without it.

To add an augmentation, write its object and add it to `AUGMENTATIONS`. What makes its layers
imports Keras when it is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moascope.core.errors import InputError
from moascope.core.text.suggestions import unknown

if TYPE_CHECKING:
    from moascope.networks.keras_defaults import layers

LayerMaker = Callable[..., "layers.Layer"]
"""Takes the values of the parameters by name, then `seed` and `dtype` as keywords."""


@dataclass(frozen=True)
class Parameter:
    """A number that an augmentation depends on."""

    default: float
    lowest: float
    highest: float
    description: str


@dataclass(frozen=True)
class AugmentationMethod:
    """One kind of augmentation."""

    name: str
    layers: tuple[LayerMaker, ...]
    """Makers of its Keras layers, which are applied in this order."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def find_method(name: str) -> AugmentationMethod:
    """Return the augmentation of a name.

    Parameters
    ----------
    name : str
        As in the configuration.

    Returns
    -------
    AugmentationMethod
        One of `AUGMENTATIONS`.

    Raises
    ------
    InputError
        If there is none; the message has the nearest name.
    """
    by_name = {method.name: method for method in AUGMENTATIONS}
    if name not in by_name:
        raise InputError(unknown("augmentation", name, by_name))
    return by_name[name]


def _keras_layers() -> Any:
    from moascope.networks.keras_defaults import layers  # noqa: PLC0415  (slow to import)

    return layers


def _own_layers() -> Any:
    from moascope.classification.training import (  # noqa: PLC0415  (slow to import)
        augmentation_layers,
    )

    return augmentation_layers


# RandomFlip("horizontal_and_vertical") draws once for both, and so only ever makes half turns.
def _flip_horizontally(_: Mapping[str, float], **options: Any) -> layers.Layer:
    return _keras_layers().RandomFlip("horizontal", **options)


def _flip_vertically(_: Mapping[str, float], **options: Any) -> layers.Layer:
    return _keras_layers().RandomFlip("vertical", **options)


FLIP = AugmentationMethod("flip", (_flip_horizontally, _flip_vertically))


def _turn(_: Mapping[str, float], **options: Any) -> layers.Layer:
    return _own_layers().RandomQuarterTurn(**options)


QUARTER_TURN = AugmentationMethod("quarter_turn", (_turn,))


# Outside the image lies its reflection, since networks learn from black corners.
def _rotate(values: Mapping[str, float], **options: Any) -> layers.Layer:
    share = values["degrees"] / 360
    return _keras_layers().RandomRotation(share, fill_mode="reflect", **options)


ROTATION = AugmentationMethod(
    "rotation",
    (_rotate,),
    {"degrees": Parameter(180.0, 0.0, 180.0, "largest angle, to either side, in degrees")},
)


def _shift(values: Mapping[str, float], **options: Any) -> layers.Layer:
    share = values["fraction"]
    return _keras_layers().RandomTranslation(share, share, fill_mode="reflect", **options)


SHIFT = AugmentationMethod(
    "shift",
    (_shift,),
    {"fraction": Parameter(0.1, 0.0, 0.5, "largest shift per axis, as a fraction of the side")},
)


def _shift_pixels(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _own_layers().RandomPixelShift(values["pixels"], **options)


PIXEL_SHIFT = AugmentationMethod(
    "pixel_shift",
    (_shift_pixels,),
    {"pixels": Parameter(1.0, 1.0, 64.0, "largest shift per axis, in whole pixels")},
)


def _zoom(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _keras_layers().RandomZoom(values["fraction"], fill_mode="reflect", **options)


ZOOM = AugmentationMethod(
    "zoom",
    (_zoom,),
    {"fraction": Parameter(0.1, 0.0, 0.5, "largest change of scale, in or out, as a fraction")},
)


def _shear(values: Mapping[str, float], **options: Any) -> layers.Layer:
    share = values["fraction"]
    return _keras_layers().RandomShear(share, share, fill_mode="reflect", **options)


SHEAR = AugmentationMethod(
    "shear",
    (_shear,),
    {"fraction": Parameter(0.1, 0.0, 0.5, "largest shear per axis, as a fraction of the side")},
)


def _scale_channels(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _own_layers().RandomChannelGain(values["fraction"], **options)


CHANNEL_GAIN = AugmentationMethod(
    "channel_gain",
    (_scale_channels,),
    {
        "fraction": Parameter(
            0.25, 0.0, 0.9, "largest change of a channel's intensity, as a fraction"
        )
    },
)


def _blur(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _keras_layers().RandomGaussianBlur(
        factor=(values["probability"], values["probability"]),
        kernel_size=2 * math.ceil(2 * values["sigma"]) + 1,
        sigma=(0.1 * values["sigma"], values["sigma"]),
        value_range=(0.0, 1.0),
        **options,
    )


BLUR = AugmentationMethod(
    "blur",
    (_blur,),
    {
        "sigma": Parameter(1.0, 0.1, 5.0, "largest standard deviation of the Gaussian, in pixels"),
        "probability": Parameter(0.5, 0.0, 1.0, "share of the images that are blurred"),
    },
)


def _add_noise(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _own_layers().RandomNoise(values["sd"], **options)


NOISE = AugmentationMethod(
    "noise",
    (_add_noise,),
    {"sd": Parameter(0.02, 0.0, 0.5, "standard deviation of Gaussian noise, on the [0, 1] range")},
)


def _erase(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _keras_layers().RandomErasing(
        factor=(values["probability"], values["probability"]),
        scale=(0.2 * values["area"], values["area"]),
        fill_value=0.0,
        value_range=(0.0, 1.0),
        **options,
    )


ERASE = AugmentationMethod(
    "erase",
    (_erase,),
    {
        "probability": Parameter(0.5, 0.0, 1.0, "share of the images that lose a rectangle"),
        "area": Parameter(
            0.1, 0.01, 0.5, "largest area of the rectangle, as a fraction of the image"
        ),
    },
)

AUGMENTATIONS = [
    FLIP,
    QUARTER_TURN,
    ROTATION,
    SHIFT,
    PIXEL_SHIFT,
    ZOOM,
    SHEAR,
    CHANNEL_GAIN,
    BLUR,
    NOISE,
    ERASE,
]
