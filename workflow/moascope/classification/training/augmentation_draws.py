"""Keras layers that apply others to a random part of the units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moascope.classification.training.augmentation_layers import RandomLayer
from moascope.networks.keras_defaults import keras, layers, ops


class Sometimes(RandomLayer):
    """Applies layers to a share of the images.

    Parameters
    ----------
    steps : sequence of keras.layers.Layer
        Applied in order.
    probability : float
        Share of the images.
    seed : int
        Of its own generator.
    """

    def __init__(
        self, steps: Sequence[layers.Layer], probability: float, seed: int, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.steps = list(steps)
        self.probability = probability

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build the layers."""
        _build(self.steps, input_shape)
        super().build(input_shape)

    def augment(self, inputs: Any) -> Any:
        """Draw whether each image is changed."""
        n = ops.shape(inputs)[0]
        draws = keras.random.uniform((n, 1, 1, 1), dtype="float32", seed=self.generator)
        return ops.where(draws < self.probability, _run(self.steps, inputs), inputs)


class RandAugment(RandomLayer):
    """Applies some of several methods to each image (after Cubuk et al. 2020).

    The layer of Keras changes colours of RGB images; this one takes any number of channels.

    Parameters
    ----------
    methods : sequence of sequences of keras.layers.Layer
        Layers of every method, applied in this order.
    n : float
        Number of methods per image.
    seed : int
        Of its own generator.
    """

    def __init__(
        self, methods: Sequence[Sequence[layers.Layer]], n: float, seed: int, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.methods = [list(steps) for steps in methods]
        self.n = int(n)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build the layers of all methods."""
        for steps in self.methods:
            _build(steps, input_shape)
        super().build(input_shape)

    def augment(self, inputs: Any) -> Any:
        """Draw the methods of each image, and keep the values in range."""
        shape = (ops.shape(inputs)[0], len(self.methods))
        draws = keras.random.uniform(shape, dtype="float32", seed=self.generator)
        is_drawn = ops.argsort(ops.argsort(draws, axis=1), axis=1) < self.n
        images = inputs
        for number, steps in enumerate(self.methods):
            changed = _run(steps, images)
            images = ops.where(is_drawn[:, number, None, None, None], changed, images)
        return ops.clip(images, 0.0, 1.0)


def _build(steps: Sequence[layers.Layer], input_shape: Sequence[int | None]) -> None:
    for layer in steps:
        layer.build(input_shape)


def _run(steps: Sequence[layers.Layer], images: Any) -> Any:
    for layer in steps:
        images = layer(images, training=True)
    return images
