"""Patches to train a segmentation network on: drawn from an annotated set, and augmented."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from moascope.core.errors import InputError
from moascope.core.read_ahead import map_ahead
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.engines.options.training import PatchAugmentation
from moascope.segmentation.label_windows import median_side

_KNOTS = 6  # control points of the elastic deformation along each side of a patch
_BATCHES_AHEAD = 4
_ANYWHERE = 0.2  # share of patches that are not drawn around an object


class Patches:
    """Patches of the training images of an annotated set, reproducibly random.

    Images are drawn in proportion to the square root of their number of objects, divided by the
    square root of how many images are of their type (objects of about the same size), so that
    crowded images and rare types are seen often enough. Patches lie around a random object.

    Parameters
    ----------
    annotated : AnnotatedSet
        Patches of its training images are read from it when they are wanted.
    patch_size : int
        Side of the patches in px.
    augmentation : PatchAugmentation
        How they are varied.
    truth : callable
        Turns the labels (Y, X) of a patch, -1 where it is ignored, into what a network is to
        predict there.
    seed : int
        A batch depends on this and its number only.
    binning : int
        Side in px of the squares for which there is one label, that of a pixel at their middle; in
        squares of even side, of one at random around it, so that objects are not shifted.

    Raises
    ------
    InputError
        If the images have no object at all.
    """

    def __init__(
        self,
        annotated: AnnotatedSet,
        patch_size: int,
        augmentation: PatchAugmentation,
        truth: Callable[[NDArray[np.int32]], NDArray[Any]],
        seed: int,
        binning: int = 1,
    ) -> None:
        self._annotated = annotated
        self._rows = annotated.rows("train")
        self._heights, self._widths = annotated.table["height"], annotated.table["width"]
        self._size = patch_size
        self._augmentation = augmentation
        self._truth = truth
        self._seed = seed
        self._binning = binning
        described = [_described(annotated.labels(row)) for row in self._rows]
        self._centres = [centres for centres, _ in described]
        if not any(len(centres) for centres in self._centres):
            raise InputError(
                f"{annotated.path}: none of the {len(self._rows)} training images has an object. "
                "Check the masks, or put images with objects into the training set."
            )
        self.chances = _chances([len(centres) for centres in self._centres], described)

    def batch(self, number: int, size: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Build a batch.

        Parameters
        ----------
        number : int
            Of the batch: the same number gives the same batch.
        size : int
            Patches in it.

        Returns
        -------
        images : (size, Y, X, C) float32
            Scaled by the percentiles of their images, then augmented.
        truth : (size, Y / binning, X / binning, ...) array
            What is to be predicted.
        """
        rng = np.random.default_rng([self._seed, number])
        pairs = [self._patch(rng) for _ in range(size)]
        return np.stack([image for image, _ in pairs]), np.stack([truth for _, truth in pairs])

    def batches(
        self, first: int, size: int, n_threads: int = 2
    ) -> Generator[tuple[NDArray[np.float32], NDArray[Any]], None, None]:
        """Build batches in threads, ahead of the one in use.

        Parameters
        ----------
        first : int
            Number of the first batch.
        size : int
            Patches per batch.
        n_threads : int
            Batches that are made at the same time.

        Yields
        ------
        (images, truth)
            Without end; see `batch`.
        """
        numbers = itertools.count(first)
        make = partial(self.batch, size=size)
        return map_ahead(make, numbers, ahead=_BATCHES_AHEAD, threads=n_threads)

    def _patch(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[Any]]:
        chosen = int(rng.choice(len(self._rows), p=self.chances))
        row = self._rows[chosen]
        shape = (int(self._heights[row]), int(self._widths[row]))
        places = _places(rng, self._size, self._augmentation)
        extent = np.ptp(places, axis=(1, 2))
        places += _centre(rng, self._centres[chosen], shape, extent)[:, None, None]
        window = _window(places, shape)
        image, labels = self._annotated.window(row, *window)
        places -= np.array([window[0].start, window[1].start], np.float32)[:, None, None]
        planes = [_resampled(plane, places, 1) for plane in np.moveaxis(image, -1, 0)]
        truth = self._truth(_resampled(labels, self._middles(rng, places), 0))
        return varied(rng, np.stack(planes, axis=-1), self._augmentation), truth

    def _middles(
        self, rng: np.random.Generator, places: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Choose the place of one pixel of every square."""
        n = self._binning
        if n == 1:
            return places
        y, x = rng.integers((n - 1) // 2, n // 2 + 1, 2)
        return places[:, y::n, x::n]


def varied(
    rng: np.random.Generator, patch: NDArray[np.float32], augmentation: PatchAugmentation
) -> NDArray[np.float32]:
    """Vary the intensities of a patch.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides.
    patch : (Y, X, C) float32
        Nominally in [0, 1].
    augmentation : PatchAugmentation
        How much.

    Returns
    -------
    (Y, X, C) float32
        A patch of the same size.
    """
    n_channels = patch.shape[-1]
    if augmentation.blur and rng.random() < 0.2:
        sigma = rng.uniform(0, augmentation.blur)
        patch = ndimage.gaussian_filter(patch, (sigma, sigma, 0))
    if augmentation.gamma:
        limit = np.log1p(augmentation.gamma)
        powers = np.exp(rng.uniform(-limit, limit, n_channels)).astype(np.float32)
        patch = np.sign(patch) * np.abs(patch) ** powers
    if augmentation.inversion and rng.random() < augmentation.inversion:
        patch = 1 - patch
    draws = rng.uniform(-1, 1, (2, n_channels)).astype(np.float32)
    patch = patch * (1 + augmentation.contrast * draws[0]) + augmentation.brightness * draws[1]
    if augmentation.noise and rng.random() < 0.5:
        sd = np.float32(rng.uniform(0, augmentation.noise))
        patch = patch + sd * rng.standard_normal(patch.shape, dtype=np.float32)
    return patch


def _described(labels: NDArray[np.int32]) -> tuple[NDArray[np.float32], float]:
    """Return the middle of every object (n, 2) in px, and the side of the median object in px."""
    boxes = [box for box in ndimage.find_objects(labels) if box is not None]
    middles = [[(side.start + side.stop) / 2 for side in box] for box in boxes]
    return np.array(middles, np.float32).reshape(-1, 2), median_side(labels)


def _chances(
    counts: Sequence[int], described: Sequence[tuple[NDArray[np.float32], float]]
) -> NDArray[np.float64]:
    octaves = [round(float(np.log2(max(side, 1)))) for _, side in described]
    types = pd.Series(octaves)
    alike = types.map(types.value_counts()).to_numpy()
    chances = np.sqrt(np.maximum(counts, 1) / alike)
    return chances / chances.sum()


def _places(
    rng: np.random.Generator, size: int, augmentation: PatchAugmentation
) -> NDArray[np.float32]:
    """Draw where the pixels of a patch come from, (2, size, size) px from the patch's middle."""
    line = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    y, x = np.meshgrid(line, line, indexing="ij")
    if augmentation.flip and rng.random() < 0.5:
        x = -x
    if augmentation.quarter_turn:
        for _ in range(rng.integers(4)):
            y, x = x, -y
    places = np.stack([y, x])
    if not augmentation.warp or rng.random() >= augmentation.warp:
        return places
    angle = np.deg2rad(rng.uniform(-augmentation.rotation, augmentation.rotation))
    zoom = np.exp(rng.uniform(*np.log(augmentation.zoom)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    places = np.tensordot(turn.astype(np.float32), places, axes=1)
    if augmentation.elastic:
        knots = rng.normal(0, augmentation.elastic, (2, _KNOTS, _KNOTS)).astype(np.float32)
        basis = _basis(size)
        places += basis @ knots @ basis.T
    return places


def _basis(size: int) -> NDArray[np.float32]:
    """Compute weights (size, knots) by which pixels follow the knots: smooth, adding up to 1."""
    position = np.linspace(0, _KNOTS - 1, size)[:, None]
    weights = np.exp(-((position - np.arange(_KNOTS)) ** 2) / (2 * 0.6**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _centre(
    rng: np.random.Generator,
    centres: NDArray[np.float32],
    shape: tuple[int, int],
    extent: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Draw the middle of a patch so that it stays within the image as far as it fits."""
    if len(centres) and rng.random() >= _ANYWHERE:
        wanted = centres[rng.integers(len(centres))] + rng.uniform(-0.5, 0.5, 2) * extent
    else:
        wanted = rng.uniform(0, 1, 2) * shape
    last = np.array(shape) - 1
    half = np.minimum(extent / 2, last / 2)
    # Whole pixels plus that of the extent: patches that are not warped need no interpolation.
    middle = np.round(np.clip(wanted, half, last - half) - extent / 2) + extent / 2
    return middle.astype(np.float32)


def _window(places: NDArray[np.float32], shape: tuple[int, int]) -> tuple[slice, slice]:
    """Cut out of an image what the places need, with a pixel to interpolate with."""
    low = np.floor(places.min(axis=(1, 2))).astype(int) - 1
    high = np.ceil(places.max(axis=(1, 2))).astype(int) + 2
    y, x = (
        slice(int(max(0, min(a, n - 1))), int(min(n, max(b, 1))))
        for a, b, n in zip(low, high, shape, strict=True)
    )
    return y, x


def _resampled(plane: NDArray[Any], places: NDArray[np.float32], order: int) -> NDArray[Any]:
    return ndimage.map_coordinates(plane, places, order=order, mode="reflect")
