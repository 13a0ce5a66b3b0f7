"""Tables in text files as people save them: any usual delimiter, BOM, Windows line ends.

Free of pandas on purpose: the workflow reads plate names each time a job starts.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moascope.core.errors import InputError
from moascope.core.regular_files import read_regular
from moascope.core.text.cell_text import (
    amount,
    changed_characters,
    clean,
    is_failed_formula,
    refuse_failed_formula,
    undo_numbers,
)

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_OTHER_DELIMITERS = {"|": "vertical bars", ":": "colons", " ": "spaces"}
# Limit of a decompressed table; the largest sheets of public screens have about 100 MB.
_MAX_BYTES = 2**30
_COMPRESSED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstandard"}


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    header : list of str
        Column names, cleaned (see `cell_text.clean`).
    lines : list of int
        The line of the file at which each row starts, from 1, as an editor counts.
    rows : list of list of str
        The cells of each row as written, as many as the header has.
    problems : list of str
        Problems of single rows or of the header; such rows are left out.
    """

    path: Path
    header: list[str]
    lines: list[int]
    rows: list[list[str]]
    problems: list[str] = field(default_factory=list)
    _read: dict[str, None] = field(default_factory=dict, repr=False)

    def values(self, names: Sequence[str]) -> list[str]:
        """Return one value per row: a column, or several joined with `_`.

        Parameters
        ----------
        names : sequence of str
            Columns that exist.

        Returns
        -------
        list of str
            Cleaned, and whole numbers without decimals; empty where any of the cells is.
        """
        columns = [undo_numbers([clean(cell) for cell in self._cells(name)]) for name in names]
        self._read.update(dict.fromkeys(names))
        if len(columns) == 1:
            return columns[0]
        return ["_".join(parts) if all(parts) else "" for parts in zip(*columns, strict=True)]

    def paths(self, name: str) -> list[str]:
        """Return a column as written, without surrounding blanks: names of files may hold anything.

        Parameters
        ----------
        name : str
            A column that exists.

        Returns
        -------
        list of str
            One path per row.
        """
        return [cell.strip(" \t\r\n") for cell in self._cells(name)]

    def cleaning(self) -> list[str]:
        """Return what was cleaned in the columns that `values` has given so far.

        Returns
        -------
        list of str
            A sentence per column, with the number of cells and an example.
        """
        sentences = []
        for name in self._read:
            cells = zip(self.lines, self._cells(name), strict=True)
            changed = [(line, cell) for line, cell in cells if _is_changed(cell)]
            if changed:
                line, cell = changed[0]
                mark = changed_characters(cell)
                sentences.append(
                    f"{self.path}, column {name!r}: {amount(len(changed), 'cell')} cleaned of "
                    f"invisible or look-alike characters, such as {mark} in line {line}, read as "
                    f"{clean(cell)!r}"
                )
        return sentences

    def failed_formulas(self, names: Iterable[str]) -> list[str]:
        """Return where columns hold the error of a spreadsheet, a sentence per column."""
        sentences = []
        for name in names:
            cells = zip(self.lines, map(clean, self._cells(name)), strict=True)
            failed = [(line, cell) for line, cell in cells if is_failed_formula(cell)]
            if failed:
                line, cell = failed[0]
                more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
                sentences.append(
                    f"line {line}{more}, column {name!r}: {refuse_failed_formula(cell)}"
                )
        return sentences

    def _cells(self, name: str) -> list[str]:
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def _is_changed(cell: str) -> bool:
    return not cell.isascii() and clean(cell) != cell.strip(" \t\r\n")


