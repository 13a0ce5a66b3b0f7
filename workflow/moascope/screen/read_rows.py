"""Reading sample sheets and image folders in all their forms into one shape, not checked yet."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from moascope.core.errors import InputError
from moascope.core.text.cell_text import (
    NOT_GIVEN,
    UNKNOWN,
    amount,
    is_failed_formula,
    looks_like_date,
    lost_digits,
    refuse_failed_formula,
)
from moascope.core.text.escaping import escape_controls, show
from moascope.screen.free_groups import PREFIX, values_of_files, values_of_sheet
from moascope.screen.plates import (
    LAYOUTS,
    find_columns,
    matching_files,
    reads_planes,
    sheet_paths,
)
from moascope.screen.tables.delimited import Sheet, nearest, read_sheet
from moascope.screen.tables.path_names import map_prefixes
from moascope.screen.tables.platemap_list import platemap_files
from moascope.screen.wells import parse_well, well_from_parts, well_name

logger = logging.getLogger(__name__)

_ROLES = [
    *("plate", "site", "batch"),
    *("compound", "concentration", "moa", "replicate", "field", "mask"),
]
# What a table joined to the sheet can supply in its place.
_JOINED_ROLES = {
    "platemap": ("batch", "compound", "concentration", "moa"),
    "platemaps": ("batch", "compound", "concentration", "moa"),
    "moa_table": ("moa",),
}
_NAME_ROLES = ("plate", "site", "batch", "compound", "moa", "replicate", "field")
# A mechanism that is not known has a meaning of its own, see `annotations`.
_NAMED_ROLES = tuple(role for role in _NAME_ROLES if role != "moa")
_CELL_ROLES = (*_NAME_ROLES, "well", "concentration")
# Line ends and tabs are left: programs write them into cells, and they do no harm.
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_ABSENT = "-1"
_VALUES_IN_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"|/\S+")
_SPACED_WELL = re.compile(r"([A-Za-z]{1,2})[ _-]+([0-9]{1,3})")


@dataclass
class SampleRows:
    """What the user gave, one row per site.

    Parameters
    ----------
    table : pandas.DataFrame
        Text as written, empty where not given: `place` (for messages), `plate`, `well`, `site`,
        `batch`, `compound`, `concentration`, `moa`, `replicate`, `field`, `root` (image root,
        absolute), `group:{name}` for every free group, and per channel `file:{ch}` and
        `index:{ch}` (plane, "-1" for the only one).
    labels : dict of str to str
        What messages call a column of `table`; one without a label was not given.
    exempt : pandas.Series of bool
        Sites that need no MoA although they are treated.
    misnamed : set of str
        Columns of `table` that were not given because the config names them wrongly. That is
        noted as a problem, and nothing that follows from it needs to be.
    """

    table: pd.DataFrame
    labels: dict[str, str]
    exempt: pd.Series
    misnamed: set[str] = field(default_factory=set)


class Problems:
    """Everything that is wrong, as sentences that start with the place of the first wrong value.

    Parameters
    ----------
    examples : int
        Problems of one cause that are written out. The rest are counted, so that a cause which
        afflicts every row does not hide the others.
    causes : int
        Causes in one column that are written out.
    """

    def __init__(self, examples: int = 2, causes: int = 20) -> None:
        self.sentences: list[str] = []
        self.notes: list[str] = []
        self.examples = examples
        self._refused: dict[str, set[str]] = {}
        self.causes = causes

    def add(self, sentence: str) -> None:
        """Note one sentence."""
        self.sentences.append(sentence)

    def note(self, sentence: str) -> None:
        """Note what was read otherwise than it is written, or left out: a warning, no problem."""
        text = escape_controls(sentence)
        if text not in self.notes:
            self.notes.append(text)

    def refuse(
        self, wrong: pd.Series, places: pd.Series, label: str, why: Callable[[str], str]
    ) -> None:
        """Note values as `values` does, and nothing that follows from them or their absence."""
        self.values(wrong, places, label, why)
        if len(wrong):
            self._refused.setdefault(label, {""}).update(wrong)

    def rename(self, label: str, new: str) -> None:
        """Call a column otherwise from now on; what was refused in it stays known."""
        if label in self._refused:
            self._refused[new] = self._refused.pop(label)

    def attempt(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function; note its `InputError` and give None."""
        try:
            return function(*args)
        except InputError as error:
            self.add(str(error))
            return None

    def values(
        self, wrong: pd.Series, places: pd.Series, label: str, why: Callable[[str], str]
    ) -> None:
        """Note the values of a part of a column, each distinct one once, by their cause.

        The cause is what `why` says of a value, apart from paths and words in quotes.
        """
        wrong = wrong[~wrong.isin(self._refused.get(label, set()))]
        firsts = wrong[~wrong.duplicated()]
        counts = wrong.value_counts()
        of_cause: dict[str, list[tuple[str, str]]] = {}
        for value, place in zip(firsts, places.loc[firsts.index], strict=True):
            reason, text = why(str(value)), str(value)
            cause = _VALUES_IN_TEXT.sub("", reason.replace(text, "") if reason != text else reason)
            more = f" (and {counts[value] - 1} more)" if counts[value] > 1 else ""
            sentence = f"{place}{more}, {label}: {reason}"
            of_cause.setdefault(cause, []).append((text, sentence))
        for found in list(of_cause.values())[: self.causes]:
            for _, sentence in found[: self.examples]:
                self.add(sentence)
            rest = [text for text, _ in found[self.examples :]]
            if rest:
                kind = f"{_plural(len(rest), 'more value')} in {label} with the same problem"
                self.add(f"... and {kind}: {', '.join(map(show, rest[:5]))}")
        hidden = sum(len(found) for found in list(of_cause.values())[self.causes :])
        if hidden:
            self.add(f"... and {_plural(hidden, 'more wrong value')} in {label}")

    def rows(self, wrong: pd.Index, sentence: Callable[[Any], str], kind: str) -> None:
        """Note rows of one cause, each with its own sentence."""
        for index in wrong[: self.examples]:
            self.add(sentence(index))
        if len(wrong) > self.examples:
            self.add(f"... and {len(wrong) - self.examples} more {kind}")

    def raise_if_any(self, heading: str) -> None:
        """Raise one `InputError` with all sentences, if there are any."""
        if self.sentences:
            raise InputError.collect(self.sentences, heading, limit=200)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def read_rows(options: Mapping[str, Any], problems: Problems) -> SampleRows:
    """Read the sample sheet, or list the image folder.

    Parameters
    ----------
    options : mapping
        The config section `input`.
    problems : Problems
        Takes what is wrong with single rows, columns and channels.

    Returns
    -------
    SampleRows
        As far as they could be read.

    Raises
    ------
    InputError
        If there is nothing that could be read.
    """
    _check_sources(options, problems)
    if options["format"] == "folder":
        return _rows_of_folder(options, problems)
    if options["format"] not in LAYOUTS:
        raise InputError(f"input.format: {options['format']!r} has no sample sheet to read")
    paths = sheet_paths(options)
    parts = []
    for path in paths:
        sheet = read_sheet(path, options["delimiter"])
        prefix = f"{path}, " if len(paths) > 1 else ""
        for sentence in sheet.problems:
            problems.add(prefix + sentence)
        parts.append(_rows_of_sheet(sheet, prefix, options, problems))
        for sentence in sheet.cleaning():
            problems.note(sentence)
    labels = {key: label for part in reversed(parts) for key, label in part.labels.items()}
    table = pd.concat([part.table for part in parts], ignore_index=True)
    exempt = pd.Series(options["format"] == "bbbc021", index=table.index)
    for role in _CELL_ROLES:
        if role in labels:
            wrong = check_cells(table, role, labels[role], problems)
            exempt |= wrong & (role in ("compound", "moa"))
    return SampleRows(table, labels, exempt, set().union(*(part.misnamed for part in parts)))


