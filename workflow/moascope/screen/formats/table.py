"""Input format `table`: a sheet with one row per image or site."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.escaping import show
from moascope.core.text.suggestions import advise
from moascope.screen.formats.base import ONLY_PLANE, InputFormat
from moascope.screen.formats.layout import column_label
from moascope.screen.formats.sheet_reader import ChannelFiles, SheetReader, local_path
from moascope.screen.tables.delimited import Sheet

if TYPE_CHECKING:
    from moascope.screen.options import Input


def read_channel(sheet: Sheet, channel: str, source: str | int, options: Input) -> ChannelFiles:
    """Read the files of a channel from its own column, or from the one of multi-channel images.

    Parameters
    ----------
    sheet : Sheet
        The sample sheet.
    channel : str
        The channel.
    source : str or int
        Its column, or with `input.path_column` its plane.
    options : Input
        The section `input`.

    Returns
    -------
    ChannelFiles
        A file and a plane per row.

    Raises
    ------
    InputError
        If there is no such column, or the source is no plane.
    """
    place = f"input.channels.{channel}"
    column = options.path_column
    if column is None:
        if not isinstance(source, str):
            raise InputError(
                f"{place}: {source!r} is a plane number, which needs input.path_column; "
                "name the column with the paths of this channel"
            )
        if source not in sheet.header:
            raise InputError(
                f"{place}: the sheet has no column {source!r}; {advise(source, sheet.header)}"
            )
        files = [local_path(path) for path in sheet.paths(source)]
        return ChannelFiles(column_label([source]), files, [ONLY_PLANE] * len(files))
    if column not in sheet.header:
        raise InputError(
            f"input.path_column: the sheet has no column {column!r}; {advise(column, sheet.header)}"
        )
    if not re.fullmatch(r"[0-9]{1,9}", show(source).strip("'")):
        raise InputError(
            f"{place}: {show(source)} is not a plane number; with input.path_column channels are "
            "numbers from 0"
        )
    files = [local_path(path) for path in sheet.paths(column)]
    return ChannelFiles(column_label([column]), files, [str(int(source))] * len(files))


FORMAT = InputFormat(
    name="table",
    description="CSV/TSV with one row per image or site",
    reader=SheetReader(read_channel),
    required_keys=("sheet",),
    used_keys=("path_column", "sheet", "delimiter", "path_prefix"),
)
