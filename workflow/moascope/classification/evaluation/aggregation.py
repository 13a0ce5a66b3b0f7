"""Predictions of wells, treatments and groups, joined from those of their units."""

from __future__ import annotations

import numpy as np
import pandas as pd

from moascope.classification.evaluation.codes import (
    PROBABILITY,
    class_names,
    look_up,
)
from moascope.classification.evaluation.levels import PLATE_LEVELS, Columns
from moascope.core.errors import InputError


def aggregate(
    predictions: pd.DataFrame,
    units: pd.DataFrame,
    level: str,
    how: str = "mean",
    levels: Columns = PLATE_LEVELS,
) -> pd.DataFrame:
    """Join the predictions of all units of a well, a treatment or a group into one.

    All units count the same, whichever well of a treatment they are from. Repetitions stay apart.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Predictions of units.
    units : pandas.DataFrame
        The units table: ``unit_id`` and the columns of `levels`.
    level : str
        What one row of the result is: a key of `levels`.
    how : {"mean", "median", "vote"}
        ``mean``: mean of the probabilities. ``median``: their median per class, rescaled to sum to
        one (Kensert et al., 2019), the mean where all medians are zero. ``vote``: the class that
        most units were called; ties go to the larger mean probability, and the probabilities are
        the means.
    levels : mapping of str to tuple of str
        Columns of the units table that name each level.

    Returns
    -------
    pandas.DataFrame
        Predictions with the columns of the level and ``n_units`` instead of ``unit_id``, sorted by
        repeat and name. Where units of one row were tested in several folds, ``fold`` is -1 and
        ``fold_name`` is empty.

    Raises
    ------
    InputError
        For an unknown level or way, units without metadata, or two mechanisms in one row.
    """
    if level not in levels or how not in ("mean", "median", "vote"):
        raise InputError(
            f"aggregate: level {level!r}, how {how!r}; "
            f"level is {' or '.join(levels)}, how is mean, median or vote"
        )
    names = list(levels[level])
    keys = ["repeat", *names]
    classes = class_names(predictions)
    columns = [PROBABILITY + name for name in classes]
    wells = look_up(predictions, units, names)
    table = pd.concat([predictions.reset_index(drop=True), wells], axis=1)
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


def aggregate_levels(
    predictions: pd.DataFrame, units: pd.DataFrame, how: str, levels: Columns = PLATE_LEVELS
) -> dict[str, pd.DataFrame]:
    """Return predictions of units, and joined for every other level; see `aggregate`."""
    return {"unit": predictions} | {
        level: aggregate(predictions, units, level, how, levels) for level in levels
    }


def average_repeats(predictions: pd.DataFrame) -> pd.DataFrame:
    """Average the probabilities of every unit over repeats; the result is repeat 0."""
    if predictions["repeat"].nunique() == 1:
        return predictions
    classes = class_names(predictions)
    columns = [PROBABILITY + name for name in classes]
    grouped = predictions.groupby("unit_id", sort=False)
    result = grouped[["repeat", "fold", "fold_name", "moa"]].first().assign(repeat=0)
    probabilities = grouped[columns].mean()
    result["predicted"] = np.asarray(classes, dtype=object)[probabilities.to_numpy().argmax(axis=1)]
    result[columns] = probabilities
    return result.reset_index()
