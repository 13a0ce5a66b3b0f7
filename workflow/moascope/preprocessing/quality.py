"""Quality of every site: focus, saturation, foreground and intensity, and which sites to flag.

Measures are taken image by image; what they are compared with comes from the whole plate, since
gain, background and density differ between plates far more than between the sites of one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.core.statistics.robust import robust_z
from moascope.images.store_protocol import Store, batch_size
from moascope.preprocessing.focus import laplacian_variance, spectral_focus
from moascope.preprocessing.foreground import (
    foreground_threshold,
    noise_level,
    signal,
    texture_threshold,
)

log = logging.getLogger(__name__)

REASONS = ("out-of-focus", "saturated", "empty", "dim", "bright")
MIN_SIDE = 16  # pixels; nothing can be said about the focus of smaller images
CAMERA_MAXIMA = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))
SKETCH = 513  # quantiles kept per image: foreground shares are good to 0.2 %

# Natural logarithms (slopes as they are): what cells and treatments alone may do. Thresholds are
# never tighter than z times this, however alike the few sites of a small plate are.
_LEAST_SPREAD = {"focus_laplacian": 0.25, "focus_slope": 0.25, "p99": 0.3, "mean": 0.3}


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


def measure(
    batch: np.ndarray, channels: Sequence[str], brightfield: Sequence[str] = ()
) -> tuple[pd.DataFrame, np.ndarray]:
    """Measure what each image tells on its own.

    Parameters
    ----------
    batch : array (n, C, Y, X)
        Raw pixels, any real dtype.
    channels : sequence of str
        C names.
    brightfield : sequence of str
        Names of the channels whose foreground is textured, not bright.

    Returns
    -------
    table : pandas.DataFrame
        n rows; per channel focus_slope, focus_laplacian, sharpness, p1, p50, p99, mean, sd (as
        `{measure}:{channel}`), max, share_at_max, share_below_max for `saturated_share`, and noise
        (NaN but in brightfield).
    sketches : array (n, C, SKETCH)
        Evenly spaced quantiles of the signal of each image.
    """
    n, c = batch.shape[:2]
    ordered = np.sort(batch.reshape(n * c, -1), axis=1)
    last = ordered.shape[1] - 1
    share, next_share = share_at_maximum(ordered)
    slope, sharpness = spectral_focus(batch)
    measures = {
        "focus_slope": slope,
        "focus_laplacian": laplacian_variance(batch),
        "sharpness": sharpness,
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
    sketches = ordered[:, at].reshape(n, c, SKETCH)
    is_brightfield = [channel in brightfield for channel in channels]
    if any(is_brightfield):
        sketches = sketches.astype(np.float32)
        textures = signal(batch[:, is_brightfield], [True] * sum(is_brightfield))
        textures = np.sort(textures.reshape(*textures.shape[:2], -1), axis=2)
        sketches[:, is_brightfield] = textures[:, :, at]
    for index, channel in enumerate(channels):
        columns[f"noise:{channel}"] = np.array(
            [noise_level(image) if channel in brightfield else np.nan for image in batch[:, index]]
        )
    return pd.DataFrame(columns), sketches


def measure_plate(store: Store, brightfield: Sequence[str] = ()) -> pd.DataFrame:
    """Measure every site of a plate in one pass.

    Parameters
    ----------
    store : plate store
        Raw pixels.
    brightfield : sequence of str
        Channels in which objects are darker than the background, or textured.

    Returns
    -------
    pandas.DataFrame
        One row per site: site_id and, per channel, focus_slope, focus_laplacian, sharpness,
        saturated, foreground, p1, p50, p99, mean, sd, threshold (the plate's foreground threshold
        of the `foreground.signal`, the same in each row).

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
        table, sketch = measure(batch, store.channels, brightfield)
        tables.append(table)
        sketches.append(sketch)
        order.extend(int(index) for index in indices)
        ceiling = np.iinfo(batch.dtype).max if batch.dtype.kind in "iu" else None
        log.info("quality: %d of %d sites", len(order), len(store.site_ids))
    measured = pd.concat(tables, ignore_index=True)
    levels = np.concatenate(sketches)
    result: dict[str, Any] = {"site_id": [store.site_ids[index] for index in order]}
    for index, channel in enumerate(store.channels):
        is_brightfield = channel in brightfield
        noise = measured[f"noise:{channel}"].to_numpy()
        threshold = (
            texture_threshold(levels[:, index], noise, is_rounded=ceiling is not None)
            if is_brightfield
            else foreground_threshold(levels[:, index])
        )
        highest, share, next_share = (
            measured[f"{name}:{channel}"].to_numpy()
            for name in ("max", "share_at_max", "share_below_max")
        )
        result |= {
            f"focus_slope:{channel}": measured[f"focus_slope:{channel}"],
            f"focus_laplacian:{channel}": measured[f"focus_laplacian:{channel}"],
            f"sharpness:{channel}": measured[f"sharpness:{channel}"],
            f"saturated:{channel}": saturated_share(
                highest, share, next_share, ceiling, at_camera_maxima=is_brightfield
            ),
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
    focus = robust_z(
        _logs(table, "focus_laplacian").mean(axis=1, keepdims=True),
        _LEAST_SPREAD["focus_laplacian"],
    )
    slope = robust_z(
        _values(table, "focus_slope").mean(axis=1, keepdims=True), _LEAST_SPREAD["focus_slope"]
    )
    clipped = _values(table, "saturated")
    excess = clipped - np.median(clipped, axis=0)
    found = {
        "out-of-focus": (focus < -options["focus_z"]) & (slope < -options["focus_z"] / 2),
        "saturated": excess > options["max_saturated"],
        "empty": (_values(table, "foreground") < options["min_foreground"]).all(
            axis=1, keepdims=True
        ),
        "dim": robust_z(_logs(table, "p99"), _LEAST_SPREAD["p99"]) < -options["intensity_z"],
        "bright": robust_z(_logs(table, "mean"), _LEAST_SPREAD["mean"]) > options["intensity_z"],
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
