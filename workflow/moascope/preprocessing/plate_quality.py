"""Quality of whole plates, by absolute criteria and in comparison with the other plates.

The flags of sites compare a site with its plate, so they miss a plate that is out of focus or
saturated as a whole. Plates are judged by their medians, channel by channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from moascope.core.statistics.robust import robust_z
from moascope.preprocessing.quality_measures.options import Quality

REASONS = (
    "out-of-focus",
    "saturated",
    "blurrier",
    "dimmer",
    "brighter",
    "emptier",
    "mostly-flagged",
)
BRIGHTFIELD_SKEW = -0.2
"""Skewness of the intensities of an image below which its background is the bright mode."""
_RELIEF_SHARPNESS = 0.0  # above it, and without skewness: grey relief as of DIC
_MOSTLY = 0.5
# Smallest spread of natural logarithms between intact plates of a screen: a plate fails only if it
# differs by more than z times this, even if the other plates are more similar.
_LEAST_SPREAD = {"sharpness": 0.15 * np.log(10), "mean": 0.3, "foreground": 0.3}
_LEAST_FOREGROUND = 1e-3


def plate_medians(quality: pd.DataFrame, channels: Sequence[str]) -> pd.DataFrame:
    """Compute medians and counts of the sites of each plate.

    Parameters
    ----------
    quality : pandas.DataFrame
        Quality table of the screen, with the column plate; sites that could not be read have no
        measures and are ignored.
    channels : sequence of str
        Channel names.

    Returns
    -------
    pandas.DataFrame
        By plate: sites, flagged (counts) and, for each channel, the median of sharpness, mean and
        foreground, and the smaller of mean and ninth decile of saturated (`{measure}:{channel}`).
    """
    read = quality[quality["status"] == "ok"]
    measures = ("sharpness", "mean", "foreground")
    columns = [f"{measure}:{channel}" for channel in channels for measure in measures]
    grouped = read.groupby("plate", sort=True)
    counts = pd.DataFrame({"sites": grouped.size(), "flagged": grouped["flagged"].sum()})
    clipped = grouped[[f"saturated:{channel}" for channel in channels]]
    # The mean detects saturated cells in many sites; the ninth decile ignores one or two bad sites.
    decile = clipped.quantile(0.9)
    saturated = clipped.mean().where(lambda mean: mean < decile, decile)
    return counts.join(grouped[columns].median()).join(saturated)


def judge(
    medians: pd.DataFrame,
    channels: Sequence[str],
    options: Quality,
    brightfield: Sequence[str] = (),
) -> dict[str, dict[str, str]]:
    """Find the plates that fail as a whole.

    Absolute criteria, which need no other plate:

    - out-of-focus: the sharpness of a channel is below `min_sharpness`, in brightfield channels
      `min_sharpness_brightfield`;
    - saturated: the share of saturated pixels of a channel is above `max_saturated`, both in the
      mean and in a tenth of the sites;
    - mostly-flagged: at least half of the sites are flagged.

    Compared with the other plates, by `plate_z` robust standard deviations of their logarithms:

    - blurrier, dimmer, brighter, emptier: the sharpness, mean intensity or foreground of a channel.

    Parameters
    ----------
    medians : pandas.DataFrame
        From `plate_medians`.
    channels : sequence of str
        Channel names.
    options : Quality
        The section `quality` of the configuration; without min_sharpness, focus is not judged.
    brightfield : sequence of str
        Channels that are brightfield.

    Returns
    -------
    dict of str to dict of str to str
        By plate that fails: a text by reason (of `REASONS`).
    """
    failures = {}
    for plate in medians.index:
        found: dict[str, list[str]] = {}
        for channel in channels:
            limit = (
                options.min_sharpness_brightfield
                if channel in brightfield
                else options.min_sharpness
            )
            row = medians.loc[plate]
            for reason, text in (
                *_absolute(row, channel, limit, options.max_saturated),
                *_compared(medians, str(plate), channel, options.plate_z),
            ):
                found.setdefault(reason, []).append(f"{channel}: {text}")
        sites, flagged = (int(medians.loc[plate, name]) for name in ("sites", "flagged"))
        if flagged >= _MOSTLY * sites:
            found["mostly-flagged"] = [f"{flagged:,} of {sites:,} sites are flagged"]
        if found:
            failures[str(plate)] = {
                reason: "; ".join(found[reason]) for reason in REASONS if reason in found
            }
    return failures


def _absolute(
    row: pd.Series, channel: str, min_sharpness: float | None, max_saturated: float
) -> Iterator[tuple[str, str]]:
    sharpness, saturated = row[f"sharpness:{channel}"], row[f"saturated:{channel}"]
    if min_sharpness is not None and sharpness < min_sharpness:
        yield "out-of-focus", f"sharpness {sharpness:.2f}, limit {min_sharpness:g}"
    if saturated > max_saturated:
        yield "saturated", f"{saturated:.1%} of pixels, limit {max_saturated:.1%}"


def _compared(
    medians: pd.DataFrame, plate: str, channel: str, limit: float
) -> Iterator[tuple[str, str]]:
    others = medians.drop(index=plate)
    if others.empty:
        return
    for measure, low, high in (
        ("sharpness", "blurrier", None),
        ("mean", "dimmer", "brighter"),
        ("foreground", "emptier", None),
    ):
        column = f"{measure}:{channel}"
        value, reference = (
            _logs(table[column], measure) for table in (medians.loc[[plate]], others)
        )
        z = float(robust_z(value, _LEAST_SPREAD[measure], reference=reference)[0])
        reason = low if z < -limit else high if z > limit else None
        if reason is None:
            continue
        factor = float(np.exp(value[0] - np.median(reference)))
        yield reason, f"{factor:.2g} times the median of the other plates (robust z {z:+.1f})"


def _logs(values: pd.Series, measure: str) -> np.ndarray:
    """Return natural logarithms; sharpness is a decimal one already."""
    if measure == "sharpness":
        return values.to_numpy(float) * np.log(10)
    least = _LEAST_FOREGROUND if measure == "foreground" else np.finfo(float).tiny
    return np.log(np.maximum(values.to_numpy(float), least))


def suspected_brightfield(
    quality: pd.DataFrame, channels: Sequence[str], brightfield: Sequence[str] = ()
) -> dict[str, int]:
    """Find channels that look like brightfield but are not declared so.

    Most of their sites have a bright background with dark objects, by the skewness of their
    percentiles, or a grey relief with fine structure and no skewness, as of DIC.

    Parameters
    ----------
    quality : pandas.DataFrame
        Quality table of the screen; only sites that were read count.
    channels : sequence of str
        Channel names.
    brightfield : sequence of str
        Channels that are declared; they are ignored.

    Returns
    -------
    dict of str to int
        By channel: how many sites look so.
    """
    read = quality[quality["status"] == "ok"]
    found = {}
    for channel in channels:
        if channel in brightfield:
            continue
        low, middle, high = (read[f"p{q}:{channel}"].to_numpy(float) for q in (1, 50, 99))
        span = high - low
        skew = np.divide(low + high - 2 * middle, span, out=np.zeros_like(span), where=span > 0)
        relief = (np.abs(skew) < -BRIGHTFIELD_SKEW) & (
            read[f"sharpness:{channel}"].to_numpy(float) > _RELIEF_SHARPNESS
        )
        sites = int(((skew < BRIGHTFIELD_SKEW) | relief).sum())
        if sites > len(read) / 2:
            found[channel] = sites
    return found
