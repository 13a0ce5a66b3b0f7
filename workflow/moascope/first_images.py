"""The first image of each kind, read before any plate is."""

from __future__ import annotations

from pathlib import PurePath

import pandas as pd

from moascope.errors import ImageError, InputError
from moascope.stores import encode_site

_TRIED = 3  # images of a kind, where damaged ones are left out


def check_first_images(
    sites: pd.DataFrame, axes: str | None = None, on_bad_image: str = "error"
) -> None:
    """Check that images can be read: the first of every channel and file name ending.

    What a program cannot read at all, such as the format of a microscope, is said in seconds.

    Parameters
    ----------
    sites : pandas.DataFrame
        From `screen.read_sites`.
    axes : str, optional
        See `images.read_planes`.
    on_bad_image : {"error", "quarantine"}
        With quarantine, one of the first three images of a kind must be readable.

    Raises
    ------
    InputError
        With a problem per kind.
    """
    problems: dict[str, str] = {}
    channels = [name.removeprefix("path:") for name in map(str, sites) if name.startswith("path:")]
    for channel in channels:
        files = sites[[f"path:{channel}", f"index:{channel}"]]
        files = files[files[f"path:{channel}"].ne("") & sites[f"bytes:{channel}"].ge(0)]
        endings = files[f"path:{channel}"].map(lambda path: PurePath(path).suffix.lower())
        for ending, rows in files.groupby(endings):
            tried = rows.head(1 if on_bad_image == "error" else _TRIED)
            message = _first_fault(tried, channel, axes)
            if message is not None:
                kind = f"{len(rows)} files of this channel end in {str(ending)!r}"
                # Channels that are planes of the same files have the same fault.
                problems.setdefault(message, f"channel {channel!r}: {message} ({kind})")
    if problems:
        raise InputError.collect(list(problems.values()), "the first images cannot be read")


def _first_fault(files: pd.DataFrame, channel: str, axes: str | None) -> str | None:
    """Return why the first of some images cannot be read; None if one of them can."""
    faults: list[str] = []
    for path, plane in files.itertuples(index=False):
        try:
            encode_site([path], [plane], [channel], axes)
        except ImageError as error:
            faults.append(str(error))
        else:
            return None
    return faults[0]
