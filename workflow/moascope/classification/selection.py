"""Nested selection of features and a head, within the training units of every fold.

Each candidate is scored by an inner cross-validation over whole groups (compounds, for example) of
the training units. The best one is fitted to all training units and predicts the test units, whose
classes take no part in the choice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification import predictions as classification_predictions
from moascope.classification.choices import Choice
from moascope.classification.heads import cross_validation, fitting
from moascope.classification.heads.base import HeadOptions
from moascope.core.errors import InputError
from moascope.networks.feature_columns import Block, FeatureChoice, columns_of
from moascope.splits.folds import Fold
from moascope.splits.inner_folds import InnerFold, divide, inner_groups

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

# With more groups than this, inner folds hold several groups each.
_MOST_SINGLE_GROUPS = 20
_FOLDS_OF_MANY_GROUPS = 10


class CandidateSummary(TypedDict):
    """Choices of a candidate over the folds of a model."""

    folds: int
    """Folds in which it was chosen."""
    balanced_accuracy: float
    """Mean over the inner cross-validations of all folds."""


class FinalChoice(TypedDict):
    """Choice of a candidate by all units, for the model that is saved."""

    chosen: str
    balanced_accuracy: dict[str, float]
    """Of the inner cross-validation, by candidate."""


@dataclass(frozen=True)
class Candidate:
    """One of the classifiers to choose from."""

    name: str
    columns: IntArray
    """(d,) numbers of the features that it sees."""
    head: HeadOptions


def candidates_of(
    choices: Mapping[str, Choice], blocks: Sequence[Block], n_columns: int
) -> list[Candidate]:
    """Find the columns of every candidate of a model.

    Parameters
    ----------
    choices : mapping of str to Choice
        By name, from `Model.choices` of the configuration.
    blocks, n_columns
        As for `feature_columns.columns_of`.

    Returns
    -------
    list of Candidate
        In the order of `choices`.

    Raises
    ------
    InputError
        If the table lacks features of a candidate.
    """
    result = []
    for name, choice in choices.items():
        seen = FeatureChoice(tuple(choice.features), tuple(choice.feature_layers), choice.pooling)
        result.append(Candidate(name, columns_of(seen, blocks, n_columns), choice.head))
    return result


def read_choices(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Choice]:
    """Read the choices of a model from the parameters of a rule.

    Parameters
    ----------
    params : mapping
        By name, the plain values of each.

    Returns
    -------
    dict of str to Choice
        The same.
    """
    return {name: Choice.model_validate(values) for name, values in params.items()}


def choose(
    features: FloatArray,
    labels: npt.NDArray[Any],
    groups: IntArray,
    rows: IntArray,
    candidates: Sequence[Candidate],
    seed: int,
) -> npt.NDArray[np.float64]:
    """Score candidates by an inner cross-validation.

    Parameters
    ----------
    features : (n, d) float
        Of all units; may be memory-mapped.
    labels : (n,) str
        Class of each unit. Only those of `rows` are read.
    groups : (n,) int
        From `moascope.splits.inner_folds.inner_groups`.
    rows : (n_train,) int
        The units to choose by.
    candidates : sequence of Candidate
        At least one.
    seed : int
        Of heads, and of inner folds where there are more than 20 groups.

    Returns
    -------
    (n_candidates,) float64
        Balanced accuracy over the predictions of all inner folds. The best candidate is the first
        with the highest value.

    Raises
    ------
    InputError
        If every class has only one group, so that nothing can be held out.
    """
    known, own_groups = np.asarray(labels[rows]).astype(str), np.asarray(groups[rows])
    table = np.asarray(features[rows], dtype=np.float64)
    folds = divide(
        known,
        own_groups,
        seed,
        most_single_groups=_MOST_SINGLE_GROUPS,
        n_folds=_FOLDS_OF_MANY_GROUPS,
    )
    if not folds:
        raise InputError(
            "candidates: every class of the training units has only one group, so no candidate can "
            "be scored. Remove the candidates, or add compounds."
        )
    truth = np.concatenate([known[fold.test] for fold in folds])
    scores = []
    for candidate in candidates:
        seen = table[:, candidate.columns]
        predicted = [_predict(seen, known, fold, candidate.head, seed) for fold in folds]
        scores.append(_balanced_accuracy(truth, np.concatenate(predicted)))
    return np.array(scores)


def choose_once(
    features: FloatArray,
    units: pd.DataFrame,
    members: pd.DataFrame,
    candidates: Sequence[Candidate],
    columns: Sequence[str],
    seed: int,
) -> tuple[Candidate, FinalChoice | None]:
    """Choose a candidate by all units of a split, for the model that is saved.

    Parameters
    ----------
    features, candidates, seed
        As for `choose`.
    units, members, columns
        As for `moascope.splits.inner_folds.inner_groups`; units with moa.

    Returns
    -------
    chosen : Candidate
        The best one, or the only one.
    scores : FinalChoice or None
        None where there is only one.

    Raises
    ------
    InputError
        As of `choose`.
    """
    if len(candidates) == 1:
        return candidates[0], None
    groups = inner_groups(units, members, columns)
    labels = units["moa"].to_numpy(str)
    scores = choose(features, labels, groups, np.flatnonzero(groups >= 0), candidates, seed)
    chosen = candidates[int(scores.argmax())]
    named = {each.name: float(score) for each, score in zip(candidates, scores, strict=True)}
    return chosen, {"chosen": chosen.name, "balanced_accuracy": named}


def fit_predict_folds(
    features: FloatArray,
    unit_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    folds: Sequence[Fold],
    candidates: Sequence[Candidate],
    groups: IntArray,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose a candidate within the training rows of every fold, and predict its test rows.

    Parameters
    ----------
    features, unit_ids, labels, seed
        As for `cross_validation.fit_predict_folds`.
    folds : sequence of Fold
        Row numbers of the units.
    candidates : sequence of Candidate
        At least one.
    groups : (n,) int
        From `moascope.splits.inner_folds.inner_groups`.

    Returns
    -------
    predictions : pandas.DataFrame
        As of `cross_validation.fit_predict_folds`.
    selection : pandas.DataFrame
        One row per fold and candidate: repeat, fold, fold_name, candidate, balanced_accuracy (of
        the inner folds) and chosen.

    Raises
    ------
    InputError
        As of `cross_validation.fit_predict_folds` and `choose`.
    """
    labels, unit_ids = np.asarray(labels).astype(str), np.asarray(unit_ids).astype(str)
    classes = classification_predictions.classes_of_folds(unit_ids, labels, folds)
    tables, choices = [], []
    for fold in folds:
        scores = choose(features, labels, groups, fold.train, candidates, seed)
        best = candidates[int(scores.argmax())]
        logger.info("fold %s: chose %s (inner %.3f)", fold.name, best.name, scores.max())
        choices.append(selection_table(candidates, scores, fold))
        probabilities, calibration = cross_validation.predict_fold(
            features[:, best.columns], labels, fold, best.head, classes, groups=groups, seed=seed
        )
        tables.append(
            classification_predictions.prediction_table(
                unit_ids, labels, probabilities, list(classes), fold, calibration
            )
        )
    return pd.concat(tables, ignore_index=True), pd.concat(choices, ignore_index=True)


