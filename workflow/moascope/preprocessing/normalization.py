"""Bringing intensities to a common scale: transforms, and statistics from the controls of a plate.

A chain of steps is applied in order, channel by channel. Statistics of a plate are taken from its
negative controls, so that nothing of a treated well, which may be a test well, enters them. Of
the sheet only roles are read here: labels cannot leak because they are never seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import gcd
from typing import Any

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.images.store_protocol import Store, batch_size

log = logging.getLogger(__name__)

METHODS = ("percentile", "zscore", "anscombe", "minmax")
SCOPES = ("image", "plate", "controls")
COLUMNS = (
    "plate", "step", "method", "scope", "channel", "statistic", "value", "n_images", "source",
)  # fmt: skip
PERCENTILE_SAMPLE = 2**21  # pixels per channel and plate that percentiles are taken from

Step = Mapping[str, Any]
Bounds = tuple[np.ndarray, np.ndarray]  # (offset, scale), each broadcastable to (n, C, 1, 1)


def check_steps(steps: Sequence[Step], treated_in_statistics: bool = False) -> None:
    """Refuse chains that leak, or that do not end in [0, 1].

    Parameters
    ----------
    steps : sequence of mappings
        Each with method, scope and, by method, low, high or z_range. Without any, images are taken
        as they are, see `as_stored`.
    treated_in_statistics : bool
        Whether statistics may see treated wells.

    Raises
    ------
    InputError
        Naming every step at fault and the fix.
    """
    problems = []
    for number, step in enumerate(steps):
        method, scope = step["method"], _scope(step)
        if method not in METHODS:
            problems.append(f"steps[{number}].method {method!r}: use one of {', '.join(METHODS)}")
        elif scope is not None and scope not in SCOPES:
            problems.append(f"steps[{number}].scope {scope!r}: use one of {', '.join(SCOPES)}")
        elif scope == "plate" and not treated_in_statistics:
            problems.append(
                f"steps[{number}] ({method}): scope 'plate' takes its statistics from every well, "
                "so the treated wells of test folds would leak into them. Use scope 'controls' or "
                "'image', or set normalization.treated_wells_in_statistics: true, and the report "
                "will say so"
            )
    if steps and steps[-1]["method"] == "anscombe":
        problems.append(
            "the chain must end in percentile, zscore or minmax, which bring intensities to "
            "[0, 1]; add one as the last step"
        )
    if problems:
        raise InputError.collect(problems, "normalization")


def fit_plate(
    store: Store,
    sites: pd.DataFrame,
    steps: Sequence[Step],
    treated_in_statistics: bool = False,
) -> pd.DataFrame:
    """Take the statistics that the steps of one plate need, in bounded memory.

    Each step with scope controls or plate reads the sites that it needs once. Means and standard
    deviations are merged batch by batch in float64 (Chan et al. 1983), extremes are exact,
    percentiles come from at most `PERCENTILE_SAMPLE` pixels per channel: every k-th pixel of the
    images laid end to end, so that the same images always give the same values.

    Parameters
    ----------
    store : plate store
        Raw pixels.
    sites : pandas.DataFrame
        The sites of this plate: site_id, plate, role and flagged. Sites that are not in the store
        (quarantined when it was written) are passed over; flagged sites do not enter.
    steps : sequence of mappings
        As for `check_steps`.
    treated_in_statistics : bool
        Whether scope plate is allowed.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; statistic is mean and sd, or low and high, on the scale that the step
        meets. Empty where every step works on single images.

    Raises
    ------
    InputError
        If a chain leaks (see `check_steps`), or the plate has no usable site to learn from.
    """
    check_steps(steps, treated_in_statistics)
    plate = str(sites["plate"].iloc[0])
    rows: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        scope = _scope(step)
        if scope not in ("controls", "plate"):
            continue
        used = _usable_positions(store, sites, scope, plate)
        before = _chain(_table(rows), steps[:number], store.channels)
        names, values = _STATISTICS[step["method"]](store, used, before, step)
        log.info("%s: step %d, %s from %d images", plate, number, step["method"], len(used))
        rows += [
            {
                "plate": plate,
                "step": number,
                "method": step["method"],
                "scope": scope,
                "channel": channel,
                "statistic": name,
                "value": float(values[k, c]),
                "n_images": len(used),
                "source": scope,
            }
            for c, channel in enumerate(store.channels)
            for k, name in enumerate(names)
        ]
    return _table(rows)


def apply(
    batch: np.ndarray, statistics: pd.DataFrame, steps: Sequence[Step], channels: Sequence[str]
) -> np.ndarray:
    """Normalize images of one plate.

    Parameters
    ----------
    batch : array (n, C, Y, X)
        Raw pixels, any real dtype.
    statistics : pandas.DataFrame
        From `fit_plate`, of this plate.
    steps : sequence of mappings
        The same as given to `fit_plate`.
    channels : sequence of str
        Names of the C channels of `batch`; looked up in `statistics`, so that a change of order
        is harmless.

    Returns
    -------
    array (n, C, Y, X), float32
        In [0, 1]. A constant image becomes 0 under percentile and minmax, z = 0 under zscore.
        Without steps: see `as_stored`.

    Raises
    ------
    InputError
        If `statistics` lacks a step or channel, or the chain does not end in [0, 1].
    """
    check_steps(steps, treated_in_statistics=True)
    if not steps:
        return as_stored(batch)
    values = _chain(statistics, steps, channels)(batch)
    last = steps[-1]
    if last["method"] == "zscore":
        low, high = last["z_range"]
        values -= np.float32(low)
        values *= np.float32(1 / (high - low))
    return np.clip(values, 0, 1, out=values)


def as_stored(values: np.ndarray) -> np.ndarray:
    """Bring pixels to [0, 1] by the range of their type alone.

    Parameters
    ----------
    values : array
        Integers, which are divided by the largest value of their type (255 or 65,535), or floats
        from 0 to 1, which stay as they are.

    Returns
    -------
    array of the same shape, float32
        In [0, 1].

    Raises
    ------
    InputError
        For floats below 0 or above 1, whose range is not known.
    """
    if values.dtype.kind == "u":
        return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if values.dtype.kind != "f" or low < 0 or high > 1:
        raise InputError(
            f"normalization.steps: [] takes images as they are, but their pixels ({values.dtype}) "
            f"go from {low:g} to {high:g}. Add a step such as method: minmax, or export images "
            "from 0 to 1 or in unsigned integers"
        )
    return values.astype(np.float32)


def anscombe(values: np.ndarray) -> np.ndarray:
    """Make the variance of photon counts the same at every intensity (Anscombe 1948).

    Parameters
    ----------
    values : array
        Counts; negative ones are taken as 0.

    Returns
    -------
    array of the same shape, float32
        2 * sqrt(x + 3/8).
    """
    result = np.maximum(values, 0, dtype=np.float32)
    result += np.float32(0.375)
    np.sqrt(result, out=result)
    result *= 2
    return result


def _scope(step: Step) -> str | None:
    return None if step["method"] == "anscombe" else step["scope"]


def _table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Statistics as a table whose types do not depend on whether it has rows."""
    whole, real = ("step", "n_images"), ("value",)
    types = {c: "int64" if c in whole else "float64" if c in real else "str" for c in COLUMNS}
    return pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(types)


