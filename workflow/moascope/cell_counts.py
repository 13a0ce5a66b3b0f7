"""What the objects of a site come to: how many there are, and their median measurements."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

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
        cells = pd.read_parquet(file).drop(columns=[*KEYS[1:], "ObjectNumber"])
        grouped = cells.groupby("site_id")
        parts.append(grouped.median(numeric_only=True).assign(count=grouped.size()))
    known = pd.concat(parts)
    rows = sites.loc[sites["site_id"].isin(list(segmented)), [*KEYS, "row", "col"]]
    joined = rows.join(known, on="site_id")
    counts = joined.pop("count").fillna(0).astype("int64")
    joined.insert(len(rows.columns), "count", counts)
    return joined.reset_index(drop=True)
