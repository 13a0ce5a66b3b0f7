"""Counts and median measurements of the objects of every site, and doubts about them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.files import read_parquet

if TYPE_CHECKING:  # a change of engines does not fit baselines again
    from moascope.segmentation.engines.base import SizeAdvice

KEYS = ["site_id", "plate", "well", "site"]

_OTHER_SIZE = 1.5  # objects this many times smaller or larger than expected are doubtful
_SHARE_OF_CRUMBS = 10.0  # times as large as the median object is the one that most pixels are in


class ObjectCounts(TypedDict):
    """Counts of the objects of a screen or a plate."""

    objects: int
    sites: int
    median_per_site: float
    sites_without_objects: int
    flagged_sites: int


class ScreenCounts(ObjectCounts):
    """Counts of the objects of a screen."""

    plates: dict[str, ObjectCounts]
    """By plate."""


class CellDoubts(TypedDict):
    """Content of the file of doubts about the objects of a screen."""

    expected_diameter: float | None
    """In px; None: not known."""
    doubts: list[str]
    """From `doubts`."""


def summarise(
    cell_files: Sequence[str | os.PathLike[str]], sites: pd.DataFrame, quality: pd.DataFrame
) -> pd.DataFrame:
    """Count the objects of every site, plate by plate.

    Parameters
    ----------
    cell_files : sequence of path
        Tables of `measure_plate.measure_plate`, one per plate; one is in memory at a time.
    sites : pandas.DataFrame
        The sites table of the screen: site_id, plate, well, row, col and site.
    quality : pandas.DataFrame
        site_id and flagged of all sites that were segmented, also those without objects.

    Returns
    -------
    pandas.DataFrame
        One row per segmented site, in the order of `sites`: site_id, plate, well, row, col, site,
        count, flagged, weighted_area (mean area in px of the objects, weighted by their areas: that
        of the object that a random pixel of an object is in), and the median over objects of every
        measurement (NaN without objects).
    """
    parts = []
    for file in cell_files:
        cells = read_parquet(file).drop(columns=[*KEYS[1:], "flagged", "ObjectNumber"])
        grouped = cells.groupby("site_id")
        area = next(name for name in map(str, cells) if name.endswith("_AreaShape_Area"))
        total = grouped[area].sum()
        squares = (cells[area].astype(np.float64) ** 2).groupby(cells["site_id"]).sum()
        medians = grouped.median(numeric_only=True)
        parts.append(medians.assign(count=grouped.size(), weighted_area=squares / total))
    known = pd.concat(parts)
    flagged = quality.set_index("site_id")["flagged"].astype(bool)
    rows = sites.loc[sites["site_id"].isin(flagged.index), [*KEYS, "row", "col"]]
    joined = rows.join(known, on="site_id")
    first: dict[str, pd.Series] = {
        "count": joined.pop("count").fillna(0).astype("int64"),
        "flagged": joined["site_id"].map(flagged).astype(bool),
        "weighted_area": joined.pop("weighted_area"),
    }
    for place, (name, column) in enumerate(first.items(), start=len(rows.columns)):
        joined.insert(place, name, column)
    return joined.reset_index(drop=True)


def count_plates(counts: pd.DataFrame) -> ScreenCounts:
    """Count the objects of a screen and of its plates, as for summary.json.

    Parameters
    ----------
    counts : pandas.DataFrame
        From `summarise`.

    Returns
    -------
    ScreenCounts
        Of the screen, and of every plate.
    """
    plates = {str(plate): _count(rows) for plate, rows in counts.groupby("plate")}
    return {**_count(counts), "plates": plates}


def _count(rows: pd.DataFrame) -> ObjectCounts:
    return {
        "objects": int(rows["count"].sum()),
        "sites": len(rows),
        "median_per_site": float(rows["count"].median()),
        "sites_without_objects": int((rows["count"] == 0).sum()),
        "flagged_sites": int(rows["flagged"].sum()),
    }


def doubts(
    counts: pd.DataFrame, objects: str, diameter: float | None, advice: SizeAdvice
) -> list[str]:
    """List what looks wrong with the objects of a screen whose truth is not known.

    Parameters
    ----------
    counts : pandas.DataFrame
        From `summarise`; flagged sites and those without objects do not count.
    objects : str
        What the objects are called in names of columns.
    diameter : float or None
        Expected diameter in px; None: not known.
    advice : SizeAdvice
        Keys of the engine to change.

    Returns
    -------
    list of str
        Sentences that name the keys to change; none where nothing looks wrong.
    """
    good = counts[~counts["flagged"] & (counts["count"] > 0)]
    if good.empty:
        return []
    noun = objects.lower()
    # By site, each as often as it has objects.
    shares = good["count"] / good["count"].sum()
    found = _weighted_median(good[f"{objects}_AreaShape_EquivalentDiameter"], shares)
    median = _weighted_median(good[f"{objects}_AreaShape_Area"], shares)
    by_pixel = float(np.median(good["weighted_area"]))
    texts = []
    expected = (
        f"The median of the {noun} is {found:.0f} px wide, but {diameter or 0:.0f} px are expected."
    )
    if diameter is not None and found < diameter / _OTHER_SIZE:
        texts.append(
            f"{expected} They may be noise or parts of objects. Set {advice.size}, or raise "
            f"{advice.larger} of the engine."
        )
    if diameter is not None and found > diameter * _OTHER_SIZE:
        texts.append(
            f"{expected} They may be clumps or background. Set {advice.size}, or change "
            f"{advice.smaller} of the engine."
        )
    if by_pixel > _SHARE_OF_CRUMBS * median:
        texts.append(
            f"Half of the {noun} have less than {median:.0f} px, but most of their area is in "
            f"objects of about {by_pixel:.0f} px. The small ones may be noise or debris: set "
            "min_area of the engine. If the large ones are debris, set max_area."
        )
    return texts


def _weighted_median(values: pd.Series, weights: pd.Series) -> float:
    ordered = values.sort_values()
    reached = weights.loc[ordered.index].cumsum()
    return float(ordered.iloc[int(np.searchsorted(reached, reached.iloc[-1] / 2))])


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
