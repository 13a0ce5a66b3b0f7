"""Groups of units, by one or more columns of the units table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.core.text.natural_order import natural_key
from moascope.core.text.suggestions import advise
from moascope.screen.wells import row_name
from moascope.splits.independence import SCOPE


def group_codes(units: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Compute the group of every unit by one or more columns.

    A well is identified by plate and well, a site or field by plate, well and site or field;
    other columns stand for themselves.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table.
    columns : sequence of str
        Names of columns, at least one.

    Returns
    -------
    codes : int64 array (n_units,)
        Group number of every unit.
    names : object array (n_groups,)
        Unique name of every group, in natural order (Week2 before Week10).

    Raises
    ------
    InputError
        If a column does not exist or is empty for some unit.
    """
    for column in columns:
        if column not in units.columns:
            raise InputError(
                f"unknown group column {column!r}: {advise(column, list(units.columns))}"
            )
    full = list(dict.fromkeys(part for column in columns for part in SCOPE.get(column, (column,))))
    for column in full:
        empty = (units[column].isna() | (units[column].astype(str) == "")).to_numpy()
        if empty.any():
            raise InputError(
                f"column {column!r} is empty for {int(empty.sum())} units (first: "
                f"{units['unit_id'].iloc[int(np.argmax(empty))]!r}), which can then not be grouped "
                f"by it. Fill the column in the sample sheet or group by another one."
            )
    codes = units.groupby(full, sort=False, dropna=False).ngroup().to_numpy()
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    first = np.full(n_groups, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    parts = _printed(units.iloc[first][full])
    names = _shortest_names(parts, list(columns))
    order = np.array(
        sorted(range(n_groups), key=lambda i: natural_key(str(names[i]))), dtype=np.int64
    )
    rank = np.empty(n_groups, np.int64)
    rank[order] = np.arange(n_groups)
    return rank[codes], names[order]


def _printed(parts: pd.DataFrame) -> pd.DataFrame:
    """Return groups as text, rows and columns as they are printed on a plate."""
    printed = parts.astype(str)
    if "row" in parts:
        printed["row"] = [row_name(int(row)) for row in parts["row"]]
    if "col" in parts:
        printed["col"] = [str(int(column) + 1) for column in parts["col"]]
    return printed


def _shortest_names(parts: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Join the values of a group, or only those of the given columns if they suffice."""
    short = parts[columns]
    if not short.duplicated().any():
        parts = short
    if parts.shape[1] == 1:
        return parts.iloc[:, 0].to_numpy(dtype=object)
    # Bars inside values are doubled, so different groups have different names.
    rows = parts.to_numpy(dtype=object)
    joined = [" | ".join(value.replace("|", "||") for value in row) for row in rows]
    return np.array(joined, dtype=object)


@dataclass(frozen=True)
class GroupedUnits:
    """Units that take part, with their groups and classes as integer codes."""

    units: pd.DataFrame
    group: np.ndarray
    group_names: np.ndarray
    label: np.ndarray
    classes: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Count units per group and class, int64 (n_groups, n_classes)."""
        shape = (len(self.group_names), len(self.classes))
        flat = self.group * shape[1] + self.label
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)


def labelled_units(units: pd.DataFrame, include_controls: bool) -> pd.DataFrame:
    """Return the units that can be trained on or tested.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table.
    include_controls : bool
        Whether control wells form a class (their `moa`).

    Returns
    -------
    pandas.DataFrame
        Rows of `units` that are usable, have a class and are not left out as controls.

    Raises
    ------
    InputError
        If controls are to form a class but have no class, or fewer than two classes are left.
    """
    moa = units["moa"].fillna("")
    control = (units["role"] == "control").to_numpy()
    usable = units["usable"].to_numpy(dtype=bool)
    if include_controls:
        nameless = control & usable & (moa == "").to_numpy()
        if nameless.any():
            raise InputError(
                f"include_controls: {int(nameless.sum())} control units have no moa (first: "
                f"{units['unit_id'].iloc[int(np.argmax(nameless))]!r}), so they form no class. "
                "Give the controls a moa (for example DMSO) in the sample sheet or the moa table."
            )
    else:
        usable = usable & ~control
    chosen = units[usable & (moa != "").to_numpy()]
    classes = sorted(chosen["moa"].unique())
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no labelled, usable units"
        if "given_set" in units:
            raise InputError(
                f"a split needs images of at least two classes, found {found} among {len(units)} "
                "(flagged images do not count). Check the labels and the list of flagged images."
            )
        raise InputError(
            f"a split needs units of at least two classes, found {found} among {len(units)} units "
            "(controls count only with include_controls: true, flagged units do not count). "
            "Check the moa column and the list of flagged sites."
        )
    return chosen


def group_units(chosen: pd.DataFrame, columns: list[str]) -> GroupedUnits:
    """Assign labelled units to groups (`group_codes` of the columns) and classes."""
    group, names = group_codes(chosen, columns)
    classes, label = np.unique(chosen["moa"].to_numpy(dtype=object), return_inverse=True)
    return GroupedUnits(chosen, group, names, label, classes)


def compounds_and_batches(labelled: GroupedUnits) -> tuple[np.ndarray, np.ndarray]:
    """Return compound and batch of every group, object arrays (n_groups,)."""
    _, first = np.unique(labelled.group, return_index=True)
    pairs = labelled.units.iloc[first]
    return pairs["compound"].to_numpy(dtype=object), pairs["batch"].to_numpy(dtype=object)