def check_cells(table: pd.DataFrame, role: str, label: str, problems: Problems) -> pd.Series:
    """Refuse cells with the error of a spreadsheet, a number that lacks digits, or controls.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns `role`, changed in place (what is refused becomes empty), and `place`.
    role : str
        What the column holds, such as compound.
    label : str
        What messages call the column.
    problems : Problems
        Takes the cells.

    Returns
    -------
    pandas.Series of bool
        The cells that were refused.
    """
    cells, places = table[role], table["place"]
    known = [text for text in cells.unique() if text]
    failed = cells.isin([text for text in known if is_failed_formula(text)])
    problems.refuse(
        cells[failed],
        places,
        label,
        refuse_failed_formula,
    )
    if role == "concentration":
        table[role] = cells.mask(failed, "")
        return failed
    lost = cells.isin([text for text in known if lost_digits(text)])
    problems.refuse(
        cells[lost],
        places,
        label,
        lambda text: (
            f"a spreadsheet took a {role} such as a barcode for a number, and {text!r} lacks its "
            "last digits; format the column as text in the original table and export it anew"
        ),
    )
    if role == "well":
        table[role] = cells.mask(failed | lost, "")
        return failed | lost
    # Neither figures nor tables can hold control characters; plates and sites hold even less.
    is_checked_later = role in ("plate", "site")
    problems.values(
        cells[cells.str.contains(_CONTROLS) & (not is_checked_later)],
        places,
        label,
        lambda name: f"{show(name)} has control characters; type the name anew",
    )
    if role in _NAMED_ROLES:
        _note_odd_names(cells, places, role, label, problems)
    table[role] = cells.mask(failed | lost, "")
    return failed | lost


