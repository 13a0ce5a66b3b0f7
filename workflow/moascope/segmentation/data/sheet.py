"""Sheets that list annotated images and their sets."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from moascope.core.errors import InputError
from moascope.core.files import unique_keys
from moascope.core.regular_files import read_regular
from moascope.core.text.cell_text import clean
from moascope.core.text.escaping import has_controls, show
from moascope.core.text.suggestions import advise
from moascope.screen.image_files import mask_folder_problem
from moascope.screen.problems import Problems
from moascope.screen.tables.delimited import Sheet, read_sheet
from moascope.screen.tables.path_names import NamesOnDisk
from moascope.segmentation.data.dataset import SETS
from moascope.segmentation.data.options import Annotated

logger = logging.getLogger(__name__)

UNUSED = "unused"
"""The set of images that are left out."""

_SET_NAMES = {
    **{name: name for name in (*SETS, UNUSED)},
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "testing": "test",
}
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class SheetOptions:
    """Options to read a sheet of images and masks. The sets come from one of three places."""

    root: Path
    """Folder that paths in the sheet are relative to; nothing outside it is read."""
    image: str | Mapping[str, str]
    """A column with paths of images, or a pattern of columns such as images/{id}.png. For images
    with a file per channel: such a pattern by channel, in the order that engines see them."""
    mask: str
    """The same for masks: label images, or folders with one mask per object."""
    name: str = ""
    """A column or pattern with the names of images; empty: file names without their ending."""
    group: str = ""
    """A column or pattern that is equal for images that belong together, such as the frames of a
    movie; empty: every image stands for itself."""
    set_column: str = ""
    """A column that tells the set of each image."""
    set_of: Mapping[str, str] | None = None
    """Values of `set_column` and their sets (or unused); None: it holds the sets themselves."""
    split_file: Path | None = None
    """A JSON file with the lists of names train, val or validation, and test. Images in none of
    them are left out. In its place, not together with a column."""
    validation_share: float = 0.0
    """Where no image is in the set validation, hold out this share of the training images: the last
    ones in the order of the sheet, since neighbouring frames look alike."""
    needed: Sequence[str] = SETS
    """Sets that must have images."""


def from_config(
    options: Annotated, channels: Sequence[str], needed: Sequence[str] = SETS
) -> SheetOptions:
    """Read the options of a sheet from the configuration.

    Parameters
    ----------
    options : Annotated
        The section `segmentation.annotated`.
    channels : sequence of str
        Channels that engines see.
    needed : sequence of str
        Sets that must have images: given models only need test images.

    Returns
    -------
    SheetOptions
        For `read_annotations`.
    """
    by_channel = options.channels
    return SheetOptions(
        root=Path(options.images or Path(options.sheet).parent),
        image={name: by_channel[name] for name in channels} if by_channel else options.image,
        mask=options.mask,
        name=options.name,
        group=options.group,
        set_column="" if options.set_file else options.set_column,
        set_of=options.sets or None,
        split_file=Path(options.set_file) if options.set_file else None,
        validation_share=options.validation,
        needed=needed,
    )


def read_annotations(sheet_path: Path, options: SheetOptions) -> pd.DataFrame:
    """Read a sheet of images and masks.

    Parameters
    ----------
    sheet_path : pathlib.Path
        A CSV or TSV file with one row per image.
    options : SheetOptions
        Which columns mean what.

    Returns
    -------
    pandas.DataFrame
        name, set (train, validation or test), group, image, mask (absolute paths; a tuple of them
        for images with a file per channel), in sheet order; what `dataset.write` takes.

    Raises
    ------
    InputError
        With everything that is wrong: unknown columns and sets, missing files, repeated names,
        groups on both sides of the test, needed sets without images.
    """
    sheet = read_sheet(sheet_path)
    problems = Problems()
    problems.sentences += sheet.problems
    patterns = _patterns(options.image)
    files = {key: _texts(sheet, pattern, key, problems) for key, pattern in patterns.items()}
    images = next(iter(files.values()))
    masks = _texts(sheet, options.mask, "mask", problems)
    names = _texts(sheet, options.name, "name", problems) if options.name else _stems(images)
    groups = _texts(sheet, options.group, "group", problems) if options.group else names
    problems.raise_if_any(str(sheet_path))
    sets = _sets(sheet, names, options, problems)
    for sentence in sheet.cleaning():
        logger.warning("%s", sentence)
    has_known_sets = not problems.sentences
    table = pd.DataFrame(
        {"name": names, "set": sets, "group": groups, **files, "mask": masks},
        dtype="str",
        index=pd.Index([f"line {line}" for line in sheet.lines]),
    )
    table = table[table["set"] != UNUSED]
    _check_names(table, problems)
    for column in (*files, "mask"):
        table[column] = _files(table[column], options.root, column, problems)
    if not isinstance(options.image, str):
        places = pd.Series(list(zip(*(table.pop(key) for key in files), strict=True)), table.index)
        table.insert(3, "image", places)
    if not (table["set"] == "validation").any():
        table = _held_out(table, options.validation_share)
    if has_known_sets:
        _check_sets(table["set"], options.needed, problems)
        if options.group:
            _check_groups(table, problems)
    problems.raise_if_any(str(sheet_path))
    counts = ", ".join(f"{name} {count}" for name, count in table["set"].value_counts().items())
    logger.info("%s: %d images (%s) of %d rows", sheet_path, len(table), counts, len(names))
    return table.reset_index(drop=True)


def _patterns(image: str | Mapping[str, str]) -> dict[str, str]:
    """Return the patterns of image files by the key that messages name."""
    if isinstance(image, str):
        return {"image": image}
    return {f"channels.{channel}": pattern for channel, pattern in image.items()}


def _texts(sheet: Sheet, source: str, key: str, problems: Problems) -> list[str]:
    """Return a text per row from a column, or from a pattern of columns.

    Paths are as written, since names of files may hold anything.
    """
    has_columns = _PLACEHOLDER.search(source) is not None
    source = _PLACEHOLDER.sub(lambda match: "{" + clean(match[1]) + "}", source)
    columns = _PLACEHOLDER.findall(source) if has_columns else [clean(source)]
    unknown = [column for column in columns if column not in sheet.header]
    for column in unknown:
        problems.add(f"{key}: the sheet has no column {column!r}; {advise(column, sheet.header)}")
    if unknown:
        return [""] * len(sheet.rows)
    problems.sentences += sheet.failed_formulas(columns)
    is_path = key in ("image", "mask")
    values = {
        column: sheet.paths(column) if is_path else sheet.values([column]) for column in columns
    }
    pattern = source if has_columns else f"{{{columns[0]}}}"
    for column in columns:
        blank = [line for line, value in zip(sheet.lines, values[column], strict=True) if not value]
        if blank:
            more = f" (and {len(blank) - 1} more)" if len(blank) > 1 else ""
            problems.add(f"line {blank[0]}{more}, {column}: blank; the {key} cannot be found")
    return [
        _PLACEHOLDER.sub(lambda match: values[match[1]][row], pattern)  # noqa: B023
        for row in range(len(sheet.rows))
    ]


def _stems(paths: Iterable[str]) -> list[str]:
    return [clean(Path(path.replace("\\", "/")).stem) for path in paths]


def _sets(sheet: Sheet, names: list[str], options: SheetOptions, problems: Problems) -> list[str]:
    """Return the set of every row; what is wrong is noted, and such rows count as unused."""
    if options.split_file is not None:
        set_of = _listed_sets(options.split_file, set(names), problems)
        return [set_of.get(name, UNUSED) for name in names]
    if not options.set_column:
        problems.add(
            "no sets: set set_column to the column with the set of each image, or set_file to a "
            "JSON file with the lists train, validation and test"
        )
        return [UNUSED] * len(names)
    values = _texts(sheet, options.set_column, "set", problems)
    set_of = _known_sets(values if options.set_of is None else options.set_of, problems)
    table = pd.Series(values, index=[f"line {line}" for line in sheet.lines], dtype="str")
    known = table.map(set_of)
    unknown = table[known.isna() & (table != "")]
    problems.values(
        unknown,
        pd.Series(unknown.index, index=unknown.index),
        options.set_column,
        lambda value: f"{value!r} is an unknown set; {_advice(options)}",
    )
    return known.fillna(UNUSED).tolist()


def _known_sets(given: Iterable[str] | Mapping[str, str], problems: Problems) -> dict[str, str]:
    """Translate values to sets; from a mapping, note those that name no set."""
    pairs = given.items() if isinstance(given, Mapping) else [(value, value) for value in given]
    found = {clean(str(value)): _SET_NAMES.get(str(name).casefold()) for value, name in pairs}
    if isinstance(given, Mapping):
        for value, name in given.items():
            if found[clean(str(value))] is None:
                problems.add(f"sets: {value!r} has the unknown set {name!r}; {_advice(None)}")
    return {value: name for value, name in found.items() if name}


def _advice(options: SheetOptions | None) -> str:
    if options is not None and options.set_of is not None:
        return f"give it one of {', '.join(SETS)} or {UNUSED}, as you gave {list(options.set_of)}"
    return f"use {', '.join(SETS)} or {UNUSED}"


def _listed_sets(path: Path, names: set[str], problems: Problems) -> dict[str, str]:
    """Read lists of names from a JSON file. What is no list is a note."""
    lists = _read_json(path)
    set_of: dict[str, str] = {}
    for key, listed in lists.items():
        if not isinstance(listed, list):
            continue
        values = [clean(str(name)) for name in listed]
        if key.casefold() not in _SET_NAMES:
            problems.add(f"{path}: {key!r} is an unknown set; {_advice(None)}")
            continue
        target = _SET_NAMES[key.casefold()]
        twice = [name for name in values if set_of.get(name, target) != target]
        missing = [name for name in values if name not in names]
        if twice:
            problems.add(
                f"{path}, {key}: {_some(twice)} also in the set {set_of[twice[0]]}; an image "
                "belongs to one set"
            )
        if missing:
            problems.add(
                f"{path}, {key}: {_some(missing)} not in the sheet; correct the names, or how they "
                "are made from the columns of the sheet"
            )
        set_of |= dict.fromkeys(values, target)
    return set_of


def _some(names: list[str]) -> str:
    return f"{names[0]!r} is" if len(names) == 1 else f"{len(names)} names ({names[0]!r} ...) are"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_regular(path).decode("utf-8"), object_pairs_hook=unique_keys)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; correct the path") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path}: cannot be read as JSON ({reason}); correct the file or its path"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f'{path}: holds no lists by set; write {{"train": [...], "validation": [...], '
            '"test": [...]}'
        )
    return content


def _check_names(table: pd.DataFrame, problems: Problems) -> None:
    repeated = table["name"][table["name"].duplicated()]
    problems.values(
        repeated,
        pd.Series(repeated.index, index=repeated.index),
        "name",
        lambda name: (
            f"{name!r} is also the name of an image above; set a different name for each image, "
            "by a column or a pattern such as {plate}_{site}"
        ),
    )


def _files(texts: pd.Series, root: Path, column: str, problems: Problems) -> pd.Series:
    """Build absolute paths; note those that are no files or lead out of the root."""
    top = root.resolve()
    disk = NamesOnDisk(str(top))
    paths = texts.map(lambda text: disk.find(str(top / text.replace("\\", "/"))))
    found = [
        _fault(text, path, root, or_folder=column == "mask")
        for text, path in zip(texts, paths, strict=True)
    ]
    faults = pd.Series(found, index=texts.index, dtype=object).dropna()
    problems.values(faults, pd.Series(texts.index, index=texts.index), column, str)
    return paths


def _fault(text: str, path: str, root: Path, *, or_folder: bool) -> str | None:
    """Return why a file cannot be read, as a sentence; None for one that can."""
    if has_controls(text):
        return f"{show(text)} has control characters; rename the file, and correct its path"
    if not Path(path).resolve().is_relative_to(root.resolve()):
        return f"{text!r} is outside the folder {root}; correct the path, or set another root"
    # Not by pathlib, which raises where a name is too long.
    if or_folder and os.path.isdir(path):  # noqa: PTH112
        problem = mask_folder_problem(Path(path), root)
        return None if problem is None else f"{path} {problem}"
    if not os.path.exists(path):  # noqa: PTH110
        return f"{path} does not exist; correct the name"
    if not os.path.isfile(path):  # noqa: PTH113
        return f"{path} is not a file; give the path of an image"
    return None


def _held_out(table: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the last training images of the sheet to the set validation."""
    training = table.index[table["set"] == "train"]
    count = round(share * len(training))
    last = training[len(training) - count :]
    return table.assign(set=table["set"].mask(table.index.isin(last), "validation"))


def _check_sets(sets: pd.Series, needed: Sequence[str], problems: Problems) -> None:
    advice = {
        "train": "add images for training",
        "validation": "add images for tuning, or set validation to a share of the training images",
        "test": "add images for testing",
    }
    for name in needed:
        if not (sets == name).any():
            problems.add(f"no image is in the set {name}; {advice[name]}")


def _check_groups(table: pd.DataFrame, problems: Problems) -> None:
    is_test = table["set"] == "test"
    trained = (
        table.loc[~is_test, ["group", "set"]].drop_duplicates("group").set_index("group")["set"]
    )
    shared = table.loc[is_test & table["group"].isin(trained.index), "group"]
    problems.values(
        shared,
        pd.Series(shared.index, index=shared.index),
        "group",
        lambda group: (
            f"{group!r} is in the set test, but also in {trained[group]}; correct the sheet so "
            "that all its images are in one set, or set another group"
        ),
    )
