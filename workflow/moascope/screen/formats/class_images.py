"""Images without plates or wells: which there are, of which class, and how they are stored.

Images are stored and read in parts, as plates are. An image falls into a part by a digest of its
name, so that new images leave most of the others where they are, and so that no part knows a class:
what is measured over a part must not tell the label.

Free of pandas on purpose: the workflow names the parts each time a job starts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moascope.core.errors import InputError
from moascope.screen.plates import IMAGE_SUFFIXES, LAYOUTS, ImageFile, find_columns, matching_files
from moascope.screen.tables.delimited import Sheet, nearest, read_sheet
from moascope.screen.tables.path_names import map_prefixes

_PART = 750
"""Images that a part holds on average, at most."""
_MOST = 1536
"""Images that a part can hold: the places of the largest plate."""

SETS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Names of sets as they are found in public image sets."""

_PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "image_path")
_FILE = r".+\.(?i:" + "|".join(suffix[1:] for suffix in IMAGE_SUFFIXES) + ")"


@dataclass(frozen=True)
class ClassImage:
    """One image file.

    Parameters
    ----------
    name : str
        Its path below the image root, with `/`.
    place : str
        Where it is named, for messages.
    label, given_set : str
        Class, and set as written; empty where there is none.
    groups : mapping of str to str
        Free groups.
    """

    name: str
    place: str
    label: str
    given_set: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassImages:
    """The images, and what messages call the columns or groups that they were read from."""

    images: Sequence[ClassImage]
    labels: Mapping[str, str]
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()


def class_pattern(options: Mapping[str, Any]) -> str:
    """Return the pattern of the paths below the image root.

    Parameters
    ----------
    options : mapping
        The config section `input`.

    Returns
    -------
    str
        As given; otherwise a folder per class, or where all folders of the root are named as sets,
        a folder per set with a folder per class in each.
    """
    if options["pattern"]:
        return str(options["pattern"])
    root = options["images"]
    try:
        with os.scandir(root) as entries:
            top = [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    except (OSError, TypeError, ValueError):  # said where the folder is listed
        top = []
    has_sets = len(top) > 1 and all(name.casefold() in SETS for name in top)
    return ("(?P<set>[^/]+)/" if has_sets else "") + "(?P<label>[^/]+)/" + _FILE


def read_images(
    options: Mapping[str, Any], files: Sequence[ImageFile] | None = None
) -> ClassImages:
    """List the images of a folder or of a sheet.

    Parameters
    ----------
    options : mapping
        The config section `input`.
    files : sequence of ImageFile or None
        Of a folder, from `plates.matching_files` where it has been listed already.

    Returns
    -------
    ClassImages
        In the order of their names.

    Raises
    ------
    InputError
        If there is nothing that could be read, or the sheet names no column of paths or labels.
    """
    if options["sheet"]:
        found = _images_of_sheet(options)
    else:
        notes = []
        if files is None:
            files, left_out = matching_files(options)
            notes = [left_out.warning(options["images"], len(files))]
        found = _images_of_folder(options, files)
        found = replace(found, notes=[note for note in notes if note])
    return replace(found, images=sorted(found.images, key=lambda image: image.name))


def parts_of(names: Iterable[str]) -> dict[str, str]:
    """Deal images out to parts.

    Parameters
    ----------
    names : iterable of str
        Names of images.

    Returns
    -------
    dict of str to str
        The part of every image, such as part-2-of-4. The number of parts is a power of two, and a
        part stays as it is while images are added elsewhere, until that number doubles.
    """
    digests = {name: int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) for name in names}
    n = 1
    while True:
        sizes = [0] * n
        for value in digests.values():
            sizes[value % n] += 1
        if len(digests) <= n * _PART and max(sizes) <= _MOST:
            break
        n *= 2
    width = len(str(n))
    return {name: f"part-{value % n + 1:0{width}d}-of-{n}" for name, value in digests.items()}


def part_names(options: Mapping[str, Any], files: Sequence[ImageFile] | None = None) -> list[str]:
    """List the parts of the images, sorted; see `parts_of`."""
    return sorted(
        set(parts_of(image.name for image in read_images(options, files).images).values())
    )


def _images_of_folder(options: Mapping[str, Any], files: Sequence[ImageFile]) -> ClassImages:
    known = set(files[0].groups)
    labels = {"label": "group 'label' of input.pattern", "set": "group 'set' of input.pattern"}
    if "set" not in known:
        del labels["set"]
    problems = []
    for name, group in options["groups"].items():
        if group in known:
            labels[name] = f"group {group!r} of input.pattern"
        else:
            problems.append(
                f"input.groups.{name}: input.pattern has no group {group!r}; write "
                f"(?P<{group}>...) into it, or give a sheet"
            )
    images = [
        ClassImage(
            file.path,
            f"file {file.path!r}",
            file.groups["label"],
            file.groups.get("set", ""),
            {n: file.groups[g] for n, g in options["groups"].items() if g in known},
        )
        for file in files
    ]
    return ClassImages(images, labels, problems)


def _images_of_sheet(options: Mapping[str, Any]) -> ClassImages:
    sheet = read_sheet(options["sheet"], options["delimiter"])
    problems = list(sheet.problems)
    columns: dict[str, list[str]] = {}
    labels: dict[str, str] = {}

    def take(key: str, place: str, names: list[str] | None, missing: str) -> None:
        absent = [name for name in names or [] if name not in sheet.header]
        if not names or absent:
            problems.append(f"{place}: {missing}; {nearest((absent or [key])[0], sheet.header)}")
        else:
            cells = sheet.paths(names[0]) if key == "path" else sheet.values(names)
            if key == "path":
                cells = map_prefixes(cells, options["path_prefix"])
            columns[key], labels[key] = cells, f"column {'+'.join(names)!r}"

    path = options["path_column"] or _usual_path_column(sheet)
    take("path", "input.path_column", [path] if path else None, "name the column of image paths")
    label = _as_list(options["columns"]["label"])
    take("label", "input.columns.label", label, f"the sheet has no column {label}")
    given = _as_list(options["columns"]["set"])
    if given and (given != ["set"] or "set" in sheet.header):
        take("set", "input.columns.set", given, f"the sheet has no column {given}")
    for name, column in options["groups"].items():
        try:
            found = find_columns(sheet.header, column, name, LAYOUTS["table"])
        except InputError:
            found = [column]
        take(name, f"input.groups.{name}", found, f"the sheet has no column {column!r}")
    if problems and not {"path", "label"} <= set(columns):
        raise InputError.collect(problems, str(sheet.path))
    images = [
        ClassImage(
            _below_root(columns["path"][row], options),
            f"line {line}",
            columns["label"][row],
            columns.get("set", [""] * len(sheet.lines))[row],
            {name: columns[name][row] for name in options["groups"] if name in columns},
        )
        for row, line in enumerate(sheet.lines)
    ]
    return ClassImages(images, labels, problems, sheet.cleaning())


def _usual_path_column(sheet: Sheet) -> str | None:
    return next((name for name in sheet.header if name.casefold() in _PATH_COLUMNS), None)


def _as_list(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])


def _below_root(path: str, options: Mapping[str, Any]) -> str:
    """Return a path as it is below the image root, where it is."""
    path = path.replace("\\", "/")
    root = os.path.abspath(options["images"] or Path(options["sheet"]).parent)  # noqa: PTH100
    if path.startswith(root.rstrip("/") + "/"):
        path = path[len(root.rstrip("/")) + 1 :]
    return path.removeprefix("./")
