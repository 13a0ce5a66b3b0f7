"""Suggestions for names that are not known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_MOST_LISTED = 30
FEW_NAMES = 0.5
"""Least similarity (`difflib`) to one of a few known names, such as keys or choices."""


def similar_names(name: str, known: Iterable[str], *, n: int = 1, ratio: float = 0.6) -> list[str]:
    """Return the known names that are most like a name; upper and lower case do not matter.

    Parameters
    ----------
    name : str
        The name.
    known : iterable of str
        The names that exist.
    n : int
        Most names to return.
    ratio : float
        Least similarity, 0 to 1.

    Returns
    -------
    list of str
        Best first. Where no name is similar: the only one that contains the name as a word, as
        `well_position` contains `well`.
    """
    by_case = {str(text).casefold(): str(text) for text in known}
    folded = str(name).casefold()
    close = difflib.get_close_matches(folded, by_case, n=n, cutoff=ratio)
    if not close and folded:
        word = rf"(?<![^\W_]){re.escape(folded)}(?![^\W_])"
        longer = [text for text in by_case if re.search(word, text)]
        close = longer if len(longer) == 1 else []
    return [by_case[text] for text in close]


def nearest(name: str, known: Iterable[str], *, ratio: float = 0.6) -> str | None:
    """Return the known name that is most like a name, see `similar_names`; None where none is."""
    return next(iter(similar_names(name, known, ratio=ratio)), None)


def advise(name: str, known: Iterable[str]) -> str:
    """Return advice on a name that is not there.

    Parameters
    ----------
    name : str
        The name.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        "did you mean ..." with the most similar name, or else all there are.
    """
    names = [text for text in known if text]
    if near := nearest(name, names):
        return f"did you mean {near!r}?"
    shown = ", ".join(repr(text) for text in names[:_MOST_LISTED])
    return f"there are: {shown}{', ...' if len(names) > _MOST_LISTED else ''}"


def unknown(kind: str, value: str, known: Iterable[str]) -> str:
    """Return a complaint about a name that is not known.

    Parameters
    ----------
    kind : str
        Kind of the name, such as "channel".
    value : str
        The name.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        The end of a sentence, with the nearest name or all of them.
    """
    names = [str(name) for name in known]
    near = nearest(value, names, ratio=FEW_NAMES)
    hint = f"did you mean {near!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"unknown {kind} {value!r}; {hint}"


def hint_at(names: Iterable[str]) -> str:
    """Return a sentence such as "Did you mean a or b? ", or nothing where there are no names.

    Parameters
    ----------
    names : iterable of str
        Names that the user may have meant, best first.

    Returns
    -------
    str
        The sentence, with a space at its end.
    """
    names = list(names)
    return f"Did you mean {' or '.join(names)}? " if names else ""
