"""What everything that learns classes starts from: units, classes and the folds of a split."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.classification import predictions as classification_predictions
from moascope.core.files import read_parquet
from moascope.splits import make


@dataclass(frozen=True)
class Task:
    """Units with their classes, and which of them are learnt from and tested on."""

    units: pd.DataFrame
    """One row per unit: unit_id, moa, and what else is known of it."""
    classes: list[str]
    """Names of the classes that the split uses."""
    labels: NDArray[np.int64]
    """(n,) class of every unit; -1 for units outside of the split."""
    folds: list[make.Fold]
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
            What `splits.make_split` gave.

        Returns
        -------
        Task
            Ready to be learnt.

        Raises
        ------
        InputError
            If the three tables do not belong together.
        """
        table, members = read_parquet(units), read_parquet(groups)
        folds = list(make.folds(read_parquet(split), members, table))
        return cls(table, *classification_predictions.class_indices(table, members), folds, members)

    @cached_property
    def names(self) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
        """Name and mechanism of every unit, (n,) each; empty where it is not known."""
        return self.units["unit_id"].to_numpy(str), self.units["moa"].to_numpy(str)

    def predictions(self, probabilities: NDArray[np.floating], fold: make.Fold) -> pd.DataFrame:
        """Give the predictions of a fold's test units as a table, see `heads.prediction_table`."""
        return classification_predictions.prediction_table(
            *self.names, probabilities, self.classes, fold
        )
