"""Look-up of named choices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from moascope.core.errors import InputError
from moascope.core.text.suggestions import unknown


class Named(Protocol):
    """An object with a name."""

    @property
    def name(self) -> str:
        """Name in the configuration."""


_Choice = TypeVar("_Choice", bound=Named)


def find_named(name: str, choices: Iterable[_Choice], *, key: str, kind: str) -> _Choice:
    """Return the choice with a name.

    Parameters
    ----------
    name : str
        The name.
    choices : iterable
        Objects with a `name`.
    key : str
        Key of the configuration, for the message.
    kind : str
        Kind of the choices, for the message.

    Returns
    -------
    object
        One of `choices`.

    Raises
    ------
    InputError
        If there is none; the message has the nearest name, or all.
    """
    by_name = {choice.name: choice for choice in choices}
    if name not in by_name:
        raise InputError(f"{key}: {unknown(kind, name, by_name)}")
    return by_name[name]
