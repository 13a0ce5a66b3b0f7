"""Groups of units: what one or more columns of the units table put together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.screen.wells import row_name
from moascope.splits.independence import SCOPE


def group_codes(units: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Give every unit the number of the group that one or more columns put it in.

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
                f"unknown group column {column!r}: {suggest(column, list(units.columns))}"
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
    """Join the values of a group, or keep those of the asked columns if they suffice."""
    short = parts[columns]
    if not short.duplicated().any():
        parts = short
    if parts.shape[1] == 1:
        return parts.iloc[:, 0].to_numpy(dtype=object)
    # A bar inside a value is doubled, so that different groups never get the same name.
    rows = parts.to_numpy(dtype=object)
    joined = [" | ".join(value.replace("|", "||") for value in row) for row in rows]
    return np.array(joined, dtype=object)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts names with numbers as people do, Week2 before Week10."""
    pieces = re.split(r"(\d+)", text)
    key = [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]
    return [*key, (2, 0, text)]


def suggest(value: str, allowed: Sequence[str]) -> str:
    """Return the allowed name that is most like a wrong one, or all of them."""
    near = difflib.get_close_matches(str(value), allowed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(allowed)}"
