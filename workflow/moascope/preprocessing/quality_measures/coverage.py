"""Share of foreground."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.preprocessing.foreground import (
    foreground_threshold,
    noise_level,
    signal,
    texture_threshold,
)
from moascope.preprocessing.quality_measures.base import (
    Flag,
    Float64,
    Images,
    Measure,
    PlateChannel,
    columns_of,
)
from moascope.preprocessing.quality_measures.options import Quality

SKETCH = 513
"""Quantiles kept per image: shares of foreground are exact to 0.2 %."""


def _measure_images(images: Images) -> dict[str, npt.NDArray[Any]]:
    """Measure quantiles of the signal, (n, C, SKETCH), and noise of brightfield channels, (n, C).

    The noise is NaN in other channels.
    """
    at = np.rint(np.linspace(0, images.ordered.shape[2] - 1, SKETCH)).astype(int)
    sketches = images.ordered[:, :, at]
    noise = np.full(sketches.shape[:2], np.nan)
    brightfield = np.flatnonzero(images.is_brightfield)
    if len(brightfield):
        sketches = sketches.astype(np.float32)
        textures = signal(images.pixels[:, brightfield], [True] * len(brightfield))
        textures = np.sort(textures.reshape(*textures.shape[:2], -1), axis=2)
        sketches[:, brightfield] = textures[:, :, at]
    for channel in brightfield:
        noise[:, channel] = [noise_level(image) for image in images.pixels[:, channel]]
    return {"sketch": sketches, "noise": noise}


def _summarize_plate(channel: PlateChannel) -> Mapping[str, Float64 | float]:
    """Compute the threshold of the plate, and the share of every image above it."""
    sketches = channel.values["sketch"]
    threshold = (
        texture_threshold(
            sketches,
            channel.values["noise"].astype(np.float64),
            is_rounded=channel.ceiling is not None,
        )
        if channel.is_brightfield
        else foreground_threshold(sketches)
    )
    share = np.asarray((sketches > threshold).mean(axis=1), np.float64)
    return {"foreground": share, "threshold": threshold}


def _find_empty(table: pd.DataFrame, options: Quality) -> npt.NDArray[np.bool_]:
    """Find sites without enough foreground in any channel."""
    return np.asarray((columns_of(table, "foreground") < options.min_foreground).all(axis=1))


MEASURE = Measure(
    name="coverage",
    measure_images=_measure_images,
    summarize_plate=_summarize_plate,
    flags=(Flag("empty", find=_find_empty),),
)
