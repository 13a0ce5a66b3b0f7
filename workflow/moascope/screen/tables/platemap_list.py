"""Tables that name the platemap of every plate, such as barcode_platemap.csv of JUMP.

Free of pandas on purpose: the workflow looks for the files each time a job starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.escaping import show
from moascope.core.text.suggestions import advise
from moascope.screen.tables.delimited import Sheet, read_sheet

if TYPE_CHECKING:
    from moascope.screen.options import Input

_FOLDERS = ("", "platemap", "platemaps")
_ENDINGS = ("", ".txt", ".csv", ".tsv", ".txt.gz", ".csv.gz", ".tsv.gz")


@dataclass(frozen=True)
class PlatemapList:
    """Platemaps of the plates.

    Parameters
    ----------
    path : pathlib.Path
        The table.
    files : dict of str to pathlib.Path
        By plate, of the plates whose file is there.
    listed : set of str
        All plates of the table.
    problems : list of str
        Problems of the table, as sentences.
    cleaning : list of str
        Cleaned cells, as sentences.
    """

    path: Path
    files: dict[str, Path] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    cleaning: list[str] = field(default_factory=list)


def read_platemap_list(options: Input) -> PlatemapList:
    """Read the table of plates and platemaps, and look for the files.

    Parameters
    ----------
    options : Input
        The section `input`, with `platemaps` given.

    Returns
    -------
    PlatemapList
        With everything that is wrong.

    Raises
    ------
    InputError
        If the table cannot be read or lacks a column.
    """
    sheet = read_sheet(str(options.platemaps))
    start = f"{sheet.path} (input.platemaps)"
    columns = {
        "barcode": options.platemap_columns.barcode,
        "file": options.platemap_columns.file,
    }
    missing = [role for role, name in columns.items() if name not in sheet.header]
    if missing:
        sentences = [
            f"there is no column {columns[role]!r}; name the right one under "
            f"input.platemap_columns.{role} ({advise(columns[role], sheet.header)})"
            for role in missing
        ]
        raise InputError.collect(sentences, start)
    found = PlatemapList(sheet.path, problems=[f"{start}, {text}" for text in sheet.problems])
    _add_files(found, sheet, columns, start)
    found.cleaning.extend(sheet.cleaning())
    return found


def platemap_files(options: Input) -> list[Path]:
    """Return the platemaps that a table names, each once; problems are noted elsewhere.

    Parameters
    ----------
    options : Input
        The section `input`.

    Returns
    -------
    list of pathlib.Path
        Empty without such a table.
    """
    if not options.platemaps:
        return []
    with suppress(InputError):
        return sorted(set(read_platemap_list(options).files.values()))
    return []


def _add_files(found: PlatemapList, sheet: Sheet, columns: Mapping[str, str], start: str) -> None:
    plates, names = (sheet.values([columns[role]]) for role in ("barcode", "file"))
    first: dict[str, tuple[str, int]] = {}
    absent: dict[str, int] = {}
    for plate, name, line in zip(plates, names, sheet.lines, strict=True):
        if not (plate and name):
            empty = columns["file" if plate else "barcode"]
            found.problems.append(f"{start}, line {line}, column {empty!r}: blank; fill it in")
            continue
        before, at = first.setdefault(plate, (name, line))
        if before != name:
            found.problems.append(
                f"{start}, line {line}: plate {plate!r} has the platemap {name!r} here and "
                f"{before!r} in line {at}; correct one of the two"
            )
            continue
        found.listed.add(plate)
        if "<" in name:
            found.problems.append(
                f"{start}, line {line}: {show(name)} has a '<', which Snakemake's report cannot "
                "hold; rename the file"
            )
            continue
        path = _existing(sheet.path.parent, name)
        if path is not None:
            found.files[plate] = path
        else:
            absent.setdefault(name, line)
    for name, line in absent.items():
        found.problems.append(
            f"{start}, line {line}: there is no platemap {name!r} in {sheet.path.parent}, with or "
            f"without the ending {', '.join(_ENDINGS[1:4])} or .gz; {_advice(sheet.path, name)}"
        )


def _candidates(folder: Path) -> Iterable[Path]:
    return (folder / name for name in _FOLDERS)


def _existing(folder: Path, name: str) -> Path | None:
    for place in _candidates(folder):
        for ending in _ENDINGS:
            path = place / (name + ending)
            with suppress(OSError, ValueError):  # a name that no file can have
                if path.is_file():
                    return path
    return None


def _advice(table: Path, name: str) -> str:
    known = []
    for place in _candidates(table.parent):
        with suppress(OSError):
            files = [path for path in place.iterdir() if path.is_file() and path != table]
            known += [name for path in files for name in (path.name, path.name.partition(".")[0])]
    return advise(name, sorted(set(known))) if known else "put it there"
