"""Parts of an image that show its objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]

SITE_SIDE = 320
"""Longest side in px of the picture of a site in the report."""


def median_side(labels: Labels) -> float:
    """Compute the side in px of a square as large as the median object; 0 without objects."""
    areas = np.bincount(labels[labels > 0])
    return float(np.sqrt(np.median(areas[areas > 0]))) if areas.any() else 0.0


def busiest(labels: Labels, side: int) -> tuple[slice, slice]:
    """Find the part of an image, at most `side` px each way, that has most foreground."""
    starts = []
    for axis in (0, 1):
        profile = (labels > 0).sum(axis=1 - axis)
        length = min(side, labels.shape[axis])
        sums = np.convolve(profile, np.ones(length), "valid")
        starts.append(slice(int(sums.argmax()), int(sums.argmax()) + length))
    return starts[0], starts[1]


def shrink(plane: NDArray[Any], step: int) -> NDArray[np.float64]:
    """Average squares of `step` px of a plane (Y, X); incomplete ones at the edge are cut off."""
    height, width = (length // step for length in plane.shape)
    blocks = plane[: height * step, : width * step].reshape(height, step, width, step)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float64)


def thin(labels: Labels, step: int) -> Labels:
    """Return every `step`-th pixel of labels (Y, X), as many as `shrink` makes."""
    height, width = (length // step for length in labels.shape)
    return labels[: height * step : step, : width * step : step]
