"""Learning-rate schedules. To add one, write a function and add it to `SCHEDULES`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from moascope.classification.training.options import Training
from moascope.core.errors import InputError
from moascope.core.text.suggestions import unknown

History = Sequence[Mapping[str, float]]
"""A row per epoch so far, with loss and val_loss."""

_PLATEAU_FACTOR = 0.3
_PLATEAU_FLOOR = 1e-3


def _stay_constant(training: Training, epoch: float, history: History) -> float:
    return training.learning_rate


def _follow_cosine(training: Training, epoch: float, history: History) -> float:
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / training.epochs))


def _cut_on_plateau(training: Training, epoch: float, history: History) -> float:
    """Cut the rate whenever the loss has not fallen for half the patience."""
    base, wait = training.learning_rate, max(1, training.patience // 2)
    rate, best, since = base, math.inf, 0
    for row in history:
        loss = row["loss"] if math.isnan(row["val_loss"]) else row["val_loss"]
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since >= wait:
            rate, since = max(rate * _PLATEAU_FACTOR, base * _PLATEAU_FLOOR), 0
    return rate


SCHEDULES: dict[str, Callable[[Training, float, History], float]] = {
    "constant": _stay_constant,
    "cosine": _follow_cosine,
    "plateau": _cut_on_plateau,
}


def learning_rate(training: Training, epoch: float, history: History) -> float:
    """Compute the learning rate at a moment of the training.

    Parameters
    ----------
    training : Training
        Names the schedule and the first rate.
    epoch : float
        Epochs so far, with fractions.
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
    if training.schedule not in SCHEDULES:
        raise InputError(f"training.schedule: {unknown('schedule', training.schedule, SCHEDULES)}")
    return SCHEDULES[training.schedule](training, epoch, history)
