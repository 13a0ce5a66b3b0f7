"""A small task of planted blobs, and a network trained on it."""

from functools import cache

import numpy as np

from moascope.classification.training import fine_tuning
from moascope.classification.training.options import FineTuning
from moascope.core.options import restore
from moascope.networks.keras_defaults import keras

SIDE, RADIUS = 32, 5
CHANNELS = ("signal", "other")
CLASSES = ["bright", "dark"]


def make_units(n=96, seed=0):
    """Return units with one disc each, which is bright or dark, its mask and its class.

    Only the first channel shows the disc; the second is noise.
    """
    rng = np.random.default_rng(seed)
    units = 0.5 + 0.05 * rng.standard_normal((n, SIDE, SIDE, 2))
    labels = np.arange(n) % 2
    centres = rng.integers(RADIUS + 1, SIDE - RADIUS - 1, (n, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(y - centres[:, 0, None, None], x - centres[:, 1, None, None])
    masks = distance <= RADIUS
    units[..., 0] += masks * np.where(labels == 0, 0.4, -0.4)[:, None, None]
    return np.clip(units, 0, 1).astype(np.float32), masks, labels


def options_of(**changes):
    """Return options of a small network with maps of half the size of a unit."""
    values = {
        "backbone": "convnet",
        "architecture": {"filters": [8, 8], "kernel_size": 3, "padding": "same", "dense": []},
        "weights": "none",
        "channel_mapping": "inflate",
        "input_size": None,
        "transfer": "full",
        "feature_layers": ["conv2"],
        "pooling": "mean",
        "head": {"type": "mlp", "hidden": [], "dropout": 0.0, "l2": 0.0},
    }
    return restore(FineTuning, {**values, **changes})


def build(seed=1, **changes):
    """Build a network with random weights."""
    keras.utils.set_random_seed(seed)
    options = options_of(**changes)
    return fine_tuning.build_classifier(options, CHANNELS, len(CLASSES), (SIDE, SIDE))


@cache
def trained():
    """Return a network that tells bright discs from dark ones."""
    units, _, labels = make_units()
    model = build(seed=2)
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    model.fit(units, labels, batch_size=16, epochs=50, verbose=0)
    return model
