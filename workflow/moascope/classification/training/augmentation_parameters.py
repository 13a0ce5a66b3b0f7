"""Parameters of augmentations: numbers in a range, a name, or several names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moascope.core.text.suggestions import unknown


@dataclass(frozen=True)
class Parameter:
    """A number that an augmentation depends on."""

    default: float
    lowest: float
    highest: float
    description: str

    @property
    def range_words(self) -> str:
        """Return the values that are allowed, for documentation."""
        return f"{self.lowest} to {self.highest}"

    @property
    def default_words(self) -> str:
        """Return the default, for documentation."""
        return str(self.default)

    def find_problems(self, place: str, value: Any) -> list[str]:
        """Return what is wrong with a value, as messages that start with its place."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and self.lowest <= value <= self.highest:
            return []
        return [f"{place} must be between {self.lowest} and {self.highest}, got {value!r}"]

    def read(self, value: Any) -> float:
        """Return a checked value as float."""
        return float(value)


@dataclass(frozen=True)
class NameParameter:
    """A name that an augmentation depends on."""

    default: str
    names: tuple[str, ...]
    description: str

    @property
    def range_words(self) -> str:
        """Return the values that are allowed, for documentation."""
        return ", ".join(f"`{name}`" for name in self.names)

    @property
    def default_words(self) -> str:
        """Return the default, for documentation."""
        return f"`{self.default}`"

    def find_problems(self, place: str, value: Any) -> list[str]:
        """Return what is wrong with a value, as messages that start with its place."""
        return [] if value in self.names else [unknown(f"value of {place}", str(value), self.names)]

    def read(self, value: Any) -> str:
        """Return a checked value as text."""
        return str(value)


@dataclass(frozen=True)
class NamesParameter:
    """A list of names that an augmentation depends on; by default all of them."""

    names: tuple[str, ...]
    description: str

    @property
    def default(self) -> tuple[str, ...]:
        """Return all names."""
        return self.names

    @property
    def range_words(self) -> str:
        """Return the values that are allowed, for documentation."""
        return "list of " + ", ".join(f"`{name}`" for name in self.names)

    @property
    def default_words(self) -> str:
        """Return the default, for documentation."""
        return "all"

    def find_problems(self, place: str, value: Any) -> list[str]:
        """Return what is wrong with a value, as messages that start with its place."""
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            return [f"{place} must be a list of names, got {value!r}"]
        problems = [
            unknown(f"name in {place}", str(name), self.names)
            for name in value
            if name not in self.names
        ]
        if len(set(map(str, value))) < len(value):
            problems.append(f"{place} has a name twice; remove one")
        return problems

    def read(self, value: Any) -> tuple[str, ...]:
        """Return a checked value as names."""
        return tuple(value)


AnyParameter = Parameter | NameParameter | NamesParameter