def selection_table(
    candidates: Sequence[Candidate], scores: npt.NDArray[np.float64], fold: Fold
) -> pd.DataFrame:
    """Return the scores of candidates in one fold as a table.

    Parameters
    ----------
    candidates : sequence of Candidate
        In the order of the scores.
    scores : (n_candidates,) float64
        From `choose`.
    fold : Fold
        The fold that they are of.

    Returns
    -------
    pandas.DataFrame
        As `selection` of `fit_predict_folds`.
    """
    return pd.DataFrame(
        {
            "repeat": np.int64(fold.repeat),
            "fold": np.int64(fold.fold),
            "fold_name": str(fold.name),
            "candidate": [candidate.name for candidate in candidates],
            "balanced_accuracy": scores,
            "chosen": np.arange(len(scores)) == scores.argmax(),
        }
    )


def _predict(
    features: npt.NDArray[np.float64],
    labels: npt.NDArray[Any],
    fold: InnerFold,
    head: HeadOptions,
    seed: int,
) -> npt.NDArray[np.str_]:
    fitted = fitting.fit_head(features[fold.train], labels[fold.train], head, seed)
    return np.asarray(fitted.classes)[fitted.logits(features[fold.test]).argmax(axis=1)]


def _balanced_accuracy(truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> float:
    """Compute the mean recall of the classes."""
    is_right = predicted == truth
    return float(np.mean([is_right[truth == name].mean() for name in np.unique(truth)]))


def summary(choices: pd.DataFrame) -> dict[str, CandidateSummary]:
    """Count how often each candidate was chosen.

    Parameters
    ----------
    choices : pandas.DataFrame
        The second result of `fit_predict_folds`.

    Returns
    -------
    dict of str to dict
        By candidate, in their order: ``folds`` in which it was chosen, and its mean inner
        ``balanced_accuracy``.
    """
    grouped = choices.groupby("candidate", sort=False)
    return {
        str(name): {
            "folds": int(rows["chosen"].sum()),
            "balanced_accuracy": float(rows["balanced_accuracy"].mean()),
        }
        for name, rows in grouped
    }
