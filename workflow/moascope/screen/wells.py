"""Names of wells on microplates."""

from __future__ import annotations

import re
import string

from moascope.core.errors import InputError
from moascope.core.text.cell_text import looks_like_date

# Wells -> (rows, columns), ANSI/SLAS 4-2004.
PLATE_SHAPES = {96: (8, 12), 384: (16, 24), 1536: (32, 48)}

_LETTERS = string.ascii_uppercase
# Between row and column: a blank, a hyphen of any kind, an underscore or a colon.
_GAP = r" ?[-_:\u2010-\u2015\u2212]? ?"
# Spreadsheets and pandas may write column numbers with decimals: A1.0.
_NAME = re.compile(rf"([A-Za-z]{{1,2}}){_GAP}([0-9]{{1,3}})(?:\.0+)?")
_COLUMN_FIRST = re.compile(rf"([0-9]{{1,3}}){_GAP}([A-Za-z]{{1,2}})")
# The notation of Opera and Operetta microscopes: r02c06.
_ROW_AND_COLUMN = re.compile(r"[Rr]([0-9]{1,2})[Cc]([0-9]{1,2})")


def row_name(row: int) -> str:
    """Return the letters of a row.

    Parameters
    ----------
    row : int
        Row from 0, below 702.

    Returns
    -------
    str
        A to Z, then AA, AB and so on.
    """
    return _LETTERS[row] if row < 26 else _LETTERS[row // 26 - 1] + _LETTERS[row % 26]


def well_name(row: int, column: int) -> str:
    """Return the canonical name of a well: row letters and at least two digits.

    Parameters
    ----------
    row, column : int
        Position from 0.

    Returns
    -------
    str
        For example A01 or AF48.
    """
    return f"{row_name(row)}{column + 1:02d}"


def parse_well(name: str, plate_format: int) -> tuple[int, int]:
    """Find a well on a plate.

    Parameters
    ----------
    name : str
        A1, A01, a01, A-01, A 1, 01A, A1.0 or r01c01; rows beyond Z are AA to AF.
    plate_format : int
        Number of wells: 96, 384 or 1536.

    Returns
    -------
    tuple of int
        Row and column from 0.

    Raises
    ------
    InputError
        If this is no well name, or the plate has no such well. The message starts with the name.
    """
    row, column = _position(name)
    n_rows, n_columns = PLATE_SHAPES[plate_format]
    if not (0 <= row < n_rows and 0 <= column < n_columns):
        raise InputError(
            f"{name!r} is off the plate: {plate_format} wells have rows A to "
            f"{row_name(n_rows - 1)} and columns 1 to {n_columns}; correct the well or "
            "input.plate_format"
        )
    return row, column


def canonical_well(name: str) -> str:
    """Return the canonical name of a well on a plate of whatever size.

    Parameters
    ----------
    name : str
        As for `parse_well`.

    Returns
    -------
    str
        For example A01.

    Raises
    ------
    InputError
        If this is no well name, or no plate has such a well.
    """
    return well_name(*parse_well(name, max(PLATE_SHAPES)))


def well_from_parts(row: str, column: str) -> str:
    """Join the row and the column of a well to a name that `parse_well` reads.

    Parameters
    ----------
    row : str
        Letters, or a number from 1.
    column : str
        Number from 1.

    Returns
    -------
    str
        The name; where the parts make no sense, `parse_well` refuses it.
    """
    is_number = row.isdecimal() and len(row) <= 9 and 0 < int(row) <= 702
    return (row_name(int(row) - 1) if is_number else row) + column


def _position(name: str) -> tuple[int, int]:
    """Read row and column from 0, not limited yet."""
    if match := _NAME.fullmatch(name):
        return _row_number(match[1]), int(match[2]) - 1
    if match := _COLUMN_FIRST.fullmatch(name):
        return _row_number(match[2]), int(match[1]) - 1
    if match := _ROW_AND_COLUMN.fullmatch(name):
        return int(match[1]) - 1, int(match[2]) - 1
    cause = " (a spreadsheet probably changed it into a date)" if looks_like_date(name) else ""
    raise InputError(
        f"{name!r} is not a well name{cause}; write row letter and column number, such as B02"
    )


def _row_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + _LETTERS.index(letter) + 1
    return number - 1
