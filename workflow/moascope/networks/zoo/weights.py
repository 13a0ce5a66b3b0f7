"""Weights files of Keras."""

from __future__ import annotations

from pathlib import Path

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras


def load_weights(network: keras.Model, path: str) -> None:
    """Load a Keras weights file, all of whose weights must fit.

    Parameters
    ----------
    network : keras.Model
        It gets the weights.
    path : str
        The file.

    Raises
    ------
    InputError
        If the file is missing, or holds the weights of another network.
    """
    if not Path(path).is_file():
        raise InputError(
            f"weights: there is no file {path}. Give imagenet, none, or the path of a weights file."
        )
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: does not hold the weights of {network.name} without its classifier "
            f"({reason}). Give the network's 'notop' file."
        ) from error
