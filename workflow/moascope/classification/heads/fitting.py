"""Fit of a head to features, and of the temperature of its probabilities."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from moascope.classification.heads.base import CalibratedOptions, FittedHead, HeadOptions
from moascope.classification.heads.calibration import (
    SWITCHED_OFF,
    Calibration,
    calibrate_by_folds,
    calibrate_by_rows,
)
from moascope.classification.heads.registry import get
from moascope.core.errors import InputError

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

AUTO = "auto"
"""The way to calibrate by an inner cross-validation."""

AnyFitted = TypeVar("AnyFitted", bound=FittedHead)


def fit_head(
    features: FloatArray, labels: npt.NDArray[Any], options: HeadOptions, seed: int = 0
) -> FittedHead:
    """Fit a head to all given rows. Its probabilities are not calibrated.

    Parameters
    ----------
    features : (n, d) float
        One row per unit.
    labels : (n,) str
        Class of each row.
    options : HeadOptions
        Of any type that is not a network. With ``balanced`` all classes count the same: equal
        priors (lda) or class weights. A class becomes rarer in training when one of its compounds
        is left out, and plain priors then speak against it.
    seed : int
        Seed of the random numbers of the head.

    Returns
    -------
    FittedHead
        With the classes sorted by name.

    Raises
    ------
    InputError
        For a network, unusable features or fewer than two classes.
    """
    fit = get(options.type).fit
    if fit is None:
        raise InputError(
            f"head.type: {options.type!r} is a network, which is trained and not fitted"
        )
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
    return fit(rows, labels, options, seed)


def calibrate(
    fitted: FittedHead,
    features: FloatArray,
    labels: npt.NDArray[Any],
    options: HeadOptions,
    *,
    train: IntArray,
    validation: IntArray,
    groups: IntArray | None,
    seed: int,
) -> Calibration:
    """Fit the temperature of a head to units that it was not trained on.

    Parameters
    ----------
    fitted : FittedHead
        Fitted to the training rows.
    features, labels : (n, d) float and (n,) str
        Of all units.
    options : HeadOptions
        As for `fit_head`. Its ``calibrate`` is auto (by an inner cross-validation over whole
        groups of the training rows), true (by the validation rows) or false.
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
    how = calibration_of(options)
    if how is True:
        return calibrate_by_rows(fitted, features[validation], labels[validation])
    if how == AUTO and groups is not None:
        return calibrate_by_folds(
            np.asarray(features[train]),
            np.asarray(labels[train]).astype(str),
            groups[train],
            partial(fit_head, options=options, seed=seed),
            seed,
        )
    return Calibration(1.0, SWITCHED_OFF)


def calibration_of(options: HeadOptions) -> str | bool:
    """Return how a head is calibrated; False for types that are not."""
    return options.calibrate if isinstance(options, CalibratedOptions) else False


def divide_logits(fitted: AnyFitted, temperature: float) -> AnyFitted:
    """Return a head whose logits are divided by a temperature."""
    return replace(fitted, weights=fitted.weights / temperature, bias=fitted.bias / temperature)
