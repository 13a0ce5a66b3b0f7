"""Quality of every site, and the sites to flag.

Images are measured one by one. They are compared with their whole plate, since gain, background
and density differ between plates far more than between the sites of one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.core.errors import InputError
from moascope.images.store_protocol import Store, batch_size
from moascope.preprocessing.quality_measures import registry
from moascope.preprocessing.quality_measures.base import Images, PlateChannel
from moascope.preprocessing.quality_measures.options import Quality

log = logging.getLogger(__name__)

MIN_SIDE = 16
"""Pixels; the focus of smaller images cannot be measured."""


def measure_images(
    batch: npt.NDArray[Any], is_brightfield: Sequence[bool]
) -> dict[str, npt.NDArray[Any]]:
    """Measure each image on its own.

    Parameters
    ----------
    batch : array (n, C, Y, X)
        Raw pixels, any real dtype.
    is_brightfield : sequence of bool
        By channel: whether its foreground is textured, not bright.

    Returns
    -------
    dict of str to array (n, C) or (n, C, k)
        The values of all measures by name.
    """
    ordered = np.sort(batch.reshape(*batch.shape[:2], -1), axis=2)
    images = Images(pixels=batch, ordered=ordered, is_brightfield=tuple(is_brightfield))
    values: dict[str, npt.NDArray[Any]] = {}
    for measure in registry.MEASURES:
        values |= measure.measure_images(images)
    return values


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
        One row per site: site_id and, per channel, `{column}:{channel}` of all measures:
        focus_slope, focus_laplacian, sharpness, saturated, foreground, threshold (of the
        foreground, the same in each row), p1, p50, p99, mean, sd.

    Raises
    ------
    InputError
        If images are smaller than `MIN_SIDE`.
    """
    if min(store.shape[1:]) < MIN_SIDE:
        raise InputError(
            f"images of {store.shape[1]} x {store.shape[2]} pixels are too small for quality "
            f"control; they need at least {MIN_SIDE} pixels per side"
        )
    is_brightfield = [channel in brightfield for channel in store.channels]
    batches, ceiling = [], None
    order: list[int] = []
    for indices, batch in store.batches(batch_size(store.shape)):
        batches.append(measure_images(batch, is_brightfield))
        order.extend(int(index) for index in indices)
        ceiling = float(np.iinfo(batch.dtype).max) if batch.dtype.kind in "iu" else None
        log.info("quality: %d of %d sites", len(order), len(store.site_ids))
    values = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    table = pd.DataFrame({"site_id": [store.site_ids[index] for index in order]})
    columns = {}
    for index, channel in enumerate(store.channels):
        of_channel = PlateChannel(
            values={name: value[:, index] for name, value in values.items()},
            is_brightfield=is_brightfield[index],
            ceiling=ceiling,
        )
        for measure in registry.MEASURES:
            for name, column in measure.summarize_plate(of_channel).items():
                columns[f"{name}:{channel}"] = np.broadcast_to(column, len(order))
    return pd.concat([table, pd.DataFrame(columns)], axis=1)


def flag(table: pd.DataFrame, options: Quality) -> pd.DataFrame:
    """Find the sites of a plate that cannot be trusted, with reasons.

    Treatments change texture, density and brightness, so a site must lie far outside of its
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
    options : Quality
        The section `quality` of the configuration.

    Returns
    -------
    pandas.DataFrame
        `table` with flagged (bool) and reasons (str: names of reasons joined by ";", or "").
    """
    names = np.array([flag.reason for flag in registry.flags()])
    marks = np.stack([flag.find(table, options) for flag in registry.flags()], axis=1)
    reasons = [";".join(names[row]) for row in marks]
    flagged = np.asarray(marks.any(axis=1))
    return table.assign(flagged=flagged, reasons=pd.array(reasons, dtype="str"))


def deviations(table: pd.DataFrame) -> pd.DataFrame:
    """Compute the robust z-scores that sites are flagged by.

    Parameters
    ----------
    table : pandas.DataFrame
        From `measure_plate`: all sites of one plate.

    Returns
    -------
    pandas.DataFrame
        By reason (out-of-focus, dim, bright): the z-score that is compared with its limit, float64.
        Blurred and dim sites have negative ones, bright sites positive ones.
    """
    columns = {
        flag.reason: flag.deviation(table)
        for flag in registry.flags()
        if flag.deviation is not None
    }
    return pd.DataFrame(columns, index=table.index)
