"""Augmentation of units in training, and a preview of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moascope.classification.training.augmentation_draws import Sometimes
from moascope.classification.training.augmentation_methods import derive_seeds, find_method
from moascope.classification.training.augmentation_mixing import mix
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
    # float32 also under mixed precision: half precision would bin the intensities.
    options = {"dtype": "float32"}
    n_steps = sum(len(find_method(each.name).layers) for each in augmentations)
    seeds = iter(derive_seeds([seed], n_steps))
    built: list[layers.Layer] = []
    for number, each in enumerate(augmentations):
        method, values = find_method(each.name), each.values()
        steps = [make(values, seed=next(seeds), **options) for make in method.layers]
        if values["probability"] < 1 and not method.draws_units:
            # A seed apart, so that the other steps draw the same as without it.
            (own,) = derive_seeds([seed, number], 1)
            steps = [Sometimes(steps, values["probability"], seed=own, **options)]
        built += steps
    return built


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
        If units that are not square would have to be turned, or the only channel dropped.
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
    changed, _ = mix(augmentation_layers, images, training=True)
    return changed


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
        float32 `(k + m, n + 1, H, W, C)`: first the image, then its augmented versions. A row for
        each of the k augmentations by itself, with probability 1, on the first image; then a row
        per image with all of them.
    """
    original = np.asarray(images, dtype="float32")
    rows = [_draw_versions(original, [each.always()], seed, n)[:1] for each in augmentations]
    return np.concatenate([*rows, _draw_versions(original, augmentations, seed, n)])


def _draw_versions(
    images: np.ndarray, augmentations: Sequence[Augmentation], seed: int, n: int
) -> np.ndarray:
    """Return images and their versions, float32 `(m, n + 1, H, W, C)`."""
    augmenters = build(augmentations, seed)
    versions = [images] + [
        np.asarray(ops.convert_to_numpy(apply(augmenters, ops.convert_to_tensor(images))))
        for _ in range(n)
    ]
    return np.stack(versions, axis=1).astype("float32")