def _note_odd_names(
    cells: pd.Series, places: pd.Series, role: str, label: str, problems: Problems
) -> None:
    firsts = places[~cells.duplicated()]
    for name, place in zip(cells[firsts.index], firsts, strict=True):
        is_no_name = name != "" and name.casefold() in NOT_GIVEN | UNKNOWN
        if not (is_no_name or looks_like_date(name)):
            continue
        count = int((cells == name).sum())
        where = f"{label}: {name!r} in {amount(count, 'row')} (first: {place})"
        if is_no_name:
            problems.note(f"{where} counts as the name of a {role}; if it is none, empty the cells")
        elif role == "compound":
            problems.note(
                f"{where} looks like a date that a spreadsheet made of the name of a {role}; if so,"
                " format the column as text in the original table and export it anew"
            )


def heading(options: Mapping[str, Any]) -> str:
    """Say what a screen was read from, as the first words of an error message."""
    if options["format"] == "folder":
        return str(options["images"])
    paths = sheet_paths(options)
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} sample sheets"


def well_positions(
    table: pd.DataFrame, label: str | None, plate_format: int, problems: Problems
) -> pd.DataFrame:
    """Find the wells of a table on the plate.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns `well` (as written) and `place`.
    label : str or None
        What messages call the column; None if it was not given, so that there is nothing to note.
    plate_format : int
        Wells of a plate: 96, 384 or 1536.
    problems : Problems
        Takes wells that are none, or off the plate.

    Returns
    -------
    pandas.DataFrame
        `well` (canonical), `row`, `col` (from 0) under the index of `table`; wrong wells become
        "", -1, -1.
    """
    reasons: dict[str, str] = {}
    found: dict[str, tuple[str, int, int]] = {}
    for name in table["well"].unique():
        try:
            row, column = parse_well(name, plate_format)
            found[name] = (well_name(row, column), row, column)
        except InputError as error:
            reasons[name] = str(error) if name else "blank; name the well"
            found[name] = ("", -1, -1)
    if label is not None:
        wrong = table["well"].isin(set(reasons))
        problems.values(table["well"][wrong], table["place"], label, reasons.__getitem__)
    positions = [found[name] for name in table["well"].tolist()]
    return pd.DataFrame(positions, columns=["well", "row", "col"], index=table.index)


def _check_sources(options: Mapping[str, Any], problems: Problems) -> None:
    owner: dict[str, str] = {}
    for channel, source in options["channels"].items():
        if str(source) in owner:
            problems.add(
                f"input.channels: {owner[str(source)]} and {channel} are both {source!r}; "
                "give every channel its own"
            )
        owner.setdefault(str(source), channel)


