"""Scaling between two percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
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

SAMPLE = 2**21
"""Most pixels per channel and plate that percentiles are computed from."""


def _estimate_from_images(values: npt.NDArray[Any], step: StepKeys) -> tuple[Float64, Float64]:
    """Compute the percentiles of every image, (n, C) each."""
    ordered = np.sort(values.reshape(*values.shape[:2], -1), axis=2)
    low, high = _percentiles(ordered, (step.low, step.high))
    return low, high


def _estimate_from_plate(images: PlateImages, step: StepKeys) -> tuple[Float64, Float64]:
    """Compute percentiles of every k-th pixel; k shares no factor with the width of an image."""
    n_channels, height, width = images.shape
    stride = -(-images.n_images * height * width // SAMPLE)
    while gcd(stride, width) > 1:
        stride += 1
    sampled, n_seen = [], 0
    for values in images.batches():
        line = values.transpose(1, 0, 2).reshape(n_channels, -1)
        sampled.append(line[:, -n_seen % stride :: stride].copy())
        n_seen += line.shape[1]
    ordered = np.sort(np.concatenate(sampled, axis=1), axis=1)
    low, high = _percentiles(ordered, (step.low, step.high))
    return low, high


def _percentiles(ordered: npt.NDArray[Any], percents: Sequence[float]) -> list[Float64]:
    """Compute percentiles along the last, ascending axis, by linear interpolation."""
    result = []
    for percent in percents:
        position = percent / 100 * (ordered.shape[-1] - 1)
        below = int(position)
        left = ordered[..., below].astype(np.float64)
        right = ordered[..., min(below + 1, ordered.shape[-1] - 1)]
        result.append(left + (right - left) * (position - below))
    return result


METHOD = Method(
    name="percentile",
    keys=("scope", "low", "high"),
    apply=rescale_between,
    statistics=("low", "high"),
    estimate_from_images=_estimate_from_images,
    estimate_from_plate=_estimate_from_plate,
    to_unit_range=clip_to_unit_range,
)
