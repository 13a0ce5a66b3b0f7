"""List of the input formats."""

from __future__ import annotations

from moascope.core.registry import find_named
from moascope.screen.formats import bbbc021, classes, folder, idx, loaddata, simulate, table
from moascope.screen.formats.base import InputFormat

FORMATS = {
    entry.name: entry
    for entry in (
        table.FORMAT,
        loaddata.FORMAT,
        bbbc021.FORMAT,
        folder.FORMAT,
        classes.FORMAT,
        idx.FORMAT,
        simulate.FORMAT,
    )
}
"""Input formats by name. To add one, write its `FORMAT` in a module here and list it above."""


def find_format(name: str) -> InputFormat:
    """Return the format of a name.

    Parameters
    ----------
    name : str
        A value of `input.format`.

    Returns
    -------
    InputFormat
        The format.

    Raises
    ------
    InputError
        If there is no such format, with the nearest name.
    """
    return find_named(name, FORMATS.values(), key="input.format", kind="format")


def has_plates(name: str) -> bool:
    """Return whether the images of a format lie in wells of plates."""
    return find_format(name).has_plates
