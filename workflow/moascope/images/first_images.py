"""Check of some images of each kind before any plate is read."""

from __future__ import annotations

import logging
from pathlib import PurePath

import numpy as np
import pandas as pd

from moascope.core.errors import DamagedImageError, ImageError, InputError, MissingImageError
from moascope.images.readers import plane_of, read_pixels

logger = logging.getLogger(__name__)

_TRIED = {"error": 3, "quarantine": 10}
"""Images of a kind that are read, spread over the sheet."""


def check_first_images(
    sites: pd.DataFrame, axes: str | None = None, on_bad_image: str = "error"
) -> None:
    """Check that images can be read: a few of every channel and file name ending.

    An unsupported format, such as that of a microscope, is refused within seconds.

    Parameters
    ----------
    sites : pandas.DataFrame
        From `site_table.read_sites`.
    axes : str, optional
        See `readers.read_planes`.
    on_bad_image : {"error", "quarantine"}
        With error, all of three images of a kind must be readable. With quarantine, a kind is
        refused only if none of ten can be read for another reason than damage.

    Raises
    ------
    InputError
        With a problem per kind.
    """
    problems: dict[tuple[str, ...], str] = {}
    channels = [name.removeprefix("path:") for name in map(str, sites) if name.startswith("path:")]
    for channel in channels:
        files = sites[[f"path:{channel}", f"index:{channel}"]]
        files = files[files[f"path:{channel}"].ne("") & sites[f"bytes:{channel}"].ge(0)]
        endings = files[f"path:{channel}"].map(lambda path: PurePath(path).suffix.lower())
        for ending, rows in files.groupby(endings):
            n_tried = min(len(rows), _TRIED[on_bad_image])
            tried = rows.iloc[np.linspace(0, len(rows) - 1, n_tried).round().astype(int)]
            faults = _faults(tried, channel, axes, until_one_reads=on_bad_image == "quarantine")
            if not faults:
                continue
            of_kind = f"{ending} files" if ending else "files without an ending"
            kind = f"of {len(rows)} {of_kind} of this channel, {n_tried} were looked at"
            text = f"channel {channel!r}: {_describe(faults)} ({kind})"
            if on_bad_image == "quarantine" and all(map(_is_damage, faults.values())):
                logger.warning("%s; sites with damaged images are left out", text)
                continue
            # Channels that are planes of the same files have the same faults.
            problems.setdefault(tuple(map(str, faults.values())), text)
    if problems:
        raise InputError.collect(list(problems.values()), "the first images cannot be read")


def _faults(
    files: pd.DataFrame, channel: str, axes: str | None, until_one_reads: bool
) -> dict[str, ImageError]:
    """Return why images cannot be read, by path; none if one can and that is enough."""
    faults: dict[str, ImageError] = {}
    for path, plane in files.itertuples(index=False):
        try:
            plane_of(read_pixels(path, axes), plane, path, channel)
        except ImageError as error:
            faults[path] = error
        else:
            if until_one_reads:
                return {}
    return faults


def _is_damage(fault: ImageError) -> bool:
    return isinstance(fault, DamagedImageError | MissingImageError)


def _describe(faults: dict[str, ImageError]) -> str:
    """Write each reason once, with all files that have it."""
    reasons: dict[str, list[str]] = {}
    for path, fault in faults.items():
        reasons.setdefault(str(fault).removeprefix(f"{path}: "), []).append(path)
    texts = []
    for reason, (first, *others) in reasons.items():
        same = [f"The same is true of {', '.join(others)}."] if others else []
        texts.append(" ".join([f"{first}: {reason}", *same]))
    return " ".join(texts)
