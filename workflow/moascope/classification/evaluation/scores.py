"""Scores with their intervals, of one level or of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.evaluation.codes import Codes, encode
from moascope.classification.evaluation.documents import (
    ClassScores,
    Difference,
    LevelScores,
    Score,
)
from moascope.classification.evaluation.frame import Frame
from moascope.core.errors import InputError
from moascope.core.statistics import intervals, metrics

AREA = "roc_auc"
NO_AREA = "the test units are of one class only"
NO_UNITS = "the class has no test units"


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
    summed = metrics.ClassCounts(
        hits=counts.hits[:, 0], actual=counts.actual[:, 0], called=counts.called[:, 0]
    )
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
) -> tuple[dict[str, Level], dict[str, LevelScores]]:
    """Compute the scores of every level, for comparisons and as entries for JSON."""
    scored = {level: score_level(rows, frame, level) for level, rows in levels.items()}
    entries = {
        level: _level_entry(
            scored[level],
            frame.options.confidence,
            _calibration_error(rows, frame.options.calibration_bins),
        )
        for level, rows in levels.items()
    }
    return scored, entries


def _level_entry(level: Level, coverage: float, calibration_error: float | None) -> LevelScores:
    """Return the scores of a level with their intervals, for JSON."""
    return {
        "n": level.n,
        "accuracy": _score_entry(level, "accuracy", coverage),
        "macro_f1": _score_entry(level, "macro_f1", coverage),
        "balanced_accuracy": _score_entry(level, "balanced_accuracy", coverage),
        "roc_auc": _score_entry(level, AREA, coverage),
        "calibration_error": calibration_error,
    }


def _score_entry(level: Level, name: str, coverage: float) -> Score:
    """Return a score of a level with its interval, for JSON."""
    if name not in level.values:
        return {"value": None, "ci": None, "level": coverage, "reason": NO_AREA}
    value, influence = level.values[name]
    spread = _Spread.of(level, name, influence)
    if spread is None:
        return {"value": value, "ci": None, "level": coverage, "reason": level.no_interval}
    compute = intervals.area_interval if name == AREA else intervals.share_interval
    bounds = compute(value, spread.variance, spread.ceiling, spread.degrees, coverage)
    return {"value": value, "ci": list(bounds), "level": coverage}


@dataclass(frozen=True)
class _Spread:
    """Variance of a score between independent groups, for its interval."""

    variance: float
    ceiling: float
    degrees: float

    @classmethod
    def of(
        cls, level: Level, name: str, influence: npt.NDArray[np.floating[Any]]
    ) -> _Spread | None:
        """Compute the variance from the influence of every group; None with too few groups."""
        weights = level.weights(name)
        degrees = level.groups.degrees(weights)
        if degrees <= 0:
            return None
        variance = level.groups.variance(influence, weights)
        return cls(variance, level.groups.ceiling(weights), degrees)


def compare_levels(model: Level, other: Level, coverage: float, name: str) -> dict[str, Difference]:
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
    dict of str to Difference
        By score; without an interval there is a reason instead of a p-value.

    Raises
    ------
    InputError
        If they were scored on different units.
    """
    if not np.array_equal(model.groups.actual, other.groups.actual):
        raise InputError(
            f"{name} was scored on other units than the model. Fix: predict both on one split"
        )
    return {score: _compare_scores(model, other, score, coverage) for score in metrics.SCORES}


def _compare_scores(model: Level, other: Level, name: str, coverage: float) -> Difference:
    """Return the difference of one score with its interval and p-value, for JSON."""
    value = model.values[name][0] - other.values[name][0]
    spread = _Spread.of(model, name, model.values[name][1] - other.values[name][1])
    if spread is None:
        return {"value": value, "ci": None, "level": coverage, "reason": model.no_interval}
    variance, ceiling, degrees = spread.variance, spread.ceiling, spread.degrees
    bounds = intervals.difference_interval(value, variance, ceiling, degrees, coverage)
    return {
        "value": value,
        "ci": list(bounds),
        "level": coverage,
        "p": intervals.difference_p(value, variance, ceiling, degrees),
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
) -> dict[str, ClassScores]:
    """Compute precision, recall with its interval, F1 and the number of units of each class.

    Values are means over repetitions.
    """
    codes = encode(predictions)
    counts = level.counts
    summed = metrics.ClassCounts(
        hits=counts.hits.sum(axis=0),
        actual=counts.actual.sum(axis=0),
        called=counts.called.sum(axis=0),
    )
    scores = metrics.per_class_scores(summed)
    recalls = intervals.recall_intervals(level.counts, level.groups, coverage)
    n = predictions.groupby("moa")["unit_id"].nunique()
    result: dict[str, ClassScores] = {}
    for index, name in enumerate(codes.classes):
        means = {
            key: metrics.mean_over([json_number(value) for value in values[:, index]])
            for key, values in scores.items()
        }
        value, bounds = recalls[index] or (None, None)
        recall: Score = {
            "value": value,
            "ci": None if bounds is None else list(bounds),
            "level": coverage,
        }
        if bounds is None:
            recall["reason"] = NO_UNITS if value is None else level.no_interval
        result[name] = {
            "precision": means["precision"],
            "recall": recall,
            "f1": means["f1"],
            "n": int(n.get(name, 0)),
        }
    return result


def json_number(value: float) -> float | None:
    """Return a number for JSON; None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)
