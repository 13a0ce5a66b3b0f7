"""What the objects of a site come to: how many there are, and their median measurements."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.files import read_parquet

KEYS = ["site_id", "plate", "well", "site"]


def summarise(
    cell_files: Sequence[str | os.PathLike[str]], sites: pd.DataFrame, segmented: Sequence[str]
) -> pd.DataFrame:
    """Count the objects of every site, plate by plate.

    Parameters
    ----------
    cell_files : sequence of path
        Tables of `segmenting.segment_plate`, one per plate; one is in memory at a time.
    sites : pandas.DataFrame
        The sites table of the screen: site_id, plate, well, row, col and site.
    segmented : sequence of str
        The site_id of all sites that were segmented, also those without objects.

    Returns
    -------
    pandas.DataFrame
        One row per segmented site, in the order of `sites`: site_id, plate, well, row, col, site,
        count, and the median over objects of every measurement (NaN without objects).
    """
    parts = []
    for file in cell_files:
        cells = read_parquet(file).drop(columns=[*KEYS[1:], "ObjectNumber"])
        grouped = cells.groupby("site_id")
        parts.append(grouped.median(numeric_only=True).assign(count=grouped.size()))
    known = pd.concat(parts)
    rows = sites.loc[sites["site_id"].isin(list(segmented)), [*KEYS, "row", "col"]]
    joined = rows.join(known, on="site_id")
    counts = joined.pop("count").fillna(0).astype("int64")
    joined.insert(len(rows.columns), "count", counts)
    return joined.reset_index(drop=True)


def count_plates(counts: pd.DataFrame, flagged: Collection[str]) -> dict[str, Any]:
    """Count the objects of a screen and of its plates, as for summary.json.

    Parameters
    ----------
    counts : pandas.DataFrame
        From `summarise`.
    flagged : collection of str
        The site_id of flagged sites.

    Returns
    -------
    dict
        objects, sites, median_per_site, sites_without_objects and flagged_sites of the screen, and
        under `plates` the same of every plate.
    """
    is_flagged = counts["site_id"].isin(list(flagged))
    plates = counts.groupby("plate")
    return {
        **_count(counts, is_flagged),
        "plates": {str(plate): _count(rows, is_flagged) for plate, rows in plates},
    }


def _count(rows: pd.DataFrame, is_flagged: pd.Series) -> dict[str, Any]:
    return {
        "objects": int(rows["count"].sum()),
        "sites": len(rows),
        "median_per_site": float(rows["count"].median()),
        "sites_without_objects": int((rows["count"] == 0).sum()),
        "flagged_sites": int(is_flagged[rows.index].sum()),
    }


def features_of_units(units: pd.DataFrame, counts: pd.DataFrame) -> NDArray[np.float64]:
    """Describe units by nothing but how many objects their site has.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table: site_id.
    counts : pandas.DataFrame
        From `summarise`.

    Returns
    -------
    (n, 2) float64
        The count and its logarithm.
    """
    found = units["site_id"].map(counts.set_index("site_id")["count"]).to_numpy(np.float64)
    return np.stack([found, np.log1p(found)], axis=1)
