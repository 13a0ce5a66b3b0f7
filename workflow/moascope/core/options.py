"""Base classes and checks of the sections of the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from moascope.core.text.cell_text import clean

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
# What is compared with cells and column names of tables, which are cleaned too.
Cell = Annotated[str, AfterValidator(clean)]
# `--config 'input={plate_format: 384}'` arrives as text.
Whole = BeforeValidator(lambda value: int(value) if str(value).isdigit() else value)


def _expanded(value: Any) -> Any:
    """Fill in the home folder where a path begins with `~`."""
    is_path = isinstance(value, str) and value.startswith("~")
    return os.path.expanduser(value) if is_path else value  # noqa: PTH111  (as it is if unknown)


FilePath = Annotated[str, BeforeValidator(_expanded)]
"""A path of the user, in which `~` is the home folder."""


@dataclass(frozen=True)
class OneOf:
    """An annotation of text that is one of the names of a registry.

    Parameters
    ----------
    names : tuple of str
        At least one.
    """

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of a literal, which refuses other names as `Literal` does."""
        return core_schema.literal_schema(list(self.names))


class Section(BaseModel):
    """A part of the configuration, which never changes; unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", validate_default=True, allow_inf_nan=False, frozen=True
    )


_Section = TypeVar("_Section", bound=BaseModel)
_Passes = Callable[[BaseModel], bool]
_passes: ContextVar[_Passes] = ContextVar("sections whose consistency is not checked")


@contextmanager
def pass_over(passes: _Passes) -> Iterator[None]:
    """Read sections within a block without checking whether the values of some go together.

    Parameters
    ----------
    passes : callable
        Return whether a section is not checked.
    """
    token = _passes.set(passes)
    try:
        yield
    finally:
        _passes.reset(token)


def restore(kind: type[_Section], values: Mapping[str, Any]) -> _Section:
    """Build a section from plain values that were checked when the configuration was read.

    Parameters
    ----------
    kind : type
        Class of the section.
    values : mapping
        From `model_dump`. Keys that have no effect are allowed, since defaults are among them.

    Returns
    -------
    Section
        With these values.
    """
    with pass_over(lambda section: True):
        return kind.model_validate(values)


def consistency_check(function: Callable[[Any], Any]) -> Any:
    """Make a method a check of a section whose single values are right (a decorator).

    It raises a ValueError with a line per problem.
    """

    @wraps(function)
    def checked(self: BaseModel) -> BaseModel:
        if not _passes.get(lambda section: False)(self):
            function(self)
        return self

    return model_validator(mode="after")(checked)


def refuse(problems: Sequence[str]) -> None:
    """Raise a ValueError with a line per problem, if there are any."""
    if problems:
        raise ValueError("\n".join(problems))


def without_effect(section: Section, reasons: Mapping[str, str]) -> list[str]:
    """Return a sentence for each key that was set, but has no effect with the values of others.

    Parameters
    ----------
    section : Section
        With the keys that were set, those with defaults not among them.
    reasons : mapping
        By key without effect: the other key and its value, such as "transfer 'full'".

    Returns
    -------
    list of str
        A sentence per key; none for keys that are not set or null.
    """
    return [
        f"{key} has no effect with {reason}; remove it"
        for key, reason in reasons.items()
        if key in section.model_fields_set and getattr(section, key) is not None
    ]


class Rooted(Section):
    """A section whose paths may be given below one folder, so that a copy elsewhere is one key.

    Paths are joined to it when the section is read; then it is null, as they are complete.
    """

    paths: ClassVar[tuple[str, ...]]

    root: FilePath | None = Field(
        None,
        description="folder that the paths of this section are relative to; null: the working "
        "directory",
    )

    @model_validator(mode="before")
    @classmethod
    def _complete_paths(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping) or not isinstance(raw.get("root"), str):
            return raw  # what is wrong with other types is said later
        given = {key: _expanded(raw[key]) for key in cls.paths if isinstance(raw.get(key), str)}
        root = _expanded(raw["root"])
        joined = {key: str(Path(root, path)) for key, path in given.items()}
        return {**raw, **joined, "root": None}


def keys_of_other_methods(section: Any, methods: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return a sentence for each key that was set, but that the method of a section does not use.

    Parameters
    ----------
    section : Section
        With a key `method`.
    methods : mapping
        By key: the methods that use it.

    Returns
    -------
    list of str
        As of `without_effect`.
    """
    idle = [key for key, names in methods.items() if section.method not in names]
    return without_effect(section, dict.fromkeys(idle, f"method {section.method!r}"))
