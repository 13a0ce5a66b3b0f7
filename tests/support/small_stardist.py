"""Options of a small StarDist model."""

import importlib.util

import pytest

from moascope.segmentation.engines.options.stardist import StarDistOptions
from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation

HAS_STARDIST = importlib.util.find_spec("stardist") is not None
needs_stardist = pytest.mark.skipif(not HAS_STARDIST, reason="StarDist is not installed here")
TRAINING = NetworkTraining(
    steps=120, batch_size=4, patch_size=48, validate_every=60, learning_rate=2e-3
)
OPTIONS = StarDistOptions(
    n_rays=16,
    grid=2,
    training=TRAINING,
    augmentation=PatchAugmentation(warp=0.0, gamma=0.0, contrast=0.0),
)


def changed(**training):
    """Return the options with other values for some keys of the training."""
    return OPTIONS.model_copy(update={"training": TRAINING.model_copy(update=training)})
