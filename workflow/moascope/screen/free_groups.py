"""Free groups: columns of a user's table, such as the patient, that splits and audits may use.

Free of pandas on purpose: the configuration is read each time a job starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.patterns import compile_pattern
from moascope.core.text.suggestions import advise
from moascope.screen.formats.layout import Layout, find_columns
from moascope.screen.tables.delimited import Sheet

if TYPE_CHECKING:
    from moascope.screen.options import Input
    from moascope.screen.problems import Problems

PREFIX = "group:"
"""Start of the names of free groups in tables whose other names are not the user's."""

RESERVED = frozenset(
    {
        "auto",
        "batch",
        "cell",
        "col",
        "column",
        "compound",
        "concentration",
        "confidence",
        "field",
        "flagged",
        "fold",
        "fold_name",
        "given_set",
        "group",
        "image",
        "index",
        "label",
        "mask",
        "moa",
        "n_units",
        "plate",
        "predicted",
        "reasons",
        "repeat",
        "replicate",
        "role",
        "root",
        "row",
        "set",
        "site",
        "site_id",
        "status",
        "tile",
        "treatment",
        "unit",
        "unit_id",
        "usable",
        "well",
    }
)
"""Names of the columns and levels of the workflow, which a free group must not take."""


def problems_of_names(groups: Mapping[str, str]) -> list[str]:
    """Return a sentence per group that has the name of a column of the workflow."""
    return [
        f"{name!r} is the name of a column of the workflow; choose another name, as in "
        f"{{my_{name}: {column}}}"
        for name, column in groups.items()
        if name.casefold() in RESERVED
    ]


def values_of_sheet(sheet: Sheet, name: str, column: str, layout: Layout) -> list[str]:
    """Read a free group from a sheet.

    Parameters
    ----------
    sheet : Sheet
        The sample sheet.
    name, column : str
        The group and its column.
    layout : Layout
        Column names of the format.

    Returns
    -------
    list of str
        One value per row, empty where the cell is.

    Raises
    ------
    InputError
        If there is no such column, with the nearest name.
    """
    try:
        return sheet.values(find_columns(sheet.header, column, name, layout))
    except InputError:
        raise InputError(
            f"input.groups.{name}: the sheet has no column {column!r}; "
            + advise(column, sheet.header)
        ) from None


def values_of_files(
    paths: Sequence[str], options: Input, problems: Problems
) -> dict[str, list[str]]:
    """Read free groups from the paths of files that match the pattern of the folder.

    Parameters
    ----------
    paths : sequence of str
        Below the image folder.
    options : Input
        The section `input`.
    problems : Problems
        Takes groups that the pattern does not have.

    Returns
    -------
    dict of str to list of str
        By name of the group: one value per path, empty where it took no part.
    """
    if not options.groups:
        return {}
    pattern = compile_pattern(str(options.pattern), "input.pattern")
    whole = "/" in pattern.pattern
    matches = [pattern.fullmatch(path if whole else path.rpartition("/")[2]) for path in paths]
    found = {}
    for name, group in options.groups.items():
        if group in pattern.groupindex:
            found[name] = [(match[group] if match else "") or "" for match in matches]
        else:
            problems.add(
                f"input.groups.{name}: input.pattern has no group {group!r}; write "
                f"(?P<{group}>...) into it; {advise(group, pattern.groupindex)}"
            )
    return found
