"""Measures of focus: sharpness, the slope of the power spectrum, and the Laplacian."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import fft, sparse

from moascope.core.statistics.robust import robust_z
from moascope.preprocessing.quality_measures.base import (
    Flag,
    Float64,
    Images,
    Measure,
    PlateChannel,
    columns_of,
    keep_values,
    logarithms_of,
)
from moascope.preprocessing.quality_measures.options import Quality

# The power spectrum is fitted from two periods per image up to this many cycles per pixel (half
# the sampling rate is 0.5); from _NOISE_FREQUENCY in both directions only camera noise is left.
_FOCUS_FREQUENCY, _NOISE_FREQUENCY = 0.25, 0.4
# Sharpness is the power above the second of these frequencies over the power between the two.
_COARSE_FREQUENCY, _FINE_FREQUENCY = 0.025, 0.1
# The Laplacian is computed on means over blocks of this side (px), to average out camera noise,
# which does not depend on focus.
_FOCUS_BLOCK = 3
# Smallest spread of slopes, and of natural logarithms of the Laplacian, between sites in focus.
# Few sites of a small plate can be more similar by chance.
_LEAST_SPREAD = 0.25


def spectral_focus(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute `power_slope` and `sharpness` from one Fourier transform.

    Parameters
    ----------
    images : array (..., Y, X)
        Any real dtype; at least 16 pixels a side.

    Returns
    -------
    tuple of two arrays (...), float64
        Slope and sharpness.
    """
    height, width = images.shape[-2:]
    plan = _plan(height, width)
    flat = images.reshape(-1, height, width).astype(np.float32)
    flat -= flat.mean(axis=(1, 2), keepdims=True)
    flat *= plan.window
    spectrum = fft.rfft2(flat, overwrite_x=True)
    noise = _power(spectrum, *plan.noise).mean(axis=(1, 2))[:, None]
    means = (plan.rings @ _power(spectrum, *plan.signal).reshape(len(flat), -1).T).T - noise
    shape = images.shape[:-2]
    return _slope(means, noise, plan).reshape(shape), _sharpness(means, noise, plan).reshape(shape)


def power_slope(images: np.ndarray) -> np.ndarray:
    """Compute the slope of the power spectrum on log-log axes: the more negative, the blurrier.

    The spectrum of the Hann-windowed image is averaged over rings of one period per image, camera
    noise is taken off, and a line is fitted from two periods per image to 0.25 cycles per pixel,
    every octave counting alike (after Bray et al. 2012, doi:10.1177/1087057111420292).

    Parameters
    ----------
    images : array (..., Y, X)
        Any real dtype; at least 16 pixels a side.

    Returns
    -------
    array (...), float64
        About 0 for noise, -2 for cells in focus, -4 for blurred ones; 0 where constant.
    """
    return spectral_focus(images)[0]


def sharpness(images: np.ndarray) -> np.ndarray:
    """Compute the power of fine structure over that of coarse structure, as a logarithm.

    Fine structure has periods of 4 to 10 pixels, coarse structure of 10 to 40. Camera noise is
    taken off. The ratio depends on neither gain nor offset, so it holds without other images.

    Parameters
    ----------
    images : array (..., Y, X)
        Any real dtype; at least 16 pixels a side.

    Returns
    -------
    array (...), float64
        Decimal logarithm of the ratio: about -1 for cells in focus, below -2 for images blurred by
        3 pixels. It is not below what the noise would hide, and 0 where there is nothing to judge:
        constant images, noise alone, and images of less than 40 pixels.
    """
    return spectral_focus(images)[1]


def _slope(means: np.ndarray, noise: np.ndarray, plan: _Plan) -> np.ndarray:
    logs = np.log(np.maximum(means, np.maximum(0.2 * noise, np.finfo(np.float32).tiny)))
    return np.asarray(logs @ plan.fit)


def _sharpness(means: np.ndarray, noise: np.ndarray, plan: _Plan) -> np.ndarray:
    fine, coarse = ((means * plan.radii) @ band for band in (plan.fine, plan.coarse))
    hidden_fine, hidden_coarse = (
        3 * noise[:, 0] * np.sqrt((plan.radii**2 / plan.counts) @ band)
        for band in (plan.fine, plan.coarse)
    )
    fine = np.maximum(fine, np.maximum(hidden_fine, 1e-9 * coarse))
    judged = (coarse > hidden_coarse) & (coarse > 0)
    ratio = np.divide(fine, coarse, out=np.ones_like(coarse), where=judged)
    return np.log10(ratio)


