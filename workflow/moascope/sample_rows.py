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

from moascope.errors import InputError
from moascope.escaping import show
from moascope.free_groups import PREFIX, values_of_files, values_of_sheet
from moascope.plates import (
    LAYOUTS,
    find_columns,
    matching_files,
    sheet_paths,
    unmatched_warning,
)
from moascope.sheets import Sheet, nearest, read_sheet
from moascope.wells import parse_well, well_from_parts, well_name

logger = logging.getLogger(__name__)

_ROLES = [
    *("plate", "site", "batch"),
    *("compound", "concentration", "moa", "replicate", "field", "mask"),
]
# What a table joined to the sheet can supply in its place.
_JOINED_ROLES = {
    "platemap": ("batch", "compound", "concentration", "moa"),
    "moa_table": ("moa",),
}
_NAME_ROLES = ("batch", "compound", "moa", "replicate", "field")
# Line ends and tabs are left: programs write them into cells, and they do no harm.
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_ABSENT = "-1"


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
        Problems of one kind that are written out. The rest are counted, so that a kind which
        afflicts every row does not hide the others.
    """

    def __init__(self, examples: int = 20) -> None:
        self.sentences: list[str] = []
        self.examples = examples

    def add(self, sentence: str) -> None:
        """Note one sentence."""
        self.sentences.append(sentence)

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
        """Note the values of a part of a column, each distinct one once."""
        firsts = wrong[~wrong.duplicated()]
        counts = wrong.value_counts()
        shown = firsts.head(self.examples)
        for value, place in zip(shown, places.loc[shown.index], strict=True):
            more = f" (and {counts[value] - 1} more)" if counts[value] > 1 else ""
            self.add(f"{place}{more}, {label}: {why(str(value))}")
        self._rest(len(firsts), f"values in {label} with the same problem")

    def rows(self, wrong: pd.Index, sentence: Callable[[Any], str], kind: str) -> None:
        """Note rows, each with its own sentence."""
        for index in wrong[: self.examples]:
            self.add(sentence(index))
        self._rest(len(wrong), kind)

    def raise_if_any(self, heading: str) -> None:
        """Raise one `InputError` with all sentences, if there are any."""
        if self.sentences:
            raise InputError.collect(self.sentences, heading, limit=200)

    def _rest(self, count: int, kind: str) -> None:
        if count > self.examples:
            self.add(f"... and {count - self.examples} more {kind}")


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
    labels = {key: label for part in reversed(parts) for key, label in part.labels.items()}
    table = pd.concat([part.table for part in parts], ignore_index=True)
    for role in _NAME_ROLES:
        if role in labels:
            check_names(table[role], table["place"], labels[role], problems)
    exempt = pd.Series(options["format"] == "bbbc021", index=table.index)
    return SampleRows(table, labels, exempt, set().union(*(part.misnamed for part in parts)))


def check_names(names: pd.Series, places: pd.Series, label: str, problems: Problems) -> None:
    """Refuse names with control characters, which neither figures nor tables can hold.

    Parameters
    ----------
    names : pandas.Series of str
        A column of a table, such as the compounds.
    places : pandas.Series of str
        Where each stands, under the same index.
    label : str
        What messages call the column.
    problems : Problems
        Takes the names.
    """
    problems.values(
        names[names.str.contains(_CONTROLS)],
        places,
        label,
        lambda name: f"{show(name)} has control characters; type the name anew",
    )


def heading(options: Mapping[str, Any]) -> str:
    """Say what a screen was read from, as the first words of an error message."""
    if options["format"] == "folder":
        return str(options["images"])
    paths = sheet_paths(options)
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} sample sheets"


def named_column(sheet: Sheet, given: str | list[str] | None, role: str) -> str | None:
    """Find a column of a table that is joined to the sheet.

    Parameters
    ----------
    sheet : Sheet
        The platemap or MoA table.
    given : str, list of str or None
        What the config calls that column in the sample sheet.
    role : str
        What the column is called otherwise, in small or capital letters.

    Returns
    -------
    str or None
        A column of the header.
    """
    if isinstance(given, str) and given in sheet.header:
        return given
    return next((name for name in sheet.header if name.casefold() == role), None)


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
            labels[f"file:{channel}"], columns[f"file:{channel}"], planes = found
            columns[f"index:{channel}"] = planes
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
            with suppress(InputError):
                header += read_sheet(options[key]).header
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
        return _label([source]), sheet.values([source]), _ABSENT
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
    return _label([column]), sheet.values([column]), str(int(source))


def _loaddata_channel(
    sheet: Sheet, channel: str, source: str | int, options: Mapping[str, Any]
) -> _Channel:
    def column(kind: str) -> str:
        names = (f"{kind}_{source}", f"Image_{kind}_{source}")
        return next((name for name in names if name in sheet.header), "")

    name, folder, url = column("FileName"), column("PathName"), column("URL")
    if name:
        files = sheet.values([name])
        if folder:
            cells = zip(sheet.values([folder]), files, strict=True)
            files = [_below(*parts) for parts in cells]
    elif url:
        files = [_local_path(text) for text in sheet.values([url])]
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
    cells = zip(sheet.values([folder]), sheet.values([name]), strict=True)
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
        return unquote(urlsplit(url).path)
    except ValueError:
        return url


def _rows_of_folder(options: Mapping[str, Any], problems: Problems) -> SampleRows:
    sources = {str(source): channel for channel, source in options["channels"].items()}
    every, unmatched = matching_files(options)
    if unmatched:
        logger.warning(unmatched_warning(options, len(every), unmatched))
    files = [file for file in every if file.groups["channel"] in sources]
    known = dict.fromkeys(file.groups["channel"] for file in every)
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
            (file.path, file.groups["channel"], *(file.groups.get(name, "") for name in groups))
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
    for channel, source in options["channels"].items():
        of_channel = table[table["source"] == str(source)].set_index(keys)["file"]
        columns[f"file:{channel}"] = of_channel.reindex(firsts.index).fillna("")
        columns[f"index:{channel}"] = _ABSENT
        if str(source) in known:
            labels[f"file:{channel}"] = f"channel {channel!r}"
    for name, values in values_of_files(firsts["file"].tolist(), options, problems).items():
        columns[PREFIX + name], labels[PREFIX + name] = values, f"group {name!r} of input.pattern"
    wide = pd.DataFrame(columns, index=firsts.index).reset_index()
    return SampleRows(wide.astype("str"), labels, pd.Series(False, index=wide.index))


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
