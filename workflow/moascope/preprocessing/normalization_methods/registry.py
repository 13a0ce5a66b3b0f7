"""Normalization methods by name."""

from __future__ import annotations

from moascope.core.errors import InputError
from moascope.core.text.suggestions import unknown
from moascope.preprocessing.normalization_methods import anscombe, minmax, percentile, zscore
from moascope.preprocessing.normalization_methods.base import Method

METHODS: list[Method] = [
    percentile.METHOD,
    zscore.METHOD,
    anscombe.METHOD,
    minmax.METHOD,
]


def names() -> list[str]:
    """Return the names of all methods."""
    return [method.name for method in METHODS]


def find_method(name: str) -> Method:
    """Return the method of a name.

    Parameters
    ----------
    name : str
        Value of `normalization.steps[].method`.

    Returns
    -------
    Method
        The method.

    Raises
    ------
    InputError
        If there is no such method; the message names the nearest one.
    """
    for method in METHODS:
        if method.name == name:
            return method
    raise InputError(
        f"normalization.steps: {unknown('method', name, names())}. Fix: correct the name"
    )
