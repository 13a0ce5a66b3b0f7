"""Predictions as tables: test rows with their probabilities, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.core.errors import InputError

if TYPE_CHECKING:  # a change of how heads are calibrated does not train networks again
    from moascope.classification.heads.calibration import Calibration

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


class FoldLike(Protocol):
    """Names of a fold and the rows of each of its sets."""

    @property
    def repeat(self) -> int:
        """Return the number of the repetition, from 0."""

    @property
    def fold(self) -> int:
        """Return the number of the fold in its repetition, from 0."""

    @property
    def name(self) -> str:
        """Return its name, for example the compound left out."""

    @property
    def train(self) -> IntArray:
        """Return the training rows."""

    @property
    def validation(self) -> IntArray:
        """Return the validation rows; may be empty."""

    @property
    def test(self) -> IntArray:
        """Return the test rows."""


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
            f"unit {unit_ids[unlabelled[0]]} is in the split, but its mechanism is unknown "
            f"({len(unlabelled)} such units); remove it from the split, or add it to the MoA "
            "table"
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
        The fold of the rows.
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
    """Return the number of every class that a split uses.

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
