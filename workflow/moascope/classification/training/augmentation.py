"""Augmentation of units in training, and a preview of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moascope.classification.training.augmentation_methods import find_method
from moascope.classification.training.options import Augmentation
from moascope.networks.keras_defaults import layers, ops


def build(augmentations: Sequence[Augmentation], seed: int) -> list[layers.Layer]:
    """Build the layers of a list of augmentations.

    Parameters
    ----------
    augmentations : sequence of Augmentation
        Applied in this order.
    seed : int
        Every layer gets its own generator, derived from it.

    Returns
    -------
    list of keras.layers.Layer
        They take `(n, H, W, C)` float in [0, 1], and act only with `training=True`.

    Raises
    ------
    InputError
        For an unknown name.
    """
    steps = [
        (make, each.values()) for each in augmentations for make in find_method(each.name).layers
    ]
    seeds = np.random.SeedSequence(seed).generate_state(len(steps) + 1) >> 1
    # float32 also under mixed precision: half precision would bin the intensities.
    return [
        make(values, seed=int(own), dtype="float32")
        for (make, values), own in zip(steps, seeds, strict=False)
    ]


def check(
    augmentations: Sequence[Augmentation], unit_shape: tuple[int, int], n_channels: int
) -> None:
    """Check that units of a shape can be augmented.

    Parameters
    ----------
    augmentations : sequence of Augmentation
        As for `build`.
    unit_shape : (int, int)
        Height and width in pixels.
    n_channels : int
        Their number of channels.

    Raises
    ------
    InputError
        If units that are not square would have to be turned.
    """
    apply(build(augmentations, seed=0), np.zeros((1, *unit_shape, n_channels), np.float32))


def apply(augmentation_layers: Sequence[layers.Layer], images: Any) -> Any:
    """Augment a batch, as in training.

    Parameters
    ----------
    augmentation_layers : sequence of keras.layers.Layer
        From `build`.
    images : tensor
        `(n, H, W, C)` float in [0, 1].

    Returns
    -------
    tensor
        Of the same shape.
    """
    for layer in augmentation_layers:
        images = layer(images, training=True)
    return images


def preview(
    images: np.ndarray, augmentations: Sequence[Augmentation], seed: int, n: int
) -> np.ndarray:
    """Augment a few images several times, to show what training sees.

    Parameters
    ----------
    images : numpy.ndarray
        `(m, H, W, C)` in [0, 1].
    augmentations : sequence of Augmentation
        As for `build`.
    seed : int
        As for `build`.
    n : int
        Augmented versions per image.

    Returns
    -------
    numpy.ndarray
        float32 `(m, n + 1, H, W, C)`: first the image, then its augmented versions.
    """
    original = np.asarray(images, dtype="float32")
    augmenters = build(augmentations, seed)
    versions = [original] + [
        np.asarray(ops.convert_to_numpy(apply(augmenters, ops.convert_to_tensor(original))))
        for _ in range(n)
    ]
    return np.stack(versions, axis=1).astype("float32")
