"""Optimizers by name, with their options in Keras. Free of TensorFlow until one is built.

To add an optimizer of Keras, write the section of its options and a line of `OPTIMIZERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from moascope.core.options import Section
from moascope.networks.training.choices import Choice, Choices

if TYPE_CHECKING:
    from moascope.networks.keras_defaults import keras


class OptimizerOptions(Section):
    """Options of every optimizer."""

    weight_decay: float | None = Field(
        None, ge=0, le=1, description="weights lose this share times the learning rate per step"
    )


class SgdOptions(OptimizerOptions):
    """Stochastic gradient descent."""

    momentum: float = Field(0.9, ge=0, lt=1, description="share of the last step that is kept")
    nesterov: bool = Field(False, description="Nesterov momentum")


class RmspropOptions(OptimizerOptions):
    """RMSprop."""

    momentum: float = Field(0.0, ge=0, lt=1, description="share of the last step that is kept")
    rho: float = Field(0.9, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-7, gt=0, le=1, description="added to what is divided by")
    centered: bool = Field(False, description="divide by the variance of gradients")


class AdagradOptions(OptimizerOptions):
    """Adagrad."""

    initial_accumulator_value: float = Field(
        0.1, ge=0, description="first sum of squared gradients"
    )
    epsilon: float = Field(1e-7, gt=0, le=1, description="added to what is divided by")


class AdadeltaOptions(OptimizerOptions):
    """Adadelta."""

    rho: float = Field(0.95, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-7, gt=0, le=1, description="added to what is divided by")


class AdamOptions(OptimizerOptions):
    """Adam."""

    beta_1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta_2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-7, gt=0, le=1, description="added to what is divided by")
    amsgrad: bool = Field(False, description="divide by the largest mean so far")


class AdamWOptions(AdamOptions):
    """Adam with decoupled weight decay."""

    weight_decay: float | None = Field(
        0.004, ge=0, le=1, description="weights lose this share times the learning rate per step"
    )


class LionOptions(OptimizerOptions):
    """Lion."""

    beta_1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta_2: float = Field(0.99, ge=0, lt=1, description="decay of the momentum")


@dataclass(frozen=True)
class Optimizer(Choice):
    """An optimizer of Keras.

    Parameters
    ----------
    class_name : str
        Its class in `keras.optimizers`.
    """

    class_name: str


OPTIMIZERS = Choices(
    "optimizer",
    (
        Optimizer("adam", AdamOptions, "Adam"),
        Optimizer("adamw", AdamWOptions, "AdamW"),
        Optimizer("sgd", SgdOptions, "SGD"),
        Optimizer("rmsprop", RmspropOptions, "RMSprop"),
        Optimizer("adagrad", AdagradOptions, "Adagrad"),
        Optimizer("adadelta", AdadeltaOptions, "Adadelta"),
        Optimizer("lion", LionOptions, "Lion"),
    ),
)


@dataclass(frozen=True)
class Limits:
    """Options of the training that every optimizer takes."""

    clip_norm: float | None = None
    """Largest norm of all gradients together."""
    clip_value: float | None = None
    """Largest absolute value of a gradient."""
    ema: float | None = None
    """Share of the running means of the weights that is kept per step; None: no means."""


def build_optimizer(
    name: str,
    options: Section,
    learning_rate: float,
    limits: Limits,
    factors: Mapping[str, float] | None = None,
) -> keras.optimizers.Optimizer:
    """Build an optimizer of Keras.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    options : Section
        From `OPTIMIZERS.own`.
    learning_rate : float
        The first one.
    limits : Limits
        Clipping and running means.
    factors : mapping or None
        By path of a variable: factor of its learning rate; others have the factor 1. None: all
        have one rate.

    Returns
    -------
    keras.optimizers.Optimizer
        Its `learning_rate` can be set.

    Raises
    ------
    InputError
        For an unknown name.
    """
    from moascope.networks.keras_defaults import keras  # noqa: PLC0415  (slow to import)
    from moascope.networks.training.layer_rates import LayerRates  # noqa: PLC0415

    kind = OPTIMIZERS.find(name)
    config: dict[str, Any] = {
        "learning_rate": learning_rate,
        "global_clipnorm": limits.clip_norm,
        "clipvalue": limits.clip_value,
        **options.model_dump(),
    }
    if limits.ema is not None:
        config |= {"use_ema": True, "ema_momentum": limits.ema}

    def build() -> keras.optimizers.Optimizer:
        return keras.optimizers.get({"class_name": kind.class_name, "config": dict(config)})

    return build() if factors is None else LayerRates(build, factors, learning_rate)