def read_sheet(path: str | Path, delimiter: str = "auto") -> Sheet:
    """Read a delimited text file.

    Parameters
    ----------
    path : path
        UTF-8 (with or without BOM) or UTF-16, any line ends, and any of these compressed by gzip. A
        first line such as `sep=;`, by which Excel knows the delimiter, and lines above the header
        that start with `#` or `!` are ignored.
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
        raise InputError(f"{path}: the file is empty; it needs a header and rows")
    text = _without_comments(text, delimiter)
    if delimiter == "auto":
        delimiter = _likely_delimiter(text)
    header, lines, rows, problems = _parse(path, text, delimiter)
    if len(list(filter(None, header))) < 2 and (title := _title(text)):
        raise InputError(
            f"{path}: {title!r} names no columns; if it is a title above the header, remove the "
            "line"
        )
    if len(header) < 2:
        raise InputError(f"{path}: {_one_column(text, delimiter)}")
    if not rows and not problems:
        raise InputError(f"{path}: the sheet has 0 rows below its header; add some")
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    problems += [
        f"the header names column {name!r} {header.count(name)} times; rename all but one"
        for name in repeated
    ]
    return Sheet(path, header, lines, rows, problems)


def _text(path: Path) -> str:
    try:
        content = read_regular(path)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; correct the path in the config") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); correct the path") from error
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InputError(f"{path}: this is an Excel workbook; save it as 'CSV UTF-8'")
    content = _decompressed(path, content)
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


def _decompressed(path: Path, content: bytes) -> bytes:
    """Return the content of a gzip file, and any other content as it is."""
    for start, name in _COMPRESSED.items():
        if content.startswith(start):
            raise InputError(
                f"{path}: the file is compressed by {name}; decompress it, or use gzip"
            )
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            whole = file.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: the gzip file is damaged ({error}); copy it again, or give the table as text"
        ) from None
    if len(whole) > _MAX_BYTES:
        raise InputError(
            f"{path}: decompressed, the table has more than {_MAX_BYTES:,} bytes, which is the "
            "limit; correct the path, or split the table"
        )
    return whole


_COMMENT = re.compile(r"\s*\"?\s*[#!]")


def _without_comments(text: str, delimiter: str) -> str:
    """Remove comment lines above the header; line ends stay, so that lines keep their number."""
    if not _COMMENT.match(text):
        return text
    lines = io.StringIO(text, newline="").readlines()
    filled = [number for number, line in enumerate(lines) if line.strip()]
    comments = list(itertools.takewhile(lambda number: _COMMENT.match(lines[number]), filled))
    if len(comments) == len(filled):
        return text
    if _is_header(lines[comments[-1]], lines[filled[len(comments)]], delimiter):
        comments.pop()
    for number in comments:
        line = lines[number]
        lines[number] = line[len(line.rstrip("\r\n")) :]
    return "".join(lines)


def _is_header(line: str, below: str, delimiter: str) -> bool:
    """Return whether a line that starts as a comment names columns, such as `#plate,well,site`."""
    mark = _likely_delimiter(below) if delimiter == "auto" else delimiter
    cells = list(filter(str.strip, _first_record(line, mark)))
    if len(cells) < 2 or len(cells) != len(_first_record(below, mark)):
        return False
    # A comment may contain commas, such as `# made by the robot, 2024`.
    return len(cells) > 3 or " " not in cells[0].strip("#! ")


def _likely_delimiter(text: str) -> str:
    return max(DELIMITERS, key=lambda mark: len(_first_record(text, mark)))


def _first_record(text: str, delimiter: str) -> list[str]:
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return next(filter(_has_content, records), [])
    except csv.Error:  # raised by `_parse`, with its line
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
                header = [clean(name) for name in cells]
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
            f"{path}, line {line}: {reason}; correct a quotation mark that is not closed, or the "
            "path of the table"
        ) from None
    return header, lines, rows, problems


def _title(text: str) -> str:
    """Return the first line if it is one cell above a line of several; else nothing."""
    lines = [line for line in io.StringIO(text, newline="") if line.strip()][:2]
    widths = [
        max(len(list(filter(str.strip, _first_record(line, mark)))) for mark in DELIMITERS)
        for line in lines
    ]
    return lines[0].strip(" \t\r\n,;")[:60] if len(lines) == 2 and widths[0] < 2 < widths[1] else ""


def _one_column(text: str, delimiter: str) -> str:
    marks = {**DELIMITERS, **_OTHER_DELIMITERS}
    widths = {mark: len(_first_record(text, mark)) for mark in marks if mark != delimiter}
    likely = max(widths, key=lambda mark: widths[mark])
    header = next(iter(_first_record(text, delimiter)), "")
    shown = header if len(header) <= 60 else header[:60] + "..."
    start = f"the header is a single column ({shown!r}) when split at {marks[delimiter]}"
    if widths[likely] < 2:
        return f"{start}; a table needs several columns"
    advice = (
        f"set input.delimiter to auto or {likely!r}"
        if likely in DELIMITERS
        else "save it with commas, semicolons or tabs"
    )
    return f"{start}; it looks as if separated by {marks[likely]}: {advice}"
