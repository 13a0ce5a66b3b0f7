"""Learning-rate schedules by name. Free of TensorFlow.

The rate of a step is a number computed here, since the schedules of Keras compute tensors, which
takes longer than a step of a small network. Tests compare the two. To add a schedule, write its
options, a function and a line of `SCHEDULES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from moascope.core.options import Section
from moascope.networks.training.choices import Choice, Choices

History = Sequence[Mapping[str, float]]
"""A row per epoch so far, with loss and val_loss."""

_LOWEST_OF_PLATEAU = 1e-3  # of the learning rate
_START_OF_WARM_UP = 0.01
_START_OF_CYCLE = 1 / 25  # Smith and Topin 2018
_END_OF_CYCLE = 1e-4


@dataclass(frozen=True)
class Moment:
    """A moment of a training, after its warm-up."""

    learning_rate: float
    """The highest one."""
    epoch: float
    """Epochs since the warm-up, with fractions."""
    epochs: float
    """Epochs from the warm-up to the end."""
    history: History
    """A row per epoch since the start, with those of the warm-up."""


class NoOptions(Section):
    """Schedule without options."""


class StepOptions(Section):
    """Rate that falls in steps."""

    step_epochs: int = Field(10, ge=1, description="epochs between two cuts of the rate")
    step_factor: float = Field(0.1, gt=0, lt=1, description="factor of each cut")


class ExponentialOptions(Section):
    """Rate that falls by the same factor in every epoch."""

    decay: float = Field(0.9, gt=0, lt=1, description="factor of the rate per epoch")


class PlateauOptions(Section):
    """Rate that is cut when the loss does not fall."""

    plateau_factor: float = Field(0.3, gt=0, lt=1, description="factor of each cut")
    plateau_epochs: int | None = Field(
        None, ge=1, description="epochs without a lower loss before a cut; null: half of patience"
    )


def _rise_in_line(share: float) -> float:
    return _START_OF_WARM_UP + (1 - _START_OF_WARM_UP) * share


def _rise_by_cosine(share: float) -> float:
    return _START_OF_CYCLE + (1 - _START_OF_CYCLE) * 0.5 * (1 - math.cos(math.pi * share))


@dataclass(frozen=True)
class Schedule(Choice):
    """A schedule.

    Parameters
    ----------
    rate : callable
        Takes options and a moment; returns the learning rate.
    rise : callable
        Takes the share of the warm-up that is over; returns a factor of the learning rate.
    warm_up : float
        Usual share of the epochs in which the rate rises.
    """

    rate: Callable[[Any, Moment], float]
    rise: Callable[[float], float] = _rise_in_line
    warm_up: float = 0.0


def _stay_constant(options: NoOptions, moment: Moment) -> float:
    return moment.learning_rate


def _cut_in_steps(options: StepOptions, moment: Moment) -> float:
    n_cuts = math.floor(moment.epoch / options.step_epochs)
    return float(moment.learning_rate * options.step_factor**n_cuts)


def _fall_exponentially(options: ExponentialOptions, moment: Moment) -> float:
    return float(moment.learning_rate * options.decay**moment.epoch)


def _follow_cosine(options: NoOptions, moment: Moment) -> float:
    return moment.learning_rate * 0.5 * (1 + math.cos(math.pi * moment.epoch / moment.epochs))


def _end_cycle(options: NoOptions, moment: Moment) -> float:
    lowest = moment.learning_rate * _END_OF_CYCLE
    return lowest + (1 - _END_OF_CYCLE) * _follow_cosine(options, moment)


def _cut_on_plateau(options: PlateauOptions, moment: Moment) -> float:
    wait = options.plateau_epochs or 1
    rate, best, since = moment.learning_rate, math.inf, 0
    for row in moment.history:
        loss = row["loss"] if math.isnan(row["val_loss"]) else row["val_loss"]
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since >= wait:
            lowest = moment.learning_rate * _LOWEST_OF_PLATEAU
            rate, since = max(rate * options.plateau_factor, lowest), 0
    return rate


SCHEDULES = Choices(
    "schedule",
    (
        Schedule("constant", NoOptions, _stay_constant),
        Schedule("step", StepOptions, _cut_in_steps),
        Schedule("exponential", ExponentialOptions, _fall_exponentially),
        Schedule("cosine", NoOptions, _follow_cosine),
        Schedule("plateau", PlateauOptions, _cut_on_plateau),
        Schedule("one-cycle", NoOptions, _end_cycle, _rise_by_cosine, warm_up=0.3),
    ),
)


def compute_rate(
    schedule: str,
    options: Section,
    learning_rate: float,
    warm_up: float,
    epoch: float,
    epochs: int,
    history: History,
) -> float:
    """Compute the learning rate at a moment of the training.

    Parameters
    ----------
    schedule : str
        One of `SCHEDULES`.
    options : Section
        From `SCHEDULES.own`.
    learning_rate : float
        The highest one.
    warm_up : float
        Share of the epochs in which the rate rises; 0 to below 1.
    epoch : float
        Epochs so far, with fractions.
    epochs : int
        Epochs of the whole training.
    history : sequence of mappings
        A row per whole epoch so far, with `loss` and `val_loss` (NaN without validation).

    Returns
    -------
    float
        The rate.

    Raises
    ------
    InputError
        For an unknown schedule.
    """
    kind = SCHEDULES.find(schedule)
    rising = warm_up * epochs
    if epoch < rising:
        return learning_rate * kind.rise(epoch / rising)
    return kind.rate(options, Moment(learning_rate, epoch - rising, epochs - rising, history))