def _power(spectrum: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    part = spectrum[:, rows][:, :, columns]
    return part.real.astype(np.float64) ** 2 + part.imag.astype(np.float64) ** 2


class _Plan(NamedTuple):
    """Layout of a spectrum: window, parts with signal and with noise alone, rings, and bands."""

    window: np.ndarray
    signal: tuple[np.ndarray, np.ndarray]
    noise: tuple[np.ndarray, np.ndarray]
    rings: sparse.csr_matrix
    fit: np.ndarray
    radii: np.ndarray
    counts: np.ndarray  # independent coefficients of each ring
    fine: np.ndarray
    coarse: np.ndarray


@lru_cache(maxsize=4)
def _plan(height: int, width: int) -> _Plan:
    side = min(height, width)
    y, x = np.abs(fft.fftfreq(height)), fft.rfftfreq(width)
    low = np.flatnonzero(y <= _FOCUS_FREQUENCY), np.flatnonzero(x <= _FOCUS_FREQUENCY)
    high = np.flatnonzero(y >= _NOISE_FREQUENCY), np.flatnonzero(x >= _NOISE_FREQUENCY)
    radius = np.hypot(y[low[0], None], x[None, low[1]]) * side
    ring = np.rint(radius).astype(int).ravel() - 2
    radii = np.arange(2, int(_FOCUS_FREQUENCY * side) + 1)
    # Only half the spectrum of a real image is computed: columns after the first count twice.
    weight = np.broadcast_to(np.where(low[1] == 0, 1.0, 2.0), radius.shape).ravel()
    inside = np.flatnonzero((ring >= 0) & (ring < len(radii)))
    total = np.bincount(ring[inside], weight[inside])
    rings = sparse.csr_matrix(
        (weight[inside] / total[ring[inside]], (ring[inside], inside)),
        shape=(len(radii), ring.size),
    )
    position, importance = np.log(radii), 1.0 / radii
    centred = position - np.average(position, weights=importance)
    fit = importance * centred / np.sum(importance * centred**2)
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    frequency = radii / side
    wide = side * _COARSE_FREQUENCY >= 1
    return _Plan(
        window=window.astype(np.float32),
        signal=low,
        noise=high,
        rings=rings,
        fit=fit,
        radii=radii,
        # Half of the coefficients are redundant, and the window halves their number again.
        counts=total / 4,
        fine=(frequency > _FINE_FREQUENCY).astype(float),
        coarse=((frequency > _COARSE_FREQUENCY) & (frequency <= _FINE_FREQUENCY) & wide) * 1.0,
    )


def laplacian_variance(images: np.ndarray) -> np.ndarray:
    """Compute the variance of the Laplacian over that of the image: the smaller, the blurrier.

    Both are taken of the means over blocks of 3 x 3 pixels. The ratio does not change with gain,
    offset, or (nearly) the number of cells in the field, unlike the variance of the Laplacian
    alone (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548).

    Parameters
    ----------
    images : array (..., Y, X)
        Any real dtype; at least 16 pixels a side.

    Returns
    -------
    array (...), float64
        20 for white noise, towards 0 for blurred images; 0 where constant.
    """
    image = _block_means(images, _FOCUS_BLOCK)
    curvature = -4 * image[..., 1:-1, 1:-1]
    curvature += image[..., :-2, 1:-1]
    curvature += image[..., 2:, 1:-1]
    curvature += image[..., 1:-1, :-2]
    curvature += image[..., 1:-1, 2:]
    variance = image.var(axis=(-2, -1)).astype(np.float64)
    ratio = curvature.var(axis=(-2, -1)).astype(np.float64)
    return np.divide(ratio, variance, out=np.zeros_like(variance), where=variance > 0)


def _block_means(images: np.ndarray, side: int) -> np.ndarray:
    """Compute means of blocks of side x side pixels, float32; an incomplete rim is left out."""
    height, width = (length // side * side for length in images.shape[-2:])
    total = np.zeros((*images.shape[:-2], height // side, width // side), dtype=np.float32)
    for y in range(side):
        for x in range(side):
            total += images[..., y:height:side, x:width:side]
    return total / side**2


def _measure_images(images: Images) -> dict[str, npt.NDArray[Any]]:
    """Measure the focus of each image, (n, C) each."""
    slope, sharpness_ = spectral_focus(images.pixels)
    return {
        "focus_slope": slope,
        "focus_laplacian": laplacian_variance(images.pixels),
        "sharpness": sharpness_,
    }


def _summarize_plate(channel: PlateChannel) -> Mapping[str, Float64]:
    """Return the values of single images."""
    return keep_values(channel, ("focus_slope", "focus_laplacian", "sharpness"))


def _deviation(table: pd.DataFrame) -> Float64:
    """Compute the robust z-score of the Laplacian, averaged over the channels of each site."""
    return robust_z(logarithms_of(table, "focus_laplacian").mean(axis=1), _LEAST_SPREAD)


def _find_blurred(table: pd.DataFrame, options: Quality) -> npt.NDArray[np.bool_]:
    """Find sites that are blurrier than the plate: by the Laplacian, and half as much by slope."""
    slope = robust_z(columns_of(table, "focus_slope").mean(axis=1), _LEAST_SPREAD)
    is_blurred = (_deviation(table) < -options.focus_z) & (slope < -options.focus_z / 2)
    return np.asarray(is_blurred)


MEASURE = Measure(
    name="focus",
    measure_images=_measure_images,
    summarize_plate=_summarize_plate,
    flags=(Flag("out-of-focus", find=_find_blurred, deviation=_deviation),),
)
