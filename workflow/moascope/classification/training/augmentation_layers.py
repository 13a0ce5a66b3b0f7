"""Keras layers of augmentations that Keras lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras, layers, ops


class RandomLayer(layers.Layer):
    """Layer that draws from its own seeded generator, in training only."""

    def __init__(self, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Change images `(n, H, W, C)` in training, and return them as they are otherwise."""
        return self.augment(inputs) if training else inputs

    def augment(self, inputs: Any) -> Any:
        """Change images `(n, H, W, C)` at random."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the images, which stays."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        return {**super().get_config(), "seed": self.seed}

    def _coin(self, inputs: Any) -> Any:
        draw = keras.random.uniform((ops.shape(inputs)[0], 1, 1, 1), seed=self.generator)
        return draw < 0.5


@keras.saving.register_keras_serializable("moascope")
class RandomQuarterTurn(RandomLayer):
    """Turns of square images by 0, 90, 180 or 270 degrees, without interpolation."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Check that a quarter turn does not reshape images."""
        _, height, width, _ = input_shape
        if height != width:
            raise InputError(
                f"augmentation: quarter_turn needs square units; these are {height} x {width} px. "
                "Use flip and rotation, or cut square tiles."
            )
        super().build(input_shape)

    def augment(self, inputs: Any) -> Any:
        """Rotate each image by its own draw."""
        half = ops.where(self._coin(inputs), ops.flip(inputs, (1, 2)), inputs)
        quarter = ops.flip(ops.transpose(half, (0, 2, 1, 3)), 1)
        return ops.where(self._coin(inputs), quarter, half)


@keras.saving.register_keras_serializable("moascope")
class RandomPixelShift(RandomLayer):
    """Shifts by whole pixels along each axis, without interpolation; the rim is repeated."""

    def __init__(self, pixels: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.pixels = int(pixels)

    def augment(self, inputs: Any) -> Any:
        """Move each image by its own draw."""
        n, height, width = ops.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
        low, high = -self.pixels, self.pixels + 1
        draws = keras.random.randint((2, n, 1), low, high, seed=self.generator)
        rows = ops.clip(draws[0] + ops.arange(height)[None], 0, height - 1)
        columns = ops.clip(draws[1] + ops.arange(width)[None], 0, width - 1)
        shifted = ops.take_along_axis(inputs, rows[:, :, None, None], axis=1)
        return ops.take_along_axis(shifted, columns[:, None, :, None], axis=2)

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        return {**super().get_config(), "pixels": self.pixels}


@keras.saving.register_keras_serializable("moascope")
class RandomChannelGain(RandomLayer):
    """Factors of every channel of every image, from [1 - fraction, 1 + fraction]."""

    def __init__(self, fraction: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.fraction = fraction

    def augment(self, inputs: Any) -> Any:
        """Scale each channel by its own draw."""
        shape = (ops.shape(inputs)[0], 1, 1, inputs.shape[-1])
        low, high = 1 - self.fraction, 1 + self.fraction
        gain = keras.random.uniform(shape, low, high, dtype=inputs.dtype, seed=self.generator)
        return inputs * gain

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        return {**super().get_config(), "fraction": self.fraction}


@keras.saving.register_keras_serializable("moascope")
class RandomNoise(RandomLayer):
    """Gaussian noise."""

    def __init__(self, sd: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.sd = sd

    def augment(self, inputs: Any) -> Any:
        """Add noise to each pixel and channel."""
        noise = keras.random.normal(
            ops.shape(inputs), stddev=self.sd, dtype=inputs.dtype, seed=self.generator
        )
        return inputs + noise

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        return {**super().get_config(), "sd": self.sd}


class RandomMask(RandomLayer):
    """Covers every image with rectangles of one size at random places, which may overlap.

    As the random masking of Schneider et al., against batch effects.
    """

    def __init__(self, rectangles: float, side: float, fill: str, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rectangles, self.side, self.fill = int(rectangles), side, fill

    def augment(self, inputs: Any) -> Any:
        """Draw the places of each image."""
        n = ops.shape(inputs)[0]
        in_rows = self._cover(n, inputs.shape[1])
        in_columns = self._cover(n, inputs.shape[2])
        covered = ops.logical_and(in_rows[:, :, :, None], in_columns[:, :, None, :])
        value = ops.zeros_like(inputs)
        if self.fill == "mean":
            value = value + ops.mean(inputs, axis=(1, 2), keepdims=True)
        return ops.where(ops.any(covered, axis=1)[..., None], value, inputs)

    def _cover(self, n: Any, length: int) -> Any:
        """Draw which pixels of an axis each rectangle covers, bool `(n, rectangles, length)`."""
        size = max(1, min(length, round(self.side * length)))
        first = keras.random.randint(
            (n, self.rectangles, 1), 0, length - size + 1, seed=self.generator
        )
        pixels = ops.arange(length, dtype=first.dtype)
        return ops.logical_and(pixels >= first, pixels < first + size)


class RandomChannelDropout(RandomLayer):
    """Sets channels of every image to zero; at least one is kept."""

    def __init__(self, fraction: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.fraction = fraction

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Check that there is more than one channel."""
        if input_shape[-1] == 1:
            raise InputError(
                "augmentation: channel_dropout needs at least two channels; these units have one. "
                "Remove it, or use mask."
            )
        super().build(input_shape)

    def augment(self, inputs: Any) -> Any:
        """Draw the channels of each image."""
        shape = (ops.shape(inputs)[0], 1, 1, inputs.shape[-1])
        draws = keras.random.uniform(shape, dtype="float32", seed=self.generator)
        is_kept = ops.logical_or(
            draws >= self.fraction, draws == ops.max(draws, axis=-1, keepdims=True)
        )
        return ops.where(is_kept, inputs, ops.zeros_like(inputs))
