"""Classifiers on top of features, fold by fold: linear heads, a kernel machine, boosted trees.

Every fitted head is a set of arrays that ends in weights, bias and softmax, so that all can be
calibrated by one temperature and exported as layers behind their backbone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from moascope.classification.heads.calibration import (
    SWITCHED_OFF,
    Calibration,
    calibrate_by_folds,
    calibrate_by_rows,
)
from moascope.classification.heads.kernel import KernelHead, fit_svm
from moascope.classification.heads.linear import LinearHead, fit_lda, fit_logistic
from moascope.classification.heads.trees import TreeHead, fit_boosting
from moascope.core.errors import InputError

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
Matrix = npt.NDArray[np.float64]

Head = LinearHead | KernelHead | TreeHead

_FITS: dict[str, tuple[Callable[..., Head], tuple[str, ...], bool]] = {
    "lda": (fit_lda, ("shrinkage",), False),
    "logistic": (fit_logistic, ("C",), True),
    "svm": (fit_svm, ("C", "gamma"), True),
    "gradient-boosting": (fit_boosting, ("n_estimators", "learning_rate", "max_depth"), True),
}
"""By type of head: what fits it, its own options, and whether it draws random numbers."""

AUTO = "auto"


class FoldLike(Protocol):
    """What this module needs of a fold: its names and the rows of each set."""

    @property
    def repeat(self) -> int:
        """Which repetition, from 0."""

    @property
    def fold(self) -> int:
        """Which fold of the repetition, from 0."""

    @property
    def name(self) -> str:
        """For people: for example the compound left out."""

    @property
    def train(self) -> IntArray:
        """Rows to learn from."""

    @property
    def validation(self) -> IntArray:
        """Rows to choose by; may be empty."""

    @property
    def test(self) -> IntArray:
        """Rows to predict."""


def fit_head(
    features: FloatArray, labels: npt.NDArray[Any], head: Mapping[str, Any], seed: int = 0
) -> Head:
    """Fit a head to all given rows. Its probabilities are not calibrated.

    Parameters
    ----------
    features : (n, d) float
        One row per unit.
    labels : (n,) str
        Class of each row.
    head : mapping
        ``type`` and the options of this type, named as in the section `Head` of the configuration.
        ``balanced: true`` lets all classes count the same: equal priors (lda) or class weights.
        When a compound is left out its class becomes rarer in training, and plain priors then
        speak against it.
    seed : int
        Of what is random in the head.

    Returns
    -------
    LinearHead, KernelHead or TreeHead
        With the classes sorted by name.

    Raises
    ------
    InputError
        For another head type, unusable features or fewer than two classes.
    """
    kind = head["type"]
    if kind not in _FITS:
        raise InputError(f"head.type is {kind!r}; use {', '.join(_FITS)}")
    labels = np.asarray(labels).astype(str)
    rows = np.asarray(features, dtype=np.float64)
    if not np.isfinite(rows).all():
        raise InputError(
            f"head: {int((~np.isfinite(rows)).sum())} of the features are NaN or infinite; "
            "check the images they are of"
        )
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"head: the {len(labels)} training rows have {len(np.unique(labels))} class; "
            "at least two are needed"
        )
    fit, keys, is_random = _FITS[kind]
    options = {key: head[key] for key in keys} | ({"seed": seed} if is_random else {})
    return fit(rows, labels, balanced=bool(head.get("balanced", False)), **options)


def calibrate(
    fitted: Head,
    features: FloatArray,
    labels: npt.NDArray[Any],
    head: Mapping[str, Any],
    *,
    train: IntArray,
    validation: IntArray,
    groups: IntArray | None,
    seed: int,
) -> Calibration:
    """Fit the temperature of a head to units that it was not trained on.

    Parameters
    ----------
    fitted : LinearHead, KernelHead or TreeHead
        Fitted to the training rows.
    features, labels : (n, d) float and (n,) str
        Of all units.
    head : mapping
        As for `fit_head`, with ``calibrate``: auto (by an inner cross-validation over whole groups
        of the training rows), true (by the validation rows) or false.
    train, validation : int
        Row numbers of the units.
    groups : (n,) int or None
        From `moascope.splits.inner_folds.inner_groups`, for auto.
    seed : int
        As for `fit_head`, and of the inner folds.

    Returns
    -------
    Calibration
        Temperature, and the reason where it was not fitted.
    """
    how = head.get("calibrate", False)
    if how is True:
        return calibrate_by_rows(fitted, features[validation], labels[validation])
    if how == AUTO and groups is not None:
        return calibrate_by_folds(
            np.asarray(features[train]),
            np.asarray(labels[train]).astype(str),
            groups[train],
            partial(fit_head, head=head, seed=seed),
            seed,
        )
    return Calibration(1.0, SWITCHED_OFF)


def cooled(fitted: Head, temperature: float) -> Head:
    """Return a head whose logits are divided by a temperature."""
    return replace(fitted, weights=fitted.weights / temperature, bias=fitted.bias / temperature)


def fit_predict_folds(
    features: FloatArray,
    unit_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    folds: Iterable[FoldLike],
    head: Mapping[str, Any],
    seed: int = 0,
    groups: IntArray | None = None,
) -> pd.DataFrame:
    """Fit a head on the training rows of every fold and predict its test rows.

    Parameters
    ----------
    features : (n, d) float
        One row per unit; may be memory-mapped.
    unit_ids, labels : (n,) str
        Name and class of each row. Rows that are in no fold may have an empty label.
    folds : iterable of FoldLike
        Row indices of each set. Validation rows are used by ``calibrate: true`` only.
    head, groups
        As for `calibrate`.
    seed : int
        As for `fit_head`.

    Returns
    -------
    pandas.DataFrame
        ``unit_id, repeat, fold, fold_name, moa, predicted``, ``temperature`` and ``uncalibrated``
        (the reason; empty where the temperature was fitted), and ``p:<class>`` (float64) for every
        class of any fold, sorted by name; test rows in the order of the folds. A class without
        training rows in a fold has probability 0 there.

    Raises
    ------
    InputError
        If a fold has rows without a class, or fewer than two classes to learn.
    """
    folds = list(folds)
    labels = np.asarray(labels).astype(str)
    unit_ids = np.asarray(unit_ids).astype(str)
    classes = classes_of_folds(unit_ids, labels, folds)
    parts = [
        prediction_table(
            unit_ids,
            labels,
            probabilities,
            list(classes),
            fold,
            calibration,
        )
        for fold in folds
        for probabilities, calibration in [
            predict_fold(features, labels, fold, head, classes, groups=groups, seed=seed)
        ]
    ]
    return pd.concat(parts, ignore_index=True) if parts else _table(classes)


def classes_of_folds(
    unit_ids: npt.NDArray[Any], labels: npt.NDArray[Any], folds: Sequence[FoldLike]
) -> npt.NDArray[Any]:
    """List the classes of all units that are in a fold.

    Parameters
    ----------
    unit_ids, labels : (n,) str
        Name and class of each unit.
    folds : sequence of FoldLike
        Row numbers of the units.

    Returns
    -------
    (n_classes,) str
        Sorted.

    Raises
    ------
    InputError
        If a unit of a fold has no class.
    """
    used = [np.concatenate([fold.train, fold.validation, fold.test]) for fold in folds]
    rows = np.unique(np.concatenate(used)).astype(np.int64) if used else np.empty(0, np.int64)
    unlabelled = rows[labels[rows] == ""]
    if len(unlabelled):
        raise InputError(
            f"unit {unit_ids[unlabelled[0]]} is in the split but its mechanism is not known "
            f"({len(unlabelled)} such units); leave it out of the split or complete the MoA table"
        )
    return np.unique(labels[rows])


def prediction_table(
    unit_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    probabilities: FloatArray,
    classes: Sequence[str],
    fold: FoldLike,
    calibration: Calibration | None = None,
) -> pd.DataFrame:
    """Return the predictions of one fold's test rows as a table.

    Parameters
    ----------
    unit_ids, labels : (n,) str
        Name and class of every unit, not only of the test rows.
    probabilities : (n_test, n_classes) float
        In the order of ``fold.test``.
    classes : sequence of str
        Names of the columns.
    fold : FoldLike
        Where the rows come from.
    calibration : Calibration, optional
        Of a head on features.

    Returns
    -------
    pandas.DataFrame
        The columns of `fit_predict_folds`; those of the calibration only where it is given.
    """
    table = pd.DataFrame(
        {
            "unit_id": np.asarray(unit_ids)[fold.test].astype(str),
            "repeat": np.int64(fold.repeat),
            "fold": np.int64(fold.fold),
            "fold_name": str(fold.name),
            "moa": np.asarray(labels)[fold.test].astype(str),
            "predicted": np.asarray(classes, dtype=str)[probabilities.argmax(axis=1)],
        }
    )
    if calibration is not None:
        table["temperature"] = float(calibration.temperature)
        table["uncalibrated"] = calibration.reason
    columns = [f"p:{name}" for name in classes]
    return pd.concat([table, pd.DataFrame(probabilities, columns=columns)], axis=1)


def class_indices(
    units: pd.DataFrame, groups: pd.DataFrame
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Give a number to each class that a split uses.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table: unit_id and moa.
    groups : pandas.DataFrame
        The units of the split: unit_id.

    Returns
    -------
    list of str, (n,) int64
        Class names in order, and the class of every unit; -1 for units outside of the split.
    """
    used = units["unit_id"].isin(groups["unit_id"]).to_numpy()
    moa = units["moa"].to_numpy(str)
    classes, codes = np.unique(moa[used], return_inverse=True)
    indices = np.full(len(units), -1, dtype=np.int64)
    indices[used] = codes
    return [str(name) for name in classes], indices


