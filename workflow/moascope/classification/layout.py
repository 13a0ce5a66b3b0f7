"""Layout of a screen: places of the classes on the plates, and their association.

A class that was imaged in one batch or lies in one row can be recognised by its place. A baseline
predicts from the layout alone, and Cramer's V measures the association of class and place.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.evaluation.levels import Design
from moascope.screen.wells import row_name

PLACES: dict[str, tuple[str, ...]] = {
    "plate": ("plate",),
    "batch": ("batch",),
    "row": ("row",),
    "column": ("col",),
    "position": ("row", "col"),
}
"""Columns of the units table that name each kind of place; a position is a well of any plate."""

ONE_HOT = ("plate", "batch", "row", "column")
"""The places that the layout baseline sees."""

_FEW_WELLS = 3


class PlaceAssociation(TypedDict):
    """Association of the class with one kind of place, see `association`."""

    places: int
    cramers_v: float | None
    """None with a reason."""
    reason: NotRequired[str]
    single: dict[str, str]
    """Place by class, of classes that lie in one place only."""
    held_out: NotRequired[bool]
    """Whether the split holds out these places."""


def one_hot(units: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Return plate, batch, row and column of every unit, one-hot encoded.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table: plate, batch, row and col.

    Returns
    -------
    (n, d) float32
        Zeros and ones, a column per value of each kind of place.
    """
    parts = [
        pd.get_dummies(units[column], dtype=np.float32).to_numpy()
        for name in ONE_HOT
        for column in PLACES[name]
    ]
    return np.concatenate(parts, axis=1)


def association(units: pd.DataFrame, design: Design | None = None) -> dict[str, PlaceAssociation]:
    """Measure the association of class and place, counted in wells.

    Parameters
    ----------
    units : pandas.DataFrame
        Units of known class: plate, well, batch, row, col and moa.
    design : Design, optional
        Plates or free groups of the units; without plates, free groups are the only places.

    Returns
    -------
    dict of str to PlaceAssociation
        By kind of place: ``places`` (how many there are), ``cramers_v`` (bias-corrected, Bergsma
        2013; 0: independent, 1: the place tells the class; None with a ``reason`` where there is
        one place or one class) and ``single`` (classes of three wells or more that all lie in one
        of at least three places, or of two batches or plates, with that place).
    """
    design = Design() if design is None else design
    wells = units.drop_duplicates(["plate", "well", "moa"])
    places = PLACES if design.has_plates else {}
    result: dict[str, PlaceAssociation] = {}
    for name, columns in {**places, **{name: (name,) for name in design.groups}}.items():
        place = wells[list(columns)].astype(str).agg("/".join, axis=1)
        table = pd.crosstab(wells["moa"], place)
        has_both = min(table.shape) >= 2
        strength = cramers_v(table.to_numpy()) if has_both else None
        result[name] = {
            "places": int(table.shape[1]),
            "cramers_v": strength,
            "single": _single_places(table, wells, name),
        }
        if strength is None:
            result[name]["reason"] = (
                "too few wells for so many places" if has_both else "one place or one class only"
            )
    return result


def cramers_v(table: npt.NDArray[np.integer[Any]]) -> float | None:
    """Compute Cramer's V of a contingency table, corrected for bias (Bergsma, 2013).

    Parameters
    ----------
    table : (r, c) int
        Counts; at least two rows and two columns, none of them empty.

    Returns
    -------
    float or None
        In [0, 1]; None where there are too few counts for so many places.
    """
    n, (r, c) = table.sum(), table.shape
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi2 = float(((table - expected) ** 2 / expected).sum() / n)
    if n <= 1:
        return None
    corrected = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    smaller = min(rows, columns) - 1
    return float(min(1.0, np.sqrt(corrected / smaller))) if smaller > 1e-9 else None


def _single_places(table: pd.DataFrame, wells: pd.DataFrame, kind: str) -> dict[str, str]:
    """Return the classes whose wells all lie in one place, more than chance explains."""
    at_least = 2 if kind in ("plate", "batch") else 3
    if table.shape[1] < at_least:
        return {}
    alone = table.index[((table > 0).sum(axis=1) == 1) & (table.sum(axis=1) >= _FEW_WELLS)]
    first = wells.drop_duplicates("moa").set_index("moa")
    shown = {"row": "row", "column": "col", "position": "well"}.get(kind, kind)
    return {str(name): _place_name(first.loc[name, shown], kind) for name in alone}


def _place_name(value: Any, kind: str) -> str:
    """Return a place as printed on the plate; tables count rows and columns from 0."""
    if kind == "row":
        return row_name(int(value))
    return str(int(value) + 1) if kind == "column" else str(value)
