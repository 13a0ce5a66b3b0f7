"""Natural order of names with numbers."""

from __future__ import annotations

import re


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key that compares numbers within names by value: Week2 before Week10.

    Parameters
    ----------
    text : str
        The name.

    Returns
    -------
    list of tuple
        Keys of equal names are equal, keys of different names differ.
    """
    pieces = re.split(r"(\d+)", text)
    key = [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]
    return [*key, (2, 0, text)]
