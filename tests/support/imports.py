"""Imports of scripts and modules, read from their syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

from moascope.pipeline import code_digests


def imported_names(file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, but for type checkers."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(id(part) for statement in node.body for part in ast.walk(statement))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def third_party(script: Path) -> set[str]:
    """Return the top-level names of all other packages that a script and its library need."""
    places = [code_digests._file_of(module) for module in code_digests.library_modules(script)]
    names = (name for file in [script, *places] for name in imported_names(file))
    return {name.partition(".")[0] for name in names} - {code_digests.PACKAGE, "__future__"}