def predict_fold(
    features: FloatArray,
    labels: npt.NDArray[Any],
    fold: FoldLike,
    head: Mapping[str, Any],
    classes: npt.NDArray[Any],
    *,
    groups: IntArray | None = None,
    seed: int,
) -> tuple[Matrix, Calibration]:
    """Fit a head on the training rows of a fold and predict its test rows.

    Parameters
    ----------
    features, labels, head, groups, seed
        As for `fit_predict_folds`.
    fold : FoldLike
        Row numbers of the units.
    classes : (n_classes,) str
        From `classes_of_folds`.

    Returns
    -------
    (n_test, n_classes) float64, Calibration
        Posterior probabilities, and how they were calibrated.

    Raises
    ------
    InputError
        If the training rows are of fewer than two classes.
    """
    started = time.perf_counter()
    learned = np.unique(labels[fold.train])
    if len(learned) < 2:
        raise InputError(
            f"fold {fold.name!r}: its {len(fold.train)} training units have {len(learned)} "
            "classes; at least two are needed"
        )
    unseen = np.setdiff1d(labels[fold.test], learned)
    if len(unseen):
        logger.warning("fold %s: no training units of %s", fold.name, ", ".join(unseen))
    fitted = fit_head(features[fold.train], labels[fold.train], head, seed)
    calibration = calibrate(
        fitted,
        features,
        labels,
        head,
        train=fold.train,
        validation=fold.validation,
        groups=groups,
        seed=seed,
    )
    logits = fitted.logits(features[fold.test]) / calibration.temperature
    probabilities = np.zeros((len(fold.test), len(classes)))
    probabilities[:, np.searchsorted(classes, fitted.classes)] = softmax(logits, axis=1)
    right = classes[probabilities.argmax(axis=1)] == labels[fold.test]
    logger.info(
        "repeat %d fold %d (%s): %d training units, %d of %d test units right, %.1f s",
        fold.repeat,
        fold.fold,
        fold.name,
        len(fold.train),
        right.sum(),
        len(right),
        time.perf_counter() - started,
    )
    return probabilities, calibration


def _table(classes: npt.NDArray[Any]) -> pd.DataFrame:
    """Make a predictions table without rows."""
    names = ["unit_id", "repeat", "fold", "fold_name", "moa", "predicted"]
    names += ["temperature", "uncalibrated"]
    return pd.DataFrame(columns=[*names, *(f"p:{name}" for name in classes)])
