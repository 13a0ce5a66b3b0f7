"""Names of plates.

Free of pandas on purpose: the workflow reads plate names each time a job starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.suggestions import advise
from moascope.screen.formats.registry import find_format

if TYPE_CHECKING:
    from moascope.screen.formats.image_folders import ImageFile
    from moascope.screen.options import Input

SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
SAFE_NAME_RULE = (
    "it becomes a file name: use letters, digits, '.', '_' and '-', not starting with '.' or '-'"
)


def plate_words(plate: str) -> str:
    """Return the words of messages for a plate, or for a part of images without plates."""
    is_part = re.fullmatch(r"part-\d+-of-\d+", plate)
    return plate.replace("-", " ").capitalize() + " of the images" if is_part else f"plate {plate}"


def plate_names(options: Input, files: Sequence[ImageFile] | None = None) -> list[str]:
    """List the plates of a screen without reading anything else.

    Parameters
    ----------
    options : Input
        The section `input`.
    files : sequence of ImageFile, optional
        Files of a folder, where it has been listed already.

    Returns
    -------
    list of str
        Sorted, each safe as a file name. Images without plates have parts instead.

    Raises
    ------
    InputError
        If there is no usable sheet or folder, or a plate name cannot be a file name.
    """
    names, source = find_format(options.format).reader.plate_names(options, files)
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
    """List the plates of a simulated screen.

    Parameters
    ----------
    plates, batches : int
        Numbers; batches are as even as they can be, larger ones first.

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
    """Divide plates into those that segmentation engines are trained, tuned and scored on.

    Parameters
    ----------
    plates : sequence of str
        All plates of the screen, in order.
    named : mapping of str to sequence of str
        Plates of the configuration for train, validation and test.
    needed : sequence of str
        Sets that must have plates; with given models only, that is test.

    Returns
    -------
    dict of str to list of str
        As named; if none is, the last quarter tests, the quarter before it validates, and the
        others train, with one plate each at least. Where nothing is trained, all plates test.

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
                    problems.append(f"{key}: there is no plate {plate!r}; {advise(plate, plates)}")
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
