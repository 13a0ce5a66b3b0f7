"""Inner folds over whole groups of the training units, for choosing and for calibrating."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold

from moascope.splits.groups import group_codes

IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class InnerFold:
    """Rows of an inner fold."""

    train: IntArray
    test: IntArray


def inner_groups(
    units: pd.DataFrame, members: pd.DataFrame, columns: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Return the group of every unit; inner folds keep groups together.

    Parameters
    ----------
    units : pandas.DataFrame
        All units.
    members : pandas.DataFrame
        The units of the split: unit_id and group.
    columns : sequence of str
        From `independence.held_out_columns`. Only the first is used: the compound, where a split
        holds out compound and batch. Without any, the groups of the split itself are taken.

    Returns
    -------
    (n,) int64
        Group of every unit; -1 for units outside of the split.

    Raises
    ------
    InputError
        If a column is empty for a unit of the split.
    """
    groups = np.full(len(units), -1, dtype=np.int64)
    group_of = members.set_index("unit_id")["group"]
    inside = units["unit_id"].isin(group_of.index).to_numpy()
    if columns:
        groups[inside], _ = group_codes(units[inside], columns[0].split("+"))
    else:
        groups[inside], _ = pd.factorize(group_of.loc[units["unit_id"][inside]])
    return groups


def divide(
    labels: npt.NDArray[Any],
    groups: IntArray,
    seed: int,
    *,
    most_single_groups: int,
    n_folds: int,
) -> list[InnerFold]:
    """Assign rows to folds of whole groups; only trained classes are tested.

    Parameters
    ----------
    labels, groups : (n,)
        Class and group of every row.
    seed : int
        Of the folds, where they hold several groups.
    most_single_groups : int
        With more groups than this, folds hold several groups each.
    n_folds : int
        How many folds there are then.

    Returns
    -------
    list of InnerFold
        Folds that learn at least two classes and test at least one row. Empty where every class
        has one group only.
    """
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        return []
    n_folds = min(n_folds, n_groups, int(np.unique(labels, return_counts=True)[1].max()))
    divider = (
        LeaveOneGroupOut()
        if n_groups <= most_single_groups or n_folds < 2
        else StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    )
    with warnings.catch_warnings():  # a class may have fewer rows than there are folds
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        pairs = list(divider.split(labels, labels, groups))
    folds = []
    for train, test in pairs:
        learned = np.unique(labels[train])
        tested = test[np.isin(labels[test], learned)]
        if len(learned) >= 2 and len(tested):
            folds.append(InnerFold(train, tested))
    return folds
