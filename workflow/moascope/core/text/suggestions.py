"""Suggestions for unknown names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_MOST = 30  # names that a message lists
_KEY_CUTOFF = 0.5  # keys of the configuration are few, so that a distant guess is still a help


def unknown(kind: str, value: str, known: Iterable[str]) -> str:
    """Return the words of messages for an unknown name.

    Parameters
    ----------
    kind : str
        The kind of name, such as channel.
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
    near = similar_key(value, names)
    hint = f"did you mean {near!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"unknown {kind} {value!r}; {hint}"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return advice on a name that does not exist.

    Parameters
    ----------
    name : str
        The name.
    known : iterable of str
        The names that exist; empty ones are left out.

    Returns
    -------
    str
        "did you mean ..." with the most similar name, or else the list of all names.
    """
    known = [text for text in known if text]
    if near := similar(name, known):
        return f"did you mean {near!r}?"
    shown = ", ".join(repr(text) for text in known[:_MOST])
    more = ", ..." if len(known) > _MOST else ""
    return f"there are: {shown}{more}"


def similar(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the name that is most like another one.

    Parameters
    ----------
    name : str
        The name; case makes no difference.
    known : iterable of str
        The names that exist.
    cutoff : float
        Smallest similarity, from 0 to 1, see `difflib.get_close_matches`.

    Returns
    -------
    str or None
        The most similar name, or the only one that contains `name` as a whole word; None where
        there is neither.
    """
    by_case = {text.casefold(): text for text in known}
    near = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=cutoff)
    if not near:  # well, and well_position
        word = rf"(?<![^\W_]){re.escape(name.casefold())}(?![^\W_])"
        longer = [text for text in by_case if name and re.search(word, text)]
        near = longer if len(longer) == 1 else []
    return by_case[near[0]] if near else None


def similar_key(key: str, known: Iterable[str]) -> str | None:
    """Find the key of the configuration that is most like another one, see `similar`."""
    return similar(key, known, _KEY_CUTOFF)
