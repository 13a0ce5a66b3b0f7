"""Syntax of configuration files, with the usual cause of each error."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from moascope.core.errors import InputError


def read_config(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """Read a configuration file.

    Parameters
    ----------
    path : path
        A YAML or JSON file in UTF-8.

    Returns
    -------
    mapping
        Raw values by key, not validated.

    Raises
    ------
    InputError
        If the file cannot be read, is not YAML, or holds no keys; naming the line, the usual cause
        and the fix.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Fix: correct the path") from (
            error
        )
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text. Fix: save it as UTF-8") from error
    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line, problem = _explain(error, text.splitlines())
        raise InputError(f"{path}, line {line}: {problem}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not YAML ({error}). Fix: remove odd characters") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: has no keys. Fix: add keys with values, such as run: mine")
    return content


_NO_COLON = "has no colon. Fix: add it after the key"


def _explain(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> tuple[int, str]:
    """Return the line of an error, from 1, and its usual cause with the fix."""
    problem, context = error.problem or "", error.context or ""
    line = error.problem_mark.line if error.problem_mark else 0
    start = error.context_mark.line if error.context_mark else line
    shown = lines[line] if line < len(lines) else ""
    above = next((number for number in range(line - 1, -1, -1) if lines[number].strip()), line)
    causes = [
        ("\t" in shown[: len(shown) - len(shown.lstrip())], line, _TAB),
        ("quoted scalar" in context, start, "a quotation mark is not closed. Fix: add it"),
        ("flow" in context, start, "a bracket or brace is not closed. Fix: add it, or a comma"),
        ("expected ':'" in problem, start, _NO_COLON),
        ("mapping values" in problem and ":" not in lines[above], above, _NO_COLON),
        ("mapping values" in problem, line, _TOO_MUCH),
    ]
    found = [(number + 1, cause) for is_cause, number, cause in causes if is_cause]
    return found[0] if found else (line + 1, f"is not YAML ({problem}). {_OTHER}")


_TAB = "is indented by a tab. Fix: set spaces instead"
_TOO_MUCH = (
    "has a second colon, or more indentation than the keys above. Fix: correct the indentation, or "
    "add quotation marks around the value"
)
_OTHER = (
    "Fix: correct the indentation, or a missing colon or quotation mark there or in the line above"
)