def _rows_of_sheet(
    sheet: Sheet, prefix: str, options: Mapping[str, Any], problems: Problems
) -> SampleRows:
    index = pd.RangeIndex(len(sheet.rows))
    labels: dict[str, str] = {}
    misnamed: set[str] = set()
    columns: dict[str, Iterable[str] | str] = {
        "place": [f"{prefix}line {line}" for line in sheet.lines]
    }
    for role in _ROLES:
        names = _columns_of_role(sheet, role, options, problems)
        columns[role] = sheet.values(names) if names else ""
        if names and role == "mask" and len(names) == 1:
            columns[role] = map_prefixes(sheet.paths(names[0]), options["path_prefix"])
        if names:
            labels[role] = _label(names)
        elif names is None:
            misnamed.add(role)
    for name, column in options["groups"].items():
        found = problems.attempt(values_of_sheet, sheet, name, column, LAYOUTS[options["format"]])
        columns[PREFIX + name] = found or ""
        if found is not None:
            labels[PREFIX + name] = f"column {column!r}"
    columns["well"], well_label = _wells(sheet, options, problems)
    if well_label:
        labels["well"] = well_label
    if options["format"] == "bbbc021" and "site" not in labels:
        columns["site"], labels["site"] = _bbbc021_sites(sheet)
    # A link as the root is the user's choice and stays in the paths.
    columns["root"] = os.path.abspath(options["images"] or sheet.path.parent)  # noqa: PTH100
    read = _CHANNEL_READERS[options["format"]]
    for channel, source in options["channels"].items():
        found = problems.attempt(read, sheet, channel, source, options)
        columns[f"file:{channel}"], columns[f"index:{channel}"] = "", _ABSENT
        if found is not None:
            labels[f"file:{channel}"], files, planes = found
            columns[f"file:{channel}"] = map_prefixes(files, options["path_prefix"])
            columns[f"index:{channel}"] = planes
            if folder := _folder_column(sheet, source, options):
                labels[f"folder:{channel}"] = _label([folder])
    series = {name: pd.Series(values, index=index, dtype="str") for name, values in columns.items()}
    exempt = pd.Series(False, index=index)
    return SampleRows(pd.DataFrame(series, index=index), labels, exempt, misnamed)


def _label(names: list[str]) -> str:
    return f"column {'+'.join(names)!r}"


def _columns_of_role(
    sheet: Sheet, role: str, options: Mapping[str, Any], problems: Problems
) -> list[str] | None:
    given = options["columns"][role]
    joined = any(options[key] and role in roles for key, roles in _JOINED_ROLES.items())
    if joined and given == role and role not in sheet.header:
        # Only the config's default name, and another table supplies this role.
        return []
    absent = isinstance(given, str) and given not in sheet.header
    if joined and absent and given in _joined_header(options, role):
        return []
    try:
        names = find_columns(sheet.header, given, role, LAYOUTS[options["format"]])
    except InputError as error:
        problems.add(str(error) if role == "plate" else f"{error}; or null if there is none")
        return None
    if role == "plate" and not names:
        problems.add(
            "input.columns.plate must name the column of plates; " + nearest("plate", sheet.header)
        )
    return names


def _joined_header(options: Mapping[str, Any], role: str) -> list[str]:
    """Give the columns of the tables that can supply a role; what is wrong is said with them."""
    header: list[str] = []
    for key, roles in _JOINED_ROLES.items():
        if options[key] and role in roles:
            paths = platemap_files(options) if key == "platemaps" else [options[key]]
            for path in paths:
                with suppress(InputError):
                    header += read_sheet(path).header
    return header


def _wells(
    sheet: Sheet, options: Mapping[str, Any], problems: Problems
) -> tuple[list[str] | str, str | None]:
    layout, given = LAYOUTS[options["format"]], options["columns"]
    row, column = (
        problems.attempt(find_columns, sheet.header, given.get(role), role, layout)
        for role in ("row", "column")
    )
    # The config's default name `well` gives way where row and column are named.
    if row and column and given["well"] in (None, "well") and "well" not in sheet.header:
        cells = zip(sheet.values(row), sheet.values(column), strict=True)
        return [well_from_parts(*parts) for parts in cells], _label(row + column)
    names = problems.attempt(find_columns, sheet.header, given["well"], "well", layout)
    if names:
        return sheet.values(names), _label(names)
    if names is not None:
        problems.add("input.columns: name the column of wells, or those of row and column")
    return "", None


_Channel = tuple[str, list[str], list[str] | str]


