"""Stabilization of the variance of photon counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from moascope.preprocessing.normalization_methods.base import Float32, Float64, Method, StepKeys


def anscombe(values: npt.NDArray[Any]) -> Float32:
    """Compute the Anscombe transform, whose variance is 1 at every intensity (Anscombe 1948).

    Parameters
    ----------
    values : array
        Photon counts; negative ones count as 0.

    Returns
    -------
    array of the same shape, float32
        2 * sqrt(x + 3/8).
    """
    result: Float32 = np.maximum(values, 0, dtype=np.float32)
    result += np.float32(0.375)
    np.sqrt(result, out=result)
    result *= 2
    return result


def _apply(values: npt.NDArray[Any], statistics: tuple[Float64, ...], step: StepKeys) -> Float32:
    """Compute the transform, which needs no statistics."""
    return anscombe(values)


METHOD = Method(name="anscombe", keys=(), apply=_apply)
