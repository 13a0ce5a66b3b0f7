"""Share of clipped pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.preprocessing.quality_measures.base import (
    Flag,
    Float64,
    Images,
    Measure,
    PlateChannel,
    columns_of,
)
from moascope.preprocessing.quality_measures.options import Quality

CAMERA_MAXIMA = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))


def share_at_maximum(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the share of pixels at the image's own maximum, and at the next lower value.

    Parameters
    ----------
    ordered : array (n, P)
        Pixels of each image in ascending order.

    Returns
    -------
    tuple of two arrays (n,), float64
        Shares in [0, 1].
    """
    pixels = ordered.shape[1]
    below = np.array([np.searchsorted(row, row[-1]) for row in ordered])
    second = ordered[np.arange(len(ordered)), np.maximum(below - 1, 0)]
    lower = np.array(
        [np.searchsorted(row, value) for row, value in zip(ordered, second, strict=True)]
    )
    return 1 - below / pixels, (below - np.minimum(lower, below)) / pixels


def saturated_share(
    highest: np.ndarray,
    share: np.ndarray,
    next_share: np.ndarray,
    ceiling: float | None = None,
    *,
    at_camera_maxima: bool = False,
) -> np.ndarray:
    """Compute the share of clipped pixels in every image of one channel.

    A 12-bit camera clips at 4095 in a 16-bit file, and software may shift that further, so the
    level is found in the data: the largest value of the plate, if it is the largest the file can
    hold or if pixels pile up there, four times as many as at the next lower value. Else, since a
    hot pixel can lie above it: the value that is the largest in most images, if pixels pile up.

    Parameters
    ----------
    highest : array (n,)
        Largest value of each image.
    share, next_share : array (n,)
        From `share_at_maximum`.
    ceiling : float, optional
        Largest value of the dtype; None for floating point.
    at_camera_maxima : bool
        Whether only the maxima of cameras count (4095 and so on), as for the background of
        brightfield images, which can be bright and even.

    Returns
    -------
    array (n,), float64
        Shares in [0, 1]; all 0 where the plate does not clip.
    """
    black = highest.min() == highest.max() and share.min() == 1
    values, images = np.unique(highest, return_counts=True)
    for level in (values[-1], values[images.argmax()]):
        at_level = highest == level
        piled = not black and share[at_level].sum() > 4 * next_share[at_level].sum()
        piled &= not at_camera_maxima or level in CAMERA_MAXIMA
        if piled:
            return np.where(at_level, share, 0.0)
    return np.where((highest == values[-1]) & (values[-1] == ceiling), share, 0.0)


def _measure_images(images: Images) -> dict[str, npt.NDArray[Any]]:
    """Measure the largest value of each image and the shares of pixels near it, (n, C) each."""
    n, c, n_pixels = images.ordered.shape
    share, next_share = share_at_maximum(images.ordered.reshape(n * c, n_pixels))
    return {
        "max": images.ordered[..., -1],
        "share_at_max": share.reshape(n, c),
        "share_below_max": next_share.reshape(n, c),
    }


def _summarize_plate(channel: PlateChannel) -> Mapping[str, Float64]:
    """Compute the share of clipped pixels of every image."""
    share = saturated_share(
        channel.values["max"].astype(np.float64),
        channel.values["share_at_max"].astype(np.float64),
        channel.values["share_below_max"].astype(np.float64),
        channel.ceiling,
        at_camera_maxima=channel.is_brightfield,
    )
    return {"saturated": share}


def _find_saturated(table: pd.DataFrame, options: Quality) -> npt.NDArray[np.bool_]:
    """Find sites whose clipped share exceeds the median of the plate in some channel."""
    clipped = columns_of(table, "saturated")
    excess = clipped - np.median(clipped, axis=0)
    return np.asarray((excess > options.max_saturated).any(axis=1))


MEASURE = Measure(
    name="saturation",
    measure_images=_measure_images,
    summarize_plate=_summarize_plate,
    flags=(Flag("saturated", find=_find_saturated),),
)
