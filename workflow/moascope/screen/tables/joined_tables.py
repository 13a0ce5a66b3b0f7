"""Tables that are joined to a sample sheet: platemaps and tables of mechanisms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from moascope.core.text.suggestions import advise
from moascope.screen.column_checks import check_cells
from moascope.screen.formats.layout import column_label
from moascope.screen.problems import Problems
from moascope.screen.tables.delimited import Sheet, read_sheet
from moascope.screen.wells import well_from_parts

if TYPE_CHECKING:
    from moascope.screen.options import Input


def open_table(path: str | Path, key: str, problems: Problems) -> Sheet | None:
    """Read a table and note its problems; return None where it cannot be read.

    Parameters
    ----------
    path : path
        The table.
    key : str
        The key of the config section `input` that names it.
    problems : Problems
        Takes what is wrong.
    """
    sheet = problems.attempt(read_sheet, path)
    if sheet is None:
        return None
    for sentence in sheet.problems:
        problems.add(f"{path}, {sentence} (input.{key})")
    found: Sheet = sheet
    return found


def name_columns(
    sheet: Sheet, key: str, roles: Sequence[str], options: Input, problems: Problems
) -> dict[str, list[str]]:
    """Find the columns of a joined table.

    Parameters
    ----------
    sheet : Sheet
        The table.
    key : str
        `platemap` or `moa_table`.
    roles : sequence of str
        Roles to look for.
    options : Input
        The section `input`.
    problems : Problems
        Takes columns that the config names and that are not there.

    Returns
    -------
    dict of str to list of str
        Names from the header by role: those of `input.{key}_columns`; else the one that
        `input.columns` names, if it is there; else the role itself, in small or capital letters.
        Roles without a column are left out, and those whose column is named wrongly are empty.
    """
    own_columns = getattr(options, f"{key}_columns")
    found: dict[str, list[str]] = {}
    for role in roles:
        own = getattr(own_columns, role)
        names = [own] if isinstance(own, str) else list(own or [])
        missing = [name for name in names if name not in sheet.header]
        for name in missing:
            problems.add(
                f"{sheet.path} (input.{key}_columns.{role}): there is no column {name!r}; "
                + advise(name, sheet.header)
            )
        if names:
            found[role] = [] if missing else names
        elif name := _named_column(sheet, getattr(options.columns, role), role):
            found[role] = [name]
    return found


def _named_column(sheet: Sheet, given: str | list[str] | None, role: str) -> str | None:
    if isinstance(given, str) and given in sheet.header:
        return given
    return next((name for name in sheet.header if name.casefold() == role), None)


def require_columns(
    sheet: Sheet,
    key: str,
    columns: Mapping[str, Sequence[str]],
    roles: Sequence[str],
    problems: Problems,
) -> bool:
    """Return whether a table has the columns that it needs; note those that it lacks."""
    for role in roles:
        if role not in columns:
            problems.add(
                f"{sheet.path} (input.{key}): there is no column {role!r}; name it under "
                f"input.{key}_columns.{role} ({advise(role, sheet.header)})"
            )
    return all(columns.get(role) for role in roles)


def read_columns(
    sheet: Sheet, columns: Mapping[str, Sequence[str]], problems: Problems
) -> pd.DataFrame:
    """Read and check the cells of a table.

    Parameters
    ----------
    sheet : Sheet
        The table.
    columns : mapping of str to sequence of str
        Names from its header by role. Row and column make the well, where no well is named.
    problems : Problems
        Takes cells that hold the error of a spreadsheet and the like, and what was cleaned.

    Returns
    -------
    pandas.DataFrame
        Text by role, `place`, and `refused`: whether the compound or the mechanism of the row was.
    """
    columns = {role: names for role, names in columns.items() if names}
    place = [f"{sheet.path}, line {line}" for line in sheet.lines]
    texts = {role: sheet.values(names) for role, names in columns.items()}
    if "well" not in texts and {"row", "column"} <= set(texts):
        parts = zip(texts["row"], texts["column"], strict=True)
        texts["well"] = [well_from_parts(*cells) for cells in parts]
        columns = {**columns, "well": [*columns["row"], *columns["column"]]}
    table = pd.DataFrame({"place": place, **texts}, dtype="str").assign(refused=False)
    for role in columns:
        if role not in ("row", "column"):
            refused = check_cells(table, role, column_label(columns[role]), problems)
            table["refused"] |= refused & (role in ("compound", "moa"))
    for sentence in sheet.cleaning():
        problems.note(sentence)
    return table