def _table_channel(
    sheet: Sheet, channel: str, source: str | int, options: Mapping[str, Any]
) -> _Channel:
    place = f"input.channels.{channel}"
    column = options["path_column"]
    if column is None:
        if not isinstance(source, str):
            raise InputError(
                f"{place}: {source!r} is a plane number, which needs input.path_column; "
                "name the column with the paths of this channel"
            )
        if source not in sheet.header:
            raise InputError(
                f"{place}: the sheet has no column {source!r}; {nearest(source, sheet.header)}"
            )
        return _label([source]), [*map(_local_path, sheet.paths(source))], _ABSENT
    if column not in sheet.header:
        raise InputError(
            f"input.path_column: the sheet has no column {column!r}; "
            f"{nearest(column, sheet.header)}"
        )
    if not re.fullmatch(r"[0-9]{1,9}", show(source).strip("'")):
        raise InputError(
            f"{place}: {show(source)} is not a plane number; with input.path_column channels are "
            "numbers from 0"
        )
    return _label([column]), [*map(_local_path, sheet.paths(column))], str(int(source))


def _folder_column(sheet: Sheet, source: str | int, options: Mapping[str, Any]) -> str | None:
    """Return the column of the folders of a channel, where files and folders have their own."""
    if options["format"] not in ("loaddata", "bbbc021"):
        return None
    names = (f"PathName_{source}", f"Image_PathName_{source}")
    return next((name for name in names if name in sheet.header), None)


def _loaddata_channel(
    sheet: Sheet, channel: str, source: str | int, options: Mapping[str, Any]
) -> _Channel:
    def column(kind: str) -> str:
        names = (f"{kind}_{source}", f"Image_{kind}_{source}")
        return next((name for name in names if name in sheet.header), "")

    name, folder, url = column("FileName"), column("PathName"), column("URL")
    if name:
        files = sheet.paths(name)
        if folder:
            cells = zip(map(_local_path, sheet.paths(folder)), files, strict=True)
            files = [_below(*parts) for parts in cells]
    elif url:
        files = [_local_path(text) for text in sheet.paths(url)]
    else:
        kinds = re.compile(r"(?:Image_)?(?:FileName|URL)_(.+)")
        known = [match[1] for text in sheet.header if (match := kinds.fullmatch(text))]
        raise InputError(
            f"input.channels.{channel}: the sheet has neither FileName_{source} nor URL_{source}; "
            + nearest(str(source), dict.fromkeys(known))
        )
    series, frame = column("Series"), column("Frame")
    if series and set(sheet.values([series])) - {"", "0"}:
        raise InputError(
            f"column {series!r}: files with several image series are not read; save each series "
            "as a file of its own"
        )
    planes = [text or _ABSENT for text in sheet.values([frame])] if frame else _ABSENT
    return _label([name or url]), files, planes


def _bbbc021_channel(
    sheet: Sheet, channel: str, source: str | int, options: Mapping[str, Any]
) -> _Channel:
    name, folder = f"Image_FileName_{source}", f"Image_PathName_{source}"
    if name not in sheet.header or folder not in sheet.header:
        known = [text.rpartition("_")[2] for text in sheet.header if "_FileName_" in text]
        raise InputError(
            f"input.channels.{channel}: the sheet has no columns {name!r} and {folder!r}; "
            + nearest(str(source), known)
        )
    cells = zip(sheet.paths(folder), sheet.paths(name), strict=True)
    return _label([name]), [_below(*parts) for parts in cells], _ABSENT


_CHANNEL_READERS: dict[str, Callable[..., _Channel]] = {
    "table": _table_channel,
    "loaddata": _loaddata_channel,
    "bbbc021": _bbbc021_channel,
}


def _bbbc021_sites(sheet: Sheet) -> tuple[list[str] | str, str]:
    column = "Image_FileName_DAPI"
    label = f"column {column!r} (site: the number after '_s')"
    if column not in sheet.header:
        return "", label
    # G10_s1_w1BEDC2073-....tif: well, site, wavelength and a unique identifier.
    matches = [re.search(r"_s(\d+)_", name) for name in sheet.values([column])]
    return [match[1] if match else "" for match in matches], label


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else name


