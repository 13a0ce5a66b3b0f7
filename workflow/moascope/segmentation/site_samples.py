"""Some sites of every plate with the objects found there, for a person to look at.

Sites that may be wrong come first: flagged ones, and those with unusually many, few, large or small
objects. Others are spread over the range of counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation

from moascope.core.files import atomic_path, write_parquet
from moascope.images.plate_store import PlateStore
from moascope.segmentation.label_windows import SITE_SIDE, busiest, median_side, shrink, thin

PER_PLATE = 6
"""Sites of a plate that are shown."""
ODD = 4
"""Sites among them, at most, that are shown because something about them is unusual."""

_LARGEST_Z = 3.5  # robust z-score from which a site is unusual (Iglewicz and Hoaglin 1993)
_LEAST_PX = 8  # an object is shrunk to no less
_PERCENTILES = (1.0, 99.8)  # shown as black and white


def choose(counts: pd.DataFrame, quality: pd.DataFrame, objects: str) -> pd.DataFrame:
    """Choose the sites of one plate to look at.

    Parameters
    ----------
    counts : pandas.DataFrame
        Sites of one plate, from `cell_counts.summarise`.
    quality : pandas.DataFrame
        Of the same sites or more: site_id, flagged, reasons.
    objects : str
        What they are called.

    Returns
    -------
    pandas.DataFrame
        At most `PER_PLATE` rows: plate, well, site_id, count, is_odd and note (why it is shown).
    """
    sites = counts.drop(columns="flagged", errors="ignore").merge(
        quality[["site_id", "flagged", "reasons"]], on="site_id", how="left"
    )
    noun = objects.lower()
    # Counts vary as their square root does not; its standard deviation is at least that of chance.
    many = _z(np.sqrt(sites["count"].to_numpy(float)), least=0.5)
    large = _z(np.log(sites[f"{objects}_AreaShape_Area"].to_numpy(float)), least=0.05)
    flagged = sites[sites["flagged"].eq(True)].sort_values("count", ascending=False)
    reasons = flagged["reasons"].str.replace(";", ", ").tolist()
    marked = zip(flagged.index.tolist(), reasons, strict=True)
    queues: list[dict[int, str]] = [
        {row: f"flagged: {reason}" for row, reason in marked},
        _outliers(many, f"unusually many {noun}", f"unusually few {noun}"),
        _outliers(large, f"unusually large {noun}", f"unusually small {noun}"),
    ]
    notes: dict[int, str] = {}
    for turn in zip_longest(*queues):
        for row, queue in zip(turn, queues, strict=True):
            if row is not None and len(notes) < ODD:
                notes.setdefault(row, queue[row])
    odd = set(notes)
    others = sites.drop(index=list(odd)).sort_values(["count", "site_id"]).index
    spread = np.linspace(0, len(others) - 1, min(PER_PLATE - len(odd), len(others)))
    notes |= dict.fromkeys(others[spread.round().astype(int)], "for comparison")
    chosen = sites.loc[list(notes), ["plate", "well", "site_id", "count"]]
    is_odd = [row in odd for row in notes]
    return chosen.assign(is_odd=is_odd, note=list(notes.values())).reset_index(drop=True)


def _z(values: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Compute robust z-scores; NaN stays NaN. `least` is the smallest standard deviation."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(values), np.nan)
    spread = max(float(median_abs_deviation(known, scale="normal")), least)
    return (values - np.median(known)) / spread


def _outliers(z: NDArray[np.float64], above: str, below: str) -> dict[int, str]:
    """List the rows with an unusual value, the most unusual first, with what is unusual."""
    rows = np.flatnonzero(np.abs(z) > _LARGEST_Z)
    ordered = rows[np.argsort(-np.abs(z[rows]), kind="stable")]
    return {int(row): above if z[row] > 0 else below for row in ordered}


def write(
    counts: pd.DataFrame,
    quality: pd.DataFrame,
    stores: Mapping[str, tuple[str | os.PathLike[str], str | os.PathLike[str]]],
    channel: str,
    objects: str,
    pictures: str | os.PathLike[str],
    table: str | os.PathLike[str],
) -> None:
    """Write the parts of chosen sites that the report shows.

    Parameters
    ----------
    counts, quality : pandas.DataFrame
        Of the screen, see `choose`.
    stores : mapping of str to (path, path)
        The plate store and the label store of every plate that is shown.
    channel : str
        Which channel is shown.
    objects : str
        What they are called.
    pictures : path
        Gets an HDF5 file with `images/000000` (Y, X) float32, raw intensities, shrunk, and
        `labels/000000` (Y, X) int32.
    table : path
        Gets the rows of `choose`, with is_part (not the whole site), and low and high: the
        intensities shown as black and white, equal for all sites of a plate.
    """
    parts: list[pd.DataFrame] = []
    with atomic_path(pictures) as temporary, h5py.File(temporary, "w") as file:
        for plate, (images, labels) in stores.items():
            chosen = choose(
                counts[counts["plate"] == plate].reset_index(drop=True), quality, objects
            )
            with PlateStore(images) as store, PlateStore(labels) as found:
                drawn = [_part(store, found, site, channel) for site in chosen["site_id"]]
            number = sum(len(part) for part in parts)
            for place, (image, label, _) in enumerate(drawn, start=number):
                for kind, values in (("images", image), ("labels", label)):
                    file.create_dataset(
                        f"{kind}/{place:06d}", data=values, compression="lzf", fletcher32=True
                    )
            low, high = _limits([image for image, _, _ in drawn], chosen["is_odd"].tolist())
            is_part = [part for _, _, part in drawn]
            parts.append(chosen.assign(is_part=is_part, low=low, high=high))
    write_parquet(pd.concat(parts, ignore_index=True), table)


def _part(
    store: PlateStore, found: PlateStore, site: str, channel: str
) -> tuple[NDArray[np.float32], NDArray[np.int32], bool]:
    """Read the busiest part of a site and its objects, shrunk to at most `SITE_SIDE` px."""
    image = store.read([store.site_ids.index(site)])[0, store.channels.index(channel)]
    labels = found.read([found.site_ids.index(site)])[0, 0].astype(np.int32)
    diameter = median_side(labels)
    step = -(-max(labels.shape) // SITE_SIDE)
    if diameter:
        step = min(step, max(1, int(diameter / _LEAST_PX)))
    window = busiest(labels, SITE_SIDE * step)
    small = shrink(image[window], step).astype(np.float32)
    is_part = bool(max(labels.shape) > SITE_SIDE * step)
    return small, thin(labels[window], step).astype(np.int32), is_part


def _limits(images: Sequence[NDArray[np.float32]], is_odd: Sequence[bool]) -> tuple[float, float]:
    """Compute the intensities shown as black and white, from usual sites where there are some."""
    usual = [image for image, odd in zip(images, is_odd, strict=True) if not odd] or images
    if not usual:
        return 0.0, 1.0
    low, high = np.percentile(np.concatenate([image.ravel() for image in usual]), _PERCENTILES)
    return float(low), float(high)
