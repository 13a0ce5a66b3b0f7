"""Where sample sheets and image folders say what a plate, a well, a site is.

Free of pandas on purpose: the workflow reads plate names each time a job starts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moascope.core.errors import InputError
from moascope.core.text.escaping import has_controls, show
from moascope.core.text.patterns import OutOfTimeError, compile_pattern, limit_time, too_slow
from moascope.screen.image_folders import IMAGE_SUFFIXES, FolderListing, LeftOut, list_folder
from moascope.screen.tables.delimited import Sheet, nearest, read_sheet

SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
SAFE_NAME_RULE = (
    "it becomes a file name: use letters, digits, '.', '_' and '-', not starting with '.' or '-'"
)
# Processor time for matching file names: an honest pattern takes microseconds for each.
_MATCHING_SECONDS = 10.0
_SECONDS_PER_FILE = 1e-3


@dataclass(frozen=True)
class Layout:
    """How a format names its columns.

    Parameters
    ----------
    prefixes : tuple of str
        May stand before a column name given in the config (`Metadata_`).
    standard : mapping of str to tuple of str
        Names that the format itself has for a role, the preferred one first.
    """

    prefixes: tuple[str, ...] = ()
    standard: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


LAYOUTS = {
    "table": Layout(),
    # CellProfiler drops a leading `Image_` when it loads a sheet.
    "loaddata": Layout(
        prefixes=("Metadata_", "Image_Metadata_", "Image_"),
        standard={
            "plate": ("Metadata_Plate", "Image_Metadata_Plate"),
            "well": ("Metadata_Well", "Image_Metadata_Well"),
            "row": ("Metadata_Row", "Metadata_WellRow"),
            "column": ("Metadata_Col", "Metadata_Column", "Metadata_WellColumn"),
            "site": ("Metadata_Site", "Metadata_Field", "Metadata_FieldID", "Image_Metadata_Site"),
            "batch": ("Metadata_Batch", "Image_Metadata_Batch"),
            "compound": ("Metadata_Compound", "Image_Metadata_Compound"),
            "concentration": ("Metadata_Concentration", "Image_Metadata_Concentration"),
            "moa": ("Metadata_MoA", "Image_Metadata_MoA"),
            "replicate": ("Metadata_Replicate", "Image_Metadata_Replicate"),
        },
    ),
    "bbbc021": Layout(
        standard={
            "plate": ("Image_Metadata_Plate_DAPI",),
            "well": ("Image_Metadata_Well_DAPI",),
            "compound": ("Image_Metadata_Compound",),
            "concentration": ("Image_Metadata_Concentration",),
            "replicate": ("Replicate",),
        },
    ),
}


@dataclass(frozen=True)
class ImageFile:
    """An image file whose path says what it shows.

    Parameters
    ----------
    path : str
        Relative to the image root, with `/`.
    groups : dict
        The named groups of the pattern; those that took no part are empty.
    """

    path: str
    groups: dict[str, str]


def plate_words(plate: str) -> str:
    """Return what messages call a plate, or the part that images without plates are stored in."""
    is_part = re.fullmatch(r"part-\d+-of-\d+", plate)
    return plate.replace("-", " ").capitalize() + " of the images" if is_part else f"plate {plate}"


def sheet_paths(input_options: Mapping[str, Any]) -> list[Path]:
    """Give the sample sheets.

    Parameters
    ----------
    input_options : mapping
        The config section `input`; `sheet` is a path or a list of them.

    Returns
    -------
    list of pathlib.Path
        At least one.

    Raises
    ------
    InputError
        If the config names none.
    """
    sheets = input_options["sheet"]
    if not sheets:
        raise InputError(
            f"input.sheet: format {input_options['format']!r} needs the path of a sample sheet"
        )
    return [Path(sheets)] if isinstance(sheets, str | os.PathLike) else [Path(p) for p in sheets]


def find_columns(
    header: Sequence[str], given: str | Sequence[str] | None, role: str, layout: Layout
) -> list[str]:
    """Find the columns that hold, say, the plate.

    Parameters
    ----------
    header : sequence of str
        The columns of the sheet.
    given : str, sequence of str or None
        What the config names.
    role : str
        What is looked for; its own name is also the default of the config.
    layout : Layout
        How the format names its columns.

    Returns
    -------
    list of str
        Names from the header; none if the config says null and the format has no such column.

    Raises
    ------
    InputError
        If a column named in the config is not there, with the nearest name.
    """
    names = [given] if isinstance(given, str) else list(given or [])
    by_case = {name.casefold(): name for name in reversed(header)}
    if names in ([], [role]) and layout.standard and role not in header:
        usual = [name.casefold() for name in layout.standard.get(role, ())]
        return [by_case[name] for name in usual if name in by_case][:1]
    found = []
    for name in names:
        prefixed = [(prefix + name).casefold() for prefix in layout.prefixes]
        hits = [by_case[text] for text in prefixed if text in by_case]
        if name not in header and not hits:
            raise InputError(
                f"input.columns.{role}: the sheet has no column {name!r}; {nearest(name, header)}"
            )
        found.append(name if name in header else hits[0])
    return found


def matching_files(input_options: Mapping[str, Any]) -> tuple[list[ImageFile], LeftOut]:
    """List the files of a folder whose path matches the pattern, of whatever channel.

    Parameters
    ----------
    input_options : mapping
        The config section `input`. A pattern with `/` describes the path below `images`, one
        without describes the file name. Hidden files are passed over.

    Returns
    -------
    matching : list of ImageFile
        In the order of their paths, at least one.
    left_out : LeftOut
        What else is there.

    Raises
    ------
    InputError
        If the folder is missing, the pattern is wrong, or nothing matches.
    """
    pattern = _pattern(input_options)
    root = input_options["images"]
    # Not by pathlib, which raises where a name is too long.
    if not root or not os.path.isdir(root):  # noqa: PTH112
        raise InputError(f"input.images: the folder {show(root)} does not exist; correct the path")
    listing = list_folder(str(root))
    files, other = _match(pattern, listing.paths)
    files, twice = _once(files, listing)
    unmatched = [path for path in other if path.lower().endswith(IMAGE_SUFFIXES)]
    _check_text([*(file.path for file in files), *unmatched], root)
    others = [path for path in other if not path.lower().endswith(IMAGE_SUFFIXES)]
    is_by_class = input_options.get("format") == "classes" and not input_options["pattern"]
    reason = "in no folder of a class" if is_by_class else "that do not match input.pattern"
    left_out = LeftOut(unmatched, others, twice, listing, reason)
    if files:
        return files, left_out
    example = f"such as {unmatched[0]!r}" if unmatched else "and there is no image file at all"
    if not unmatched and listing.outside:
        example += f", but a link that leads out of it, {listing.outside[0]!r}"
    if is_by_class:
        raise InputError(
            f"input.images: no image in {root} lies in the folder of a class, {example}; make a "
            "folder for each class, or give input.sheet or input.pattern"
        )
    raise InputError(
        f"input.pattern: of the files in {root} none matches {pattern.pattern!r}, {example}; "
        "a pattern with '/' must match the whole path below the folder, any other the file name"
    )


def _once(files: Sequence[ImageFile], listing: FolderListing) -> tuple[list[ImageFile], list[str]]:
    """Leave out files that are reached through a link and where they lie as well."""
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


def plate_names(
    input_options: Mapping[str, Any], files: Sequence[ImageFile] | None = None
) -> list[str]:
    """List the plates of a screen without looking at anything else.

    Parameters
    ----------
    input_options : mapping
        The config section `input`, every key present.
    files : sequence of ImageFile or None
        Of a folder, from `matching_files` where it has been listed already.

    Returns
    -------
    list of str
        Sorted, each safe as a file name.

    Raises
    ------
    InputError
        If there is no usable sheet or folder, or a plate name cannot be a file name.
    """
    if input_options["format"] == "classes":
        from moascope.screen.formats.class_images import part_names  # noqa: PLC0415  (which imports this)

        return part_names(input_options, files)
    if input_options["format"] == "folder":
        wanted = {str(source) for source in input_options["channels"].values()}
        found = [file.groups for file in files or matching_files(input_options)[0]]
        planes = reads_planes(input_options)
        names = {groups["plate"] for groups in found if planes or groups["channel"] in wanted}
        source = f"input.pattern in {input_options['images']}"
    else:
        sheets = [
            read_sheet(path, input_options["delimiter"]) for path in sheet_paths(input_options)
        ]
        names = {name for sheet in sheets for name in plates_of_rows(sheet, input_options)}
        source = str(sheets[0].path)
    names.discard("")
    if not names:
        raise InputError(f"{source}: no row names its plate; fill in the plates")
    unsafe = [
        f"plate {name!r}: {SAFE_NAME_RULE}"
        for name in sorted(names)
        if not SAFE_NAME.fullmatch(name)
    ]
    if unsafe:
        raise InputError.collect(unsafe, source)
    return sorted(names)


def simulated_plates(plates: int, batches: int) -> list[str]:
    """Name the plates of a simulated screen, without doing any of the work.

    Parameters
    ----------
    plates, batches : int
        How many; batches are as even as they can be, larger ones first.

    Returns
    -------
    list of str
        For example Batch1_P1, Batch1_P2, Batch2_P1: plates are counted within their batch.
    """
    sizes = [plates // batches + (batch < plates % batches) for batch in range(batches)]
    return [f"Batch{b}_P{p}" for b, size in enumerate(sizes, 1) for p in range(1, size + 1)]


def dealt_plates(
    plates: Sequence[str], named: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> dict[str, list[str]]:
    """Say which plates engines of segmentation learn from, are tuned on and are scored on.

    Parameters
    ----------
    plates : sequence of str
        All plates of the screen, in order.
    named : mapping of str to sequence of str
        What the config names for train, validation and test.
    needed : sequence of str
        Sets that must have plates; with given models only, that is test.

    Returns
    -------
    dict of str to list of str
        As named; if none is, the last quarter tests, the quarter before it validates, and the
        others train, with one plate each at least. Where nothing is learnt, all plates test.

    Raises
    ------
    InputError
        For a plate that is not there or is named twice, a set without plates, or fewer than three
        plates to deal.
    """
    problems = []
    sets = {name: list(chosen) for name, chosen in named.items()}
    if any(sets.values()):
        places: dict[str, str] = {}
        for name, chosen in sets.items():
            key = f"segmentation.{name}_plates"
            if not chosen and name in needed:
                problems.append(f"{key}: no plate is named, while other sets have some")
            for plate in chosen:
                if plate not in plates:
                    problems.append(f"{key}: there is no plate {plate!r}; {nearest(plate, plates)}")
                if plate in places:
                    problems.append(f"{key}: {plate!r} is also in {places[plate]}; choose one")
                places[plate] = key
    elif set(needed) == {"test"}:
        sets["test"] = list(plates)
    elif len(plates) < 3:
        problems.append(
            f"segmentation: {len(plates)} plates are too few to train, validate and test on; use "
            "segmentation.annotated, or set input.columns.mask: null and give engines a model"
        )
    else:
        quarter = max(1, len(plates) // 4)
        ends = len(plates) - 2 * quarter, len(plates) - quarter
        sets["train"] = list(plates[: ends[0]])
        sets["validation"] = list(plates[ends[0] : ends[1]])
        sets["test"] = list(plates[ends[1] :])
    if problems:
        raise InputError.collect(problems, "plates of the segmentation")
    return {name: chosen for name, chosen in sets.items() if chosen}


def plates_of_rows(sheet: Sheet, input_options: Mapping[str, Any]) -> list[str]:
    """Give the plate of every row of a sheet.

    Parameters
    ----------
    sheet : Sheet
        The sample sheet.
    input_options : mapping
        The config section `input`.

    Returns
    -------
    list of str
        Empty where the cell is.

    Raises
    ------
    InputError
        If the sheet has no such column.
    """
    layout = LAYOUTS[input_options["format"]]
    try:
        names = find_columns(sheet.header, input_options["columns"]["plate"], "plate", layout)
    except InputError as error:
        raise InputError(f"{sheet.path}: {error}") from None
    if not names:
        raise InputError(
            f"{sheet.path}: input.columns.plate must name the column of plates; "
            f"{nearest('plate', sheet.header)}"
        )
    return sheet.values(names)


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


def reads_planes(input_options: Mapping[str, Any]) -> bool:
    """Tell whether each file of a folder holds all channels, as planes or as colours.

    Then the pattern has no group `channel`, and channels are found by the number of their plane.
    """
    is_numbered = all(isinstance(source, int) for source in input_options["channels"].values())
    return is_numbered and "(?P<channel>" not in input_options["pattern"]


def _pattern(options: Mapping[str, Any]) -> re.Pattern[str]:
    if options.get("format") == "classes":
        from moascope.screen.formats.class_images import class_pattern  # noqa: PLC0415  (which imports this)

        text, needed = class_pattern(options), {"label"}
    else:
        text, needed = options["pattern"], {"plate", "well", "channel"}
        if reads_planes(options):
            needed.remove("channel")
    pattern = compile_pattern(text, "input.pattern")
    groups = set(pattern.groupindex)
    missing = needed - groups
    if "well" in missing and {"row", "column"} & groups:  # which will do
        missing = missing - {"well"} | ({"row", "column"} - groups)
    if missing:
        raise InputError(
            f"input.pattern: {text!r} lacks the named groups {', '.join(sorted(missing))}; "
            f"write for example (?P<{min(missing)}>[^_]+)"
        )
    return pattern
