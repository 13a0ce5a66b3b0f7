"""Options of a small U-Net, and discs that it learns to find."""

import numpy as np

from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation
from moascope.segmentation.engines.options.unet import Network, UNetOptions
from moascope.segmentation.implementations.unet_training import fit

USE = UNetOptions(tile=64, overlap=16)
TRAINING = NetworkTraining(
    steps=250, batch_size=4, patch_size=32, validate_every=125, learning_rate=0.01
)
OPTIONS = UNetOptions(
    network=Network(encoder="none", depth=2, filters=4, normalization="none"),
    training=TRAINING,
    augmentation=PatchAugmentation(warp=0.0, gamma=0.0, contrast=0.0),
)


def changed(options, **values):
    """Return options with other values for some keys."""
    return options.model_copy(update=values)


def discs(seed, size=64):
    """Draw five discs, uint16 (1, Y, X), and their labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for number, place in enumerate(rng.choice(9, 5, replace=False), start=1):
        cy, cx = 12 + 20 * (place // 3), 12 + 20 * (place % 3)
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 49] = number
    return rng.poisson(np.where(labels > 0, 900, 100)).astype(np.uint16)[None], labels


FURTHER = UNetOptions(
    channel_map={"DNA": "Hoechst"},
    training=changed(TRAINING, steps=2, validate_every=2, learning_rate=1e-5),
    augmentation=OPTIONS.augmentation,
)


def train_further(annotated, folder, start, options=FURTHER):
    """Train a network further; return its path and its training curve."""
    out, checkpoint = folder / "network.keras", folder / "further.npz"
    seen = ["Actin", "Hoechst"]
    return out, fit(annotated, seen, options, out, seed=1, checkpoint=checkpoint, start=start)
