"""Labelled units and cross-validation folds, shared by all classifiers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.classification.predictions import class_indices, prediction_table
from moascope.core.files import read_parquet
from moascope.splits.folds import Fold, iterate_folds


@dataclass(frozen=True)
class Task:
    """Units, their classes, and the folds of a split."""

    units: pd.DataFrame
    """One row per unit: unit_id, moa and other columns of the units table."""
    classes: list[str]
    """Names of the classes that the split uses."""
    labels: NDArray[np.int64]
    """(n,) class of every unit; -1 for units outside of the split."""
    folds: list[Fold]
    """In the order of repeat and fold."""
    members: pd.DataFrame
    """The units of the split: unit_id and group."""

    @classmethod
    def read(
        cls,
        units: str | os.PathLike[str],
        groups: str | os.PathLike[str],
        split: str | os.PathLike[str],
    ) -> Task:
        """Read the tables (parquet) of the units and of a split.

        Parameters
        ----------
        units : path
            The units table.
        groups, split : path
            Tables from `splits.make.make_split`.

        Returns
        -------
        Task
            With labels and folds.

        Raises
        ------
        InputError
            If the three tables do not belong together.
        """
        table, members = read_parquet(units), read_parquet(groups)
        folds = list(iterate_folds(read_parquet(split), members, table))
        return cls(table, *class_indices(table, members), folds, members)

    @cached_property
    def names(self) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
        """Names and mechanisms of all units, str (n,) each; empty where unknown."""
        return self.units["unit_id"].to_numpy(str), self.units["moa"].to_numpy(str)

    def predictions(self, probabilities: NDArray[np.floating], fold: Fold) -> pd.DataFrame:
        """Return a table of the predictions of a fold.

        Parameters
        ----------
        probabilities : numpy.ndarray
            float (n_test, n_classes), a row per test unit.
        fold : Fold
            The fold.

        Returns
        -------
        pandas.DataFrame
            As of `predictions.prediction_table`.
        """
        return prediction_table(*self.names, probabilities, self.classes, fold)
