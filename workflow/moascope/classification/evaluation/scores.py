"""Scores with their intervals, of one level or of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.evaluation.codes import Codes, encode
from moascope.classification.evaluation.frame import Frame
from moascope.core.errors import InputError
from moascope.core.statistics import intervals, metrics

AREA = "roc_auc"
NO_AREA = "the test units are of one class only"
NO_UNITS = "the class has no test units"


SCORES = (*metrics.SCORES, AREA)
"""The scores that have intervals and a null, by their name in summary.json."""


@dataclass(frozen=True)
class Level:
    """Scores of one level (unit, well or treatment), with the groups for their intervals."""

    n: int
    """Units, wells or treatments, each counted once."""
    values: dict[str, tuple[float, npt.NDArray[np.floating[Any]]]]
    """By score: its value, and the influence of every independent group."""
    counts: metrics.ClassCounts
    groups: intervals.Groups
    no_interval: str = ""
    """Why there are no intervals and what to set; empty where there are."""

    def weights(self, score: str) -> npt.NDArray[np.float64]:
        """Return the weight of one unit of each class in a score, (n_classes,)."""
        n = self.groups.actual.sum(axis=0)
        if score == "accuracy":
            return np.full(len(n), 1 / n.sum())
        present = n > 0
        return np.where(present, 1 / np.maximum(n, 1e-300), 0.0) / present.sum()


def score_plainly(predictions: pd.DataFrame) -> dict[str, float]:
    """Compute scores without intervals, means over repetitions."""
    codes = encode(predictions)
    counts = metrics.group_counts(codes.truth, codes.predicted, codes.repeats, len(codes.classes))
    summed = metrics.ClassCounts(*(part[:, 0] for part in counts))
    scores = {name: float(np.mean(score(summed))) for name, score in metrics.SCORES.items()}
    found = _area(codes, np.zeros_like(codes.truth), 1)
    return scores | {AREA: np.nan if found is None else found[0]}


def _area(
    codes: Codes, groups: npt.NDArray[np.int64], n_groups: int
) -> tuple[float, npt.NDArray[np.floating[Any]]] | None:
    """Compute ROC AUC and its influences, means over the repetitions in which it is defined."""
    found = [
        intervals.roc_auc_score(codes.truth[run], codes.probabilities[run], groups[run], n_groups)
        for run in (codes.repeats == repeat for repeat in np.unique(codes.repeats))
    ]
    known = [area for area in found if area is not None]
    if not known:
        return None
    values, influences = zip(*known, strict=True)
    return float(np.mean(values)), np.mean(influences, axis=0)


def score_level(predictions: pd.DataFrame, frame: Frame, level: str) -> Level:
    """Compute the scores of one level, with the groups for their intervals."""
    codes = encode(predictions)
    groups = frame.independent_codes(predictions, level)
    counts = metrics.group_counts(
        codes.truth, codes.predicted, groups, len(codes.classes), codes.repeats
    )
    values = intervals.count_scores(counts)
    area = _area(codes, groups, len(counts.actual))
    keys = ["unit_id"] if level == "unit" else list(frame.levels[level])
    held = intervals.Groups(
        counts.actual.mean(axis=1), intervals.FLOORS.get(level, intervals.FLOORS["treatment"])
    )
    return Level(
        n=len(predictions[keys].drop_duplicates()),
        values=values if area is None else values | {AREA: area},
        counts=counts,
        groups=held,
        no_interval="" if held.show_spread else frame.explain_no_interval(level),
    )


def score_levels(
    levels: Mapping[str, pd.DataFrame], frame: Frame
) -> tuple[dict[str, Level], dict[str, dict[str, Any]]]:
    """Compute the scores of every level, for comparisons and as entries for JSON."""
    scored = {level: score_level(rows, frame, level) for level, rows in levels.items()}
    entries = {
        level: {
            **_score_entries(scored[level], frame.options.confidence),
            "calibration_error": _calibration_error(rows, frame.options.calibration_bins),
        }
        for level, rows in levels.items()
    }
    return scored, entries


def _score_entries(level: Level, coverage: float) -> dict[str, Any]:
    """Return the scores of a level with their intervals, for JSON."""
    entries: dict[str, Any] = {"n": level.n}
    for name in (*metrics.SCORES, AREA):
        if name not in level.values:
            entries[name] = {
                "value": None,
                "ci": None,
                "level": coverage,
                "reason": NO_AREA,
            }
            continue
        value, influence = level.values[name]
        compute = intervals.area_interval if name == AREA else intervals.share_interval
        entries[name] = _with_interval(level, name, value, influence, compute, coverage)
    return entries


def _with_interval(
    level: Level,
    name: str,
    value: float,
    influence: npt.NDArray[np.floating[Any]],
    compute: Callable[..., intervals.Interval],
    coverage: float,
) -> dict[str, Any]:
    """Return a value with its interval, for JSON."""
    weights = level.weights(name)
    degrees = level.groups.degrees(weights)
    entry: dict[str, Any] = {"value": value, "ci": None, "level": coverage}
    if degrees <= 0:
        return entry | {"reason": level.no_interval}
    variance, ceiling = level.groups.variance(influence, weights), level.groups.ceiling(weights)
    entry["ci"] = list(compute(value, variance, ceiling, degrees, coverage))
    if compute is intervals.difference_interval:
        entry["p"] = intervals.difference_p(value, variance, ceiling, degrees)
    return entry


def compare_levels(model: Level, other: Level, coverage: float, name: str) -> dict[str, Any]:
    """Compute the differences of two classifiers: model less other, paired by group.

    Parameters
    ----------
    model, other : Level
        Scores of the two on the same units.
    coverage : float
        Level of the intervals, in (0, 1).
    name : str
        The other classifier, for messages.

    Returns
    -------
    dict
        By score ``{value, ci, level, p}``; without an interval a ``reason`` instead of ``p``.

    Raises
    ------
    InputError
        If they were scored on different units.
    """
    if not np.array_equal(model.groups.actual, other.groups.actual):
        raise InputError(
            f"{name} was scored on other units than the model. Fix: predict both on one split"
        )
    return {
        score: _with_interval(
            model,
            score,
            model.values[score][0] - other.values[score][0],
            model.values[score][1] - other.values[score][1],
            intervals.difference_interval,
            coverage,
        )
        for score in metrics.SCORES
    }


def _calibration_error(predictions: pd.DataFrame, bins: int) -> float | None:
    """Compute the expected calibration error, mean over repetitions."""
    codes = encode(predictions)
    return metrics.mean_over(
        [
            metrics.expected_calibration_error(reliability_of(codes, codes.repeats == repeat, bins))
            for repeat in np.unique(codes.repeats)
        ]
    )


def reliability_of(codes: Codes, rows: npt.NDArray[np.bool_], bins: int) -> metrics.Reliability:
    """Compute the reliability of the calls of some rows."""
    predicted = codes.predicted[rows]
    confidence = np.take_along_axis(codes.probabilities[rows], predicted[:, None], axis=1)[:, 0]
    return metrics.reliability(confidence, predicted == codes.truth[rows], bins)


def score_classes(
    predictions: pd.DataFrame, level: Level, coverage: float
) -> dict[str, dict[str, Any]]:
    """Compute precision, recall with its interval, F1 and the number of units of each class.

    Values are means over repetitions.
    """
    codes = encode(predictions)
    summed = metrics.ClassCounts(*(part.sum(axis=0) for part in level.counts))
    scores = metrics.per_class_scores(summed)
    recalls = intervals.recall_intervals(level.counts, level.groups, coverage)
    n = predictions.groupby("moa")["unit_id"].nunique()
    result: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(codes.classes):
        entry: dict[str, Any] = {
            key: metrics.mean_over([json_number(value) for value in values[:, index]])
            for key, values in scores.items()
        }
        value, bounds = recalls[index] or (None, None)
        entry["recall"] = {
            "value": value,
            "ci": None if bounds is None else list(bounds),
            "level": coverage,
        }
        if bounds is None:
            entry["recall"]["reason"] = NO_UNITS if value is None else level.no_interval
        result[name] = entry | {"n": int(n.get(name, 0))}
    return result


def json_number(value: float) -> float | None:
    """Return a number for JSON; None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)
