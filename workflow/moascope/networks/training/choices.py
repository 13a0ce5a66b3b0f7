"""Sections joined from the options of choices, such as optimizers, of which one is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic.fields import FieldInfo

from moascope.core.options import Section
from moascope.core.registry import find_named
from moascope.core.text.suggestions import FEW_NAMES, nearest


@dataclass(frozen=True)
class Choice:
    """One of several methods, with its options.

    Parameters
    ----------
    name : str
        As in the configuration.
    options : type
        Section of its options, all with defaults.
    """

    name: str
    options: type[Section]


_Kind = TypeVar("_Kind", bound=Choice)


@dataclass(frozen=True)
class Choices(Generic[_Kind]):
    """All methods that a key of the configuration chooses from.

    Parameters
    ----------
    key : str
        The key, such as `optimizer`.
    known : sequence of Choice
        The methods.
    """

    key: str
    known: Sequence[_Kind]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the methods."""
        return tuple(choice.name for choice in self.known)

    def find(self, name: str) -> _Kind:
        """Return the method of a name.

        Parameters
        ----------
        name : str
            As in the configuration.

        Returns
        -------
        Choice
            One of `known`.

        Raises
        ------
        InputError
            If there is none; the message has the nearest name.
        """
        return find_named(name, self.known, key=self.key, kind=self.key.rpartition(".")[2])

    def fields(self) -> dict[str, Any]:
        """Return the keys of all methods, as `pydantic.create_model` takes them.

        Returns
        -------
        dict
            By key: its type or null, and a field whose description has the methods and their
            defaults. A key of several methods has one meaning, that of the first.
        """
        fields: dict[str, Any] = {}
        for choice in self.known:
            for key, field in choice.options.model_fields.items():
                if key not in fields:
                    fields[key] = _or_null(field, self._describe(key, field))
        return fields

    def users(self, key: str) -> list[str]:
        """Return the names of the methods that have a key."""
        return [choice.name for choice in self.known if key in choice.options.model_fields]

    def _describe(self, key: str, field: FieldInfo) -> str:
        """Return the methods that have a key, its meaning, and the value that null stands for."""
        users = [choice for choice in self.known if key in choice.options.model_fields]
        defaults = {
            choice.name: str(choice.options.model_fields[key].default).lower() for choice in users
        }
        values = list(defaults.values())
        usual = max(values, key=values.count)
        others = [f"{value} ({name})" for name, value in defaults.items() if value != usual]
        null = ", ".join([*others, f"else {usual}" if others else usual])
        names = "" if len(users) == len(self.known) else f"{', '.join(defaults)}: "
        ending = "" if null == "none" else f"; null: {null}"
        return f"{names}{field.description}{ending}"

    def own(self, section: Section, name: str) -> Section:
        """Return the options of a method, with its defaults for keys that are null.

        Parameters
        ----------
        section : Section
            With the keys of `fields`.
        name : str
            The method.

        Returns
        -------
        Section
            Of the class of the method.
        """
        options = self.find(name).options
        values = section.model_dump(include=set(options.model_fields), exclude_none=True)
        return options.model_validate(values)

    def idle_keys(self, section: Section, name: str | None) -> list[str]:
        """Return a sentence for each key that was set, but belongs to other methods.

        Parameters
        ----------
        section : Section
            With the keys of `fields`.
        name : str or None
            The chosen method; None where it is left open, so that only keys of all have an effect.

        Returns
        -------
        list of str
            With the nearest key of the method, and the methods that have the key.
        """
        chosen = [self.find(name)] if name is not None else self.known
        own = [
            key for key in self.fields() if set(self.users(key)) >= {each.name for each in chosen}
        ]
        reason = f"with {self.key} {name!r}" if name is not None else f"without {self.key}"
        problems = []
        for key in self.fields():
            if key in own or key not in section.model_fields_set or getattr(section, key) is None:
                continue
            near = nearest(key, own, ratio=FEW_NAMES)
            hint = f"did you mean {near!r}? Otherwise " if near else ""
            problems.append(
                f"{key} has no effect {reason}; {hint}set {self.key} to "
                f"{' or '.join(self.users(key))}, or remove {key}"
            )
        return problems


def _or_null(field: FieldInfo, description: str) -> tuple[Any, FieldInfo]:
    """Return the type and the field of a key that may be null."""
    annotation: Any = field.annotation
    for limit in field.metadata:
        annotation = Annotated[annotation, limit]
    return annotation | None, FieldInfo(default=None, description=description)
