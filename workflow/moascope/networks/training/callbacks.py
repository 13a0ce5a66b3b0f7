"""Callbacks of Keras that the configuration switches on."""

from __future__ import annotations

import importlib.util
import os

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras


def log_to_tensorboard(folder: str | os.PathLike[str]) -> list[keras.callbacks.Callback]:
    """Return the callbacks that write the scores of every epoch for TensorBoard.

    Parameters
    ----------
    folder : path
        Of the logs; it is made. A training that continues adds to them.

    Returns
    -------
    list of keras.callbacks.Callback
        For `loop.train`.

    Raises
    ------
    InputError
        If the package of TensorBoard is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError(
            "training.tensorboard: the package tensorboard is not installed. Fix: install the "
            "extra `tensorboard`, or remove this key."
        )
    return [keras.callbacks.TensorBoard(log_dir=os.fspath(folder), write_graph=False)]
