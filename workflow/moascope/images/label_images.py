"""Objects in label images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Objects:
    """Pixels of all objects, object by object."""

    labels: NDArray[np.int32]
    """(Y, X) label image."""
    y: NDArray[np.intp]
    """(pixels,) row."""
    x: NDArray[np.intp]
    """(pixels,) column."""
    owner: NDArray[np.intp]
    """(pixels,) object, from 0; ascending."""
    area: NDArray[np.int64]
    """(n,) pixels of each object, at least 1."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """Return the position of the first pixel of each object, (n,)."""
        return np.cumsum(self.area) - self.area

    def mean(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Compute the mean of a value per pixel for each object, (n,)."""
        return np.bincount(self.owner, values, len(self.area)) / self.area


def find_objects(labels: NDArray[np.int32]) -> Objects:
    """Return the pixels of all objects of a label image, object by object.

    Parameters
    ----------
    labels : numpy.ndarray
        int32 `(Y, X)`; 0 is background, objects are 1 .. n without gaps.
    """
    flat = labels.ravel()
    inside = np.flatnonzero(flat)
    order = inside[np.argsort(flat[inside], kind="stable")]
    y, x = np.divmod(order, labels.shape[1])
    owner = flat[order].astype(np.intp) - 1
    return Objects(labels, y, x, owner, np.bincount(owner))


def bounding_boxes(found: Objects) -> NDArray[np.int64]:
    """Return the bounding boxes, int `(n, 4)`: first row, row after the last, and of columns."""
    if not len(found.area):
        return np.zeros((0, 4), np.int64)
    last = found.starts + found.area - 1
    # Pixels of an object are in the order of the image, so that its rows ascend.
    left, right = (f.reduceat(found.x, found.starts) for f in (np.minimum, np.maximum))
    return np.stack([found.y[found.starts], found.y[last] + 1, left, right + 1], axis=1)
