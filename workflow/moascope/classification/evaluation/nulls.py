"""Permutation nulls of all scores, from fixed predictions or from refitted heads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.evaluation import permutation
from moascope.classification.evaluation.aggregation import aggregate, aggregate_levels
from moascope.classification.evaluation.codes import PROBABILITY, class_names, encode, look_up
from moascope.classification.evaluation.documents import SCORES, LevelScores
from moascope.classification.evaluation.frame import Frame, join_names
from moascope.classification.evaluation.levels import PLATE_LEVELS, Columns, Design, plural_name
from moascope.classification.evaluation.sampling import sample_alike
from moascope.classification.evaluation.scores import score_plainly
from moascope.classification.heads.base import HeadOptions
from moascope.classification.predictions import FoldLike

logger = logging.getLogger(__name__)

IN_TRAINING = (
    "{units} are in training as well, so fixed predictions cannot separate class and {unit}"
)

N_REFITS = 200
"""Permutations of the classes that a linear head is fitted to for its null."""
MOST_REFIT_UNITS = 5000
"""With more units than this, the null is fitted to a sample of them, alike from all compounds."""


def refit_null(
    features: npt.NDArray[np.floating[Any]],
    units: pd.DataFrame,
    folds: Sequence[FoldLike],
    head: HeadOptions,
    *,
    how: str,
    n: int,
    seed: int,
    design: Design | None = None,
    exchanged: Sequence[str] = ("compound",),
) -> pd.DataFrame:
    """Fit a linear head to permutations of the classes among compounds, and score it.

    Parameters
    ----------
    features : (n_units, d) float
        One row per row of `units`.
    units : pandas.DataFrame
        The units table.
    folds : sequence of FoldLike
        The folds of the split.
    head : HeadOptions
        As for `moascope.classification.heads.fitting.fit_head`.
    how : str
        As for `aggregate`.
    n : int
        Number of permutations.
    seed : int
        Seed of the permutations and of the head.
    design : Design, optional
        As for `evaluate`.
    exchanged : sequence of str
        Columns of the units table that name the groups among which classes are permuted.

    Returns
    -------
    pandas.DataFrame
        ``deal, level`` and a column per score; a row per permutation and level. Permutations that
        leave no fold with two classes to train on have no rows.
    """
    levels = (Design() if design is None else design).levels(units)
    used = np.unique(np.concatenate([part for fold in folds for part in _sets(fold)]))
    codes = np.full(len(units), -1)
    names = units[["moa"]].assign(compound=join_names(units[list(exchanged)]))
    codes[used], class_of = permutation.compound_codes(names.iloc[used])
    classes, class_codes = np.unique(class_of, return_inverse=True)
    if len(used) > MOST_REFIT_UNITS:
        chosen = sample_alike(codes, MOST_REFIT_UNITS, seed)
        logger.info("refits use %d of %d units", chosen.sum(), len(used))
        folds = [_choose_rows(fold, chosen) for fold in folds]
    tested = np.concatenate([fold.test for fold in folds])
    rows = _tested_rows(units, folds)
    columns = [PROBABILITY + name for name in classes]
    records = []
    for number, deal in enumerate(permutation.permute_classes(class_codes, n, seed)):
        labels = np.where(codes >= 0, deal[codes], -1)
        found = permutation.refit_predictions(features, labels, folds, head, len(classes), seed)
        known = ~np.isnan(found[:, 0])
        if not known.any():  # no fold has two classes to train on
            continue
        table = rows[known].reset_index(drop=True)
        table["moa"] = classes[labels[tested[known]]]
        table["predicted"] = classes[found[known].argmax(axis=1)]
        table[columns] = found[known]
        for level, predictions in _permuted_levels(table, units, how, levels).items():
            records.append({"deal": number, "level": level, **score_plainly(predictions)})
    if len(records) == 0:
        logger.warning("no permutation of the classes leaves two classes to train on")
    types = {"deal": "int64", "level": "str"} | dict.fromkeys(SCORES, "float64")
    return pd.DataFrame(records, columns=list(types)).astype(types)


def _sets(fold: FoldLike) -> list[npt.NDArray[np.integer[Any]]]:
    """Return the rows of every set of a fold."""
    return [fold.train, fold.validation, fold.test]


def _choose_rows(fold: FoldLike, chosen: npt.NDArray[np.bool_]) -> _Rows:
    """Return a fold with the chosen rows alone."""
    train, validation, test = (rows[chosen[rows]] for rows in _sets(fold))
    return _Rows(train, validation, test, fold.repeat, fold.fold)


def _tested_rows(units: pd.DataFrame, folds: Sequence[FoldLike]) -> pd.DataFrame:
    """Return unit, repeat and fold of the test rows of all folds, one fold after the other."""
    sizes = [len(fold.test) for fold in folds]
    tested = np.concatenate([fold.test for fold in folds])
    return pd.DataFrame(
        {
            "unit_id": units["unit_id"].to_numpy()[tested],
            "repeat": np.repeat([fold.repeat for fold in folds], sizes),
            "fold": np.repeat([fold.fold for fold in folds], sizes),
            "fold_name": "",
        }
    )


def _permuted_levels(
    table: pd.DataFrame, units: pd.DataFrame, how: str, levels: Columns
) -> dict[str, pd.DataFrame]:
    """Return the levels of a permutation that have one class in each of their members."""
    if levels == PLATE_LEVELS:
        return aggregate_levels(table, units, how)
    found = {"unit": table}
    for level, columns in levels.items():
        names = look_up(table, units, list(columns))[columns[0]]
        if bool((table["moa"].groupby(names).nunique() == 1).all()):
            found[level] = aggregate(table, units, level, how, levels)
    return found


@dataclass(frozen=True)
class _Rows:
    """A fold with a part of its rows."""

    train: npt.NDArray[np.integer[Any]]
    validation: npt.NDArray[np.integer[Any]]
    test: npt.NDArray[np.integer[Any]]
    repeat: int = 0
    fold: int = 0
    name: str = ""


def add_null(
    entries: Mapping[str, LevelScores],
    levels: Mapping[str, pd.DataFrame],
    frame: Frame,
    refits: pd.DataFrame | None,
    seed: int,
) -> None:
    """Add a p-value and the interval of a permutation null to every score of every level."""
    _, class_of = permutation.compound_codes(frame.compounds(levels["unit"], "unit"))
    classes = pd.Index(class_names(levels["unit"])).get_indexer(pd.Index(class_of))
    distinct = permutation.count_permutations(classes)
    deals = permutation.permute_classes(classes, frame.options.permutations, seed)
    for level, rows in levels.items():
        if refits is None and not frame.is_held_out():
            unit = "compound" if frame.design.has_plates else frame.independent.name
            reason = IN_TRAINING.format(unit=unit, units=plural_name(unit))
            for name in SCORES:
                entries[level][name].update(permutation.no_null(reason))
            continue
        if refits is None:
            null, how = _label_null(rows, frame, level, deals), permutation.LABELS
        else:
            chosen = refits[refits["level"] == level]
            null, how = {name: chosen[name].to_numpy() for name in SCORES}, permutation.REFIT
        for name in SCORES:
            score = entries[level][name]
            chance = permutation.against_null(
                score["value"], null[name], frame.options.confidence, distinct, how
            )
            score.update(chance)


def _label_null(
    rows: pd.DataFrame, frame: Frame, level: str, deals: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Compute the scores of fixed predictions against permuted classes of the compounds."""
    codes = encode(rows)
    compounds, _ = permutation.compound_codes(frame.compounds(rows, level))
    return permutation.label_null(
        codes.predicted, codes.probabilities, codes.repeats, compounds, deals
    )
