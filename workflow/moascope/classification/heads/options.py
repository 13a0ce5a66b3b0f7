"""Section `head` of the configuration, joined from the options of all types of head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from moascope.classification.heads.base import HeadOptions, HeadType
from moascope.classification.heads.registry import HEADS, get
from moascope.core.options import OneOf, Section, consistency_check, refuse


class HeadSection(Section):
    """Section `head` without the keys of the types, which `join_sections` adds."""

    type: str = HEADS[0].name

    def own_options(self) -> HeadOptions:
        """Return the options of the chosen type of head."""
        options = get(self.type).options
        return options.model_validate(self.model_dump(include=set(options.model_fields)))

    @consistency_check
    def _has_only_its_keys(self) -> HeadSection:
        own = get(self.type).options.model_fields
        problems = []
        for key in type(self).model_fields:
            if key not in self.model_fields_set or key in own:
                continue
            types = [head.name for head in HEADS if key in head.options.model_fields]
            problems.append(
                f"type {self.type!r} has no {key}. Fix: remove {key}, or set type to "
                f"{' or '.join(types)}"
            )
        refuse(problems)
        return self


def join_sections(heads: Sequence[HeadType]) -> type[HeadSection]:
    """Build the section whose keys are those of all types of head.

    Parameters
    ----------
    heads : sequence of HeadType
        The types; the first is the default.

    Returns
    -------
    type
        A section. A key of several types has one meaning, that of the first.
    """
    *most, last = [head.description for head in heads]
    chosen = Annotated[str, OneOf(tuple(head.name for head in heads))]
    fields: dict[str, Any] = {
        "type": (chosen, Field(heads[0].name, description=f"{', '.join(most)}, or {last}"))
    }
    for head in heads:
        for key, field in head.options.model_fields.items():
            if key not in fields:
                users = [other.name for other in heads if key in other.options.model_fields]
                fields[key] = _with_users(field, users, [other.name for other in heads])
    return create_model(
        "Head", __base__=HeadSection, __doc__="Classifier on top of features.", **fields
    )


def _with_users(
    field: FieldInfo, users: Sequence[str], names: Sequence[str]
) -> tuple[Any, FieldInfo]:
    """Return the type and the field of a key, whose description begins with its types of head."""
    others = [name for name in names if name not in users]
    shown = ", ".join(users) if len(users) <= len(others) else f"all but {', '.join(others)}"
    description = f"{shown}: {field.description}"
    annotation: Any = field.annotation
    for limit in field.metadata:
        annotation = Annotated[annotation, limit]
    return annotation, Field(field.default, description=description)


if TYPE_CHECKING:
    Head = HeadSection
else:
    Head = join_sections(HEADS)
