"""Interface of a normalization method, and the keys that methods read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from moascope.core.options import Section

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]


class StepKeys(Section):
    """Keys of a step; each method reads some of them."""

    method: str
    scope: Literal["image", "plate", "controls"] = Field(
        "image",
        description="images that the statistics are computed from: this image, all sites of the "
        "plate, or its control wells",
    )
    low: float = Field(
        0.1, ge=0, lt=100, description="percentile: percentile of the intensities that becomes 0"
    )
    high: float = Field(
        99.9, gt=0, le=100, description="percentile: percentile of the intensities that becomes 1"
    )
    z_range: tuple[float, float] = Field(
        (-3.0, 9.0), description="zscore: z-scores that become 0 and 1, if this is the last step"
    )


@dataclass(frozen=True)
class PlateImages:
    """Images of one plate that statistics may be computed from, as earlier steps leave them.

    Parameters
    ----------
    n_images : int
        Number of images.
    shape : (int, int, int)
        Channels, height and width of an image.
    batches : callable
        Yields all images batch by batch, float32 (n, C, pixels); every call starts again.
    """

    n_images: int
    shape: tuple[int, int, int]
    batches: Callable[[], Iterable[Float32]]


def estimate_nothing(images: object, step: StepKeys) -> tuple[Float64, ...]:
    """Return no statistics."""
    return ()


@dataclass(frozen=True)
class Method:
    """One way to normalize the intensities of a channel.

    Parameters
    ----------
    name : str
        Value of `normalization.steps[].method`.
    keys : tuple of str
        Keys of `StepKeys` that the method reads, besides `method`.
    apply : callable
        `(values, statistics, step)`: compute new values of (n, C, Y, X), float32. Each statistic
        is float64 and broadcasts to the values. The input stays as it is.
    statistics : tuple of str
        Names of its statistics in the table of statistics; empty if it needs none.
    estimate_from_images : callable
        `(values, step)`: compute the statistics of every image of (n, C, Y, X), each (n, C).
    estimate_from_plate : callable
        `(images, step)`: compute the statistics of all `PlateImages` together, each (C,).
    to_unit_range : callable or None
        `(values, step)`: bring the values of `apply` to [0, 1] or clip them there, in place. None
        if the method cannot be the last step.
    """

    name: str
    keys: tuple[str, ...]
    apply: Callable[[npt.NDArray[Any], tuple[Float64, ...], StepKeys], Float32]
    statistics: tuple[str, ...] = ()
    estimate_from_images: Callable[[npt.NDArray[Any], StepKeys], tuple[Float64, ...]] = (
        estimate_nothing
    )
    estimate_from_plate: Callable[[PlateImages, StepKeys], tuple[Float64, ...]] = estimate_nothing
    to_unit_range: Callable[[Float32, StepKeys], Float32] | None = None


def rescale(values: npt.NDArray[Any], offset: Float64, spread: Float64) -> Float32:
    """Compute values minus an offset, divided by a spread.

    Parameters
    ----------
    values : array (n, C, Y, X)
        Any real dtype.
    offset, spread : array, float64
        Broadcast to the values.

    Returns
    -------
    array (n, C, Y, X), float32
        0 where there is no spread.
    """
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    result: Float32 = np.subtract(values, offset.astype(np.float32), dtype=np.float32)
    result *= scale.astype(np.float32)
    return result


def rescale_between(
    values: npt.NDArray[Any], statistics: tuple[Float64, ...], step: StepKeys
) -> Float32:
    """Scale intensities from a lower to an upper one to [0, 1], and clip the others.

    Parameters
    ----------
    values : array (n, C, Y, X)
        Any real dtype.
    statistics : (array, array)
        The intensities that become 0 and 1.
    step : StepKeys
        Keys of the step; none is read.

    Returns
    -------
    array (n, C, Y, X), float32
        In [0, 1]; 0 where both intensities are equal.
    """
    low, high = statistics
    result = rescale(values, offset=low, spread=high - low)
    return np.clip(result, 0, 1, out=result)


def clip_to_unit_range(values: Float32, step: StepKeys) -> Float32:
    """Clip values to [0, 1], in place."""
    return np.clip(values, 0, 1, out=values)
