"""The named augmentations as Keras layers, and a preview of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from moascope.classification.training.augmentation_registry import validated
from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras, layers, ops


class _RandomLayer(layers.Layer):
    """A layer that draws from its own seeded generator, in training only."""

    def __init__(self, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.augmented(inputs) if training else inputs

    def augmented(self, inputs: Any) -> Any:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}

    def _coin(self, inputs: Any) -> Any:
        draw = keras.random.uniform((ops.shape(inputs)[0], 1, 1, 1), seed=self.generator)
        return draw < 0.5


@keras.saving.register_keras_serializable("moascope")
class RandomQuarterTurn(_RandomLayer):
    """Turn every square image by 0, 90, 180 or 270 degrees, without interpolation."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Refuse images that a quarter turn would reshape."""
        _, height, width, _ = input_shape
        if height != width:
            raise InputError(
                f"augmentation: quarter_turn needs square units; these are {height} x {width} px. "
                "Use flip and rotation, or cut square tiles."
            )
        super().build(input_shape)

    def augmented(self, inputs: Any) -> Any:
        """Turn each image by its own draw."""
        half = ops.where(self._coin(inputs), ops.flip(inputs, (1, 2)), inputs)
        quarter = ops.flip(ops.transpose(half, (0, 2, 1, 3)), 1)
        return ops.where(self._coin(inputs), quarter, half)


@keras.saving.register_keras_serializable("moascope")
class RandomChannelGain(_RandomLayer):
    """Multiply every channel of every image by its own factor from [1 - fraction, 1 + fraction]."""

    def __init__(self, fraction: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.fraction = fraction

    def augmented(self, inputs: Any) -> Any:
        """Scale each channel by its own draw."""
        shape = (ops.shape(inputs)[0], 1, 1, inputs.shape[-1])
        low, high = 1 - self.fraction, 1 + self.fraction
        gain = keras.random.uniform(shape, low, high, dtype=inputs.dtype, seed=self.generator)
        return inputs * gain

    def get_config(self) -> dict[str, Any]:
        """Give what is needed to build the layer again."""
        return {**super().get_config(), "fraction": self.fraction}


@keras.saving.register_keras_serializable("moascope")
class RandomNoise(_RandomLayer):
    """Add Gaussian noise."""

    def __init__(self, sd: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.sd = sd

    def augmented(self, inputs: Any) -> Any:
        """Add noise to each pixel and channel."""
        noise = keras.random.normal(
            ops.shape(inputs), stddev=self.sd, dtype=inputs.dtype, seed=self.generator
        )
        return inputs + noise

    def get_config(self) -> dict[str, Any]:
        """Give what is needed to build the layer again."""
        return {**super().get_config(), "sd": self.sd}


# RandomFlip("horizontal_and_vertical") draws once for both, and so only ever makes half turns.
def _flip_horizontally(_: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomFlip("horizontal", **kwargs)


def _flip_vertically(_: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomFlip("vertical", **kwargs)


def _quarter_turn(_: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return RandomQuarterTurn(**kwargs)


# Outside the image lies its reflection: black corners are a thing that networks learn from.
def _rotation(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomRotation(p["degrees"] / 360, fill_mode="reflect", **kwargs)


def _shift(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomTranslation(p["fraction"], p["fraction"], fill_mode="reflect", **kwargs)


def _zoom(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomZoom(p["fraction"], fill_mode="reflect", **kwargs)


def _shear(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomShear(p["fraction"], p["fraction"], fill_mode="reflect", **kwargs)


def _channel_gain(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return RandomChannelGain(p["fraction"], **kwargs)


def _blur(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomGaussianBlur(
        factor=(p["probability"], p["probability"]),
        kernel_size=2 * math.ceil(2 * p["sigma"]) + 1,
        sigma=(0.1 * p["sigma"], p["sigma"]),
        value_range=(0.0, 1.0),
        **kwargs,
    )


def _noise(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return RandomNoise(p["sd"], **kwargs)


def _erase(p: Mapping[str, float], **kwargs: Any) -> layers.Layer:
    return layers.RandomErasing(
        factor=(p["probability"], p["probability"]),
        scale=(0.2 * p["area"], p["area"]),
        fill_value=0.0,
        value_range=(0.0, 1.0),
        **kwargs,
    )


_MAKERS: dict[str, tuple[Callable[..., layers.Layer], ...]] = {
    "flip": (_flip_horizontally, _flip_vertically),
    "quarter_turn": (_quarter_turn,),
    "rotation": (_rotation,),
    "shift": (_shift,),
    "zoom": (_zoom,),
    "shear": (_shear,),
    "channel_gain": (_channel_gain,),
    "blur": (_blur,),
    "noise": (_noise,),
    "erase": (_erase,),
}


def build(augmentations: Sequence[Mapping[str, Any]], seed: int) -> list[layers.Layer]:
    """Make the layers of a list of augmentations.

    Parameters
    ----------
    augmentations : sequence of mappings
        As in the config: `{"name": ..., parameter: value, ...}`, applied in this order.
    seed : int
        Every layer gets its own generator, derived from it.

    Returns
    -------
    list of keras.layers.Layer
        They take `(n, H, W, C)` float in [0, 1], and act only with `training=True`.

    Raises
    ------
    InputError
        For unknown names and parameters, and values out of range.
    """
    steps = [
        (make, parameters)
        for parameters in validated(augmentations)
        for make in _MAKERS[parameters["name"]]
    ]
    seeds = np.random.SeedSequence(seed).generate_state(len(steps) + 1) >> 1
    # float32 also under mixed precision: half precision would bin the intensities.
    return [
        make(parameters, seed=int(own), dtype="float32")
        for (make, parameters), own in zip(steps, seeds, strict=False)
    ]


def check(
    augmentations: Sequence[Mapping[str, Any]], unit_shape: tuple[int, int], n_channels: int
) -> None:
    """Check that units of a shape can be augmented.

    Parameters
    ----------
    augmentations : sequence of mappings
        As for `build`.
    unit_shape : (int, int)
        Height and width in pixels.
    n_channels : int
        How many channels they have.

    Raises
    ------
    InputError
        If units that are not square would have to be turned.
    """
    apply(build(augmentations, seed=0), np.zeros((1, *unit_shape, n_channels), np.float32))


def apply(augmentation_layers: Sequence[layers.Layer], images: Any) -> Any:
    """Augment a batch, as in training.

    Parameters
    ----------
    augmentation_layers : sequence of keras.layers.Layer
        From `build`.
    images : tensor
        `(n, H, W, C)` float in [0, 1].

    Returns
    -------
    tensor
        Of the same shape.
    """
    for layer in augmentation_layers:
        images = layer(images, training=True)
    return images


def preview(
    images: np.ndarray, augmentations: Sequence[Mapping[str, Any]], seed: int, n: int
) -> np.ndarray:
    """Augment a few images several times, for a picture of what training sees.

    Parameters
    ----------
    images : numpy.ndarray
        `(m, H, W, C)` in [0, 1].
    augmentations : sequence of mappings
        As for `build`.
    seed : int
        As for `build`.
    n : int
        Augmented versions per image.

    Returns
    -------
    numpy.ndarray
        float32 `(m, n + 1, H, W, C)`: first the image, then its augmented versions.
    """
    original = np.asarray(images, dtype="float32")
    augmenters = build(augmentations, seed)
    versions = [original] + [
        np.asarray(ops.convert_to_numpy(apply(augmenters, ops.convert_to_tensor(original))))
        for _ in range(n)
    ]
    return np.stack(versions, axis=1).astype("float32")
