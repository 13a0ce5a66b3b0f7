"""Standardization by mean and standard deviation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from moascope.preprocessing.normalization_methods.base import (
    Float32,
    Float64,
    Method,
    PlateImages,
    StepKeys,
    rescale,
)


def _standardize(
    values: npt.NDArray[Any], statistics: tuple[Float64, ...], step: StepKeys
) -> Float32:
    """Compute z-scores; 0 where there is no spread."""
    mean, sd = statistics
    return rescale(values, offset=mean, spread=sd)


def _estimate_from_images(values: npt.NDArray[Any], step: StepKeys) -> tuple[Float64, Float64]:
    """Compute mean and population standard deviation of every image, (n, C) each."""
    mean = values.mean(axis=(2, 3), dtype=np.float64)
    return mean, values.std(axis=(2, 3), dtype=np.float64)


def _estimate_from_plate(images: PlateImages, step: StepKeys) -> tuple[Float64, Float64]:
    """Compute mean and population standard deviation, merged by batch (Chan et al. 1983)."""
    n_channels = images.shape[0]
    count, mean, squares = 0, np.zeros(n_channels), np.zeros(n_channels)
    for values in images.batches():
        n = values.shape[0] * values.shape[2]
        batch_mean = values.mean(axis=(0, 2), dtype=np.float64)
        batch_squares = values.var(axis=(0, 2), dtype=np.float64) * n
        shift, total = batch_mean - mean, count + n
        mean = mean + shift * (n / total)
        squares = squares + batch_squares + shift**2 * (count * n / total)
        count = total
    return mean, np.sqrt(squares / count)


def _to_unit_range(values: Float32, step: StepKeys) -> Float32:
    """Scale the z-scores of `z_range` to [0, 1], and clip the others, in place."""
    low, high = step.z_range
    values -= np.float32(low)
    values *= np.float32(1 / (high - low))
    return np.clip(values, 0, 1, out=values)


METHOD = Method(
    name="zscore",
    keys=("scope", "z_range"),
    apply=_standardize,
    statistics=("mean", "sd"),
    estimate_from_images=_estimate_from_images,
    estimate_from_plate=_estimate_from_plate,
    to_unit_range=_to_unit_range,
)
