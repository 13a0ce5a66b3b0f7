"""Keras as this project computes with it, whatever the user's `~/.keras/keras.json` says.

Every module imports Keras from here, since Keras reads that file when it is imported.
"""

from __future__ import annotations

import os

from moascope.core.errors import InputError
from moascope.networks.keras_settings import pin

# A job sets the backend from the configuration; in a file of the user both would count less.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("KERAS_NNX_ENABLED", "false")

try:
    import keras
    from keras import layers, ops
except (ValueError, AttributeError) as error:
    raise InputError(
        "Keras cannot be imported, probably because of a wrong value in ~/.keras/keras.json "
        f"({error}). Correct that file, or remove it."
    ) from error

pin(keras.config)

__all__ = ["keras", "layers", "ops"]
