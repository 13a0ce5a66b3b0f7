"""The JSON schema of the configuration and the tables of its keys."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, Union

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from moascope.classification.training.augmentation_methods import AUGMENTATIONS
from moascope.config.problems import sections
from moascope.config.root import Config
from moascope.core.options import OneOf


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def key_tables() -> str:
    """Return the Markdown tables of all keys, as in `docs/reference/configuration.md`."""
    lines: list[str] = []
    done: set[type[BaseModel]] = set()

    def add(title: str, model: type[BaseModel]) -> None:
        if model in done:
            return
        done.add(model)
        summary = (model.__doc__ or "").strip().splitlines()[0]
        lines.extend([f"### `{title}`" if title else "### top level", "", summary, ""])
        lines.extend(["| key | type | default | meaning |", "|---|---|---|---|"])
        nested: list[tuple[str, type[BaseModel]]] = []
        for key, field in model.model_fields.items():
            schema = model.model_json_schema()["properties"][key]
            lines.append(
                f"| `{key}` | {_type_words(_annotation(field))}{_range_words(schema)} | "
                f"{_default_words(field)} | {field.description} |"
            )
            many = typing.get_origin(field.annotation)
            suffix = {dict: ".{name}", list: "[]"}.get(many, "")  # type: ignore[arg-type]
            path = f"{title}.{key}{suffix}".lstrip(".")
            nested.extend((path, section) for section in sections(field.annotation))
        lines.append("")
        for path, section in nested:
            add(path, section)

    add("", Config)
    lines.extend(["### Augmentations", "", "| name | parameter | default | range | meaning |"])
    lines.append("|---|---|---|---|---|")
    for method in AUGMENTATIONS:
        lines.extend(
            f"| `{method.name}` | `{name}` | {parameter.default} | "
            f"{parameter.lowest} to {parameter.highest} | {parameter.description} |"
            for name, parameter in method.parameters.items()
        )
        if not method.parameters:
            lines.append(f"| `{method.name}` | | | | |")
    return "\n".join(lines) + "\n"


def _annotation(field: FieldInfo) -> Any:
    """Return the type of a key, with the names that it is limited to."""
    limits = [each for each in field.metadata if isinstance(each, OneOf)]
    return Annotated[field.annotation, limits[0]] if limits else field.annotation


def _type_words(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return _name_words(typing.get_args(annotation))
    if origin in (Union, types.UnionType):
        return " or ".join(_type_words(part) for part in typing.get_args(annotation))
    if origin is Annotated:
        bare, *limits = typing.get_args(annotation)
        names = [limit.names for limit in limits if isinstance(limit, OneOf)]
        return _name_words(names[0]) if names else _type_words(bare)
    if origin in (list, tuple, dict):
        inner = typing.get_args(annotation)[-1]
        return f"{'map' if origin is dict else 'list'} of {_type_words(inner)}"
    if annotation is type(None):
        return "null"
    words = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return words.get(annotation, "section")


def _name_words(names: Sequence[Any]) -> str:
    return ", ".join(f"`{name}`".replace("\t", "\\t") for name in names)


class _NumberSchema(TypedDict, total=False):
    """Part of the JSON schema of a key that limits numbers."""

    minimum: float
    exclusiveMinimum: float
    maximum: float
    exclusiveMaximum: float
    anyOf: list[_NumberSchema]


def _range_words(schema: _NumberSchema) -> str:
    options = [schema, *schema.get("anyOf", [])]
    for option in options:
        low = option.get("minimum", option.get("exclusiveMinimum"))
        high = option.get("maximum", option.get("exclusiveMaximum"))
        left = ">" if "exclusiveMinimum" in option else "≥"
        right = "<" if "exclusiveMaximum" in option else "≤"
        words = [f"{left} {low:g}"] if low is not None else []
        words += [f"{right} {high:g}"] if high is not None else []
        if words:
            return " (" + ", ".join(words) + ")"
    return ""


def _default_words(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "see below"
    default = field.default
    if default is None:
        return "null"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default}`"


BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"


def write_documents(root: Path) -> None:
    """Write the schema and the key tables of `docs/reference/configuration.md`.

    Parameters
    ----------
    root : pathlib.Path
        Root of the project.
    """
    import json  # noqa: PLC0415  (only this command needs it)

    schema = root / "workflow/schemas/config.schema.json"
    schema.parent.mkdir(parents=True, exist_ok=True)
    schema.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    readme = root / "docs/reference/configuration.md"
    text = readme.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    readme.write_text(
        pattern.sub(lambda _: f"{BEGIN}\n{key_tables()}{END}", text), encoding="utf-8"
    )
