"""Input format `loaddata`: the LoadData table of CellProfiler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.suggestions import advise
from moascope.screen.formats.base import ONLY_PLANE, InputFormat
from moascope.screen.formats.layout import Layout, column_label
from moascope.screen.formats.sheet_reader import ChannelFiles, SheetReader, join_path, local_path
from moascope.screen.tables.delimited import Sheet

if TYPE_CHECKING:
    from moascope.screen.options import Input

# CellProfiler drops a leading `Image_` when it loads a sheet.
_LAYOUT = Layout(
    prefixes=("Metadata_", "Image_Metadata_", "Image_"),
    standard={
        "plate": ("Metadata_Plate", "Image_Metadata_Plate"),
        "well": ("Metadata_Well", "Image_Metadata_Well"),
        "row": ("Metadata_Row", "Metadata_WellRow"),
        "column": ("Metadata_Col", "Metadata_Column", "Metadata_WellColumn"),
        "site": ("Metadata_Site", "Metadata_Field", "Metadata_FieldID", "Image_Metadata_Site"),
        "batch": ("Metadata_Batch", "Image_Metadata_Batch"),
        "compound": ("Metadata_Compound", "Image_Metadata_Compound"),
        "concentration": ("Metadata_Concentration", "Image_Metadata_Concentration"),
        "moa": ("Metadata_MoA", "Image_Metadata_MoA"),
        "replicate": ("Metadata_Replicate", "Image_Metadata_Replicate"),
    },
)


def read_channel(sheet: Sheet, channel: str, source: str | int, options: Input) -> ChannelFiles:
    """Read the files of a channel from its columns FileName and PathName, or URL.

    Parameters
    ----------
    sheet : Sheet
        The sample sheet.
    channel : str
        The channel.
    source : str or int
        Its name in the columns.
    options : Input
        Not used.

    Returns
    -------
    ChannelFiles
        A file and a plane (from the column Frame) per row.

    Raises
    ------
    InputError
        If there are no such columns, or a file holds several image series.
    """

    def column(kind: str) -> str:
        names = (f"{kind}_{source}", f"Image_{kind}_{source}")
        return next((name for name in names if name in sheet.header), "")

    name, folder, url = column("FileName"), column("PathName"), column("URL")
    if name:
        files = sheet.paths(name)
        if folder:
            folders = [local_path(text) for text in sheet.paths(folder)]
            files = [join_path(*parts) for parts in zip(folders, files, strict=True)]
    elif url:
        files = [local_path(text) for text in sheet.paths(url)]
    else:
        kinds = re.compile(r"(?:Image_)?(?:FileName|URL)_(.+)")
        known = [match[1] for text in sheet.header if (match := kinds.fullmatch(text))]
        raise InputError(
            f"input.channels.{channel}: the sheet has neither FileName_{source} nor URL_{source}; "
            + advise(str(source), dict.fromkeys(known))
        )
    series, frame = column("Series"), column("Frame")
    if series and set(sheet.values([series])) - {"", "0"}:
        raise InputError(
            f"column {series!r}: files with several image series are not read; save each series "
            "as a file of its own"
        )
    planes = [ONLY_PLANE] * len(files)
    if frame:
        planes = [text or ONLY_PLANE for text in sheet.values([frame])]
    return ChannelFiles(column_label([name or url]), files, planes, folder)


FORMAT = InputFormat(
    name="loaddata",
    description="CellProfiler LoadData CSV",
    reader=SheetReader(read_channel, _LAYOUT),
    required_keys=("sheet",),
    used_keys=("sheet", "delimiter", "path_prefix"),
)
