"""Measurements of all objects on a plate, and sites that are typical of it."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.core.files import write_parquet
from moascope.images.intensities import PlateIntensities
from moascope.images.plate_store import PlateStore
from moascope.profiling.cell_measurements import measure
from moascope.segmentation.typical_sites import TypicalSites

logger = logging.getLogger(__name__)


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
        Label images of its sites, from `predict.segment_plate`.
    quality : pandas.DataFrame
        From `quality.flag`: site_id, flagged (bool), and `foreground:{channel}`.
    cells : path
        Gets a parquet table with one row per object: site_id, plate, well, site, flagged (the
        quality of the site), ObjectNumber and the measurements of `cell_measurements.measure`. Grey
        levels of textures are those of the plate. Images without plates have no well.
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
                well, site = _well_and_site(site_id, plate.plate)
                keys: dict[str, Any] = {"site_id": site_id, "plate": plate.plate, "well": well}
                for place, (key, value) in enumerate({**keys, "site": site}.items()):
                    table.insert(place, key, pd.Series(value, table.index, dtype="str"))
                table.insert(4, "flagged", bool(flagged[site_id]))
                tables.append(table)
            logger.info("%d of %d sites", indices[-1] + 1, len(plate))
    write_parquet(pd.concat(tables, ignore_index=True), cells)


def _well_and_site(site_id: str, plate: str) -> tuple[str, str]:
    """Return well and site of a name such as P1/B02/1; other names are those of images."""
    if not site_id.startswith(f"{plate}/"):
        return "", site_id
    _, well, site = site_id.split("/", 2)
    return well, site
