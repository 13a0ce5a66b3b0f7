"""Normalization of intensities to a common scale, channel by channel.

Steps are applied in order. Statistics of a plate come from its negative controls, so that no
treated well, which may be a test well, enters them. Labels cannot leak because they are never
read: of the sheet only roles are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.core.errors import InputError
from moascope.images.store_protocol import Store, batch_size
from moascope.preprocessing.normalization_methods.base import Float32, Float64, PlateImages
from moascope.preprocessing.normalization_methods.options import Normalization, NormalizationStep
from moascope.preprocessing.normalization_methods.registry import find_method

log = logging.getLogger(__name__)

COLUMNS = (
    "plate", "step", "method", "scope", "channel", "statistic", "value", "n_images", "source",
)  # fmt: skip


class Statistic(TypedDict):
    """Row of the table of statistics: one number of a step and channel of a plate."""

    plate: str
    step: int
    """From 0."""
    method: str
    scope: str
    channel: str
    statistic: str
    value: float
    """On the scale that the step meets."""
    n_images: int
    source: str


_Transform = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def fit_plate(store: Store, sites: pd.DataFrame, options: Normalization) -> pd.DataFrame:
    """Compute the statistics that the steps of one plate need, in bounded memory.

    Each step with scope controls or plate reads the sites that it needs once. The same images
    always give the same values, whatever the size of the batches.

    Parameters
    ----------
    store : plate store
        Raw pixels.
    sites : pandas.DataFrame
        The sites of this plate: site_id, plate, role and flagged. Sites that are not in the store
        (quarantined when it was written) and flagged sites do not enter.
    options : Normalization
        The section `normalization` of the configuration.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; values are on the scale that the step meets. Empty where every step
        works on single images.

    Raises
    ------
    InputError
        If the plate has no usable site to compute statistics from.
    """
    plate = str(sites["plate"].iloc[0])
    rows: list[Statistic] = []
    for number, step in enumerate(options.steps):
        method = find_method(step.method)
        if not step.takes_statistics_of_plate():
            continue
        used = _usable_positions(store, sites, step.scope, plate)
        before = _chain(_table(rows), options.steps[:number], store.channels)
        images = PlateImages(
            n_images=len(used),
            shape=store.shape,
            batches=partial(_read_images, store, used, before),
        )
        values = method.estimate_from_plate(images, step)
        log.info("%s: step %d, %s from %d images", plate, number, step.method, len(used))
        rows += [
            {
                "plate": plate,
                "step": number,
                "method": step.method,
                "scope": step.scope,
                "channel": channel,
                "statistic": name,
                "value": float(of_channels[c]),
                "n_images": len(used),
                "source": step.scope,
            }
            for c, channel in enumerate(store.channels)
            for name, of_channels in zip(method.statistics, values, strict=True)
        ]
    return _table(rows)


def apply(
    batch: np.ndarray, statistics: pd.DataFrame, options: Normalization, channels: Sequence[str]
) -> Float32:
    """Normalize images of one plate.

    Parameters
    ----------
    batch : array (n, C, Y, X)
        Raw pixels, any real dtype.
    statistics : pandas.DataFrame
        From `fit_plate`, of this plate and with the same options.
    options : Normalization
        The section `normalization` of the configuration.
    channels : sequence of str
        Names of the C channels of `batch`; looked up in `statistics`, so that a change of order
        is harmless.

    Returns
    -------
    array (n, C, Y, X), float32
        In [0, 1]. A constant image becomes 0 under percentile and minmax, z = 0 under zscore.
        Without steps: see `scale_by_type`.

    Raises
    ------
    InputError
        If `statistics` lacks a step or channel, or the last step does not bring values to [0, 1].
    """
    if not options.steps:
        return scale_by_type(batch)
    last = options.steps[-1]
    to_unit_range = find_method(last.method).to_unit_range
    if to_unit_range is None:
        raise InputError(
            f"normalization.steps: the last step, {last.method!r}, does not bring intensities to "
            "[0, 1]. Fix: add a step that does, such as method: percentile"
        )
    return to_unit_range(_chain(statistics, options.steps, channels)(batch), last)


def scale_by_type(values: np.ndarray) -> Float32:
    """Scale pixels to [0, 1] by the range of their type alone.

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


def _table(rows: Sequence[Statistic]) -> pd.DataFrame:
    """Build the table of statistics; its types do not depend on whether it has rows."""
    types = dict.fromkeys(COLUMNS, "str") | {
        "step": "int64",
        "value": "float64",
        "n_images": "int64",
    }
    return pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(types)


def _usable_positions(store: Store, sites: pd.DataFrame, scope: str, plate: str) -> np.ndarray:
    """Return the positions in the store of the sites that may enter statistics."""
    usable = ~sites["flagged"].to_numpy(dtype=bool)
    if scope == "controls":
        usable &= (sites["role"] == "control").to_numpy()
    used = np.flatnonzero(np.isin(np.asarray(store.site_ids), sites.loc[usable, "site_id"]))
    if len(used):
        return used
    if scope == "plate":
        raise InputError(
            f"plate {plate!r}: every site is flagged or unreadable, so normalization has no "
            "statistics. Fix: remove the plate, set higher limits in the section quality, or "
            "add brightfield channels to input.brightfield"
        )
    controls = int((sites["role"] == "control").sum())
    have = f"all {controls} control sites are flagged or unreadable" if controls else "no control"
    raise InputError(
        f"plate {plate!r}: normalization by controls needs at least one usable control site, but "
        f"{have}. Name the control compounds in input.controls, leave the plate out, or use "
        "scope 'image'"
    )


def _read_images(store: Store, used: np.ndarray, before: _Transform) -> Iterator[Float32]:
    """Read images after the steps before, batch by batch, float32 (n, C, pixels)."""
    size = batch_size(store.shape)
    for start in range(0, len(used), size):
        values = before(store.read(used[start : start + size].tolist()))
        yield values.reshape(*values.shape[:2], -1)


def _chain(
    statistics: pd.DataFrame, steps: Sequence[NormalizationStep], channels: Sequence[str]
) -> _Transform:
    """Join steps to one function, raw pixels to float32 (n, C, Y, X); z-scores stay z-scores."""
    of_plate = [
        _read_statistics(statistics, number, step, channels)
        if step.takes_statistics_of_plate()
        else None
        for number, step in enumerate(steps)
    ]

    def transform(batch: np.ndarray) -> Float32:
        values = batch
        for step, fixed in zip(steps, of_plate, strict=True):
            method = find_method(step.method)
            found = method.estimate_from_images(values, step) if fixed is None else fixed
            values = method.apply(values, tuple(part[..., None, None] for part in found), step)
        return values.astype(np.float32) if values is batch else values

    return transform


def _read_statistics(
    statistics: pd.DataFrame, number: int, step: NormalizationStep, channels: Sequence[str]
) -> tuple[Float64, ...]:
    """Return the statistics of a step that are in the table, each (C,)."""
    of_step = statistics[(statistics["step"] == number) & (statistics["method"] == step.method)]
    values = of_step.pivot(index="statistic", columns="channel", values="value")
    lacking = [channel for channel in channels if channel not in values.columns]
    if lacking:
        raise InputError(
            f"normalization statistics have no {step.method} values (step {number}) for channel "
            f"{', '.join(map(repr, lacking))}; they have {list(values.columns)}. Fit them with the "
            "same steps and channels as they are applied with"
        )
    names = find_method(step.method).statistics
    return tuple(values.loc[name, list(channels)].to_numpy(float) for name in names)
