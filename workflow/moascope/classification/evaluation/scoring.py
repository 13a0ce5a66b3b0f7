"""Evaluation of a model at the levels of units, wells and treatments, with intervals.

Predictions are tables of test rows: ``unit_id, repeat, fold, fold_name, moa, predicted`` and one
column ``p:<class>`` of probabilities per class. Every number that is reported about a
classification is computed here from such a table, for models and baselines alike.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from moascope.classification.baseline_registry import MAJORITY
from moascope.classification.evaluation.aggregation import aggregate_levels, average_repeats
from moascope.classification.evaluation.codes import check, class_names
from moascope.classification.evaluation.details import (
    count_compounds,
    count_confusions,
    list_folds,
    list_mistakes,
    list_reliability,
    measure_confounding,
)
from moascope.classification.evaluation.documents import (
    BaselineScores,
    LevelScores,
    ModelScores,
    Pictures,
)
from moascope.classification.evaluation.frame import Frame
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.nulls import add_null
from moascope.classification.evaluation.options import Evaluation
from moascope.classification.evaluation.scores import (
    Level,
    compare_levels,
    score_classes,
    score_level,
    score_levels,
)
from moascope.classification.heads.calibration import summarise
from moascope.splits.independence import independent_unit, plural

logger = logging.getLogger(__name__)


def evaluate(
    predictions: pd.DataFrame,
    units: pd.DataFrame,
    options: Evaluation,
    *,
    baselines: Mapping[str, pd.DataFrame] | None = None,
    models: Mapping[str, pd.DataFrame] | None = None,
    refits: pd.DataFrame | None = None,
    unit: str = "site",
    split: str = "",
    held_out: Sequence[str] = (),
    design: Design | None = None,
    seed: int = 0,
) -> ModelScores:
    """Score a model, for its entry under ``classification`` in summary.json and for the report.

    With several repetitions every score is the mean of the scores of the repetitions: the expected
    score of one run of the model. Confusion, reliability and mistakes show one prediction per unit,
    averaged over the repetitions. The groups of the independent unit, with all their repetitions,
    vary independently in intervals (`moascope.core.statistics.intervals`).

    Parameters
    ----------
    predictions : pandas.DataFrame
        Test rows of all folds and repeats; each unit at most once per repeat.
    units : pandas.DataFrame
        The units table; may hold more units than were predicted.
    options : Evaluation
        The section of the configuration.
    baselines : mapping of str to pandas.DataFrame, optional
        Predictions of the same units by baseline, for comparison.
    models : mapping of str to pandas.DataFrame, optional
        Predictions of the same units by other models, for comparison.
    refits : pandas.DataFrame, optional
        Scores of the permutation null of a linear head, from `refit_null`; where it is not given,
        the truth is permuted among fixed predictions.
    unit : str
        Kind of the units: site, tile or cell.
    split : str
        Name of the split, copied into the entry.
    held_out : sequence of str
        Columns that the split holds out, from `moascope.splits.independence.held_out_columns`.
    design : Design, optional
        Plates or free groups of the units; plates without free groups if not given.
    seed : int
        Seed of the permutation null.

    Returns
    -------
    ModelScores
        Ready for JSON. A score that is not defined has the value None and a ``reason``.

    Raises
    ------
    InputError
        For an empty table, a unit predicted twice in a repeat, a unit without metadata, baselines
        of other units, or an independent unit that is finer than what the split holds out.
    """
    check(predictions)
    design = Design() if design is None else design
    independent = independent_unit(
        held_out, options.independent_unit, split, design.groups, design.has_plates
    )
    frame = Frame(units, design, independent, design.levels(units), options)
    table = predictions.reset_index(drop=True)
    levels = _levels_of(table, frame)
    scored, entries = score_levels(levels, frame)
    add_null(entries, levels, frame, refits, seed)
    others: dict[str, BaselineScores] = {}
    for name, rows in (baselines or {}).items():
        others[name], found = _score_baseline(name, rows, frame, seed)
        if others[name]["comparator"]:
            _add_comparisons(entries, "comparisons", name, scored, found, frame)
    for name, rows in (models or {}).items():
        check(rows)
        by_level = _levels_of(rows.reset_index(drop=True), frame)
        found = {level: score_level(other, frame, level) for level, other in by_level.items()}
        _add_comparisons(entries, "model_comparisons", name, scored, found, frame)
    top = entries.pop("unit")
    _log_accuracy(split, unit, top, entries)
    members = units[units["unit_id"].isin(table["unit_id"])]
    return {
        "unit": unit,
        "split": split,
        **top,
        **frame.nest(entries),
        "per_class": score_classes(table, scored["unit"], options.confidence),
        "baselines": others,
        "compounds": count_compounds(table, frame),
        "confounding": measure_confounding(members, frame, held_out),
        "calibration": summarise(table),
        "details": {
            **_pictures(table, frame),
            "folds": list_folds(table),
            "repeats": int(table["repeat"].nunique()),
            "independent_unit": independent.name,
            "n_independent": len(scored["unit"].groups.actual),
            "shared_groups": frame.shared_groups(members),
            "aggregate": options.aggregate,
        },
    }


def _levels_of(predictions: pd.DataFrame, frame: Frame) -> dict[str, pd.DataFrame]:
    """Return the predictions of every level of an evaluation."""
    return aggregate_levels(predictions, frame.units, frame.options.aggregate, frame.levels)


def _add_comparisons(
    entries: Mapping[str, LevelScores],
    key: Literal["comparisons", "model_comparisons"],
    name: str,
    scored: Mapping[str, Level],
    other: Mapping[str, Level],
    frame: Frame,
) -> None:
    """Add the differences to a baseline or another model to the entry of every level."""
    kind = "baseline" if key == "comparisons" else "model"
    for level, entry in entries.items():
        entry.setdefault(key, {})[name] = compare_levels(
            scored[level], other[level], frame.options.confidence, f"{kind} {name!r}"
        )


def _pictures(table: pd.DataFrame, frame: Frame) -> Pictures:
    """Return the details that show one prediction per unit."""
    averaged = average_repeats(table)
    return {
        "classes": class_names(table),
        "confusion": {
            level: count_confusions(rows) for level, rows in _levels_of(averaged, frame).items()
        },
        "reliability": list_reliability(averaged, frame.options.calibration_bins),
        "mistakes": list_mistakes(averaged, frame),
    }


def _log_accuracy(
    split: str, unit: str, top: LevelScores, entries: Mapping[str, LevelScores]
) -> None:
    """Log the accuracy of every level."""
    shares = [
        f"{entry['accuracy']['value']:.4f} of {plural(level, entry['n'])}"
        for level, entry in [(unit, top), *entries.items()]
    ]
    logger.info("%s: accuracy %s", split or "evaluation", ", ".join(shares))


def _score_baseline(
    name: str, predictions: pd.DataFrame, frame: Frame, seed: int
) -> tuple[BaselineScores, dict[str, Level]]:
    """Score a baseline as a model is scored: its entry without details, and its levels."""
    check(predictions)
    levels = _levels_of(predictions.reset_index(drop=True), frame)
    scored, entries = score_levels(levels, frame)
    add_null(entries, levels, frame, None, seed)
    chance = 1 / predictions["moa"].nunique()
    recall = entries["unit"]["balanced_accuracy"]["value"]
    below = name == MAJORITY.name and recall is not None and recall < chance - 1e-9
    result: BaselineScores = {
        **entries["unit"],
        **frame.nest(entries),
        "comparator": not below,
    }
    if below:
        result["reason"] = "its class is rarer in the training set, so it scores below chance"
    return result, scored
