"""Scores of an engine on annotated test images: pooled over objects, and by image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.files import read_parquet
from moascope.core.hdf5 import open_h5, read_dataset
from moascope.core.statistics.intervals import FLOORS, Groups, share_interval
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.matching import (
    THRESHOLDS,
    MatchScores,
    PooledScores,
    Tally,
    ap_of_sums,
    pooled,
    scores,
    scores_by_image,
    sums_by_group,
    tally,
    without_ignored,
)

LEAST_GROUPS = 6
"""With fewer groups the spread between them is hardly known, and intervals say nothing."""


class Intervals(TypedDict):
    """Intervals over the groups of images, each [lower, upper]."""

    ap_50: list[float] | None
    """None with a reason; the same below."""
    mean_ap: list[float] | None
    ap: NotRequired[dict[str, list[float]]]
    """By threshold."""
    reason: NotRequired[str]


class EngineScores(PooledScores):
    """Scores of an engine, pooled over objects, as in summary.json."""

    n_groups: int
    """Independent groups of images."""
    ci: Intervals
    """None where fewer than `LEAST_GROUPS` groups hold objects."""
    level: float
    """Level of the intervals."""
    by_image: MatchScores
    """Means over images."""
    seconds_per_image: float


def score(
    images: str | os.PathLike[str],
    table: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    times: str | os.PathLike[str],
) -> tuple[EngineScores, pd.DataFrame]:
    """Compare what an engine found with what is known.

    Parameters
    ----------
    images, table : path
        The annotated set.
    labels, times : path
        From `predict.segment_test`.

    Returns
    -------
    summary : EngineScores
        Ready for JSON.
    by_image : pandas.DataFrame
        One row per test image: row (in the set), name, n_objects, n_predicted, ap_50, mean_ap,
        foreground_iou, and areas (of true, then of found objects, px) as lists.
    """
    tallies: list[Tally] = []
    rows = []
    with AnnotatedSet(images, table) as annotated, open_h5(labels) as found:
        for row in annotated.rows("test"):
            truth, predicted = without_ignored(
                annotated.labels(row), read_dataset(found, f"labels/{row:06d}")
            )
            counts = tally(truth, predicted, THRESHOLDS)
            tallies.append(counts)
            single = scores(counts)
            name = str(annotated.table["name"].iloc[row])
            rows.append(
                {
                    "row": int(row),
                    "name": name,
                    "n_objects": counts.n_objects,
                    "n_predicted": counts.n_predicted,
                    "ap_50": single["ap"]["0.5"],
                    "mean_ap": single["mean_ap"],
                    "foreground_iou": single["foreground_iou"],
                    "true_areas": _areas(truth),
                    "found_areas": _areas(predicted),
                }
            )
        groups = annotated.groups(annotated.rows("test"))
    summary: EngineScores = {
        **scores(pooled(tallies)),
        "n_groups": len(set(groups)),
        "ci": _intervals(tallies, groups),
        "level": 0.95,
        "by_image": scores_by_image(tallies),
        "seconds_per_image": float(read_parquet(times)["seconds"].mean()),
    }
    return summary, pd.DataFrame(rows)


def _areas(labels: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Measure the objects of a label image, in px."""
    areas = np.bincount(labels.ravel())[1:]
    return areas[areas > 0]


def _intervals(tallies: Sequence[Tally], groups: Sequence[str], level: float = 0.95) -> Intervals:
    """Intervals of AP at 0.5 and of mean AP, which treat the groups of images as independent."""
    matched, objects = sums_by_group(tallies, groups)
    matched, objects = matched[objects > 0], objects[objects > 0]  # the others say nothing
    if len(objects) < LEAST_GROUPS:
        reason = (
            f"the test images with objects come from {len(objects)} independent "
            f"{'group' if len(objects) == 1 else 'groups'}, and an interval needs at least "
            f"{LEAST_GROUPS}; test on images of more groups, such as other movies or wells"
        )
        return {"ap_50": None, "mean_ap": None, "reason": reason}
    # AP is the ratio of matched objects to matched, missed and false ones.
    found = objects[:, None] - matched
    ap = ap_of_sums(matched.sum(axis=0), objects.sum())
    influence = (matched - ap * found) / found.sum(axis=0)
    independent = Groups(found[:, :1].astype(float), FLOORS["unit"])
    weights = np.array([1 / found[:, 0].sum()])
    ceiling, degrees = independent.ceiling(weights), independent.degrees(weights)

    def bounds(value: float, slope: NDArray[np.float64]) -> list[float]:
        variance = independent.variance(slope, weights)
        return list(share_interval(float(value), variance, ceiling, degrees, level))

    by_threshold = {
        f"{threshold:g}": bounds(value, slope)
        for threshold, value, slope in zip(THRESHOLDS, ap, influence.T, strict=True)
    }
    mean = bounds(ap.mean(), influence.mean(axis=1))
    return {"ap_50": by_threshold["0.5"], "mean_ap": mean, "ap": by_threshold}