def _usable_positions(store: Store, sites: pd.DataFrame, scope: str, plate: str) -> np.ndarray:
    """Positions in the store of the sites that may enter statistics."""
    usable = ~sites["flagged"].to_numpy(dtype=bool)
    if scope == "controls":
        usable &= (sites["role"] == "control").to_numpy()
    used = np.flatnonzero(np.isin(np.asarray(store.site_ids), sites.loc[usable, "site_id"]))
    if len(used):
        return used
    if scope == "plate":
        raise InputError(
            f"plate {plate!r}: every site is flagged or unreadable, so nothing is left to take "
            "normalization statistics from. Leave the plate out, relax the section quality, or "
            "name the channels that are brightfield under input.brightfield"
        )
    controls = int((sites["role"] == "control").sum())
    have = f"all {controls} control sites are flagged or unreadable" if controls else "no control"
    raise InputError(
        f"plate {plate!r}: normalization by controls needs at least one usable control site, but "
        f"{have}. Name the control compounds in input.controls, leave the plate out, or use "
        "scope 'image'"
    )


def _chain(
    statistics: pd.DataFrame, steps: Sequence[Step], channels: Sequence[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Make one function of the steps, raw to float32 (n, C, Y, X); z-scores stay z-scores."""
    fixed = [
        _fixed_bounds(statistics, number, step, channels)
        if _scope(step) in ("controls", "plate")
        else None
        for number, step in enumerate(steps)
    ]

    def transform(batch: np.ndarray) -> np.ndarray:
        values = batch
        for step, bounds in zip(steps, fixed, strict=True):
            if step["method"] == "anscombe":
                values = anscombe(values)
                continue
            offset, scale = _image_bounds(values, step) if bounds is None else bounds
            values = np.subtract(values, offset, dtype=np.float32)
            values *= scale
            if step["method"] != "zscore":
                np.clip(values, 0, 1, out=values)
        return values.astype(np.float32) if values is batch else values

    return transform


def _fixed_bounds(
    statistics: pd.DataFrame, number: int, step: Step, channels: Sequence[str]
) -> Bounds:
    """Offset and scale of a step whose statistics are in the table."""
    mine = statistics[(statistics["step"] == number) & (statistics["method"] == step["method"])]
    names = ("mean", "sd") if step["method"] == "zscore" else ("low", "high")
    values = mine.pivot(index="statistic", columns="channel", values="value")
    lacking = [channel for channel in channels if channel not in values.columns]
    if lacking:
        raise InputError(
            f"normalization statistics have no {step['method']} values (step {number}) for channel "
            f"{', '.join(map(repr, lacking))}; they have {list(values.columns)}. Fit them with the "
            "same steps and channels as they are applied with"
        )
    first, second = (values.loc[name, list(channels)].to_numpy()[:, None, None] for name in names)
    return _bounds(first, second, step)


def _image_bounds(values: np.ndarray, step: Step) -> Bounds:
    """Offset and scale of each image of (n, C, Y, X) by its own statistics."""
    if step["method"] == "zscore":
        mean = values.mean(axis=(2, 3), keepdims=True, dtype=np.float64)
        sd = values.std(axis=(2, 3), keepdims=True, dtype=np.float64)
        return _bounds(mean, sd, step)
    if step["method"] == "minmax":
        low, high = (f(axis=(2, 3), keepdims=True) for f in (values.min, values.max))
        return _bounds(low.astype(np.float64), high.astype(np.float64), step)
    ordered = np.sort(values.reshape(*values.shape[:2], -1), axis=2)
    low, high = _percentiles(ordered, (step["low"], step["high"]))
    return _bounds(low[..., None, None], high[..., None, None], step)


def _percentiles(ordered: np.ndarray, percents: Sequence[float]) -> list[np.ndarray]:
    """Percentiles along the last, ascending axis, between neighbours by linear interpolation."""
    result = []
    for percent in percents:
        position = percent / 100 * (ordered.shape[-1] - 1)
        below = int(position)
        left = ordered[..., below].astype(np.float64)
        right = ordered[..., min(below + 1, ordered.shape[-1] - 1)]
        result.append(left + (right - left) * (position - below))
    return result


def _bounds(first: np.ndarray, second: np.ndarray, step: Step) -> Bounds:
    """Offset and scale from mean and sd, or low and high; scale 0 where there is no spread."""
    spread = second if step["method"] == "zscore" else second - first
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    return first.astype(np.float32), scale.astype(np.float32)


def _images(
    store: Store, used: np.ndarray, before: Callable[[np.ndarray], np.ndarray]
) -> Iterator[np.ndarray]:
    """Give the usable images after the steps before, (n, C, pixels) float32, batch by batch."""
    size = batch_size(store.shape)
    for start in range(0, len(used), size):
        values = before(store.read(used[start : start + size].tolist()))
        yield values.reshape(*values.shape[:2], -1)


def _mean_sd(
    store: Store, used: np.ndarray, before: Callable[[np.ndarray], np.ndarray], step: Step
) -> tuple[tuple[str, str], np.ndarray]:
    """Merge mean and population standard deviation batch by batch (Chan et al. 1983)."""
    count, mean, squares = 0, np.zeros(store.shape[0]), np.zeros(store.shape[0])
    for values in _images(store, used, before):
        n = values.shape[0] * values.shape[2]
        here = values.mean(axis=(0, 2), dtype=np.float64)
        spread = values.var(axis=(0, 2), dtype=np.float64) * n
        shift, total = here - mean, count + n
        mean = mean + shift * (n / total)
        squares = squares + spread + shift**2 * (count * n / total)
        count = total
    return ("mean", "sd"), np.stack([mean, np.sqrt(squares / count)])


def _extremes(
    store: Store, used: np.ndarray, before: Callable[[np.ndarray], np.ndarray], step: Step
) -> tuple[tuple[str, str], np.ndarray]:
    low, high = np.full(store.shape[0], np.inf), np.full(store.shape[0], -np.inf)
    for values in _images(store, used, before):
        low = np.minimum(low, values.min(axis=(0, 2)))
        high = np.maximum(high, values.max(axis=(0, 2)))
    return ("low", "high"), np.stack([low, high])


def _sampled_percentiles(
    store: Store, used: np.ndarray, before: Callable[[np.ndarray], np.ndarray], step: Step
) -> tuple[tuple[str, str], np.ndarray]:
    """Take percentiles of every k-th pixel; k shares no factor with the width of an image."""
    pixels = store.shape[1] * store.shape[2]
    stride = -(-len(used) * pixels // PERCENTILE_SAMPLE)
    while gcd(stride, store.shape[2]) > 1:
        stride += 1
    picked, seen = [], 0
    for values in _images(store, used, before):
        line = values.transpose(1, 0, 2).reshape(values.shape[1], -1)
        picked.append(line[:, -seen % stride :: stride].copy())
        seen += line.shape[1]
    ordered = np.sort(np.concatenate(picked, axis=1), axis=1)
    return ("low", "high"), np.stack(_percentiles(ordered, (step["low"], step["high"])))


_STATISTICS = {"zscore": _mean_sd, "minmax": _extremes, "percentile": _sampled_percentiles}
