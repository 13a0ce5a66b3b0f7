"""Quality of every site: focus, saturation, foreground and intensity, and which sites to flag.

Measures are taken image by image; what they are compared with comes from the whole plate, since
gain, background and density differ between plates far more than between the sites of one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import fft, sparse

from moascope.errors import InputError

log = logging.getLogger(__name__)

REASONS = ("out-of-focus", "saturated", "empty", "dim", "bright")
BATCH_BYTES = 48 * 2**20  # of one batch as float32
MIN_SIDE = 16  # pixels; nothing can be said about the focus of smaller images
SKETCH = 513  # quantiles kept per image: foreground shares are good to 0.2 %

# The power spectrum is fitted from two periods per image up to this many cycles per pixel (half
# the sampling rate is 0.5); from _NOISE_FREQUENCY in both directions only camera noise is left.
_FOCUS_FREQUENCY, _NOISE_FREQUENCY = 0.25, 0.4
# The Laplacian is taken of means over blocks of this side, since camera noise, which blur does
# not touch, would otherwise outweigh everything.
_FOCUS_BLOCK = 3
# Natural logarithms (slopes as they are): what cells and treatments alone may do. Thresholds are
# never tighter than z times this, however alike the few sites of a small plate are.
_LEAST_SPREAD = {"focus_laplacian": 0.25, "focus_slope": 0.25, "p99": 0.3, "mean": 0.3}


class Store(Protocol):
    """What is needed of a plate store."""

    @property
    def site_ids(self) -> Sequence[str]:
        """Sites in the order of the store."""

    @property
    def channels(self) -> Sequence[str]:
        """Channel names in order."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of one site."""

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions (n,) and pixels (n, C, Y, X) of `size` sites at a time."""

    def read(self, indices: Sequence[int], /) -> np.ndarray:
        """Pixels (n, C, Y, X) of the sites at some positions."""


def batch_size(shape: Sequence[int], limit: int = BATCH_BYTES) -> int:
    """How many sites are worked on at once.

    Parameters
    ----------
    shape : sequence of int
        Channels, rows and columns of one site.
    limit : int
        Bytes that a float32 copy of the batch may take.

    Returns
    -------
    int
        At least 1.
    """
    return max(1, limit // (4 * int(np.prod(shape))))


def power_slope(images: np.ndarray) -> np.ndarray:
    """Slope of the power spectrum on log-log axes: the more negative, the blurrier.

    The spectrum of the Hann-windowed image is averaged over rings of one period per image, camera
    noise is taken off, and a line is fitted from two periods per image to 0.25 cycles per pixel,
    every octave counting alike (after Bray et al. 2012, doi:10.1177/1087057111420292).

    Parameters
    ----------
    images : array (..., Y, X)
        Any real dtype; at least `MIN_SIDE` pixels a side.

    Returns
    -------
    array (...), float64
        About 0 for noise, -2 for cells in focus, -4 for blurred ones; 0 where constant.
    """
    height, width = images.shape[-2:]
    window, low, high, rings, fit = _ring_plan(height, width)
    flat = images.reshape(-1, height, width).astype(np.float32)
    flat -= flat.mean(axis=(1, 2), keepdims=True)
    flat *= window
    spectrum = fft.rfft2(flat, overwrite_x=True)
    noise = _power(spectrum, *high).mean(axis=(1, 2))[:, None]
    means = (rings @ _power(spectrum, *low).reshape(len(flat), -1).T).T - noise
    logs = np.log(np.maximum(means, np.maximum(0.2 * noise, np.finfo(np.float32).tiny)))
    return (logs @ fit).reshape(images.shape[:-2])


def _power(spectrum: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    part = spectrum[:, rows][:, :, columns]
    return part.real.astype(np.float64) ** 2 + part.imag.astype(np.float64) ** 2


@lru_cache(maxsize=4)
def _ring_plan(height: int, width: int) -> tuple[Any, ...]:
    """Lay out `power_slope`: window, signal and noise parts of the spectrum, ring means, fit."""
    side = min(height, width)
    y, x = np.abs(fft.fftfreq(height)), fft.rfftfreq(width)
    low = np.flatnonzero(y <= _FOCUS_FREQUENCY), np.flatnonzero(x <= _FOCUS_FREQUENCY)
    high = np.flatnonzero(y >= _NOISE_FREQUENCY), np.flatnonzero(x >= _NOISE_FREQUENCY)
    radius = np.hypot(y[low[0], None], x[None, low[1]]) * side
    ring = np.rint(radius).astype(int).ravel() - 2
    radii = np.arange(2, int(_FOCUS_FREQUENCY * side) + 1)
    # Of a real image's spectrum only half is computed: columns but the first stand for two.
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
    return window.astype(np.float32), low, high, rings, fit


def laplacian_variance(images: np.ndarray) -> np.ndarray:
    """Variance of the Laplacian over the variance of the image: the smaller, the blurrier.

    Both are taken of the means over blocks of 3 x 3 pixels. The ratio does not change with gain,
    offset, or (nearly) the number of cells in the field, unlike the variance of the Laplacian
    alone (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548).

    Parameters
    ----------
    images : array (..., Y, X)
        Any real dtype; at least `MIN_SIDE` pixels a side.

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
    """Average blocks of side x side pixels, float32; an incomplete rim is left out."""
    height, width = (length // side * side for length in images.shape[-2:])
    total = np.zeros((*images.shape[:-2], height // side, width // side), dtype=np.float32)
    for y in range(side):
        for x in range(side):
            total += images[..., y:height:side, x:width:side]
    return total / side**2


def share_at_maximum(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of pixels at the image's own maximum, and at the next lower value.

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
    highest: np.ndarray, share: np.ndarray, next_share: np.ndarray, ceiling: float | None = None
) -> np.ndarray:
    """Share of pixels at the level where the camera clips, in every image of one channel.

    A 12-bit camera clips at 4095 in a 16-bit file, and software may shift that further, so the
    level is found in the data: the largest value of the plate, if it is the largest the file can
    hold or if pixels pile up there, four times as many as at the next lower value.

    Parameters
    ----------
    highest : array (n,)
        Largest value of each image.
    share, next_share : array (n,)
        From `share_at_maximum`.
    ceiling : float, optional
        Largest value of the dtype; None for floating point.

    Returns
    -------
    array (n,), float64
        Shares in [0, 1]; all 0 where the plate does not clip.
    """
    top = highest.max()
    at_top = highest == top
    black = highest.min() == top and share.min() == 1
    piled = not black and share[at_top].sum() > 4 * next_share[at_top].sum()
    return np.where(at_top & (piled | (top == ceiling)), share, 0.0)


def foreground_threshold(sketches: np.ndarray) -> float:
    """Intensity above which a pixel of this plate and channel is foreground.

    Otsu's threshold of the pooled pixels of the plate, on a scale that is linear within the
    background noise and logarithmic above it so that dim cells count too. Pooling is what makes an
    empty site come out empty: Otsu on that site alone would split its noise. The threshold is at
    least five noise deviations above background, which is what is left on an empty plate.

    Parameters
    ----------
    sketches : array (n, Q)
        Evenly spaced quantiles of each image, ascending.

    Returns
    -------
    float
        In the units of the pixels.
    """
    one, five = (int(q * (sketches.shape[1] - 1)) for q in (0.01, 0.05))
    low = float(np.median(sketches[:, one]))
    # In a normal distribution the 5th percentile lies 0.68 deviations above the 1st.
    noise = float(np.median(sketches[:, five] - sketches[:, one])) / 0.68
    background = low + 2.33 * noise
    pooled = np.sort(sketches, axis=None).astype(np.float64)
    scale = max(noise, 1e-3 * float(pooled[int(0.99 * len(pooled))] - low), 1e-12)
    levels = np.log1p(np.maximum(pooled - low, 0) / scale)
    otsu = low + scale * np.expm1(_otsu(levels))
    return max(otsu, background + 5 * noise)


def _otsu(ordered: np.ndarray) -> float:
    """Otsu's threshold of ascending values, exact (Otsu 1979)."""
    count = np.arange(1, len(ordered))
    below = np.cumsum(ordered)[:-1]
    mean = (below[-1] + ordered[-1]) / len(ordered)
    between = (below - mean * count) ** 2 / (count * (len(ordered) - count))
    best = int(np.argmax(between))
    return float((ordered[best] + ordered[best + 1]) / 2)


def measure(batch: np.ndarray, channels: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Measure what each image tells on its own.

    Parameters
    ----------
    batch : array (n, C, Y, X)
        Raw pixels, any real dtype.
    channels : sequence of str
        C names.

    Returns
    -------
    table : pandas.DataFrame
        n rows; per channel focus_slope, focus_laplacian, p1, p50, p99, mean, sd (as
        `{measure}:{channel}`), and max, share_at_max, share_below_max for `saturated_share`.
    sketches : array (n, C, SKETCH)
        Evenly spaced quantiles of each image.
    """
    n, c = batch.shape[:2]
    ordered = np.sort(batch.reshape(n * c, -1), axis=1)
    last = ordered.shape[1] - 1
    share, next_share = share_at_maximum(ordered)
    measures = {
        "focus_slope": power_slope(batch),
        "focus_laplacian": laplacian_variance(batch),
        **{f"p{q}": ordered[:, round(last * q / 100)] for q in (1, 50, 99)},
        "mean": ordered.mean(axis=1, dtype=np.float64),
        "sd": ordered.std(axis=1, dtype=np.float64),
        "max": ordered[:, -1],
        "share_at_max": share,
        "share_below_max": next_share,
    }
    columns = {
        f"{name}:{channel}": values.reshape(n, c)[:, index].astype(np.float64)
        for index, channel in enumerate(channels)
        for name, values in measures.items()
    }
    at = np.rint(np.linspace(0, last, SKETCH)).astype(int)
    return pd.DataFrame(columns), ordered[:, at].reshape(n, c, SKETCH)


def measure_plate(store: Store) -> pd.DataFrame:
    """Measure every site of a plate in one pass.

    Parameters
    ----------
    store : plate store
        Raw pixels.

    Returns
    -------
    pandas.DataFrame
        One row per site: site_id and, per channel, focus_slope, focus_laplacian, saturated,
        foreground, p1, p50, p99, mean, sd, threshold (the plate's foreground threshold, the same
        in each row).

    Raises
    ------
    InputError
        If images are smaller than `MIN_SIDE`.
    """
    if min(store.shape[1:]) < MIN_SIDE:
        raise InputError(
            f"images of {store.shape[1]} x {store.shape[2]} pixels are too small to judge; they "
            f"need at least {MIN_SIDE} pixels a side"
        )
    tables, sketches, ceiling = [], [], None
    order: list[int] = []
    for indices, batch in store.batches(batch_size(store.shape)):
        table, sketch = measure(batch, store.channels)
        tables.append(table)
        sketches.append(sketch)
        order.extend(int(index) for index in indices)
        ceiling = np.iinfo(batch.dtype).max if batch.dtype.kind in "iu" else None
        log.info("quality: %d of %d sites", len(order), len(store.site_ids))
    measured = pd.concat(tables, ignore_index=True)
    levels = np.concatenate(sketches)
    result: dict[str, Any] = {"site_id": [store.site_ids[index] for index in order]}
    for index, channel in enumerate(store.channels):
        threshold = foreground_threshold(levels[:, index])
        highest, share, next_share = (
            measured[f"{name}:{channel}"].to_numpy()
            for name in ("max", "share_at_max", "share_below_max")
        )
        result |= {
            f"focus_slope:{channel}": measured[f"focus_slope:{channel}"],
            f"focus_laplacian:{channel}": measured[f"focus_laplacian:{channel}"],
            f"saturated:{channel}": saturated_share(highest, share, next_share, ceiling),
            f"foreground:{channel}": (levels[:, index] > threshold).mean(axis=1),
            **{f"{m}:{channel}": measured[f"{m}:{channel}"] for m in ("p1", "p50", "p99")},
            **{f"{m}:{channel}": measured[f"{m}:{channel}"] for m in ("mean", "sd")},
            f"threshold:{channel}": threshold,
        }
    return pd.DataFrame(result)


def flag(table: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Say which sites of a plate cannot be trusted, and why.

    Treatments change texture, density and brightness, so a site must stand far outside of its
    plate, by deviations from the median in units of the scaled median absolute deviation:

    - out-of-focus: both focus measures, averaged over the channels, are low: the Laplacian by
      `focus_z`, the slope by half of that;
    - saturated: in some channel the clipped share exceeds the plate's median by `max_saturated`;
    - empty: no channel has `min_foreground` of foreground;
    - dim, bright: in some channel the 99th percentile is low, or the mean is high, by
      `intensity_z` on a logarithmic scale.

    Parameters
    ----------
    table : pandas.DataFrame
        From `measure_plate`: all sites of one plate.
    options : mapping
        focus_z, max_saturated, min_foreground, intensity_z.

    Returns
    -------
    pandas.DataFrame
        `table` with flagged (bool) and reasons (str: names of `REASONS` joined by ";", or "").
    """
    focus = _robust_z(
        _logs(table, "focus_laplacian").mean(axis=1, keepdims=True), "focus_laplacian"
    )
    slope = _robust_z(_values(table, "focus_slope").mean(axis=1, keepdims=True), "focus_slope")
    clipped = _values(table, "saturated")
    excess = clipped - np.median(clipped, axis=0)
    found = {
        "out-of-focus": (focus < -options["focus_z"]) & (slope < -options["focus_z"] / 2),
        "saturated": excess > options["max_saturated"],
        "empty": (_values(table, "foreground") < options["min_foreground"]).all(
            axis=1, keepdims=True
        ),
        "dim": _robust_z(_logs(table, "p99"), "p99") < -options["intensity_z"],
        "bright": _robust_z(_logs(table, "mean"), "mean") > options["intensity_z"],
    }
    marks = np.stack([found[reason].any(axis=1) for reason in REASONS], axis=1)
    reasons = [";".join(np.array(REASONS)[row]) for row in marks]
    flagged = np.asarray(marks.any(axis=1))
    return table.assign(flagged=flagged, reasons=pd.array(reasons, dtype="str"))


def _values(table: pd.DataFrame, measure: str) -> np.ndarray:
    """Columns of one measure, (sites, channels)."""
    names = [name for name in map(str, table) if name.startswith(f"{measure}:")]
    return table[names].to_numpy(float)


def _logs(table: pd.DataFrame, measure: str) -> np.ndarray:
    """Natural logarithms of one measure; zeros as a thousandth of its median."""
    values = _values(table, measure)
    least = np.maximum(1e-3 * np.median(values, axis=0), np.finfo(float).tiny)
    return np.log(np.maximum(values, least))


def _robust_z(values: np.ndarray, measure: str) -> np.ndarray:
    """Deviations from the median of each column, in robust standard deviations."""
    deviation = values - np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(deviation), axis=0)
    return deviation / np.maximum(spread, _LEAST_SPREAD[measure])
