"""A digest of the code that a rule depends on.

Snakemake reruns a job when its script changes, but does not see edits of imported modules.
Every rule therefore carries, as a parameter, the digest of all modules of this library that its
script imports, directly or through others.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType

from moascope.errors import InputError
from moascope.files import write_json

PACKAGE = "moascope"
WITHOUT_RESULTS = frozenset({"moascope.paths"})
"""Modules that say where files are and what messages name, and decide nothing that is in them.

Snakemake sees a changed path by itself.
"""
ROOT = Path(__file__).resolve().parent
# Beside what Python keeps of this module, so that runs in all folders share the digests.
KEPT_DIGESTS = Path(cache_from_source(__file__)).with_suffix(".digests.json")


def code_digests(folder: str | Path, *memories: str | Path) -> dict[str, str]:
    """Give the digest of the library code behind every script of a folder.

    The workflow asks for it at every start, so the answer is kept until a file of the code changes
    its size or one of its times, or another Python reads it.

    Parameters
    ----------
    folder : path
        Where the scripts are.
    *memories : path
        Files that the digests may be kept in: the first that can be written takes them. One that is
        missing, unreadable or in a place that cannot be written only costs time.

    Returns
    -------
    dict of str to str
        From the name of each script to what `code_digest` gives for it.
    """
    scripts = sorted(Path(folder).resolve().glob("*.py"))
    state: list[object] = [sys.version]
    for file in [*scripts, *sorted(ROOT.rglob("*.py"))]:
        status = file.stat()
        state.append([str(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns])
    for memory in memories:
        with suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads(Path(memory).read_text(encoding="utf-8"))
            if known["state"] == state:
                return dict(known["digests"])
    digests = {script.name: code_digest(script) for script in scripts}
    for memory in memories:
        with suppress(OSError, InputError):
            write_json({"state": state, "digests": digests}, memory)
            break
    return digests


def code_digest(script: str | Path) -> str:
    """Give the digest of the library code that a script imports.

    Comments, docstrings and layout do not count: only what can change a result does.

    Parameters
    ----------
    script : path
        A Python file.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    digest.update(_code_of(ROOT / "__init__.py").encode())
    for module in sorted(library_modules(Path(script)) - WITHOUT_RESULTS):
        digest.update(f"{module}:{_code_of(_module_file(module))}\n".encode())
    return digest.hexdigest()[:16]


def library_modules(script: Path) -> set[str]:
    """Give the modules of this library that a file imports, directly or through others.

    Parameters
    ----------
    script : pathlib.Path
        A Python file.

    Returns
    -------
    set of str
        Dotted names such as `moascope.images`.
    """
    found: set[str] = set()
    waiting = list(_imports(script))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(_module_file(module)))
    return found


def third_party(script: Path) -> set[str]:
    """Give the top-level names of everything else that a file and its library imports need.

    Parameters
    ----------
    script : pathlib.Path
        A Python file.

    Returns
    -------
    set of str
        Top-level import names, the standard library included.
    """
    files = [script, *(_module_file(module) for module in library_modules(script))]
    names = set().union(*(_imported_names(file) for file in files))
    return {name.partition(".")[0] for name in names} - {PACKAGE, "__future__"}


def _module_file(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk the statements of a module, which are few beside its expressions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, name, ()))


@cache
def _imported_names(file: Path) -> frozenset[str]:
    names: set[str] = set()
    typing_only: set[int] = set()
    for node in _statements(_tree(file)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            typing_only.update(map(id, node.body))
        elif id(node) in typing_only:
            continue
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            if node.module == PACKAGE:
                names.update(f"{PACKAGE}.{alias.name}" for alias in node.names)
    return frozenset(names)


def _imports(file: Path) -> list[str]:
    names = (name for name in _imported_names(file) if name.startswith(f"{PACKAGE}."))
    return [name for name in names if _module_file(name).is_file()]


@cache
def _code_of(file: Path) -> str:
    """Give what a file compiles to, without docstrings and line numbers."""
    tree = _tree(file)
    for node in _statements(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and len(node.body) > 1:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del node.body[0]
    return "".join(_described(compile(tree, "", "exec", dont_inherit=True)))


def _described(code: CodeType) -> Iterator[str]:
    yield repr(
        (
            code.co_name,
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            code.co_flags,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
            code.co_code,
            code.co_exceptiontable,
        )
    )
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _described(constant)
        elif isinstance(constant, frozenset):  # in an order that differs between processes
            yield repr(sorted(map(repr, constant)))
        else:
            yield repr(constant)
