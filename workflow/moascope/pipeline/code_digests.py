"""Digests of the library code behind every script.

Snakemake reruns a job when its script changes, but does not see edits of imported modules.
Every rule therefore carries, as a parameter, the digest of all modules of this library that its
script imports, directly or through others.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from moascope.core.named_functions import module_of

PACKAGE = "moascope"
LIBRARY = Path(__file__).resolve().parents[1]
WITHOUT_RESULTS = frozenset(
    {
        "moascope.core.paths",
        "moascope.pipeline.devices",
        "moascope.pipeline.job",
        "moascope.pipeline.job_logs",
        "moascope.pipeline.nvidia",
        "moascope.core.text.plate_words",
    }
)
"""Modules that decide where files are, on which device a job computes and what it prints, and
nothing that is in its results."""

_COMMENT = re.compile(r"#[^\n]*")
_TYPE_CHECKING = re.compile(r"^if TYPE_CHECKING:[ \t]*\n(?:[ \t]+.*\n|\n)*", re.MULTILINE)
_FROM = re.compile(
    r"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|(?:[^#\n\\]|\\\n)*)", re.MULTILINE
)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([^#\n]+)", re.MULTILINE)
_QUOTED = re.compile(rf"""["']({PACKAGE}(?:\.\w+)+)[:"']""")


def digest_scripts(folder: Path) -> dict[str, str]:
    """Compute the digest of the library code behind every script below a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the scripts.

    Returns
    -------
    dict of str to str
        From the path of each script, relative to the folder, to `digest_code` of it.
    """
    _read.cache_clear()
    _imports.cache_clear()
    scripts = sorted(folder.resolve().rglob("*.py"))
    return {
        script.relative_to(folder.resolve()).as_posix(): digest_code(script) for script in scripts
    }


def digest_function(name: str) -> str:
    """Compute the digest of the module of a function and of the library modules behind it.

    Parameters
    ----------
    name : str
        Module and function, as `named_functions.load_function` takes them.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    return digest_code(_file_of(module_of(name)), own=True)


def digest_code(script: Path, *, own: bool = False) -> str:
    """Compute the digest of the library modules that a script imports.

    Parameters
    ----------
    script : pathlib.Path
        A Python file.
    own : bool
        Include the text of the file itself, which Snakemake sees of scripts only.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256(_read(script).encode() if own else b"")
    for module in sorted(library_modules(script) - WITHOUT_RESULTS):
        content = _read(_file_of(module))
        digest.update(f"{module}:{len(content)}\n{content}".encode())
    return digest.hexdigest()[:16]


def library_modules(script: Path) -> set[str]:
    """Return the modules of this library that a file imports, directly or through others.

    Every form of import counts, also inside functions, relative, and of a module named in quotes.
    Only imports for type checkers do not.

    Parameters
    ----------
    script : pathlib.Path
        A Python file.

    Returns
    -------
    set of str
        Dotted names such as `moascope.images.readers`, packages included.
    """
    found: set[str] = set()
    waiting = list(_imports(script))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(_file_of(module)))
    return found


@cache
def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


@cache
def _imports(file: Path) -> frozenset[str]:
    """Return the modules that a file imports, and the packages that hold them."""
    text = _TYPE_CHECKING.sub("", _COMMENT.sub("", _read(file)))
    names = set(_QUOTED.findall(text))
    for line in _IMPORT.findall(text):
        names.update(part.split()[0] for part in line.split(",") if part.strip())
    for source, imported in _FROM.findall(text):
        module = _absolute(source, file)
        names.add(module)
        names.update(f"{module}.{name}" for name in re.findall(r"\w+", imported))
    known: set[str] = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE:
            known.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return frozenset(name for name in known if _file_of(name).is_file())


def _absolute(source: str, file: Path) -> str:
    """Return the absolute name of what a `from` imports from."""
    name = source.lstrip(".")
    level = len(source) - len(name)
    if not level:
        return name
    if not file.is_relative_to(LIBRARY):
        return ""
    package = [PACKAGE, *file.relative_to(LIBRARY).parts[:-1]]
    parents = package[: len(package) - level + 1]
    return ".".join([*parents, name] if name else parents)


def _file_of(module: str) -> Path:
    """Return the file of a module or package, which need not exist."""
    place = LIBRARY.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
