"""Keras layers that bend images: perspective, elastic and lens distortion.

The layers of Keras fill what lies outside of the image with one value, and networks learn from
such corners. Here it is filled with the reflected image.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from moascope.classification.training.augmentation_layers import RandomLayer
from moascope.networks.keras_defaults import keras, ops


class _Warp(RandomLayer):
    """Layer that takes every pixel of the result from a place of the image, by interpolation."""

    def augment(self, inputs: Any) -> Any:
        """Move the pixels of each image by its own draw."""
        n, height, width = ops.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
        rows, columns = _centres(height)[None, :, None], _centres(width)[None, None, :]
        source_rows, source_columns = self.find_sources(n, rows, columns)
        return _interpolate(inputs, source_rows * height - 0.5, source_columns * width - 0.5)

    @abstractmethod
    def find_sources(self, n: Any, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Draw where the pixels of images come from.

        Parameters
        ----------
        n : int or scalar tensor
            Number of images.
        rows, columns : tensor
            float32 `(1, H, 1)` and `(1, 1, W)`, places in the result as fractions of the side.

        Returns
        -------
        tuple of tensors
            float32 `(n, H, W)` rows and columns in the image, as fractions of the side.
        """


class RandomPerspective(_Warp):
    """Moves the four corners, each by up to a fraction of the side along either axis."""

    def __init__(self, fraction: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.fraction = fraction

    def find_sources(self, n: Any, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Map the unit square to the quadrilateral of the moved corners (Heckbert 1989)."""
        shifts = keras.random.uniform(
            (n, 4, 2), -self.fraction, self.fraction, dtype="float32", seed=self.generator
        )
        square = ops.convert_to_tensor([[0, 0], [0, 1], [1, 1], [1, 0]], dtype="float32")
        # Each is (n, 2): row and column of top left, top right, bottom right, bottom left.
        first, second, third, fourth = ops.unstack(shifts + square, 4, axis=1)
        side, other, gap = second - third, fourth - third, first - second + third - fourth
        area = _cross(side, other)
        by_column, by_row = _cross(gap, other) / area, _cross(side, gap) / area
        along_columns = second - first + by_column[:, None] * second
        along_rows = fourth - first + by_row[:, None] * fourth
        depth = by_column[:, None, None] * columns + by_row[:, None, None] * rows + 1
        sources = [
            (
                along_columns[:, axis, None, None] * columns
                + along_rows[:, axis, None, None] * rows
                + first[:, axis, None, None]
            )
            / depth
            for axis in (0, 1)
        ]
        return sources[0], sources[1]


class RandomElastic(_Warp):
    """Moves the nodes of a coarse grid at random, with smooth shifts between them.

    As in Ronneberger et al. (2015), "U-Net".
    """

    def __init__(self, fraction: float, nodes: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.fraction = fraction
        self.nodes = int(nodes)

    def find_sources(self, n: Any, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Compute the shifts of pixels from those of the nodes."""
        shifts = keras.random.uniform(
            (n, self.nodes, self.nodes, 2),
            -self.fraction,
            self.fraction,
            dtype="float32",
            seed=self.generator,
        )
        size = (rows.shape[1], columns.shape[2])
        smooth = ops.image.resize(shifts, size, "bicubic", data_format="channels_last")
        # Cubic curves swing further than their nodes.
        smooth = ops.clip(smooth, -self.fraction, self.fraction)
        return rows + smooth[..., 0], columns + smooth[..., 1]


class RandomLens(_Warp):
    """Distorts as a lens does, outwards (pincushion) or inwards (barrel), around the centre."""

    def __init__(self, fraction: float, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.fraction = fraction

    def find_sources(self, n: Any, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Scale the distance from the centre by one plus a multiple of its square."""
        strength = keras.random.uniform(
            (n, 1, 1), -self.fraction, self.fraction, dtype="float32", seed=self.generator
        )
        down, right = rows - 0.5, columns - 0.5
        scale = 1 + strength * 2 * (down**2 + right**2)  # the square is 1/2 in the corners
        return 0.5 + scale * down, 0.5 + scale * right


def _centres(n: int) -> Any:
    """Return the centres of n pixels as fractions of the side, float32 `(n,)`."""
    return (ops.arange(n, dtype="float32") + 0.5) / n


def _cross(a: Any, b: Any) -> Any:
    """Return the cross product of vectors of row and column, `(n, 2)`, as `(n,)`."""
    return a[:, 1] * b[:, 0] - b[:, 1] * a[:, 0]


def _interpolate(images: Any, rows: Any, columns: Any) -> Any:
    """Interpolate images `(n, H, W, C)` at places `(n, H, W)` in pixels; reflect the outside."""
    height, width, n_channels = images.shape[1:]
    top, bottom, down = _neighbours(rows, height)
    left, right, across = _neighbours(columns, width)
    # One gather of whole pixels from all images is far faster than one per axis and channel.
    pixels = ops.reshape(images, (-1, n_channels))
    first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (height * width)

    def take(row: Any, column: Any) -> Any:
        return ops.take(pixels, first + row * width + column, axis=0)

    down, across = down[..., None], across[..., None]
    upper = take(top, left) * (1 - across) + take(top, right) * across
    lower = take(bottom, left) * (1 - across) + take(bottom, right) * across
    return upper * (1 - down) + lower * down


def _neighbours(places: Any, n: int) -> tuple[Any, Any, Any]:
    """Return the pixels before and after places on an axis of n, and the weight of the latter."""
    folded = ops.mod(places + 0.5, 2.0 * n)
    folded = ops.where(folded > n, 2.0 * n - folded, folded) - 0.5
    folded = ops.clip(folded, 0.0, float(n - 1))
    before = ops.cast(ops.floor(folded), "int32")
    weight = folded - ops.cast(before, "float32")
    return before, ops.minimum(before + 1, n - 1), weight
