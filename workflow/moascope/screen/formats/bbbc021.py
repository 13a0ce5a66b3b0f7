"""Input format `bbbc021`: the image table of BBBC021 (Ljosa et al. 2012)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.suggestions import advise
from moascope.screen.formats.base import ONLY_PLANE, InputFormat
from moascope.screen.formats.layout import Layout, column_label
from moascope.screen.formats.sheet_reader import ChannelFiles, SheetReader, join_path
from moascope.screen.tables.delimited import Sheet

if TYPE_CHECKING:
    from moascope.screen.options import Input

_LAYOUT = Layout(
    standard={
        "plate": ("Image_Metadata_Plate_DAPI",),
        "well": ("Image_Metadata_Well_DAPI",),
        "compound": ("Image_Metadata_Compound",),
        "concentration": ("Image_Metadata_Concentration",),
        "replicate": ("Replicate",),
    },
)


def read_channel(sheet: Sheet, channel: str, source: str | int, options: Input) -> ChannelFiles:
    """Read the files of a channel from its columns Image_FileName and Image_PathName.

    Parameters
    ----------
    sheet : Sheet
        The image table.
    channel : str
        The channel.
    source : str or int
        Its name in the columns.
    options : Input
        Not used.

    Returns
    -------
    ChannelFiles
        A file with a single plane per row.

    Raises
    ------
    InputError
        If there are no such columns.
    """
    name, folder = f"Image_FileName_{source}", f"Image_PathName_{source}"
    if name not in sheet.header or folder not in sheet.header:
        known = [text.rpartition("_")[2] for text in sheet.header if "_FileName_" in text]
        raise InputError(
            f"input.channels.{channel}: the sheet has no columns {name!r} and {folder!r}; "
            + advise(str(source), known)
        )
    cells = zip(sheet.paths(folder), sheet.paths(name), strict=True)
    files = [join_path(*parts) for parts in cells]
    return ChannelFiles(column_label([name]), files, [ONLY_PLANE] * len(files), folder)


def read_sites(sheet: Sheet) -> tuple[list[str], str]:
    """Read the sites from the names of the DAPI images.

    Parameters
    ----------
    sheet : Sheet
        The image table.

    Returns
    -------
    sites : list of str
        One per row, empty where the name has none.
    label : str
        Words of messages for the column.
    """
    column = "Image_FileName_DAPI"
    label = f"column {column!r} (site: the number after '_s')"
    if column not in sheet.header:
        return [""] * len(sheet.rows), label
    # G10_s1_w1BEDC2073-....tif: well, site, wavelength and a unique identifier.
    matches = [re.search(r"_s(\d+)_", name) for name in sheet.values([column])]
    return [match[1] if match else "" for match in matches], label


FORMAT = InputFormat(
    name="bbbc021",
    description="image table of BBBC021 with its MoA table",
    reader=SheetReader(read_channel, _LAYOUT, read_sites),
    required_keys=("sheet", "images", "moa_table"),
    used_keys=("sheet", "delimiter", "path_prefix"),
    is_partly_annotated=True,
    # The weeks are part of the plate names.
    batch_pattern=r"^(Week\d+)_",
)
