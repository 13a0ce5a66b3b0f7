"""Paths in tables: those of another machine, and names on disk in another Unicode form."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence

from moascope.core.text.cell_text import clean

_DRIVE = re.compile(r"[A-Za-z]:/")


def map_prefixes(paths: Sequence[str], prefixes: Mapping[str, str]) -> list[str]:
    """Replace the beginning of paths that were written on another machine.

    Parameters
    ----------
    paths : sequence of str
        Paths of files, with slashes or the backslashes of Windows.
    prefixes : mapping of str to str
        Folders there, and what to put in their place. Of several that fit, the longest counts. Case
        makes no difference where the folder is on a drive or a server of Windows.

    Returns
    -------
    list of str
        Paths that begin with none of the folders are as they were.
    """
    ordered = sorted(
        (
            (_slashed(old).rstrip("/"), new.rstrip("/") if new else ".")
            for old, new in prefixes.items()
        ),
        key=lambda pair: -len(pair[0]),
    )
    return [_map_prefix(path, ordered) for path in paths] if ordered else list(paths)


def _map_prefix(path: str, ordered: Sequence[tuple[str, str]]) -> str:
    text = _slashed(path)
    for old, new in ordered:
        start = text[: len(old)]
        same = start.casefold() == old.casefold() if _is_windows(old + "/") else start == old
        if text and same and text[len(old) : len(old) + 1] in ("", "/"):
            return f"{new}{text[len(old) :]}"
    return path


def is_absolute(path: str) -> bool:
    """Return whether a path is complete on some machine: /data, C:/data, or a server's folder."""
    text = _slashed(path)
    return text.startswith("/") or _DRIVE.match(text) is not None


def common_folders(paths: Iterable[str]) -> list[tuple[str, int]]:
    """Return the folders that lists of absolute paths have in common.

    Parameters
    ----------
    paths : iterable of str
        Absolute paths of files, of any machine.

    Returns
    -------
    list of tuple of str and int
        Folders, with the number of paths below each. Paths are taken together whose first two parts
        are equal, since a folder such as / is no help.
    """
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for path in paths:
        parts = _slashed(path).split("/")
        # The text before the first part is empty, or the two slashes of a server.
        start = next((number for number, part in enumerate(parts) if part), 0)
        groups.setdefault(tuple(parts[: start + 2]), []).append(parts[:-1])
    return [(_common(folders) or "/", len(folders)) for folders in groups.values()]


def _common(folders: list[list[str]]) -> str:
    alike = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "/".join(parts[0] for parts in alike)


def _slashed(path: str) -> str:
    return path.replace("\\", "/")


def _is_windows(path: str) -> bool:
    return _DRIVE.match(path) is not None or path.startswith("//")


class NamesOnDisk:
    """Names below a folder, found although their Unicode form is another than in a table."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._folders: dict[str, dict[str, list[str]]] = {}
        self._found: dict[str, str] = {}

    def find(self, path: str) -> str:
        """Return the path as it is on disk.

        Parameters
        ----------
        path : str
            An absolute path below the root.

        Returns
        -------
        str
            The path itself where it is there or nothing like it is. Else, part by part, the one
            name that differs by invisible characters, kinds of spaces or composition only.
        """
        start = self.root.rstrip("/") + "/"
        if path.isascii() or not path.startswith(start):
            return path
        folder, _, name = path.rpartition("/")
        if len(folder) + 1 > len(start):
            if folder not in self._found:
                self._found[folder] = self.find(folder)
            folder = self._found[folder]
        names = self._names(folder)
        alike = names.get(clean(name), [])
        if name in alike or len(alike) != 1:
            return f"{folder}/{name}"
        return f"{folder}/{alike[0]}"

    def _names(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._folders:
            try:
                names = os.listdir(folder)  # noqa: PTH208  (names, and many of them)
            except (OSError, ValueError):  # ValueError: a name that no folder can have
                names = []
            by_form: dict[str, list[str]] = {}
            for name in names:
                by_form.setdefault(clean(name), []).append(name)
            self._folders[folder] = by_form
        return self._folders[folder]
