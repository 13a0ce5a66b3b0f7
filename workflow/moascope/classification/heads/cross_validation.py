"""Heads on features, fitted and tested fold by fold."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from moascope.classification.heads.base import HeadOptions
from moascope.classification.heads.calibration import (
    Calibration,
)
from moascope.classification.heads.fitting import calibrate, fit_head
from moascope.classification.predictions import FoldLike, classes_of_folds, prediction_table
from moascope.core.errors import InputError

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
Matrix = npt.NDArray[np.float64]


def fit_predict_folds(
    features: FloatArray,
    unit_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    folds: Iterable[FoldLike],
    head: HeadOptions,
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
    head : HeadOptions
        As for `fit_head`.
    groups : (n,) int or None
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
    parts = []
    for fold in folds:
        probabilities, calibration = predict_fold(
            features, labels, fold, head, classes, groups=groups, seed=seed
        )
        parts.append(
            prediction_table(unit_ids, labels, probabilities, list(classes), fold, calibration)
        )
    return pd.concat(parts, ignore_index=True) if parts else _table(classes)


def predict_fold(
    features: FloatArray,
    labels: npt.NDArray[Any],
    fold: FoldLike,
    head: HeadOptions,
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
    """Return a predictions table without rows."""
    names = ["unit_id", "repeat", "fold", "fold_name", "moa", "predicted"]
    names += ["temperature", "uncalibrated"]
    return pd.DataFrame(columns=names + [f"p:{name}" for name in classes])
