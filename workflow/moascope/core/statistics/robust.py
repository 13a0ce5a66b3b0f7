"""Robust statistics."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MAD_TO_SD = 1.4826
"""Standard deviations in a median absolute deviation of a normal distribution."""


def robust_z(
    values: npt.ArrayLike, least: npt.ArrayLike = 0.0, *, reference: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Compute deviations from the median of each column, in robust standard deviations.

    Parameters
    ----------
    values : array (n, ...)
        The first axis is that of the sample.
    least : float or array
        Least standard deviation, in units of the values.
    reference : array (m, ...), optional
        Where median and deviation come from; the values themselves by default.

    Returns
    -------
    array (n, ...), float64
        0 where the deviation would be 0: all values are alike, and no least one is given.
    """
    values = np.asarray(values, float)
    others = values if reference is None else np.asarray(reference, float)
    middle = np.median(others, axis=0)
    spread = np.maximum(MAD_TO_SD * np.median(np.abs(others - middle), axis=0), least)
    deviation = values - middle
    return np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 0)
