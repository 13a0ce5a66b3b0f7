"""Callbacks of Keras that the configuration switches on."""

from __future__ import annotations

import os

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
    """
    return [keras.callbacks.TensorBoard(log_dir=os.fspath(folder), write_graph=False)]
