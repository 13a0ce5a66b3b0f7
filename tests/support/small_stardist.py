"""StarDist models that learn to find discs within seconds."""

import importlib.util
import json
import zipfile

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
    return OPTIONS.model_copy(update={"training": TRAINING.model_copy(update=training)})


def saved_model(folder, about):
    """Write the files of a model that say what it expects."""
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        if about is not None:
            archive.writestr("moascope.json", json.dumps(about))
    return path


def read_zip(path, name):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(name))
