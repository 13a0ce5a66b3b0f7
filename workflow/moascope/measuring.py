"""Measurements of all objects on a plate, and sites that are typical of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.cells import measure
from moascope.errors import InputError
from moascope.files import write_parquet
from moascope.intensities import PlateIntensities
from moascope.stores import PlateStore

logger = logging.getLogger(__name__)

TYPICAL = 48
"""Sites of a plate that are enough for medians."""
_FOREGROUND = 0.01  # share of the pixels; sites with less are hardly typical


class TypicalSites:
    """Images of sites that say what is usual on a plate, read whenever they are looked at.

    At most 48 sites, evenly spread over those with something in them.

    Parameters
    ----------
    plate : PlateStore
        Holds the images.
    channels : sequence of int
        Channels of the images, by their position in the store.
    quality : pandas.DataFrame or None
        From `quality.measure_plate`: site_id, and `foreground:{channel}` as far as there are such
        channels; None: all sites count.
    most : int
        Sites at most.
    """

    def __init__(
        self,
        plate: PlateStore,
        channels: Sequence[int],
        quality: pd.DataFrame | None,
        most: int = TYPICAL,
    ) -> None:
        self._plate, self._channels = plate, list(channels)
        chosen = np.arange(len(plate))
        names = [f"foreground:{plate.channels[channel]}" for channel in channels]
        if quality is not None and (known := [name for name in names if name in quality]):
            fullest = quality.set_index("site_id")[known].max(axis=1).reindex(plate.site_ids)
            shares = fullest.fillna(0).to_numpy(float)
            # Of a sparse plate the fullest quarter.
            chosen = np.flatnonzero(shares >= min(_FOREGROUND, np.quantile(shares, 0.75)))
        spread = np.linspace(0, len(chosen) - 1, min(most, len(chosen))).round().astype(int)
        self.indices = chosen[spread]

    def __iter__(self) -> Iterator[NDArray[np.generic]]:
        """Read images (C, Y, X) of raw intensities, one after the other."""
        for index in self.indices:
            yield self._plate.read([index])[0, self._channels]


def measure_plate(
    store: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    quality: pd.DataFrame,
    cells: str | os.PathLike[str],
    *,
    objects: str,
) -> None:
    """Measure the objects of a plate in all channels.

    Parameters
    ----------
    store : path
        The plate store.
    labels : path
        Label images of its sites, from `segmenting.segment_plate`.
    quality : pandas.DataFrame
        From `quality.flag`: site_id, flagged (bool), and `foreground:{channel}`.
    cells : path
        Gets a parquet table with one row per object: site_id, plate, well, site, flagged (the
        quality of the site), ObjectNumber and the measurements of `cells.measure`. Grey levels of
        textures are those of the plate.
    objects : str
        What they are called.

    Raises
    ------
    InputError
        If the stores do not belong together.
    """
    flagged = quality.set_index("site_id")["flagged"]
    tables: list[pd.DataFrame] = []
    with PlateStore(store) as plate, PlateStore(labels) as found:
        if found.site_ids != plate.site_ids:
            raise InputError(
                f"{os.fspath(labels)}: its label images are not those of {os.fspath(store)}. "
                "Delete the labels of this plate and run again."
            )
        sites = TypicalSites(plate, range(len(plate.channels)), quality)
        limits = PlateIntensities.of(sites).whole() if len(plate) else None
        for indices, batch in plate.batches():
            numbers = found.read(indices.tolist())[:, 0].astype(np.int32)
            for index, image, own in zip(indices, batch, numbers, strict=True):
                table = measure(image, own, plate.channels, objects, limits=limits)
                site_id = plate.site_ids[index]
                _, well, site = site_id.split("/", 2)
                keys: dict[str, Any] = {"site_id": site_id, "plate": plate.plate, "well": well}
                for place, (key, value) in enumerate({**keys, "site": site}.items()):
                    table.insert(place, key, pd.Series(value, table.index, dtype="str"))
                table.insert(4, "flagged", bool(flagged[site_id]))
                tables.append(table)
            logger.info("%d of %d sites", indices[-1] + 1, len(plate))
    write_parquet(pd.concat(tables, ignore_index=True), cells)
