"""Folds of a split, as row numbers of the units table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from moascope.core.errors import InputError

SETS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
EXCLUDED = -1


@dataclass(frozen=True)
class Fold:
    """One fold of a split, as row numbers of the units table.

    `train`, `validation` and `test` are sorted int64 arrays without a common element.
    """

    repeat: int
    fold: int
    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Return the rows of each set by its name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class Assignment:
    """Sides of all groups in one fold: int8 (n_groups,), indices of `SETS` or `EXCLUDED`."""

    repeat: int
    fold: int
    name: str
    sides: np.ndarray


def iterate_folds(split: pd.DataFrame, groups: pd.DataFrame, units: pd.DataFrame) -> Iterator[Fold]:
    """Yield the folds of a split as row numbers of the units table.

    Parameters
    ----------
    split, groups : pandas.DataFrame
        What `make_split` returned.
    units : pandas.DataFrame
        A units table that has every unit of `groups`, in any order.

    Yields
    ------
    Fold
        In the order of repeat and fold.

    Raises
    ------
    InputError
        If the three tables do not belong together.
    """
    group_names = pd.Index(groups["group"].unique())
    n_groups = len(group_names)
    unit_group = _group_of_rows(groups, group_names, units)
    split_group = group_names.get_indexer(pd.Index(split["group"]))
    if (split_group < 0).any():
        name = split["group"].iloc[int(np.argmax(split_group < 0))]
        raise InputError(
            f"the split names a group {name!r} that has no units in its groups table: "
            "make the split again"
        )
    side = pd.Index(SETS).get_indexer(pd.Index(split["set"])).astype(np.int8)
    repeat, fold = split["repeat"].to_numpy(), split["fold"].to_numpy()
    order = np.lexsort((fold, repeat))
    new = (np.diff(repeat[order]) != 0) | (np.diff(fold[order]) != 0)
    names = split["fold_name"].to_numpy()
    for rows in np.split(order, np.flatnonzero(new) + 1):
        # The last place stands for units without a group, whose code is -1.
        sides = np.full(n_groups + 1, EXCLUDED, np.int8)
        sides[split_group[rows]] = side[rows]
        unit_side = sides[unit_group]
        first = rows[0]
        yield Fold(
            int(repeat[first]),
            int(fold[first]),
            str(names[first]),
            np.flatnonzero(unit_side == TRAIN),
            np.flatnonzero(unit_side == VALIDATION),
            np.flatnonzero(unit_side == TEST),
        )


def summary(split: pd.DataFrame, groups: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Count the units of every class on every side of every fold.

    Parameters
    ----------
    split, groups : pandas.DataFrame
        What `make_split` returned.
    units : pandas.DataFrame
        The units table.

    Returns
    -------
    pandas.DataFrame
        Columns repeat, fold, fold_name, moa, train, validation, test, excluded (labelled units
        of the split that take no part in this fold).
    """
    label, classes = pd.factorize(units["moa"].fillna(""), sort=True)
    taking_part = units["unit_id"].isin(groups["unit_id"]).to_numpy()
    total = np.bincount(label[taking_part], minlength=len(classes))
    tables = []
    for fold in iterate_folds(split, groups, units):
        sides = {
            name: np.bincount(label[getattr(fold, name)], minlength=len(classes)) for name in SETS
        }
        table = pd.DataFrame(
            {"repeat": fold.repeat, "fold": fold.fold, "fold_name": fold.name, "moa": classes}
        ).assign(**sides, excluded=total - sum(sides.values()))
        tables.append(table[total > 0])
    return pd.concat(tables, ignore_index=True)


def _group_of_rows(groups: pd.DataFrame, group_names: pd.Index, units: pd.DataFrame) -> np.ndarray:
    """Return the group number of every row of `units`, -1 for a row without a group."""
    known = pd.Index(groups["unit_id"])
    if not known.is_unique:
        name = known[known.duplicated()][0]
        raise InputError(f"the groups table names the unit {name!r} twice: make the split again")
    position = known.get_indexer(pd.Index(units["unit_id"]))
    if int((position >= 0).sum()) != len(known):
        lost = known[~known.isin(units["unit_id"])]
        what = f"unit {lost[0]!r} of the split is missing from"
        if not len(lost):
            what = "a unit of the split is twice in"
        raise InputError(f"{what} the units table: make the split again from this table")
    codes = group_names.get_indexer(pd.Index(groups["group"]))
    return np.where(position >= 0, codes[position], -1)
