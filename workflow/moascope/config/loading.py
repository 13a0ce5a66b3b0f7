"""Reading and checking a configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from moascope.config.class_rules import fit_defaults
from moascope.config.problems import check
from moascope.config.root import Config
from moascope.core.errors import InputError
from moascope.core.text.escaping import show


def load(raw: Mapping[str, Any], source: str = "config", *, with_files: bool = False) -> Config:
    """Validate a raw configuration.

    Parameters
    ----------
    raw : mapping
        As read from YAML. Strings from `--config` are converted where the key is a number.
    source : str
        What the error message calls it, usually the path of the file.
    with_files : bool
        Look for the files that it names, as `missing_files` does.

    Returns
    -------
    Config
        The configuration with every default filled in.

    Raises
    ------
    InputError
        Naming every wrong key, its value, and the nearest valid key or the allowed range; what has
        the same cause stands in one line.
    """
    if unreadable := [f"{place}: {_NOT_TEXT}" for place in _unreadable(raw)]:
        raise InputError.collect(unreadable, source)
    problems, config = check(_nulls(raw), Config)
    if with_files and isinstance(config, Config):
        problems += missing_files(config)
    if problems or not isinstance(config, Config):
        raise InputError.collect(problems, source)
    return fit_defaults(config)


def missing_files(config: Config) -> list[str]:
    """Find the files that a configuration names and that are not there.

    Parameters
    ----------
    config : Config
        Paths in it are relative to the working directory.

    Returns
    -------
    list of str
        A sentence per file that is not there or has a name that cannot be shown, naming the key.
        Of images only the folder is looked for; what the sheets name is not looked at.
    """
    named: dict[str, str | None] = {}
    folders: dict[str, str | None] = {}
    if config.input is not None and not config.input.makes_images():
        tables = ("sheet", "moa_table", "platemap", "platemaps")
        named |= {f"input.{key}": getattr(config.input, key) for key in tables}
        folders["input.images"] = config.input.images
    for name, split in config.splits.items():
        named[f"splits.{name}.file"] = split.file
    for name, model in config.models.items():
        if model.weights not in ("imagenet", "none"):
            named[f"models.{name}.weights"] = model.weights
    section = config.segmentation
    if section.annotated is not None:
        named |= {
            f"segmentation.annotated.{key}": getattr(section.annotated, key)
            for key in ("sheet", "set_file")
        }
        folders["segmentation.annotated.images"] = section.annotated.images
    for name, engine in section.engines.items():
        if engine.is_given_by_path():
            named[f"segmentation.engines.{name}.model"] = engine.model
    given = {key: path for key, path in named.items() if path is not None}
    gone = {
        key: path
        for key, path in given.items()
        if not _is_there(path, or_folder=key.endswith(".model"))
    }
    problems = [
        f"{key}: {show(path)} has a {mark!r}, {why}; rename the file or its folder"
        for key, path in given.items()
        for mark, why in _UNUSABLE.items()
        if mark in path and not (key in gone and _VARIABLE.search(path))
    ]
    problems += [
        f"{key}: there is no file {show(path)}; {_path_advice(path)}"
        + (", or write imagenet or none" if key.startswith("models.") else "")
        for key, path in gone.items()
    ]
    problems += [
        f"{key}: there is no folder {show(path)}; {_path_advice(path)}"
        for key, path in folders.items()
        if path is not None and not os.path.isdir(path)  # noqa: PTH112  (pathlib raises)
    ]
    return problems


# Snakemake copies input files' names into a script of its report as they are, and looks for
# wildcards in all of them, with no way to escape a brace.
_UNUSABLE = {
    "<": "which Snakemake's report cannot hold",
    "{": "which Snakemake takes for the name of a wildcard",
}


_VARIABLE = re.compile(r"\$\w|\$\{|%\w+%")


def _path_advice(path: str) -> str:
    if _VARIABLE.search(path):
        return "variables such as $HOME are not expanded; set the path, with ~ for the home folder"
    if path.startswith("~"):
        return "this user is unknown; set the whole path"
    return "correct the path"


def _is_there(path: str, *, or_folder: bool) -> bool:
    try:
        return Path(path).is_file() or (or_folder and Path(path).is_dir())
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


_NOT_TEXT = (
    "is not text: it is binary, or has a null character or half of a surrogate pair; correct it"
)


def _unreadable(value: Any, place: str = "") -> Iterator[str]:
    """Find strings that cannot be written to a file or given to the system, by their keys."""
    if isinstance(value, bytes):  # pydantic would take it for text
        yield place or "config"
    elif isinstance(value, str):
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
            yield place or "config"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unreadable(str(key), show(key))
            yield from _unreadable(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _unreadable(item, f"{place}.{number}")


def _nulls(value: Any) -> Any:
    # `--config 'input={sheet: null}'` arrives as the string "null".
    if isinstance(value, Mapping):
        return {str(key): _nulls(item) for key, item in value.items()}
    return None if value == "null" else value
