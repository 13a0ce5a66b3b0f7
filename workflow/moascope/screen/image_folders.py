"""Files below an image folder, and what is passed over there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from moascope.core.errors import InputError
from moascope.core.text.escaping import show

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".btf")
# What file systems and file managers put into folders.
_OF_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", "lost+found", "$recycle.bin"})


@dataclass
class FolderListing:
    """What lies below a folder; paths are relative to it, with `/`.

    Parameters
    ----------
    paths : list of str
        Files in the order of their names, those in linked folders included.
    hidden : list of str
        Files and folders that are passed over: their names begin with a dot, or a system made them.
    outside : list of str
        Links to folders outside of the folder, which are not followed.
    loops : list of str
        Links to a folder that they lie in, which are not followed.
    real : dict of str to str
        For each folder its path without links.
    """

    paths: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    real: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """What of an image folder is not read.

    Parameters
    ----------
    unmatched : list of str
        Image files that the pattern does not match.
    others : list of str
        Files of other kinds.
    twice : list of str
        Files in linked folders that are also found where they lie.
    listing : FolderListing
        What was passed over before.
    reason : str
        Why image files are unmatched.
    """

    unmatched: Sequence[str]
    others: Sequence[str]
    twice: Sequence[str]
    listing: FolderListing
    reason: str = "that do not match input.pattern"

    def warning(self, root: str, matching: int) -> str | None:
        """Return a sentence that counts what images may be among, with the first of each kind.

        Parameters
        ----------
        root : str
            The folder.
        matching : int
            Number of files that are read.

        Returns
        -------
        str or None
            None where no image can have been lost.
        """
        hidden = [path for path in self.listing.hidden if path.lower().endswith(IMAGE_SUFFIXES)]
        up = "set input.images further up"
        kinds = [
            (self.unmatched, f"image file(s) {self.reason}"),
            (hidden, "hidden image file(s), as file attributes of a Mac are"),
            (self.listing.outside, f"link(s) that lead out of {root} ({up})"),
            (self.listing.loops, "link(s) that lead back into a folder above them"),
            (self.twice, "file(s) that are reached a second time through a link"),
        ]
        found = [f"{len(paths)} {what}, such as {show(paths[0])}" for paths, what in kinds if paths]
        if not found:
            return None
        return f"{root}: {matching} image files are read; left out: {'; '.join(found)}"

    def note(self, root: str) -> str:
        """Return a sentence that counts the files that are no images."""
        hidden = len(self.listing.hidden)
        return f"{root}: {hidden} hidden and {len(self.others)} other files are passed over"


def list_folder(root: str) -> FolderListing:
    """List all files below a folder, following links to folders within it.

    Parameters
    ----------
    root : str
        The folder.

    Returns
    -------
    FolderListing
        Its files, and what was passed over.

    Raises
    ------
    InputError
        If a folder cannot be listed.
    """
    listing = FolderListing()
    real_root = os.path.realpath(root)
    _list_below(root, "", (real_root,), listing)
    listing.paths.sort()
    return listing


def _list_below(folder: str, below: str, above: tuple[str, ...], listing: FolderListing) -> None:
    """Add the files of a folder; `above` are the real paths of the folders that it lies in."""
    real_root, real = above[0], above[-1]
    listing.real[below] = real
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"input.images: the folder {folder} cannot be listed ({error.strerror}); correct its "
            "permissions, or move it away"
        ) from error
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith(".") or entry.name.lower() in _OF_SYSTEMS:
            listing.hidden.append(path)
        elif not _is_folder(entry):
            listing.paths.append(path)
        elif not entry.is_symlink():
            _list_below(entry.path, path, (*above, f"{real}/{entry.name}"), listing)
        else:
            target = os.path.realpath(entry.path)
            if target in above:
                listing.loops.append(path)
            elif not target.startswith(real_root.rstrip("/") + "/"):
                listing.outside.append(path)
            else:
                _list_below(entry.path, path, (*above, target), listing)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into nowhere, or in a circle
        return False
