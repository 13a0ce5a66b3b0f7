"""Predicting images of any size with a network, tile by tile, without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from moascope.core.errors import InputError

if TYPE_CHECKING:
    from moascope.segmentation.unet.saving import NetworkDescription

TILE, OVERLAP = 1280, 320  # px
"""With these, maps of a trained default U-Net differ by less than 1e-4 from those of the image."""

Function = Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]
"""Takes images (B, Y, X, C) float32 and gives maps (B, Y, X, K)."""


def predict_tiled(
    function: Function,
    image: NDArray[np.generic],
    tile: int = TILE,
    overlap: int = OVERLAP,
    batch_size: int = 1,
    *,
    multiple: int = 32,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Predict the maps of one image from overlapping tiles.

    Of the pixels that two tiles share, seven sixteenths at the end of each tile are not used,
    because there a network lacks context; over the eighth between, one prediction fades into the
    other. The result is that of the whole image wherever a pixel depends on none further away than
    seven sixteenths of the overlap. Beyond the border the image is mirrored, where tiles need it.

    In memory are one row of tiles and the result.

    Parameters
    ----------
    function : callable
        The network: (B, Y, X, C) float32 -> (B, Y, X, K). To scale intensities is its task, with
        percentiles of the whole image, not of the tile.
    image : (Y, X, C) array
        Read in windows of a tile, so that a memory-mapped array is never loaded whole.
    tile : int
        Largest side of the tiles in px. Tiles are no larger than needed: an image of 520 px takes
        two of 352 px rather than two of 512 px.
    overlap : int
        Pixels that neighbouring tiles share; this and the side are rounded up to what the network
        takes, the side to twice this at least.
    batch_size : int
        Tiles that are predicted at a time.
    multiple : int
        What the height and width of a network's input must be multiples of. Tiles start at
        multiples of it, so that pooling puts the same pixels together as in the whole image.
    dtype : dtype
        Of the result; float16 halves what a large image takes.

    Returns
    -------
    (Y, X, K) array
        The maps.

    Raises
    ------
    InputError
        If the image has no pixels.
    """
    tile, overlap = _fitting(tile, overlap, multiple)
    height, width = image.shape[:2]
    if not height or not width:
        raise InputError(f"an image of {height} x {width} px is empty.")
    rows, columns = _Axis(height, tile, overlap, multiple), _Axis(width, tile, overlap, multiple)
    bands = _finished_bands(function, image, rows, columns, batch_size)
    where, maps = next(bands)
    result = np.empty((height, width, maps.shape[-1]), dtype)
    result[where] = maps
    for where, maps in bands:
        result[where] = maps
    return result


def _fitting(tile: int, overlap: int, multiple: int) -> tuple[int, int]:
    """Round the sizes of tiles up to what a network takes."""
    overlap = -(-overlap // multiple) * multiple
    return max(-(-tile // multiple) * multiple, 2 * overlap, multiple), overlap


class _Axis:
    """Return the positions of tiles along one axis of an image."""

    def __init__(self, size: int, tile: int, overlap: int, multiple: int) -> None:
        self.size = size
        self.overlap = overlap
        self.count = 1 + max(0, -(-(size - tile) // (tile - overlap)))
        # The smallest tile of which as many are enough: less is predicted twice, or mirrored.
        smallest = -(-(size + (self.count - 1) * overlap) // self.count)
        self.tile = -(-smallest // multiple) * multiple
        self.step = self.tile - overlap
        self.length = (self.count - 1) * self.step + self.tile
        # Mirrored pixels are shared between both ends.
        self.before = (self.length - size) // 2 // multiple * multiple

    def pixels(self, number: int) -> NDArray[np.int64]:
        """Return the positions in the image that a tile shows, mirrored at both ends."""
        start = number * self.step - self.before
        if self.size == 1:
            return np.zeros(self.tile, np.int64)
        period = 2 * (self.size - 1)
        positions = np.arange(start, start + self.tile) % period
        return np.minimum(positions, period - positions)

    def window(self, number: int) -> NDArray[np.float32]:
        """Compute the weights of a tile; where tiles overlap, their weights add up to 1."""
        weights = np.ones(self.tile, np.float32)
        if self.overlap:
            unused, fade = self.overlap * 7 / 16, self.overlap / 8
            ramp = np.clip((np.arange(self.overlap) + 0.5 - unused) / fade, 0, 1)
            if number > 0:
                weights[: self.overlap] *= ramp
            if number < self.count - 1:
                weights[-self.overlap :] *= ramp[::-1]
        return weights


def _finished_bands(
    function: Function, image: NDArray[np.generic], rows: _Axis, columns: _Axis, batch_size: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Predict row after row of tiles; yield the lines that no later tile changes."""
    across = slice(columns.before, columns.before + columns.size)
    carried: NDArray[np.float32] | None = None
    for row in range(rows.count):
        band = _band(function, image, rows, columns, row, batch_size)
        if carried is not None:
            band[: len(carried)] += carried
        done = rows.tile if row == rows.count - 1 else rows.step
        first = row * rows.step - rows.before
        where = slice(max(first, 0), min(first + done, rows.size))
        yield where, band[where.start - first : where.stop - first, across]
        carried = band[done:]


def _band(
    function: Function,
    image: NDArray[np.generic],
    rows: _Axis,
    columns: _Axis,
    row: int,
    batch_size: int,
) -> NDArray[np.float32]:
    """Predict one row of tiles and blend them, (tile, length, K)."""
    y = rows.pixels(row)
    top, bottom = y.min(), y.max() + 1
    predicted: list[NDArray[np.floating[Any]]] = []
    for first in range(0, columns.count, batch_size):
        tiles = []
        for column in range(first, min(first + batch_size, columns.count)):
            x = columns.pixels(column)
            left, right = x.min(), x.max() + 1
            shown = np.asarray(image[top:bottom, left:right], np.float32)
            is_mirrored = shown.shape[:2] != (rows.tile, columns.tile)
            tiles.append(shown[(y - top)[:, None], x - left] if is_mirrored else shown)
        predicted.extend(np.asarray(function(np.stack(tiles))))
    if rows.count == columns.count == 1:
        return np.asarray(predicted[0], np.float32)
    band = np.zeros((rows.tile, columns.length, predicted[0].shape[-1]), np.float32)
    for column, maps in enumerate(predicted):
        start = column * columns.step
        weights = rows.window(row)[:, None] * columns.window(column)
        band[:, start : start + columns.tile] += maps * weights[..., None]
    return band


def with_test_time_augmentation(function: Function) -> Function:
    """Average predictions over the eight ways to turn and flip an image.

    Parameters
    ----------
    function : callable
        The network. It has to accept tiles on their side, which square ones always are.

    Returns
    -------
    callable
        A function with the same input and output, eight times as slow.
    """

    def averaged(images: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        total: Any = 0
        for turns in range(4):
            for flip in (1, -1):
                view = np.rot90(images, turns, axes=(1, 2))[:, :, ::flip]
                maps = np.asarray(function(np.ascontiguousarray(view)))
                total = total + np.rot90(maps[:, :, ::flip], -turns, axes=(1, 2))
        return total / 8

    return averaged


def was_averaged(about: NetworkDescription) -> bool | None:
    """Return whether a saved network was tuned with test-time augmentation; None: it says nothing.

    Parameters
    ----------
    about : NetworkDescription
        Saved with the network.

    Returns
    -------
    bool or None
        The stored value.
    """
    return about.get("test_time_augmentation", about.get("turns"))
