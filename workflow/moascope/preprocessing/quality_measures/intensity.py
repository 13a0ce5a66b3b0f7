"""Percentiles, mean and standard deviation of intensities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.core.statistics.robust import robust_z
from moascope.preprocessing.quality_measures.base import (
    Flag,
    Float64,
    Images,
    Measure,
    PlateChannel,
    keep_values,
    logarithms_of,
)
from moascope.preprocessing.quality_measures.options import Quality

_PERCENTS = (1, 50, 99)
_NAMES = ("p1", "p50", "p99", "mean", "sd")
_LEAST_SPREAD = 0.3
"""Natural logarithm: spread of a plate by cells and treatments alone."""


def _measure_images(images: Images) -> dict[str, npt.NDArray[Any]]:
    """Measure intensities of each image, (n, C) each."""
    last = images.ordered.shape[2] - 1
    percentiles = {f"p{q}": images.ordered[..., round(last * q / 100)] for q in _PERCENTS}
    return {
        **percentiles,
        "mean": images.ordered.mean(axis=2, dtype=np.float64),
        "sd": images.ordered.std(axis=2, dtype=np.float64),
    }


def _summarize_plate(channel: PlateChannel) -> Mapping[str, Float64]:
    """Return the values of single images."""
    return keep_values(channel, _NAMES)


def _deviation_of_dimmest(table: pd.DataFrame) -> Float64:
    """Compute the robust z-score of the 99th percentile, in the dimmest channel of each site."""
    return np.asarray(robust_z(logarithms_of(table, "p99"), _LEAST_SPREAD).min(axis=1))


def _deviation_of_brightest(table: pd.DataFrame) -> Float64:
    """Compute the robust z-score of the mean, in the brightest channel of each site."""
    return np.asarray(robust_z(logarithms_of(table, "mean"), _LEAST_SPREAD).max(axis=1))


def _find_dim(table: pd.DataFrame, options: Quality) -> npt.NDArray[np.bool_]:
    """Find sites that are dimmer than the plate in some channel."""
    return np.asarray(_deviation_of_dimmest(table) < -options.intensity_z)


def _find_bright(table: pd.DataFrame, options: Quality) -> npt.NDArray[np.bool_]:
    """Find sites that are brighter than the plate in some channel."""
    return np.asarray(_deviation_of_brightest(table) > options.intensity_z)


MEASURE = Measure(
    name="intensity",
    measure_images=_measure_images,
    summarize_plate=_summarize_plate,
    flags=(
        Flag("dim", find=_find_dim, deviation=_deviation_of_dimmest),
        Flag("bright", find=_find_bright, deviation=_deviation_of_brightest),
    ),
)
