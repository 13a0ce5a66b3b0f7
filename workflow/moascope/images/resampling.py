"""Resizing images with anti-aliasing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def resize(images: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize by linear interpolation, with anti-aliasing where images shrink.

    The kernel is a triangle as wide as an output pixel, as in Pillow's BILINEAR and
    `tf.image.resize(antialias=True)`; it is separable, so that a whole batch is two matrix
    products.

    Parameters
    ----------
    images : array (..., Y, X), float32
        Any range.
    shape : (int, int)
        Height and width to get.

    Returns
    -------
    array (..., height, width), float32
        Within the range of the input.
    """
    height, width = images.shape[-2:]
    if (height, width) == shape:
        return images
    return _weights(height, shape[0]) @ images @ _weights(width, shape[1]).T


def resize_labels(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize a label image by its nearest pixels.

    Parameters
    ----------
    labels : array (Y, X)
        Whole numbers.
    shape : (int, int)
        Height and width to get.

    Returns
    -------
    array (height, width)
        No other values than those of the labels.
    """
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


@lru_cache(maxsize=32)
def _weights(length: int, new: int) -> np.ndarray:
    """Return the weights of the old pixels in each new one, a matrix (new, length), float32."""
    scale = length / new
    reach = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale
    distance = np.abs(np.arange(length)[None] + 0.5 - centres[:, None]) / reach
    weights = np.maximum(1 - distance, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
