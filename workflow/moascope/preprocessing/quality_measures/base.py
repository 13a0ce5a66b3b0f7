"""Interface of a quality measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.preprocessing.quality_measures.options import Quality

Float64 = npt.NDArray[np.float64]
Values = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Images:
    """A batch of images, with what several measures need of it.

    Parameters
    ----------
    pixels : array (n, C, Y, X)
        Raw pixels, any real dtype.
    ordered : array (n, C, Y * X)
        The pixels of each image in ascending order.
    is_brightfield : tuple of bool
        By channel: whether its foreground is textured, not bright.
    """

    pixels: npt.NDArray[Any]
    ordered: npt.NDArray[Any]
    is_brightfield: tuple[bool, ...]


@dataclass(frozen=True)
class PlateChannel:
    """Values of one channel on all images of a plate.

    Parameters
    ----------
    values : mapping of str to array (n,) or (n, k)
        By name: what `Measure.measure_images` returned, images of all batches.
    is_brightfield : bool
        Whether the foreground of the channel is textured, not bright.
    ceiling : float or None
        Largest value of the pixel type; None for floating point.
    """

    values: Values
    is_brightfield: bool
    ceiling: float | None


def keep_values(channel: PlateChannel, names: Sequence[str]) -> dict[str, Float64]:
    """Return values of single images as columns of the quality table."""
    return {name: channel.values[name].astype(np.float64) for name in names}


@dataclass(frozen=True)
class Flag:
    """A reason to flag a site.

    Parameters
    ----------
    reason : str
        Name in the column `reasons` of the quality table.
    find : callable
        `(table, options)`: return whether each site of a plate is flagged, bool (n,).
    deviation : callable or None
        `(table)`: compute the robust z-score of each site that `find` compares with its limit,
        float64 (n,); None if the flag is not based on a z-score.
    """

    reason: str
    find: Callable[[pd.DataFrame, Quality], npt.NDArray[np.bool_]]
    deviation: Callable[[pd.DataFrame], Float64] | None = None


@dataclass(frozen=True)
class Measure:
    """One aspect of the quality of a site.

    Parameters
    ----------
    name : str
        Name of the measure.
    measure_images : callable
        `(images)`: measure every image on its own. By name of the value: (n, C) or (n, C, k).
    summarize_plate : callable
        `(channel)`: compute columns of the quality table from the values of all images of a plate.
        By name of the column, without the channel: (n,), or one number for all sites.
    flags : tuple of Flag
        Reasons to flag a site by these columns.
    """

    name: str
    measure_images: Callable[[Images], Values]
    summarize_plate: Callable[[PlateChannel], Mapping[str, Float64 | float]]
    flags: tuple[Flag, ...] = ()


def columns_of(table: pd.DataFrame, name: str) -> Float64:
    """Return the columns of one name, float64 (sites, channels)."""
    names = [column for column in map(str, table) if column.startswith(f"{name}:")]
    return table[names].to_numpy(float)


def logarithms_of(table: pd.DataFrame, name: str) -> Float64:
    """Compute natural logarithms of the columns of one name, float64 (sites, channels).

    Zeros count as a thousandth of the median of their column.
    """
    values = columns_of(table, name)
    least = np.maximum(1e-3 * np.median(values, axis=0), np.finfo(float).tiny)
    return np.asarray(np.log(np.maximum(values, least)))
