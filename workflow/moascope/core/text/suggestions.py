"""Suggestions for names that are not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def unknown(kind: str, value: str, known: Iterable[str]) -> str:
    """Return what to say of a name that is not known.

    Parameters
    ----------
    kind : str
        What it is the name of.
    value : str
        The name.
    known : iterable of str
        The names that there are.

    Returns
    -------
    str
        The end of a sentence, with the nearest name or all of them.
    """
    names = [str(name) for name in known]
    near = nearest(value, names)
    hint = f"did you mean {near!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"unknown {kind} {value!r}; {hint}"


def nearest(value: str, names: Sequence[str]) -> str | None:
    """Return the known name that is most like a value; None where none is alike."""
    return next(iter(difflib.get_close_matches(value, names, n=1, cutoff=0.5)), None)
