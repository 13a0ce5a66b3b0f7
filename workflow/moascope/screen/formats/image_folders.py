"""Files below an image folder, and the files there that are not read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from moascope.core.errors import InputError
from moascope.core.text.escaping import has_controls, show
from moascope.core.text.patterns import OutOfTimeError, limit_time, too_slow

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".btf")
# Files that file systems and file managers put into folders.
_OF_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", "lost+found", "$recycle.bin"})
# Limit of the processor time for matching file names; usual patterns take microseconds each.
_MATCHING_SECONDS = 10.0
_SECONDS_PER_FILE = 1e-3


@dataclass
class FolderListing:
    """Contents of a folder; paths are relative to it, with `/`.

    Parameters
    ----------
    paths : list of str
        Files in the order of their names, those in linked folders included.
    hidden : list of str
        Files and folders that are left out: their names begin with a dot, or a system made them.
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
    """Files of an image folder that are not read.

    Parameters
    ----------
    unmatched : list of str
        Image files that the pattern does not match.
    others : list of str
        Files of other kinds.
    twice : list of str
        Files in linked folders that are also found where they lie.
    listing : FolderListing
        The folder, with its hidden files and links.
    reason : str
        The reason why image files are unmatched, as the end of a sentence.
    """

    unmatched: Sequence[str]
    others: Sequence[str]
    twice: Sequence[str]
    listing: FolderListing
    reason: str = "that do not match input.pattern"

    def warning(self, root: str, matching: int) -> str | None:
        """Return a sentence that counts the files that may be images, with the first of each kind.

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
            (self.listing.outside, f"link(s) to files outside {root} ({up})"),
            (self.listing.loops, "link(s) to a folder above themselves"),
            (self.twice, "file(s) found twice through a link"),
        ]
        found = [f"{len(paths)} {kind}, such as {show(paths[0])}" for paths, kind in kinds if paths]
        if not found:
            return None
        return f"{root}: {matching} image files are read; left out: {'; '.join(found)}"

    def note(self, root: str) -> str:
        """Return a sentence that counts the files that are no images."""
        hidden = len(self.listing.hidden)
        return f"{root}: {hidden} hidden and {len(self.others)} other files are left out"

    def example(self) -> str:
        """Return words for an image file that is not matched, or for the lack of image files."""
        if self.unmatched:
            return f"such as {self.unmatched[0]!r}"
        words = "and there are no image files"
        if self.listing.outside:
            words += f", but a link to a file outside it, {self.listing.outside[0]!r}"
        return words


def list_folder(root: str) -> FolderListing:
    """List all files below a folder, following links to folders within it.

    Parameters
    ----------
    root : str
        The folder.

    Returns
    -------
    FolderListing
        Its files, hidden files and links.

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
            "permissions, or remove it"
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


@dataclass(frozen=True)
class ImageFile:
    """An image file whose path names plate, well, site, channel or class.

    Parameters
    ----------
    path : str
        Relative to the image folder, with `/`.
    groups : dict
        The named groups of the pattern; those that took no part are empty.
    """

    path: str
    groups: dict[str, str]


def find_images(
    root: str | None, pattern: re.Pattern[str], reason: str
) -> tuple[list[ImageFile], LeftOut]:
    """List the files of a folder whose path matches a pattern.

    Parameters
    ----------
    root : str or None
        The folder.
    pattern : re.Pattern
        With `/` it describes the path below the folder, without it the file name.
    reason : str
        The reason why other image files are left out, as the end of a sentence.

    Returns
    -------
    matching : list of ImageFile
        In the order of their paths.
    left_out : LeftOut
        Other files.

    Raises
    ------
    InputError
        If the folder is missing or cannot be listed, a name is no text, or the pattern is slow.
    """
    # Pathlib would raise for names that are too long.
    if not root or not os.path.isdir(root):  # noqa: PTH112
        raise InputError(f"input.images: the folder {show(root)} does not exist; correct the path")
    listing = list_folder(str(root))
    files, other = _match(pattern, listing.paths)
    files, twice = _once(files, listing)
    unmatched = [path for path in other if path.lower().endswith(IMAGE_SUFFIXES)]
    _check_text([file.path for file in files] + unmatched, root)
    others = [path for path in other if not path.lower().endswith(IMAGE_SUFFIXES)]
    return files, LeftOut(unmatched, others, twice, listing, reason)


def _once(files: Sequence[ImageFile], listing: FolderListing) -> tuple[list[ImageFile], list[str]]:
    """Remove files that are found both through a link and in their own folder."""
    root = listing.real[""]
    owners: dict[tuple[str, str], str] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        real = listing.real[folder]
        is_direct = real == f"{root}/{folder}".rstrip("/")
        if is_direct or (real, name) not in owners:
            owners[real, name] = file.path
    kept = set(owners.values())
    return (
        [file for file in files if file.path in kept],
        [file.path for file in files if file.path not in kept],
    )


def _match(pattern: re.Pattern[str], paths: Sequence[str]) -> tuple[list[ImageFile], list[str]]:
    """Divide paths into those that match and others, within a time limit."""
    files: list[ImageFile] = []
    other: list[str] = []
    text = ""
    try:
        with limit_time(_MATCHING_SECONDS + len(paths) * _SECONDS_PER_FILE):
            for path in paths:
                text = path if "/" in pattern.pattern else path.rpartition("/")[2]
                if match := pattern.fullmatch(text):
                    groups = {name: value or "" for name, value in match.groupdict().items()}
                    files.append(ImageFile(path, groups))
                else:
                    other.append(path)
    except OutOfTimeError:
        raise too_slow("input.pattern", pattern.pattern, text) from None
    return files, other


def _check_text(paths: Sequence[str], root: object) -> None:
    """Refuse names that cannot be written to a table or shown."""
    wrong = [path for path in paths if has_controls(path)]
    if wrong:
        count = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise InputError(
            f"{root}: the file name '{wrong[0]}'{count} is not UTF-8, or has control characters; "
            "rename the file"
        )
