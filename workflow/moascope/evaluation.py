"""How well a model names the mechanism: at unit, well and treatment level, with intervals.

Predictions are tables of test rows: ``unit_id, repeat, fold, fold_name, moa, predicted`` and one
column ``p:<class>`` of probabilities per class. Every number that is reported about a
classification is computed here from such a table, for models and baselines alike.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope import metrics
from moascope.errors import InputError

logger = logging.getLogger(__name__)

LEVELS: dict[str, tuple[str, ...]] = {"well": ("plate", "well"), "treatment": ("treatment",)}
"""Columns of the units table that name a well and a treatment."""

INDEPENDENT_UNITS: dict[str, tuple[str, ...]] = {
    "field": ("field",),
    "well": ("plate", "well"),
    "compound": ("compound",),
    "plate": ("plate",),
}
"""Columns of the units table that name what is resampled by the bootstrap."""

# A well holds whole fields and a treatment whole wells, so there the smaller unit no longer exists.
_COARSER: dict[str, dict[str, tuple[str, ...]]] = {
    "unit": {},
    "well": {"field": ("plate", "well")},
    "treatment": dict.fromkeys(("field", "well", "plate"), ("treatment",)),
}

_PROBABILITY = "p:"
_N_MISTAKES = 48


class Scored(NamedTuple):
    """Predictions as codes, ready for `moascope.metrics`."""

    classes: list[str]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    """(n, n_classes), the order of `classes`."""
    repeats: npt.NDArray[np.int64]
    """Codes from 0."""


def class_names(predictions: pd.DataFrame) -> list[str]:
    """Names of the classes of a predictions table, in the order of its columns."""
    return [
        str(column)[len(_PROBABILITY) :]
        for column in predictions.columns
        if str(column).startswith(_PROBABILITY)
    ]


def aggregate(
    predictions: pd.DataFrame, units: pd.DataFrame, level: str, how: str = "mean"
) -> pd.DataFrame:
    """Join the predictions of all units of a well or a treatment into one.

    All units count the same, whichever well of a treatment they are from. Repetitions stay apart.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Predictions of units.
    units : pandas.DataFrame
        The units table: ``unit_id`` and the columns of `LEVELS`.
    level : {"well", "treatment"}
        What one row of the result is.
    how : {"mean", "median", "vote"}
        ``mean``: mean of the probabilities. ``median``: their median per class, rescaled to sum to
        one (Kensert et al., 2019), the mean where all medians are zero. ``vote``: the class that
        most units were called; ties go to the larger mean probability, and the probabilities are
        the means.

    Returns
    -------
    pandas.DataFrame
        Predictions with the columns of `LEVELS` and ``n_units`` instead of ``unit_id``, sorted by
        repeat and name. Where units of one row were tested in several folds, ``fold`` is -1 and
        ``fold_name`` is empty.

    Raises
    ------
    InputError
        For an unknown level or way, units without metadata, or two mechanisms in one row.
    """
    if level not in LEVELS or how not in ("mean", "median", "vote"):
        raise InputError(
            f"aggregate: level {level!r}, how {how!r}; "
            "level is well or treatment, how is mean, median or vote"
        )
    names = list(LEVELS[level])
    keys = ["repeat", *names]
    classes = class_names(predictions)
    columns = [_PROBABILITY + name for name in classes]
    metadata = _metadata(predictions, units, names)
    table = pd.concat([predictions.reset_index(drop=True), metadata], axis=1)
    grouped = table.groupby(keys, sort=True)

    mixed = grouped["moa"].nunique()
    if (mixed > 1).any():
        worst = mixed.reset_index().loc[mixed.to_numpy().argmax(), names]
        raise InputError(
            f"{level} {'/'.join(map(str, worst))} has units of "
            f"{mixed.max()} different mechanisms; correct the MoA table so that it has one"
        )
    result = grouped[["fold", "fold_name", "moa"]].first()
    several = grouped["fold"].nunique() > 1
    result.loc[several, "fold"] = -1
    result.loc[several, "fold_name"] = ""
    mean = grouped[columns].mean()
    probabilities = mean
    if how == "median":
        median = grouped[columns].median()
        total = median.sum(axis=1)
        probabilities = median.div(total, axis=0).where(total > 0, mean)
    scores = probabilities.to_numpy()
    if how == "vote":
        called = pd.Categorical(table["predicted"], categories=classes)
        votes = pd.get_dummies(called).groupby([table[key] for key in keys]).sum().to_numpy()
        scores = np.where(votes == votes.max(axis=1, keepdims=True), scores, -1.0)
    result["predicted"] = np.asarray(classes, dtype=object)[scores.argmax(axis=1)]
    result[columns] = probabilities
    result["n_units"] = grouped.size()
    return result.reset_index()


def evaluate(
    predictions: pd.DataFrame,
    units: pd.DataFrame,
    options: Mapping[str, Any],
    *,
    unit: str = "site",
    split: str = "",
    seed: int = 0,
) -> dict[str, Any]:
    """Score a model: its entry under ``classification`` in summary.json, and more for the report.

    With several repetitions every score is the mean of the repetitions' scores, which is what one
    run of the model is worth. Pictures (confusion, reliability, mistakes, folds excepted) show one
    prediction per unit: the probabilities averaged over the repetitions. Intervals resample the
    independent unit with all its repetitions.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Test rows of all folds and repeats; each unit at most once per repeat.
    units : pandas.DataFrame
        The units table; may hold more units than were predicted.
    options : mapping
        The config section ``evaluation``: ``aggregate``, ``bootstrap`` (resamples), ``confidence``,
        ``calibration_bins``, ``independent_unit``.
    unit : str
        What a unit is: site, tile or cell.
    split : str
        Name of the split, copied into the entry.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        JSON-ready. ``unit, split, n, accuracy, macro_f1, balanced_accuracy`` (each ``{value,
        ci95}``), ``roc_auc, calibration_error, by_treatment, by_well, per_class`` and ``details``:
        ``classes``, ``confusion`` (by level, rows are the truth), ``reliability``, ``folds``,
        ``mistakes`` (most confident first), ``repeats``, ``independent_unit``, ``n_independent``,
        ``aggregate``. A score that is not defined is None.

    Raises
    ------
    InputError
        For an empty table, a unit predicted twice in a repeat, or a unit without metadata.
    """
    _check(predictions)
    table = predictions.reset_index(drop=True)
    how = str(options["aggregate"])
    levels = {"unit": table} | {level: aggregate(table, units, level, how) for level in LEVELS}
    entries = {
        level: _score_level(rows, units, level, options, seed) for level, rows in levels.items()
    }
    consensus = _consensus(table)
    pictures = {"unit": consensus} | {
        level: aggregate(consensus, units, level, how) for level in LEVELS
    }
    top = entries["unit"]
    logger.info(
        "%s: accuracy %.4f of %d units, %.4f of %d treatments",
        split or "evaluation",
        top["accuracy"]["value"],
        top["n"],
        entries["treatment"]["accuracy"]["value"],
        entries["treatment"]["n"],
    )
    groups = _groups(table, units, "unit", str(options["independent_unit"]))
    return {
        "unit": unit,
        "split": split,
        "n": top["n"],
        **{name: top[name] for name in metrics.SCORES},
        "roc_auc": top["roc_auc"],
        "calibration_error": top["calibration_error"],
        "by_treatment": entries["treatment"],
        "by_well": entries["well"],
        "per_class": _per_class(table),
        "details": {
            "classes": class_names(table),
            "confusion": {level: _confusion(rows).tolist() for level, rows in pictures.items()},
            "reliability": _reliability_rows(consensus, int(options["calibration_bins"])),
            "folds": _folds(table),
            "mistakes": _mistakes(consensus, units),
            "repeats": int(table["repeat"].nunique()),
            "independent_unit": str(options["independent_unit"]),
            "n_independent": int(groups.max()) + 1,
            "aggregate": how,
        },
    }


def evaluate_baselines(
    predictions: Mapping[str, pd.DataFrame],
    units: pd.DataFrame,
    options: Mapping[str, Any],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Score baselines on the same rows and in the same way as a model, without its details.

    Parameters
    ----------
    predictions : mapping of str to pandas.DataFrame
        Predictions by baseline.
    units, options, seed
        As for `evaluate`.

    Returns
    -------
    dict
        By baseline: ``n, accuracy, macro_f1, balanced_accuracy, roc_auc, calibration_error,
        by_treatment, by_well``.
    """
    results = {}
    for name, table in predictions.items():
        entry = evaluate(table, units, options, seed=seed)
        results[name] = {
            key: value
            for key, value in entry.items()
            if key not in ("unit", "split", "per_class", "details")
        }
    return results


