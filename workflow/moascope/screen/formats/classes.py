"""Input format `classes`: images without plates or wells, in folders of classes or in a sheet.

Images are stored and read in parts, as plates are. An image falls into a part by a digest of its
name. So new images leave most of the others where they are. No part knows a class, since statistics
of a part must not reveal the label.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.patterns import compile_pattern
from moascope.core.text.suggestions import advise
from moascope.screen.formats.base import FORMAT_KEYS, InputFormat, Rows
from moascope.screen.formats.folder import missing_groups
from moascope.screen.formats.image_folders import IMAGE_SUFFIXES, ImageFile, LeftOut, find_images
from moascope.screen.formats.layout import Layout, column_label, find_columns
from moascope.screen.free_groups import PREFIX
from moascope.screen.tables.delimited import Sheet, read_sheet
from moascope.screen.tables.path_names import map_prefixes

if TYPE_CHECKING:
    from moascope.screen.options import Input, ScreenOptions
    from moascope.screen.problems import Problems

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
        Its path below the image folder, with `/`.
    place : str
        The line or file that names it, for messages.
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
    """The images, and the words of messages for the columns or groups that they were read from."""

    images: Sequence[ClassImage]
    labels: Mapping[str, str]
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()


class ClassReader:
    """Reader of images without plates."""

    def source(self, options: ScreenOptions) -> str:
        """Return the sheet or the folder."""
        return str(options.input.sheet or options.input.images)

    def lists_files(self, options: Input) -> bool:
        """Return whether there is no sheet."""
        return options.sheet is None

    def list_files(self, options: Input) -> tuple[list[ImageFile], LeftOut]:
        """List the images in folders of classes or of the pattern, see `Reader`."""
        text = options.pattern or _pattern_of_folders(options.images)
        pattern = compile_pattern(text, "input.pattern")
        if "label" not in pattern.groupindex:
            raise missing_groups(text, {"label"})
        reason = (
            "that do not match input.pattern"
            if options.pattern
            else "outside the folders of classes"
        )
        files, left_out = find_images(options.images, pattern, reason)
        if files:
            return files, left_out
        if options.pattern:
            raise InputError(
                f"input.pattern: of the files in {options.images} none matches {text!r}, "
                f"{left_out.example()}; a pattern with '/' must match the whole path below the "
                "folder, any other the file name"
            )
        raise InputError(
            f"input.images: no image in {options.images} lies in the folder of a class, "
            f"{left_out.example()}; add a folder per class, or set input.sheet or input.pattern"
        )

    def plate_names(
        self, options: Input, files: Sequence[ImageFile] | None = None
    ) -> tuple[set[str], str]:
        """Return the names of the parts that the images are stored in, see `Reader`."""
        images = self.read_images(options, files).images
        parts = set(parts_of(image.name for image in images).values())
        return parts, str(options.sheet or options.images)

    def row_files(self, options: Input) -> list[str]:
        """Return no file: rows come from the sheet or from the names of the images."""
        return []

    def read(self, options: ScreenOptions, problems: Problems) -> Rows:
        """Read a row per image, in the order of their names, see `Reader`."""
        section = options.input
        found = self.read_images(section)
        for sentence in found.problems:
            problems.add(sentence)
        for sentence in found.notes:
            problems.note(sentence)
        root = os.path.abspath(section.images or section.sheet_path().parent)  # noqa: PTH100
        images = found.images
        names = [image.name for image in images]
        parts = parts_of(names)
        columns = {
            "place": [image.place for image in images],
            "name": names,
            "label": [image.label.strip() for image in images],
            "set": [image.given_set for image in images],
            # If the root is a link, paths keep it.
            "root": [root] * len(images),
            "plate": [root] * len(images),
            "part": [parts[name] for name in names],
        }
        labels = {key: label for key, label in found.labels.items() if key in ("label", "set")}
        for name in section.groups:
            if name in found.labels:
                columns[PREFIX + name] = [image.groups[name] for image in images]
                labels[PREFIX + name] = found.labels[name]
        for channel, source in section.channels.items():
            if not str(source).isdigit():
                problems.add(
                    f"input.channels.{channel}: {source!r} is not a plane number; write the plane "
                    "of the image files, from 0, as in {image: 0} or {red: 0, green: 1, blue: 2}"
                )
                continue
            columns[f"file:{channel}"] = columns["name"]
            columns[f"index:{channel}"] = [str(source)] * len(images)
            labels[f"file:{channel}"] = found.labels.get("path", "image")
        return Rows(columns, labels)

    def read_images(self, options: Input, files: Sequence[ImageFile] | None = None) -> ClassImages:
        """List the images of a folder or of a sheet.

        Parameters
        ----------
        options : Input
            The section `input`.
        files : sequence of ImageFile, optional
            Result of `list_files`, where the folder has been listed already.

        Returns
        -------
        ClassImages
            In the order of their names.

        Raises
        ------
        InputError
            If there is nothing that could be read, or the sheet names no column of paths or labels.
        """
        if options.sheet:
            found = _images_of_sheet(options)
        else:
            notes = []
            if files is None:
                files, left_out = self.list_files(options)
                notes = [left_out.warning(str(options.images), len(files))]
            found = _images_of_folder(options, files)
            found = replace(found, notes=[note for note in notes if note])
        return replace(found, images=sorted(found.images, key=lambda image: image.name))


def _pattern_of_folders(root: str | None) -> str:
    """Return the pattern of the paths below the image folder where the configuration gives none.

    It is a folder per class. Where all folders of the root are named as sets, it is a folder per
    set with a folder per class in each.
    """
    try:
        with os.scandir(root) as entries:
            top = [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    except (OSError, TypeError, ValueError):  # raised again where the folder is listed
        top = []
    has_sets = len(top) > 1 and all(name.casefold() in SETS for name in top)
    return ("(?P<set>[^/]+)/" if has_sets else "") + "(?P<label>[^/]+)/" + _FILE


def parts_of(names: Iterable[str]) -> dict[str, str]:
    """Assign images to parts.

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