def _local_path(url: str) -> str:
    # Other schemes and broken addresses are left for the check of paths, which knows the line.
    if not url.startswith("file:"):
        return url
    try:
        parts = urlsplit(url)
        host = "" if parts.netloc in ("", "localhost") else f"//{parts.netloc}"
    except ValueError:
        return url
    # file:///C:/data names a drive of Windows, file://server/share a server.
    return host + re.sub(r"^/(?=[A-Za-z]:)", "", unquote(parts.path))


def _rows_of_folder(options: Mapping[str, Any], problems: Problems) -> SampleRows:
    sources = {str(source): channel for channel, source in options["channels"].items()}
    every, left_out = matching_files(options)
    if warning := left_out.warning(options["images"], len(every)):
        problems.note(warning)
    logger.info(left_out.note(options["images"]))
    planes = reads_planes(options)
    every_source = [file.groups.get("channel", "") for file in every]
    files = [
        file
        for file, source in zip(every, every_source, strict=True)
        if planes or source in sources
    ]
    known = dict.fromkeys(sources if planes else every_source)
    for source in (source for source in sources if source not in known):
        problems.add(
            f"input.channels.{sources[source]}: no file has the channel {source!r}; "
            + nearest(source, known)
        )
    if not files:
        problems.raise_if_any(heading(options))
    groups = ["plate", "well", "site", "batch"]
    table = pd.DataFrame(
        [
            (
                file.path,
                file.groups.get("channel", ""),
                file.groups["plate"],
                _well(file.groups),
                *(file.groups.get(name, "") for name in groups[2:]),
            )
            for file in files
        ],
        columns=["file", "source", *groups],
        dtype="str",
    )
    named = files[0].groups.keys()
    if "site" not in named:
        table["site"] = "1"
    keys = ["plate", "well", "site"]
    _check_repeated_files(table, [*keys, "source"], problems)
    table = table.drop_duplicates([*keys, "source"])
    firsts = table.drop_duplicates(keys).set_index(keys)
    columns: dict[str, Any] = dict.fromkeys(_ROLES[3:], "")
    columns |= {"place": "file '" + firsts["file"] + "'", "batch": firsts["batch"]}
    columns["root"] = os.path.abspath(options["images"])  # noqa: PTH100  (see _rows_of_sheet)
    labels = {name: f"group {name!r} of input.pattern" for name in groups if name in named}
    labels["site"] = "group 'site' of input.pattern"
    labels.setdefault("well", "groups 'row' and 'column' of input.pattern")
    for channel, source in options["channels"].items():
        of_channel = table if planes else table[table["source"] == str(source)]
        found = of_channel.set_index(keys)["file"].reindex(firsts.index)
        columns[f"file:{channel}"] = found.fillna("")
        columns[f"index:{channel}"] = str(source) if planes else _ABSENT
        if str(source) in known:
            labels[f"file:{channel}"] = "the image" if planes else f"channel {channel!r}"
    for name, values in values_of_files(firsts["file"].tolist(), options, problems).items():
        columns[PREFIX + name], labels[PREFIX + name] = values, f"group {name!r} of input.pattern"
    wide = pd.DataFrame(columns, index=firsts.index).reset_index()
    return SampleRows(wide.astype("str"), labels, pd.Series(False, index=wide.index))


def _well(groups: Mapping[str, str]) -> str:
    """Return the well that the name of a file names, also as in `A - 01` of InCell microscopes."""
    if "well" not in groups:
        return well_from_parts(groups["row"], groups["column"])
    parts = _SPACED_WELL.fullmatch(groups["well"])
    return parts[1] + parts[2] if parts else groups["well"]


def _check_repeated_files(table: pd.DataFrame, keys: list[str], problems: Problems) -> None:
    first = table.groupby(keys)["file"].transform("first")

    def sentence(index: Any) -> str:
        row = table.loc[index]
        return (
            f"file {row['file']!r}: plate {row['plate']!r}, well {row['well']!r}, site "
            f"{row['site']!r} already has {first[index]!r} for channel {row['source']!r}; make "
            "input.pattern tell them apart, or move one away"
        )

    problems.rows(table.index[first != table["file"]], sentence, "files of that kind")


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
