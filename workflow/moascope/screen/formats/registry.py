"""Formats of input: what each needs, and what it knows of plates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A format of `input.format`.

    Parameters
    ----------
    description : str
        For the documentation of the key.
    needs : sequence of str
        Keys of `input` that must be given.
    has_plates : bool
        Whether images lie in wells of plates and show treatments.
    """

    description: str
    needs: Sequence[str] = ()
    has_plates: bool = True


FORMATS = {
    "table": Format("CSV/TSV with one row per image or site", ["sheet"]),
    "loaddata": Format("CellProfiler LoadData CSV", ["sheet"]),
    "bbbc021": Format(
        "the image table of BBBC021 with its MoA table", ["sheet", "images", "moa_table"]
    ),
    "folder": Format("file names matched by `pattern`", ["images", "pattern"]),
    "classes": Format(
        "images without plates or wells: a folder per class below `images`, or a sheet with a "
        "column `label` and one with the path",
        ["images"],
        has_plates=False,
    ),
    "simulate": Format("the synthetic screen of the section `simulate`"),
}


def has_plates(name: str) -> bool:
    """Return whether the images of a format lie in wells of plates."""
    return FORMATS[name].has_plates
