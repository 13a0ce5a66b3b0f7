"""Mixing of units with their labels: mixup, cutmix, and the learner that trains with them.

The layers of Keras draw one share per batch and have no probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moascope.classification.training.augmentation_layers import RandomLayer
from moascope.networks.keras_defaults import keras, layers, ops

Mixing = tuple[Any, Any]
"""int32 `(n,)` partner of every unit, and float32 `(n,)` share that the unit itself keeps."""


def combine(values: Any, mixing: Mixing) -> Any:
    """Compute the weighted mean of each row of values and that of its partner.

    Parameters
    ----------
    values : tensor
        float `(n, ...)`: units, labels or weights.
    mixing : Mixing
        Partners and shares.

    Returns
    -------
    tensor
        float `(n, ...)`.
    """
    partners, share = mixing
    share = ops.reshape(ops.cast(share, values.dtype), (-1, *[1] * (len(values.shape) - 1)))
    return values * share + ops.take(values, partners, axis=0) * (1 - share)


class MixingLayer(RandomLayer):
    """Layer that mixes the units of a batch; returns the units and their mixing.

    Parameters
    ----------
    alpha : float
        Both parameters of the beta distribution of the shares.
    probability : float
        Share of the units that are mixed.
    seed : int
        Of its own generator.
    """

    def __init__(self, alpha: float, probability: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.alpha = alpha
        self.probability = probability

    def call(self, inputs: Any, training: bool = False) -> tuple[Any, Mixing]:
        """Draw partners and shares, and apply them in training only."""
        n = ops.shape(inputs)[0]
        if not training:
            return inputs, (ops.arange(n, dtype="int32"), ops.ones((n,)))
        partners = keras.random.shuffle(ops.arange(n, dtype="int32"), seed=self.generator)
        share = keras.random.beta(
            (n,), self.alpha, self.alpha, dtype="float32", seed=self.generator
        )
        is_mixed = keras.random.uniform((n,), seed=self.generator) < self.probability
        return self.mix(inputs, partners, ops.where(is_mixed, share, 1.0))

    def mix(self, inputs: Any, partners: Any, share: Any) -> tuple[Any, Mixing]:
        """Return mixed units `(n, H, W, C)`, which keep about a share of themselves."""
        raise NotImplementedError


class Mixup(MixingLayer):
    """Weighted means of two units (Zhang et al. 2018)."""

    def mix(self, inputs: Any, partners: Any, share: Any) -> tuple[Any, Mixing]:
        """Compute weighted means of pixels."""
        return combine(inputs, (partners, share)), (partners, share)


class Cutmix(MixingLayer):
    """Units with a rectangle from another one (Yun et al. 2019)."""

    def mix(self, inputs: Any, partners: Any, share: Any) -> tuple[Any, Mixing]:
        """Replace a rectangle around a random centre; labels count its pixels."""
        n, height, width = ops.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
        centres = keras.random.uniform((2, n, 1), dtype="float32", seed=self.generator)
        half = ops.sqrt(1 - share)[:, None] / 2
        in_rows = _are_near(height, centres[0], half)
        in_columns = _are_near(width, centres[1], half)
        is_pasted = ops.logical_and(in_rows[:, :, None], in_columns[:, None, :])
        mixed = ops.where(is_pasted[..., None], ops.take(inputs, partners, axis=0), inputs)
        return mixed, (partners, 1 - ops.mean(ops.cast(is_pasted, "float32"), axis=(1, 2)))


def _are_near(n: int, centre: Any, distance: Any) -> Any:
    """Return which of n pixels of an axis are within a distance, as fractions; bool `(m, n)`."""
    places = (ops.arange(n, dtype="float32") + 0.5) / n
    return ops.abs(places[None] - centre) < distance


def mix(steps: Sequence[layers.Layer], images: Any, *, training: bool) -> tuple[Any, list[Mixing]]:
    """Augment a batch.

    Parameters
    ----------
    steps : sequence of keras.layers.Layer
        Applied in order.
    images : tensor
        `(n, H, W, C)` float in [0, 1].
    training : bool
        Whether they act.

    Returns
    -------
    images : tensor
        Of the same shape.
    mixings : list of Mixing
        For `combine`, in order; the labels go the same way.
    """
    mixings = []
    for layer in steps:
        if isinstance(layer, MixingLayer):
            images, mixing = layer(images, training=training)
            mixings.append(mixing)
        else:
            images = layer(images, training=training)
    return images, mixings


class MixingLearner(keras.Model):
    """Learner that augments in training, and mixes labels and weights as it mixes units.

    Parameters
    ----------
    core : keras.Model
        From images to probabilities `(n, k)`.
    steps : sequence of keras.layers.Layer
        Augmentations in order.
    """

    def __init__(self, core: keras.Model, steps: Sequence[layers.Layer]) -> None:
        # float32 also under mixed precision: half precision would bin the intensities.
        super().__init__(name="learner", dtype="float32")
        self.core = core
        self.steps = list(steps)

    def call(self, inputs: Any, training: bool = False) -> tuple[Any, list[Mixing]]:
        """Return the probabilities of the augmented units, and how they were mixed."""
        images, mixings = mix(self.steps, inputs, training=training)
        return self.core(images, training=training), mixings

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Compute the loss of mixed labels and weights."""
        probabilities, labels, weights = _mix_targets(y, y_pred, sample_weight)
        return super().compute_loss(x, labels, probabilities, weights, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Compute metrics; accuracy is that of the class with the largest share."""
        probabilities, labels, weights = _mix_targets(y, y_pred, sample_weight)
        return super().compute_metrics(x, labels, probabilities, weights)


def _mix_targets(labels: Any, outputs: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Return probabilities, and labels and weights mixed as the units were."""
    probabilities, mixings = outputs
    for mixing in mixings:
        labels = combine(labels, mixing)
        weights = None if weights is None else combine(weights, mixing)
    return probabilities, labels, weights
