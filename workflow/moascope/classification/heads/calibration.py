"""Calibration of probabilities by one temperature (Guo et al. 2017).

Logits are divided by the temperature, which changes the confidence of a classifier and not its
calls. It is fitted to predictions of units that were not trained on: by an inner cross-validation
over whole groups of the training units, or of validation units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NotRequired, Protocol, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from moascope.splits.inner_folds import divide

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
Matrix = npt.NDArray[np.float64]

_N_FOLDS = 5
"""Inner folds: one number is fitted, so few are enough."""


class Fitted(Protocol):
    """A fitted head."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes that it knows, sorted."""

    def logits(self, features: FloatArray) -> Matrix:
        """Return log-odds up to a constant per row, (n, n_classes), of features (n, d)."""


class Calibration(NamedTuple):
    """Temperature that divides the logits of a head."""

    temperature: float
    """1 where it could not be fitted."""
    reason: str = ""
    """Why it was not fitted; empty where it was."""


_LEAST, _MOST = 0.05, 100.0
"""Limits of the search for a temperature."""

TOO_FEW_GROUPS = (
    "fewer than two classes have two groups or more among the training units, so there are no "
    "predictions of held-out groups to calibrate on"
)
NO_VALIDATION = "the learned classes have no validation units"
SWITCHED_OFF = "it is switched off"


def temperature(logits: FloatArray, labels: IntArray) -> float:
    """Fit the softmax temperature.

    Parameters
    ----------
    logits : (n, n_classes) float
        Of rows that were not trained on; -inf for classes that cannot be.
    labels : (n,) int
        Their true classes as column numbers, each with a finite logit.

    Returns
    -------
    float
        Between 0.05 and 100, the one with the least cross-entropy. As of Platt (1999) no row counts
        as quite certain: 1 / (n + 2) of its weight goes to the likeliest other class, so that rows
        without a mistake do not lead to infinite certainty.
    """
    rows = np.arange(len(labels))
    others = np.array(logits, dtype=np.float64)
    others[rows, labels] = -np.inf
    rivals = others.argmax(axis=1)
    doubt = 1 / (len(labels) + 2)

    def cross_entropy(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        wanted = (1 - doubt) * scaled[rows, labels] + doubt * scaled[rows, rivals]
        return -float(wanted.mean())

    bounds = (np.log(_LEAST), np.log(_MOST))
    return float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x))


def at_limit(found: float) -> bool:
    """Return whether a temperature is at a limit of the search, up to the tolerance of it."""
    return not _LEAST * 1.01 < found < _MOST / 1.01


def calibrate_by_rows(
    fitted: Fitted, features: FloatArray, labels: npt.NDArray[Any]
) -> Calibration:
    """Fit the temperature of a head to rows that it was not trained on.

    Parameters
    ----------
    fitted : Fitted
        The head.
    features, labels : (n, d) float and (n,) str
        Rows of classes that it does not know are left out.

    Returns
    -------
    Calibration
        With a reason where no row is left.
    """
    known = np.asarray(fitted.classes)
    rows = np.flatnonzero(np.isin(labels, known))
    if len(rows) == 0:
        return Calibration(1.0, NO_VALIDATION)
    codes = np.searchsorted(known, np.asarray(labels)[rows])
    return Calibration(temperature(fitted.logits(features[rows]), codes))


def calibrate_by_folds(
    features: FloatArray,
    labels: npt.NDArray[np.str_],
    groups: IntArray,
    fit: Callable[[FloatArray, npt.NDArray[np.str_]], Fitted],
    seed: int,
) -> Calibration:
    """Fit the temperature of a head by an inner cross-validation over whole groups.

    Parameters
    ----------
    features, labels, groups : (n, d) float, (n,) str and (n,) int
        Training rows.
    fit : callable
        Fits the head to features and labels.
    seed : int
        Of the inner folds.

    Returns
    -------
    Calibration
        With a reason where fewer than two classes have two groups or more.
    """
    classes = np.unique(labels)
    folds = divide(labels, groups, seed, most_single_groups=_N_FOLDS, n_folds=_N_FOLDS)
    tested = np.concatenate([fold.test for fold in folds]) if folds else np.empty(0, np.int64)
    if len(np.unique(labels[tested])) < 2:
        return Calibration(1.0, TOO_FEW_GROUPS)
    logits = np.full((len(tested), len(classes)), -np.inf)
    start = 0
    for fold in folds:
        fitted = fit(features[fold.train], labels[fold.train])
        columns = np.searchsorted(classes, fitted.classes)
        stop = start + len(fold.test)
        logits[start:stop, columns] = fitted.logits(features[fold.test])
        start = stop
    return Calibration(temperature(logits, np.searchsorted(classes, labels[tested])))


class CalibrationSummary(TypedDict):
    """Calibration of all folds of a model."""

    folds: int
    calibrated_folds: int
    temperature: NotRequired[float]
    """Median of the calibrated folds, where there are any."""
    reason: NotRequired[str]
    """Most frequent reason of the others, where there are any."""


def summarise(predictions: pd.DataFrame) -> CalibrationSummary | None:
    """Summarise the calibration of all folds of a model.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of `moascope.classification.heads.cross_validation.fit_predict_folds`.

    Returns
    -------
    CalibrationSummary or None
        None for models whose head knows no calibration (networks).
    """
    if "temperature" not in predictions:
        return None
    folds = predictions.drop_duplicates(["repeat", "fold"])
    done = folds["uncalibrated"] == ""
    reasons = folds.loc[~done, "uncalibrated"]
    result: CalibrationSummary = {"folds": len(folds), "calibrated_folds": int(done.sum())}
    if done.any():
        result["temperature"] = float(folds.loc[done, "temperature"].median())
    if not done.all():
        result["reason"] = str(reasons.mode().iloc[0])
    return result
