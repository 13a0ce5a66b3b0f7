"""Tables in text files as people save them: any usual delimiter, BOM, Windows line ends.

Free of pandas on purpose: the workflow reads plate names each time a job starts.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moascope.errors import InputError
from moascope.regular_files import read_regular

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_OTHER_DELIMITERS = {"|": "vertical bars", ":": "colons", " ": "spaces"}


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    header : list of str
        Column names.
    lines : list of int
        The line of the file at which each row starts, from 1, as an editor counts.
    rows : list of list of str
        The cells of each row, as many as the header has.
    problems : list of str
        What is wrong with single rows or with the header; such rows are left out.
    """

    path: Path
    header: list[str]
    lines: list[int]
    rows: list[list[str]]
    problems: list[str] = field(default_factory=list)

    def values(self, names: Sequence[str]) -> list[str]:
        """Give one value per row: a column, or several joined with `_`.

        Parameters
        ----------
        names : sequence of str
            Columns that exist.

        Returns
        -------
        list of str
            Without surrounding blanks; empty where any of the cells is.
        """
        places = [self.header.index(name) for name in names]
        if len(places) == 1:
            return [row[places[0]].strip() for row in self.rows]
        joined = []
        for row in self.rows:
            parts = [row[place].strip() for place in places]
            joined.append("_".join(parts) if all(parts) else "")
        return joined


def read_sheet(path: str | Path, delimiter: str = "auto") -> Sheet:
    """Read a delimited text file.

    Parameters
    ----------
    path : path
        UTF-8 (with or without BOM) or UTF-16, any line ends. A first line such as `sep=;`, by which
        Excel knows the delimiter, is passed over.
    delimiter : str
        `,`, `;`, a tab, or `auto`: the one that gives the header the most columns.

    Returns
    -------
    Sheet
        Rows that are empty are not in it.

    Raises
    ------
    InputError
        If the file is missing, is no text, has one column only, has no rows, or a quote is left
        open. The message starts with the path.
    """
    path = Path(path)
    text = re.sub(r"\A\"?sep=.\"?(?=[\r\n])", "", _text(path))
    if not text.strip():
        raise InputError(f"{path}: the file is empty; it needs a header and one row per image")
    if delimiter == "auto":
        delimiter = max(DELIMITERS, key=lambda mark: len(_first_record(text, mark)))
    header, lines, rows, problems = _parse(path, text, delimiter)
    if len(header) < 2:
        raise InputError(f"{path}: {_one_column(text, delimiter)}")
    if not rows and not problems:
        raise InputError(f"{path}: the sheet has 0 rows below its header; add one row per image")
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    problems += [
        f"the header names column {name!r} {header.count(name)} times; rename all but one"
        for name in repeated
    ]
    return Sheet(path, header, lines, rows, problems)


def nearest(name: str, known: Iterable[str]) -> str:
    """Help with a name that is not there.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        "did you mean ..." with the most similar name, or else all there are.
    """
    known = [text for text in known if text]
    if near := similar(name, known):
        return f"did you mean {near!r}?"
    shown = ", ".join(repr(text) for text in known[:30]) + (", ..." if len(known) > 30 else "")
    return f"there are: {shown}"


def similar(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that is most like another one, if any is like it at all."""
    by_case = {text.casefold(): text for text in known}
    near = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    return by_case[near[0]] if near else None


def _text(path: Path) -> str:
    try:
        content = read_regular(path)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; correct the path in the config") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); correct the path") from error
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InputError(f"{path}: this is an Excel workbook; save it as 'CSV UTF-8'")
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 text; "
            "save the sheet as 'CSV UTF-8'"
        ) from None
    if "\0" in text:
        raise InputError(f"{path}: this is not a text file; give a CSV or TSV sheet")
    return text


def _first_record(text: str, delimiter: str) -> list[str]:
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return next(filter(_has_content, records), [])
    except csv.Error:  # said by `_parse`, with its line
        return []


def _has_content(cells: list[str]) -> bool:
    return any(cell and not cell.isspace() for cell in cells)


def _parse(
    path: Path, text: str, delimiter: str
) -> tuple[list[str], list[int], list[list[str]], list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    problems: list[str] = []
    line = 1
    try:
        for cells in reader:
            if not _has_content(cells):
                pass
            elif not header:
                header = [name.strip() for name in cells]
            elif len(cells) != len(header) and (
                len(cells) < len(header) or _has_content(cells[len(header) :])
            ):
                problems.append(
                    f"line {line}: {len(cells)} cells, but the header has {len(header)}; quote "
                    f"cells that contain {DELIMITERS[delimiter]} and fill in those that are missing"
                )
            else:
                lines.append(line)
                rows.append(cells[: len(header)])
            # A quoted cell may run over several lines.
            line = reader.line_num + 1
    except csv.Error as error:
        reason = str(error)
        if "field limit" in reason:
            reason = f"a cell is longer than {csv.field_size_limit():,} characters"
        raise InputError(
            f"{path}, line {line}: {reason}; look for a quotation mark that is not closed there, "
            "or a file that is no table"
        ) from None
    return header, lines, rows, problems


def _one_column(text: str, delimiter: str) -> str:
    marks = {**DELIMITERS, **_OTHER_DELIMITERS}
    widths = {mark: len(_first_record(text, mark)) for mark in marks if mark != delimiter}
    likely = max(widths, key=lambda mark: widths[mark])
    header = next(iter(_first_record(text, delimiter)), "")
    shown = header if len(header) <= 60 else header[:60] + "..."
    start = f"the header is a single column ({shown!r}) when split at {marks[delimiter]}"
    if widths[likely] < 2:
        return f"{start}; a sheet needs columns for plate, well and image files"
    advice = (
        f"set input.delimiter to auto or {likely!r}"
        if likely in DELIMITERS
        else "save it with commas, semicolons or tabs"
    )
    return f"{start}; it looks as if separated by {marks[likely]}: {advice}"