def _check(predictions: pd.DataFrame) -> None:
    """Refuse tables that would give numbers that look right and are not."""
    if predictions.empty:
        raise InputError("predictions: 0 rows; the split has no test units to score")
    repeated = predictions.duplicated(["unit_id", "repeat"])
    if repeated.any():
        first = predictions.loc[repeated, ["unit_id", "repeat"]].iloc[0]
        raise InputError(
            f"predictions: unit {first['unit_id']!r} is tested more than once in repeat "
            f"{first['repeat']} ({int(repeated.sum())} such rows); "
            "let the test sets of one repeat not overlap"
        )
    named = set(predictions["moa"]) | set(predictions["predicted"])
    unknown = sorted(map(str, named - set(class_names(predictions))))
    if unknown:
        raise InputError(
            f"predictions: class {unknown[0]!r} has no column '{_PROBABILITY}{unknown[0]}'"
        )


def _metadata(predictions: pd.DataFrame, units: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Columns of the units table in the row order of the predictions."""
    wanted = units.set_index("unit_id")[columns]
    position = wanted.index.get_indexer(pd.Index(predictions["unit_id"]))
    if (position < 0).any():
        missing = predictions["unit_id"].to_numpy()[position < 0]
        raise InputError(
            f"predictions: unit {missing[0]!r} is not in the units table "
            f"({len(missing)} such rows); predict and evaluate the same units"
        )
    return wanted.iloc[position].reset_index(drop=True)


def _scored(predictions: pd.DataFrame) -> Scored:
    """Turn names into codes."""
    classes = class_names(predictions)
    index = pd.Index(classes)
    return Scored(
        classes=classes,
        truth=index.get_indexer(pd.Index(predictions["moa"])).astype(np.int64),
        predicted=index.get_indexer(pd.Index(predictions["predicted"])).astype(np.int64),
        probabilities=predictions[[_PROBABILITY + name for name in classes]].to_numpy(np.float64),
        repeats=pd.factorize(predictions["repeat"], sort=True)[0].astype(np.int64),
    )


def _groups(
    predictions: pd.DataFrame, units: pd.DataFrame, level: str, independent: str
) -> npt.NDArray[np.int64]:
    """Codes from 0 of the independent group of each row."""
    if independent not in INDEPENDENT_UNITS:
        raise InputError(
            f"evaluation.independent_unit is {independent!r}; "
            f"use one of {', '.join(INDEPENDENT_UNITS)}"
        )
    columns = _COARSER[level].get(independent, INDEPENDENT_UNITS[independent])
    if level == "unit":
        names = _metadata(predictions, units, list(columns))
    elif set(columns) <= set(predictions.columns):
        names = predictions[list(columns)]
    else:
        # A well or a treatment has one compound: look it up.
        keys = list(LEVELS[level])
        lookup = units.drop_duplicates(keys)[[*keys, *columns]]
        names = predictions[keys].merge(lookup, on=keys, how="left")[list(columns)]
    codes = names.groupby(list(columns), sort=True, dropna=False).ngroup()
    return codes.to_numpy().astype(np.int64)


def _score_level(
    predictions: pd.DataFrame,
    units: pd.DataFrame,
    level: str,
    options: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Scores of one level, averaged over repetitions."""
    scored = _scored(predictions)
    n_classes = len(scored.classes)
    groups = _groups(predictions, units, level, str(options["independent_unit"]))
    counts = metrics.group_counts(scored.truth, scored.predicted, groups, n_classes, scored.repeats)
    confidence = float(options["confidence"])
    intervals = metrics.bootstrap_intervals(counts, int(options["bootstrap"]), confidence, seed)
    total = metrics.ClassCounts(*(part.sum(axis=0) for part in counts))
    interval_name = f"ci{100 * confidence:g}"
    scores = {
        name: {
            "value": float(np.mean(score(total))),
            interval_name: intervals[name],
        }
        for name, score in metrics.SCORES.items()
    }
    runs = [scored.repeats == repeat for repeat in np.unique(scored.repeats)]
    bins = int(options["calibration_bins"])
    keys = ["unit_id"] if level == "unit" else list(LEVELS[level])
    return {
        "n": len(predictions[keys].drop_duplicates()),
        **scores,
        "roc_auc": metrics.mean_over(
            [metrics.roc_auc(scored.truth[run], scored.probabilities[run]) for run in runs]
        ),
        "calibration_error": metrics.mean_over(
            [metrics.expected_calibration_error(_reliability(scored, run, bins)) for run in runs]
        ),
    }


def _reliability(scored: Scored, rows: npt.NDArray[np.bool_], bins: int) -> metrics.Reliability:
    """Reliability of the calls of some rows."""
    predicted = scored.predicted[rows]
    confidence = np.take_along_axis(scored.probabilities[rows], predicted[:, None], axis=1)[:, 0]
    return metrics.reliability(confidence, predicted == scored.truth[rows], bins)


def _consensus(predictions: pd.DataFrame) -> pd.DataFrame:
    """One prediction per unit: probabilities averaged over repeats (repeat 0, its first fold)."""
    if predictions["repeat"].nunique() == 1:
        return predictions
    classes = class_names(predictions)
    columns = [_PROBABILITY + name for name in classes]
    grouped = predictions.groupby("unit_id", sort=False)
    result = grouped[["repeat", "fold", "fold_name", "moa"]].first().assign(repeat=0)
    probabilities = grouped[columns].mean()
    result["predicted"] = np.asarray(classes, dtype=object)[probabilities.to_numpy().argmax(axis=1)]
    result[columns] = probabilities
    return result.reset_index()


def _confusion(predictions: pd.DataFrame) -> npt.NDArray[Any]:
    """Confusion matrix in the order of the classes."""
    scored = _scored(predictions)
    return metrics.confusion_matrix(scored.truth, scored.predicted, len(scored.classes))


def _per_class(predictions: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 (means over repetitions) and number of units of each class."""
    scored = _scored(predictions)
    counts = metrics.group_counts(
        scored.truth, scored.predicted, scored.repeats, len(scored.classes)
    )
    scores = metrics.per_class_scores(metrics.ClassCounts(*(part[:, 0] for part in counts)))
    n = predictions.groupby("moa")["unit_id"].nunique()
    return {
        name: {
            **{
                key: metrics.mean_over([_json_number(value) for value in values[:, index]])
                for key, values in scores.items()
            },
            "n": int(n.get(name, 0)),
        }
        for index, name in enumerate(scored.classes)
    }


def _reliability_rows(predictions: pd.DataFrame, bins: int) -> list[dict[str, Any]]:
    """Reliability bins as records."""
    scored = _scored(predictions)
    result = _reliability(scored, np.ones(len(predictions), dtype=bool), bins)
    return [
        {
            "lower": float(lower),
            "upper": float(upper),
            "n": int(n),
            "confidence": _json_number(confidence),
            "accuracy": _json_number(accuracy),
        }
        for lower, upper, n, confidence, accuracy in zip(*result, strict=True)
    ]


def _folds(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Size and accuracy of every fold."""
    right = predictions["moa"] == predictions["predicted"]
    grouped = predictions.assign(right=right).groupby(["repeat", "fold", "fold_name"])["right"]
    return _records(grouped.agg(n="size", accuracy="mean").reset_index())


def _mistakes(predictions: pd.DataFrame, units: pd.DataFrame) -> list[dict[str, Any]]:
    """List the wrong calls that the model was surest of."""
    wrong = predictions[predictions["moa"] != predictions["predicted"]]
    scored = _scored(wrong)
    confidence = np.take_along_axis(scored.probabilities, scored.predicted[:, None], axis=1)[:, 0]
    order = np.argsort(-confidence, kind="stable")[:_N_MISTAKES]
    chosen = wrong.iloc[order].reset_index(drop=True)
    metadata = _metadata(chosen, units, ["plate", "well", "treatment"])
    table = pd.concat([chosen[["unit_id", "moa", "predicted", "fold_name"]], metadata], axis=1)
    table["confidence"] = confidence[order]
    return _records(table)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries of plain Python values."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _json_number(value: float) -> float | None:
    """Give None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)
