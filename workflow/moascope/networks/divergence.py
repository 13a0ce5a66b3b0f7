"""Divergence of a training. Free of Keras, as StarDist trains with another version of it."""

from __future__ import annotations

import math

from moascope.core.errors import InputError


def check_loss(loss: float, moment: str, learning_rate: float, remedy: str = "") -> None:
    """Check that a training has not diverged.

    Parameters
    ----------
    loss : float
        Its last loss.
    moment : str
        When it was computed, such as "epoch 3".
    learning_rate : float
        The option of this name.
    remedy : str
        What may help other than a lower learning rate.

    Raises
    ------
    InputError
        If the loss is infinite or NaN.
    """
    if math.isfinite(loss):
        return
    others = f", or {remedy}" if remedy else ""
    raise InputError(
        f"training: the loss is {loss} in {moment}, so it has diverged. Lower learning_rate "
        f"(now {learning_rate}){others}."
    )
