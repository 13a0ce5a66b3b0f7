"""Reader of sample sheets, shared by all formats that have one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote, urlsplit

from moascope.core.errors import InputError
from moascope.core.text.suggestions import advise
from moascope.screen.formats.base import ONLY_PLANE, ROLES, Rows
from moascope.screen.formats.layout import Layout, column_label, find_columns
from moascope.screen.free_groups import PREFIX, values_of_sheet
from moascope.screen.tables.delimited import Sheet, read_sheet
from moascope.screen.tables.path_names import map_prefixes
from moascope.screen.tables.platemap_list import platemap_files
from moascope.screen.wells import well_from_parts

if TYPE_CHECKING:
    from moascope.screen.formats.image_folders import ImageFile
    from moascope.screen.options import Input, ScreenOptions
    from moascope.screen.problems import Problems

# Roles that a table joined to the sheet can supply, by the key of `input` that names the table.
_JOINED_ROLES = {
    "platemap": ("batch", "compound", "concentration", "moa"),
    "platemaps": ("batch", "compound", "concentration", "moa"),
    "moa_table": ("moa",),
}


@dataclass(frozen=True)
class ChannelFiles:
    """Image files of a channel.

    Parameters
    ----------
    label : str
        Words of messages for the column of files.
    files : list of str
        A path per row, as written.
    planes : list of str
        A plane per row, `ONLY_PLANE` for the only one.
    folder_column : str
        The column of folders, where files and folders have their own; else empty.
    """

    label: str
    files: list[str]
    planes: list[str]
    folder_column: str = ""


@dataclass(frozen=True)
class SheetReader:
    """Reader of sample sheets.

    Parameters
    ----------
    read_channel : callable
        Reads the files of a channel from a sheet: (sheet, channel, source, options).
    layout : Layout
        Column names of the format.
    read_sites : callable, optional
        Reads the sites and the label of their column, where the sheet has no column of sites.
    """

    read_channel: Callable[[Sheet, str, str | int, Input], ChannelFiles]
    layout: Layout = field(default_factory=Layout)
    read_sites: Callable[[Sheet], tuple[list[str], str]] | None = None

    def source(self, options: ScreenOptions) -> str:
        """Return the sheet, or the number of sheets."""
        paths = options.sheet_paths()
        return str(paths[0]) if len(paths) == 1 else f"{len(paths)} sample sheets"

    def lists_files(self, options: Input) -> bool:
        """Return False: the sheet lists the images."""
        return False

    def list_files(self, options: Input) -> NoReturn:
        """Raise an error: the sheet lists the images."""
        raise InputError(f"input.format: {options.format!r} lists its images in a sheet")

    def plate_names(
        self, options: Input, files: Sequence[ImageFile] | None = None
    ) -> tuple[set[str], str]:
        """Read the names of the plates, see `Reader`."""
        sheet = read_sheet(options.sheet_path(), options.delimiter)
        try:
            names = find_columns(sheet.header, options.columns.plate, "plate", self.layout)
        except InputError as error:
            raise InputError(f"{sheet.path}: {error}") from None
        if not names:
            raise InputError(
                f"{sheet.path}: input.columns.plate must name the column of plates; "
                f"{advise('plate', sheet.header)}"
            )
        return set(sheet.values(names)), str(sheet.path)

    def row_files(self, options: Input) -> list[str]:
        """Return no file: rows come from the sheet or from the names of the images."""
        return []

    def read(self, options: ScreenOptions, problems: Problems) -> Rows:
        """Read all rows of all sheets, see `Reader`."""
        paths = options.sheet_paths()
        whole = Rows({}, {})
        for path in paths:
            sheet = read_sheet(path, options.input.delimiter)
            prefix = f"{path}, " if len(paths) > 1 else ""
            for sentence in sheet.problems:
                problems.add(prefix + sentence)
            part = self._read_sheet(sheet, prefix, options.input, problems)
            for sentence in sheet.cleaning():
                problems.note(sentence)
            for name, values in part.columns.items():
                whole.columns.setdefault(name, []).extend(values)
            whole.labels = part.labels | whole.labels
            whole.misnamed |= part.misnamed
        return whole

    def _read_sheet(self, sheet: Sheet, prefix: str, options: Input, problems: Problems) -> Rows:
        n_rows = len(sheet.rows)
        labels: dict[str, str] = {}
        misnamed: set[str] = set()
        columns = {"place": [f"{prefix}line {line}" for line in sheet.lines]}
        for role in ROLES:
            names = self._columns_of_role(sheet, role, options, problems)
            columns[role] = sheet.values(names) if names else [""] * n_rows
            if names and role == "mask" and len(names) == 1:
                columns[role] = map_prefixes(sheet.paths(names[0]), options.path_prefix)
            if names:
                labels[role] = column_label(names)
            elif names is None:
                misnamed.add(role)
        for name, column in options.groups.items():
            values = problems.attempt(values_of_sheet, sheet, name, column, self.layout)
            columns[PREFIX + name] = values or [""] * n_rows
            if values is not None:
                labels[PREFIX + name] = column_label([column])
        columns["well"], well_label = self._wells(sheet, options, problems)
        if well_label:
            labels["well"] = well_label
        if self.read_sites is not None and "site" not in labels:
            columns["site"], labels["site"] = self.read_sites(sheet)
        # If the root is a link, paths keep it.
        root = os.path.abspath(options.images or sheet.path.parent)  # noqa: PTH100
        columns["root"] = [root] * n_rows
        for channel, source in options.channels.items():
            found = problems.attempt(self.read_channel, sheet, channel, source, options)
            columns[f"file:{channel}"] = [""] * n_rows
            columns[f"index:{channel}"] = [ONLY_PLANE] * n_rows
            if found is not None:
                labels[f"file:{channel}"] = found.label
                columns[f"file:{channel}"] = map_prefixes(found.files, options.path_prefix)
                columns[f"index:{channel}"] = found.planes
                if found.folder_column:
                    labels[f"folder:{channel}"] = column_label([found.folder_column])
        return Rows(columns, labels, misnamed)

    def _columns_of_role(
        self, sheet: Sheet, role: str, options: Input, problems: Problems
    ) -> list[str] | None:
        """Return the columns of a role, empty where there is none; None if they are misnamed."""
        given = getattr(options.columns, role)
        joined = any(getattr(options, key) and role in _JOINED_ROLES[key] for key in _JOINED_ROLES)
        if joined and given == role and role not in sheet.header:
            # Only the default name is missing, and another table supplies the role.
            return []
        absent = isinstance(given, str) and given not in sheet.header
        if joined and absent and given in _joined_header(options, role):
            return []
        try:
            names = find_columns(sheet.header, given, role, self.layout)
        except InputError as error:
            problems.add(str(error) if role == "plate" else f"{error}; or null if there is none")
            return None
        if role == "plate" and not names:
            problems.add(
                "input.columns.plate must name the column of plates; "
                + advise("plate", sheet.header)
            )
        return names

    def _wells(
        self, sheet: Sheet, options: Input, problems: Problems
    ) -> tuple[list[str], str | None]:
        """Return the well of every row, and the label of its columns; None without a column."""
        given = options.columns
        row, column = (
            problems.attempt(find_columns, sheet.header, getattr(given, role), role, self.layout)
            for role in ("row", "column")
        )
        # Named columns of row and column replace the default name `well`.
        if row and column and given.well in (None, "well") and "well" not in sheet.header:
            cells = zip(sheet.values(row), sheet.values(column), strict=True)
            return [well_from_parts(*parts) for parts in cells], column_label(row + column)
        names = problems.attempt(find_columns, sheet.header, given.well, "well", self.layout)
        if names:
            return sheet.values(names), column_label(names)
        if names is not None:
            problems.add("input.columns: name the column of wells, or those of row and column")
        return [""] * len(sheet.rows), None


def _joined_header(options: Input, role: str) -> list[str]:
    """Return the columns of the joined tables that can supply a role.

    Problems of the tables are noted where the tables are joined.
    """
    header: list[str] = []
    for key, roles in _JOINED_ROLES.items():
        table: str | None = getattr(options, key)
        if table and role in roles:
            paths = platemap_files(options) if key == "platemaps" else [Path(table)]
            for path in paths:
                with suppress(InputError):
                    header += read_sheet(path).header
    return header


def join_path(folder: str, name: str) -> str:
    """Return the path of a file in a folder; the name alone without one."""
    return f"{folder}/{name}" if folder and name else name


def local_path(url: str) -> str:
    """Return the path of a `file:` address; any other text as it is.

    Parameters
    ----------
    url : str
        A path or an address. Other schemes and broken addresses are left for the check of paths,
        which knows the line.

    Returns
    -------
    str
        A path; file:///C:/data names a drive of Windows, file://server/share a server.
    """
    if not url.startswith("file:"):
        return url
    try:
        parts = urlsplit(url)
        host = "" if parts.netloc in ("", "localhost") else f"//{parts.netloc}"
    except ValueError:
        return url
    return host + re.sub(r"^/(?=[A-Za-z]:)", "", unquote(parts.path))
