"""Configuration files as they are written, for what is lost once they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from moascope.core.errors import InputError
from moascope.core.files import unique_keys

_MERGE = "tag:yaml.org,2002:merge"  # the key `<<`, which may stand there several times


def check_repeated_keys(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Check that no configuration file gives a key twice in one section.

    Parameters
    ----------
    paths : iterable of path
        YAML or JSON files.

    Raises
    ------
    InputError
        Naming the repeated keys of the first such file, with their lines.
    """
    for path in paths:
        repeated = repeated_keys(path)
        if repeated:
            raise InputError.collect(repeated, str(path))


def repeated_keys(path: str | os.PathLike[str]) -> list[str]:
    """Find keys that are given twice in one section, of which a reader of YAML keeps the last.

    Parameters
    ----------
    path : path
        A YAML or JSON file.

    Returns
    -------
    list of str
        A sentence per repetition, with the lines. Empty where the file is not there or is neither
        YAML nor JSON, which its reader says.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return _repeated_in_json(text)
    return list(_repeated(node, "", set()))


def _repeated(node: yaml.Node | None, place: str, seen: set[int]) -> Iterator[str]:
    if node is None or id(node) in seen:  # an anchor may hold itself
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated(item, f"{place}.{number}" if place else str(number), seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        inner = f"{place}.{name}" if place else name
        if name in lines and key.tag != _MERGE:
            yield (
                f"{inner}: is in line {lines[name]} and again in line {line}; only the last "
                "would count. Fix: remove one, or join the two"
            )
        lines.setdefault(name, line)
        yield from _repeated(value, inner, seen)


def _repeated_in_json(text: str) -> list[str]:
    try:
        json.loads(text, object_pairs_hook=unique_keys)
    except ValueError as error:
        return [] if isinstance(error, json.JSONDecodeError) else [f"{error}; remove one"]
    return []
