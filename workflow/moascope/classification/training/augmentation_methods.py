"""Augmentations by name. Free of TensorFlow, so that a config is checked without it.

To add an augmentation, write its object and add it to `AUGMENTATIONS`. What makes its layers
imports Keras when it is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moascope.classification.training.augmentation_parameters import (
    AnyParameter,
    NameParameter,
    NamesParameter,
    Parameter,
)
from moascope.core.errors import InputError
from moascope.core.text.suggestions import unknown

if TYPE_CHECKING:
    from moascope.networks.keras_defaults import layers

LayerMaker = Callable[..., "layers.Layer"]
"""Takes the values of the parameters by name, then `seed` and `dtype` as keywords."""

PROBABILITY = Parameter(1.0, 0.0, 1.0, "share of the units that it is applied to")
"""Of every augmentation without a probability of its own."""


@dataclass(frozen=True)
class AugmentationMethod:
    """One kind of augmentation."""

    name: str
    layers: tuple[LayerMaker, ...]
    """Makers of its Keras layers, which are applied in this order."""
    parameters: Mapping[str, AnyParameter] = field(default_factory=dict)
    """Without `probability`, where `Sometimes` draws the units; with it where its layers do."""
    strength: str | None = None
    """Parameter that `rand_augment` scales; None: `rand_augment` cannot draw the method."""

    @property
    def draws_units(self) -> bool:
        """Return whether its layers draw the units that they are applied to."""
        return "probability" in self.parameters

    @property
    def all_parameters(self) -> dict[str, AnyParameter]:
        """Return the parameters, with `probability`."""
        return {"probability": PROBABILITY, **self.parameters}

    def scale(self, magnitude: float) -> dict[str, Any]:
        """Return the values of all parameters, with a multiple of the default strength.

        Parameters
        ----------
        magnitude : float
            Factor of the default. The range of the parameter limits the result.

        Returns
        -------
        dict
            By name. The method is applied to all units.
        """
        values = {key: each.default for key, each in self.all_parameters.items()}
        number = self.parameters[self.strength or ""]
        if not isinstance(number, Parameter):
            raise TypeError(f"{self.name}: the strength {self.strength} is not a number")
        scaled = min(max(number.default * magnitude, number.lowest), number.highest)
        return {**values, str(self.strength): scaled, "probability": 1.0}


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


def _warps() -> Any:
    from moascope.classification.training import (  # noqa: PLC0415  (slow to import)
        augmentation_warps,
    )

    return augmentation_warps


def _mixing() -> Any:
    from moascope.classification.training import (  # noqa: PLC0415  (slow to import)
        augmentation_mixing,
    )

    return augmentation_mixing


def _draws() -> Any:
    from moascope.classification.training import (  # noqa: PLC0415  (slow to import)
        augmentation_draws,
    )

    return augmentation_draws


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
    strength="degrees",
)


def _shift(values: Mapping[str, float], **options: Any) -> layers.Layer:
    share = values["fraction"]
    return _keras_layers().RandomTranslation(share, share, fill_mode="reflect", **options)


SHIFT = AugmentationMethod(
    "shift",
    (_shift,),
    {"fraction": Parameter(0.1, 0.0, 0.5, "largest shift per axis, as a fraction of the side")},
    strength="fraction",
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
    strength="fraction",
)


def _shear(values: Mapping[str, float], **options: Any) -> layers.Layer:
    share = values["fraction"]
    return _keras_layers().RandomShear(share, share, fill_mode="reflect", **options)


SHEAR = AugmentationMethod(
    "shear",
    (_shear,),
    {"fraction": Parameter(0.1, 0.0, 0.5, "largest shear per axis, as a fraction of the side")},
    strength="fraction",
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
    strength="fraction",
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
    strength="sigma",
)


def _add_noise(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _own_layers().RandomNoise(values["sd"], **options)


NOISE = AugmentationMethod(
    "noise",
    (_add_noise,),
    {"sd": Parameter(0.02, 0.0, 0.5, "standard deviation of Gaussian noise, on the [0, 1] range")},
    strength="sd",
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
    strength="area",
)


def _stretch(values: Mapping[str, float], **options: Any) -> layers.Layer:
    share = values["fraction"]
    return _keras_layers().RandomZoom(share, share, fill_mode="reflect", **options)


STRETCH = AugmentationMethod(
    "stretch",
    (_stretch,),
    {
        "fraction": Parameter(
            0.1, 0.0, 0.5, "largest change of scale, of either axis by itself, as a fraction"
        )
    },
    strength="fraction",
)


def _change_perspective(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _warps().RandomPerspective(values["fraction"], **options)


# Beyond a quarter, corners could pass each other.
PERSPECTIVE = AugmentationMethod(
    "perspective",
    (_change_perspective,),
    {
        "fraction": Parameter(
            0.1, 0.0, 0.2, "largest shift of a corner per axis, as a fraction of the side"
        )
    },
    strength="fraction",
)


def _deform(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _warps().RandomElastic(values["fraction"], values["nodes"], **options)


ELASTIC = AugmentationMethod(
    "elastic",
    (_deform,),
    {
        "fraction": Parameter(
            0.05, 0.0, 0.2, "largest shift of a pixel per axis, as a fraction of the side"
        ),
        "nodes": Parameter(
            4.0, 2.0, 16.0, "nodes per axis of the grid that moves; more nodes bend more finely"
        ),
    },
    strength="fraction",
)


def _distort(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _warps().RandomLens(values["fraction"], **options)


# Beyond a third, the image would fold over itself.
LENS = AugmentationMethod(
    "lens",
    (_distort,),
    {
        "fraction": Parameter(
            0.15,
            0.0,
            0.3,
            "largest shift of the corners from or to the centre, as a fraction of their distance",
        )
    },
    strength="fraction",
)


def _mask(values: Mapping[str, Any], **options: Any) -> layers.Layer:
    return _own_layers().RandomMask(values["rectangles"], values["side"], values["fill"], **options)


MASK = AugmentationMethod(
    "mask",
    (_mask,),
    {
        "rectangles": Parameter(4.0, 1.0, 64.0, "number of rectangles, which may overlap"),
        "side": Parameter(0.2, 0.01, 0.9, "their sides, as a fraction of the unit's"),
        "fill": NameParameter(
            "zero", ("zero", "mean"), "their value: zero, or the mean of the channel in the unit"
        ),
    },
    strength="side",
)


def _drop_channels(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _own_layers().RandomChannelDropout(values["fraction"], **options)


CHANNEL_DROPOUT = AugmentationMethod(
    "channel_dropout",
    (_drop_channels,),
    {
        "fraction": Parameter(
            0.2, 0.0, 0.9, "probability of every channel to be set to zero; at least one is kept"
        )
    },
)


def _mix_up(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _mixing().Mixup(values["alpha"], values["probability"], **options)


MIXUP = AugmentationMethod(
    "mixup",
    (_mix_up,),
    {
        "probability": Parameter(1.0, 0.0, 1.0, "share of the units that are mixed with another"),
        "alpha": Parameter(
            0.2, 0.05, 10.0, "both parameters of the beta distribution of the unit's own share"
        ),
    },
)


def _cut_and_mix(values: Mapping[str, float], **options: Any) -> layers.Layer:
    return _mixing().Cutmix(values["alpha"], values["probability"], **options)


CUTMIX = AugmentationMethod(
    "cutmix",
    (_cut_and_mix,),
    {
        "probability": Parameter(
            0.5, 0.0, 1.0, "share of the units that get a rectangle of another"
        ),
        "alpha": Parameter(
            1.0, 0.05, 10.0, "both parameters of the beta distribution of the unit's own share"
        ),
    },
)

_DRAWN = (
    ROTATION,
    SHIFT,
    ZOOM,
    STRETCH,
    SHEAR,
    PERSPECTIVE,
    ELASTIC,
    LENS,
    CHANNEL_GAIN,
    BLUR,
    NOISE,
    MASK,
    ERASE,
)


def _draw_methods(values: Mapping[str, Any], seed: int, **options: Any) -> layers.Layer:
    methods = [find_method(name) for name in values["methods"]]
    made = [
        [
            make(method.scale(values["magnitude"]), seed=own, **options)
            for make, own in zip(
                method.layers, derive_seeds([seed, number], len(method.layers)), strict=True
            )
        ]
        for number, method in enumerate(methods)
    ]
    return _draws().RandAugment(made, values["n"], seed=seed, **options)


RAND_AUGMENT = AugmentationMethod(
    "rand_augment",
    (_draw_methods,),
    {
        "n": Parameter(2.0, 1.0, 13.0, "number of methods that change each unit"),
        "magnitude": Parameter(1.0, 0.0, 3.0, "factor of the default strength of all methods"),
        "methods": NamesParameter(
            tuple(method.name for method in _DRAWN), "methods to draw from, applied in this order"
        ),
    },
)


def derive_seeds(entropy: Sequence[int], n: int) -> list[int]:
    """Draw seeds of generators from other numbers.

    Parameters
    ----------
    entropy : sequence of int
        Not negative.
    n : int
        Number of seeds.

    Returns
    -------
    list of int
        Below 2**31.
    """
    import numpy as np  # noqa: PLC0415  (slow to import)

    return [int(seed) for seed in np.random.SeedSequence(list(entropy)).generate_state(n) >> 1]


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
    STRETCH,
    PERSPECTIVE,
    ELASTIC,
    LENS,
    MASK,
    CHANNEL_DROPOUT,
    MIXUP,
    CUTMIX,
    RAND_AUGMENT,
]
