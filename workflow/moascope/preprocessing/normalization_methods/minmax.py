"""Scaling between the extremes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from moascope.preprocessing.normalization_methods.base import (
    Float64,
    Method,
    PlateImages,
    StepKeys,
    clip_to_unit_range,
    rescale_between,
)


def _estimate_from_images(values: npt.NDArray[Any], step: StepKeys) -> tuple[Float64, Float64]:
    """Compute the extremes of every image, (n, C) each."""
    low, high = values.min(axis=(2, 3)), values.max(axis=(2, 3))
    return low.astype(np.float64), high.astype(np.float64)


def _estimate_from_plate(images: PlateImages, step: StepKeys) -> tuple[Float64, Float64]:
    """Compute the extremes of all images, (C,) each."""
    low, high = np.full(images.shape[0], np.inf), np.full(images.shape[0], -np.inf)
    for values in images.batches():
        low = np.minimum(low, values.min(axis=(0, 2)))
        high = np.maximum(high, values.max(axis=(0, 2)))
    return low, high


METHOD = Method(
    name="minmax",
    keys=("scope",),
    apply=rescale_between,
    statistics=("low", "high"),
    estimate_from_images=_estimate_from_images,
    estimate_from_plate=_estimate_from_plate,
    to_unit_range=clip_to_unit_range,
)
