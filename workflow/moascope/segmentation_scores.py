"""How well an engine did on annotated test images: all objects pooled, and image by image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from moascope.annotated import AnnotatedSet
from moascope.files import read_parquet
from moascope.hdf5 import open_h5, read_dataset
from moascope.intervals import FLOORS, Groups, share_interval
from moascope.matching import (
    THRESHOLDS,
    Tally,
    ap_of_sums,
    pooled,
    scores,
    scores_by_image,
    sums_by_group,
    tally,
)

ONE_GROUP = (
    "all test images are one group, such as one movie. Fix: add test images of other groups, or "
    "correct segmentation.annotated.group"
)
FEW_OBJECTS = (
    "fewer than two groups of test images have any object, known or found. Fix: add test images "
    "with objects"
)


def score(
    images: str | os.PathLike[str],
    table: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    times: str | os.PathLike[str],
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compare what an engine found with what is known.

    Parameters
    ----------
    images, table : path
        The annotated set.
    labels, times : path
        From `segmenting.segment_test`.

    Returns
    -------
    summary : dict
        Ready for JSON: what `matching.scores` gives, pooled over objects; `by_image`, the same as
        means over images; `seconds_per_image`; `n_groups`; `ci` and `level`, intervals of
        `ap_50` and `mean_ap` over the groups of images, or None where all are one.
    by_image : pandas.DataFrame
        One row per test image: row (in the set), name, n_objects, n_predicted, ap_50, mean_ap,
        foreground_iou, and areas (of true, then of found objects, px) as lists.
    """
    tallies: list[Tally] = []
    rows = []
    with AnnotatedSet(images, table) as annotated, open_h5(labels) as found:
        for row in annotated.rows("test"):
            truth = annotated.labels(row)
            predicted = read_dataset(found, f"labels/{row:06d}")
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
                    "true_areas": np.bincount(truth.ravel())[1:],
                    "found_areas": np.bincount(predicted.ravel())[1:],
                }
            )
        groups = annotated.groups(annotated.rows("test"))
    summary = scores(pooled(tallies))
    summary["n_groups"] = len(set(groups))
    summary["ci"], summary["level"] = _intervals(tallies, groups), 0.95
    summary["by_image"] = scores_by_image(tallies)
    summary["seconds_per_image"] = float(read_parquet(times)["seconds"].mean())
    return summary, pd.DataFrame(rows)


def _intervals(
    tallies: Sequence[Tally], groups: Sequence[str], level: float = 0.95
) -> dict[str, list[float] | str | None]:
    """Intervals of AP at 0.5 and of mean AP, which treat the groups of images as independent.

    Where there are none, they are None and `reason` says why and what to do.
    """
    matched, objects = sums_by_group(tallies, groups)
    matched, objects = matched[objects > 0], objects[objects > 0]  # the others say nothing
    if len(objects) < 2:
        reason = ONE_GROUP if len(set(groups)) < 2 else FEW_OBJECTS
        return {"ap_50": None, "mean_ap": None, "reason": reason}
    # AP is the ratio of matched objects to matched, missed and false ones.
    found = objects[:, None] - matched
    ap = ap_of_sums(matched.sum(axis=0), objects.sum())
    influence = (matched - ap * found) / found.sum(axis=0)
    independent = Groups(found[:, :1].astype(float), FLOORS["unit"])
    weights = np.array([1 / found[:, 0].sum()])
    result: dict[str, list[float] | str | None] = {}
    for name, value, slope in (
        ("ap_50", ap[0], influence[:, 0]),
        ("mean_ap", ap.mean(), influence.mean(axis=1)),
    ):
        variance, ceiling = independent.variance(slope, weights), independent.ceiling(weights)
        bounds = share_interval(
            float(value), variance, ceiling, independent.degrees(weights), level
        )
        result[name] = list(bounds)
    return result
