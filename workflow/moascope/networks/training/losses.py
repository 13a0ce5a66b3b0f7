"""Losses of classifiers by name. Free of TensorFlow until one is built.

To add a loss for one-hot classes, write its options, a function that builds it, and a line of
`LOSSES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from moascope.core.options import Section
from moascope.networks.training.choices import Choice, Choices

if TYPE_CHECKING:
    from moascope.networks.keras_defaults import keras


class CrossEntropyOptions(Section):
    """Cross-entropy."""


class FocalOptions(Section):
    """Focal loss (Lin et al. 2017), in which units that are easy to classify count less."""

    focal_gamma: float = Field(2.0, ge=0, le=10, description="how much less easy units count")
    focal_alpha: float = Field(0.25, gt=0, le=1, description="factor of the whole loss")


@dataclass(frozen=True)
class Loss(Choice):
    """A loss.

    Parameters
    ----------
    build : callable
        Takes its options and the label smoothing, and returns a loss of Keras.
    """

    build: Callable[[Any, float], keras.losses.Loss]


def _build_cross_entropy(options: CrossEntropyOptions, smoothing: float) -> keras.losses.Loss:
    from moascope.networks.keras_defaults import keras  # noqa: PLC0415  (slow to import)

    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)


def _build_focal(options: FocalOptions, smoothing: float) -> keras.losses.Loss:
    from moascope.networks.keras_defaults import keras  # noqa: PLC0415  (slow to import)

    return keras.losses.CategoricalFocalCrossentropy(
        alpha=options.focal_alpha, gamma=options.focal_gamma, label_smoothing=smoothing
    )


LOSSES = Choices(
    "loss",
    (
        Loss("cross-entropy", CrossEntropyOptions, _build_cross_entropy),
        Loss("focal", FocalOptions, _build_focal),
    ),
)


def build_loss(name: str, options: Section, label_smoothing: float) -> keras.losses.Loss:
    """Build a loss of Keras.

    Parameters
    ----------
    name : str
        One of `LOSSES`.
    options : Section
        From `LOSSES.own`.
    label_smoothing : float
        Share of every label that is spread over all classes.

    Returns
    -------
    keras.losses.Loss
        Of one-hot classes and probabilities, both `(n, k)`.

    Raises
    ------
    InputError
        For an unknown name.
    """
    kind = LOSSES.find(name)
    return kind.build(options, label_smoothing)
