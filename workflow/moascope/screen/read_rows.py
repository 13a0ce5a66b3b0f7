"""Rows of a screen as the user gives them, in one shape for all input formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from moascope.screen.column_checks import check_cells
from moascope.screen.formats.registry import find_format
from moascope.screen.problems import Problems

if TYPE_CHECKING:
    from moascope.screen.options import ScreenOptions

METADATA = [
    "site_id",
    "plate",
    "well",
    "row",
    "col",
    "site",
    "batch",
    "compound",
    "concentration",
    "treatment",
    "moa",
    "role",
    "replicate",
    "field",
]
"""Columns of the site table, without free groups and files."""

_CELL_ROLES = (
    "plate",
    "site",
    "batch",
    "compound",
    "moa",
    "replicate",
    "field",
    "well",
    "concentration",
)


@dataclass
class SampleRows:
    """Rows of a screen, one per site.

    Parameters
    ----------
    table : pandas.DataFrame
        Text as written, empty where there is none, with the columns of `formats.base.Rows`.
    labels : dict of str to str
        Words of messages for a column of `table`; a column without a label is not in the input.
    exempt : pandas.Series of bool
        Sites that need no MoA although they are treated.
    misnamed : set of str
        Columns that are missing because the configuration names them wrongly, see `Rows`.
    """

    table: pd.DataFrame
    labels: dict[str, str]
    exempt: pd.Series
    misnamed: set[str] = field(default_factory=set)


def read_rows(options: ScreenOptions, problems: Problems) -> SampleRows:
    """Read the sample sheet, or list the image folder.

    Parameters
    ----------
    options : ScreenOptions
        Input of the screen.
    problems : Problems
        Takes what is wrong with single rows, columns and channels.

    Returns
    -------
    SampleRows
        All rows that could be read.

    Raises
    ------
    InputError
        If there is nothing that could be read.
    """
    input_format = find_format(options.input.format)
    if input_format.has_plates:
        _check_sources(options, problems)
    rows = input_format.reader.read(options, problems)
    table = pd.DataFrame(rows.columns, dtype="str")
    exempt = pd.Series(input_format.is_partly_annotated, index=table.index)
    if not input_format.reader.lists_files(options.input):
        exempt |= _check_cells_of_roles(table, rows.labels, problems)
    return SampleRows(table, rows.labels, exempt, rows.misnamed)


def _check_cells_of_roles(
    table: pd.DataFrame, labels: dict[str, str], problems: Problems
) -> pd.Series:
    """Refuse wrong cells of a sheet; return the rows whose compound or mechanism was refused."""
    refused = pd.Series(False, index=table.index)
    for role in _CELL_ROLES:
        if role in labels:
            wrong = check_cells(table, role, labels[role], problems)
            refused |= wrong & (role in ("compound", "moa"))
    return refused


def _check_sources(options: ScreenOptions, problems: Problems) -> None:
    """Note channels that have the same source."""
    owner: dict[str, str] = {}
    for channel, source in options.input.channels.items():
        if str(source) in owner:
            problems.add(
                f"input.channels: {owner[str(source)]} and {channel} are both {source!r}; "
                "give every channel its own"
            )
        owner.setdefault(str(source), channel)