def _images_of_folder(options: Input, files: Sequence[ImageFile]) -> ClassImages:
    known = set(files[0].groups)
    labels = {"label": "group 'label' of input.pattern", "set": "group 'set' of input.pattern"}
    if "set" not in known:
        del labels["set"]
    problems = []
    for name, group in options.groups.items():
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
            {n: file.groups[g] for n, g in options.groups.items() if g in known},
        )
        for file in files
    ]
    return ClassImages(images, labels, problems)


def _images_of_sheet(options: Input) -> ClassImages:
    sheet = read_sheet(options.sheet_path(), options.delimiter)
    problems = list(sheet.problems)
    columns: dict[str, list[str]] = {}
    labels: dict[str, str] = {}

    def take(key: str, place: str, names: list[str] | None, missing: str) -> None:
        absent = [name for name in names or [] if name not in sheet.header]
        if not names or absent:
            problems.append(f"{place}: {missing}; {advise((absent or [key])[0], sheet.header)}")
        else:
            cells = sheet.paths(names[0]) if key == "path" else sheet.values(names)
            if key == "path":
                cells = map_prefixes(cells, options.path_prefix)
            columns[key], labels[key] = cells, column_label(names)

    path = options.path_column or _usual_path_column(sheet)
    take("path", "input.path_column", [path] if path else None, "name the column of image paths")
    label = _as_list(options.columns.label)
    take("label", "input.columns.label", label, f"the sheet has no column {label}")
    given = _as_list(options.columns.set)
    if given and (given != ["set"] or "set" in sheet.header):
        take("set", "input.columns.set", given, f"the sheet has no column {given}")
    for name, column in options.groups.items():
        try:
            found = find_columns(sheet.header, column, name, Layout())
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
            {name: columns[name][row] for name in options.groups if name in columns},
        )
        for row, line in enumerate(sheet.lines)
    ]
    return ClassImages(images, labels, problems, sheet.cleaning())


def _usual_path_column(sheet: Sheet) -> str | None:
    return next((name for name in sheet.header if name.casefold() in _PATH_COLUMNS), None)


def _as_list(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])


def _below_root(path: str, options: Input) -> str:
    """Return a path as it is below the image folder, where it is."""
    path = path.replace("\\", "/")
    root = os.path.abspath(options.images or options.sheet_path().parent)  # noqa: PTH100
    if path.startswith(root.rstrip("/") + "/"):
        path = path[len(root.rstrip("/")) + 1 :]
    return path.removeprefix("./")


FORMAT = InputFormat(
    name="classes",
    description="images without plates or wells: a folder per class below `images`, or a sheet "
    "with a column `label` and one with the path",
    reader=ClassReader(),
    required_keys=("images",),
    used_keys=FORMAT_KEYS,
    has_plates=False,
)
