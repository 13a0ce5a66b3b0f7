"""Sizes of the objects in label images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.segmentation.data.annotated_set import AnnotatedSet

ABOUT = "moascope.json"
"""File in a saved network that says what it was made of."""


@dataclass(frozen=True)
class Size:
    """Size of objects and pixels of images; None: not known."""

    diameter: float | None = None
    """Median diameter of the objects in px."""
    pixel_size_um: float | None = None
    """Width of a pixel in micrometres."""


def size_of(annotated: AnnotatedSet) -> Size:
    """Return the size of objects and pixels in the training images of an annotated set."""
    diameter = typical_diameter(annotated.labels(row) for row in annotated.rows("train"))
    return Size(diameter, annotated.pixel_size_um)


def diameters(labels: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Compute the diameters of circles with the areas of the objects.

    Parameters
    ----------
    labels : (Y, X) int
        0 is background, and negative numbers are ignored.

    Returns
    -------
    (n,) float64
        Pixels, in the order of the labels; numbers that no pixel has are left out.
    """
    areas = np.bincount(np.maximum(labels, 0).ravel())[1:]
    return 2 * np.sqrt(areas[areas > 0] / np.pi)


def typical_diameter(images: Iterable[NDArray[np.integer[Any]]]) -> float | None:
    """Compute the median diameter over all objects of some label images.

    Parameters
    ----------
    images : iterable of (Y, X) int
        Label images.

    Returns
    -------
    float or None
        Pixels; None without any object.
    """
    found = np.concatenate([diameters(labels) for labels in images] or [np.zeros(0)])
    return float(np.median(found)) if len(found) else None
