"""Choice of the parameters that objects are cut out by, on images with reference masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.segmentation.instances import (
    InstanceParameters,
    Maps,
    label_objects,
    object_areas,
)
from moascope.segmentation.matching import (
    THRESHOLDS,
    Tally,
    ap_of_sums,
    average_precision,
    pooled,
    sums_by_group,
    tally,
)

Input = TypeVar("Input")
Parameters = TypeVar("Parameters", bound=Any)

GRID: dict[str, Sequence[float]] = {
    "prominence": (0.04, 0.08, 0.12, 0.16, 0.2, 0.3),
    "mask_threshold": (0.3, 0.4, 0.5, 0.6, 0.7),
    "seed_threshold": (0.3, 0.5, 0.7),
    "smoothing": (0.5, 1.0, 1.5, 2.0),
}
"""Values that `tune` tries; see `grid_for`."""

_SMALL = (0.005, 0.01, 0.02, 0.05)  # quantiles of the areas of reference objects


def grid_for(labels: Iterable[NDArray[np.integer[Any]]]) -> dict[str, Sequence[float]]:
    """Return the values to try for objects like those of the reference masks.

    Parameters
    ----------
    labels : iterable of (Y, X) int
        Label images with reference masks.

    Returns
    -------
    dict of str to sequence
        `GRID`, and with it smallest areas: the default, and those of the smallest reference
        objects, so that what is far too small for an object is dropped, at any magnification.
    """
    areas = object_areas(labels)
    smallest = np.quantile(areas, _SMALL).astype(int).tolist() if len(areas) else []
    return {**GRID, "min_area": sorted({InstanceParameters.min_area, *smallest})}


def tune(
    samples: Iterable[tuple[Maps, NDArray[np.integer[Any]]]],
    grid: Mapping[str, Sequence[Any]] = GRID,
    start: InstanceParameters | None = None,
    rounds: int = 2,
    *,
    groups: Sequence[str] | None = None,
) -> tuple[InstanceParameters, pd.DataFrame]:
    """Choose how objects are cut out of maps, on images with reference masks.

    Parameters
    ----------
    samples : iterable of (Maps, (Y, X) int)
        Maps and true labels of every image; see `search`.
    grid : mapping of str to sequence
        Values to try for parameters.
    start : InstanceParameters or None
        Where to begin; None: the defaults.
    rounds : int
        How often every parameter is tuned at most.
    groups : sequence or None
        What each image belongs to, see `search`.

    Returns
    -------
    best : InstanceParameters
        What was chosen, see `search`.
    tried : pandas.DataFrame
        See `search`.
    """
    start = start or InstanceParameters()
    return search(label_objects, samples, grid, start, rounds, groups=groups)


def search(
    segment: Callable[[Input, Parameters], NDArray[np.int32]],
    samples: Iterable[tuple[Input, NDArray[np.integer[Any]]]],
    grid: Mapping[str, Sequence[Any]],
    start: Parameters,
    rounds: int = 2,
    *,
    groups: Sequence[str] | None = None,
) -> tuple[Parameters, pd.DataFrame]:
    """Choose the parameters of a method by the mean AP on images with reference masks.

    One parameter after the other is set to its best value, until none changes any more. A value is
    given up only for a gain above the standard error of this gain, found by leaving out one group
    of images after the other (as in the one-standard-error rule of Breiman et al. 1984), so that
    parameters do not follow the chance of which images these are. Where all are of one group, one
    image after the other is left out, and the error is underestimated.

    Parameters
    ----------
    segment : callable
        Takes an input and parameters, gives labels (Y, X).
    samples : iterable of (input, (Y, X) int)
        Input and true labels of every image. It is gone through a few times, so that it may read or
        predict each image again; a generator is kept as a list.
    grid : mapping of str to sequence
        Values to try for parameters, in the order in which they are tuned.
    start : frozen dataclass
        Where to begin. A parameter stays where nothing is better.
    rounds : int
        How often every parameter is tuned at most.
    groups : sequence or None
        What each image belongs to; None: every image stands for itself.

    Returns
    -------
    best : frozen dataclass
        What was chosen.
    tried : pandas.DataFrame
        One row per set of parameters, the chosen first, the others by their score: the parameters,
        and `ap_50` and `mean_ap` (IoU 0.50 to 0.90), pooled over objects.
    """
    images = list(samples) if isinstance(samples, Iterator) else samples
    if groups is not None and len(set(groups)) == 1:
        groups = None
    best = start
    tried: dict[Parameters, list[Tally]] = {}
    for _ in range(rounds):
        before = best
        for name, values in grid.items():
            candidates = [best] + [replace(best, **{name: value}) for value in values]
            new = [one for one in dict.fromkeys(candidates) if one not in tried]
            tried |= _tallies(segment, images, new)
            better = [one for one in candidates if _is_better(tried[one], tried[best], groups)]
            best = max(better, key=lambda one: _mean_ap(pooled(tried[one])), default=best)
        if best == before:
            break
    ordered = sorted(
        tried, key=lambda one: (one == best, _mean_ap(pooled(tried[one]))), reverse=True
    )
    rows = []
    for parameters in ordered:
        counts = pooled(tried[parameters])
        scores = {"ap_50": float(average_precision(counts)[0]), "mean_ap": _mean_ap(counts)}
        rows.append(asdict(parameters) | scores)
    return best, pd.DataFrame(rows)


def _tallies(
    segment: Callable[[Input, Parameters], NDArray[np.int32]],
    samples: Iterable[tuple[Input, NDArray[np.integer[Any]]]],
    candidates: Sequence[Parameters],
) -> dict[Parameters, list[Tally]]:
    """Compare every image with what each set of parameters makes of it."""
    found: dict[Parameters, list[Tally]] = {parameters: [] for parameters in candidates}
    # One pass over the images for all candidates, since reading or predicting takes time.
    if candidates:
        for given, truth in samples:
            for parameters in candidates:
                found[parameters].append(tally(truth, segment(given, parameters), THRESHOLDS))
    return found


def _mean_ap(counts: Tally) -> float:
    return float(average_precision(counts).mean())


def _is_better(one: Sequence[Tally], other: Sequence[Tally], groups: Sequence[str] | None) -> bool:
    """Return whether the gain in mean AP is above its standard error, by the jackknife."""
    gain = _mean_ap(pooled(one)) - _mean_ap(pooled(other))
    if gain <= 0:
        return False
    codes = range(len(one)) if groups is None else groups
    gains = _without_each(one, codes) - _without_each(other, codes)
    return gain > math.sqrt((len(gains) - 1) * gains.var())


def _without_each(
    tallies: Sequence[Tally], groups: Sequence[str] | Sequence[int]
) -> NDArray[np.float64]:
    """Return the mean AP over all images but those of one group, for each of them (groups,)."""
    matched, objects = sums_by_group(tallies, groups)
    return ap_of_sums(matched.sum(axis=0) - matched, objects.sum() - objects).mean(axis=1)
