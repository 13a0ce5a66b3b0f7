"""Numbers in tables: decimal points and commas, thousands, and what can be read in two ways."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+)(?:[eE][+-]?\d+)?")
# Groups of three with one separator; no group of thousands starts with 0.
_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:(?P<mark>[,. '’])\d{3})(?:(?P=mark)\d{3})*")
_GROUPS_AND_DECIMALS = re.compile(
    r"[+-]?[1-9]\d{0,2}(?P<mark>[,. '’])\d{3}(?:(?P=mark)\d{3})*(?!(?P=mark))(?P<point>[.,])\d+"
)


@dataclass(frozen=True)
class Numbers:
    """Numbers that were read from the cells of a column.

    Parameters
    ----------
    values : dict of str to float
        Number of every cell that has one.
    wrong : dict of str to str
        Of the other cells, why they have none, as the end of a sentence.
    decimal_comma : str
        A cell that was read with a decimal comma; empty if there is none.
    """

    values: dict[str, float]
    wrong: dict[str, str] = field(default_factory=dict)
    decimal_comma: str = ""


def read_numbers(cells: Iterable[str]) -> Numbers:
    """Read a column of numbers, with one meaning of points and commas for all of it.

    Parameters
    ----------
    cells : iterable of str
        Clean cells of a column that are not blank, in any order.

    Returns
    -------
    Numbers
        Commas are decimal ones where cells such as 0,3 show it. A cell that may be a
        number or its thousandfold (1,000 without other evidence) is not read.
    """
    distinct = list(dict.fromkeys(cells))
    evidence = {cell: _decimal_mark(cell) for cell in distinct}
    points = [cell for cell in distinct if evidence[cell] == "."]
    commas = [cell for cell in distinct if evidence[cell] == ","]
    has_thousands = any("," in cell for cell in points)
    values: dict[str, float] = {}
    wrong: dict[str, str] = {}
    decimal_comma = ""
    for cell in distinct:
        group = _GROUPS.fullmatch(cell)
        is_comma = evidence[cell] == ","
        if evidence[cell] is None and group and group["mark"] == ",":
            is_comma = bool(commas) and not points
            if not is_comma and (commas or not has_thousands):
                wrong[cell] = _two_readings(cell)
                continue
        if evidence[cell] is None and group and group["mark"] == "." and commas:
            wrong[cell] = _two_readings(cell)
            continue
        if is_comma and points:
            wrong[cell] = (
                f"{cell!r} has a decimal comma, but other cells of the column have a decimal point "
                f"(such as {points[0]!r}); write {_as_plain(cell, ',')}"
            )
            continue
        mark = "," if is_comma else "."
        text = _as_plain(cell, mark)
        if not (_PLAIN.fullmatch(text) and math.isfinite(float(text))):
            wrong[cell] = f"{cell!r} is not a number"
            continue
        values[cell] = float(text)
        if is_comma:
            decimal_comma = decimal_comma or cell
    return Numbers(values, wrong, decimal_comma)


def _decimal_mark(cell: str) -> str | None:
    """Return the decimal mark that a cell shows beyond doubt; None for 12, for 1,000 and 1.000."""
    if group := _GROUPS.fullmatch(cell):
        mark = group["mark"]
        if mark in ",." and cell.count(mark) > 1:  # 1,000,000
            return "." if mark == "," else ","
        return None
    if both := _GROUPS_AND_DECIMALS.fullmatch(cell):
        return both["point"]
    if _DECIMAL_COMMA.fullmatch(cell):
        return ","
    return "." if _PLAIN.fullmatch(cell) and "." in cell else None


def _as_plain(cell: str, mark: str) -> str:
    """Return a number as Python writes it, given its decimal mark."""
    group = _GROUPS.fullmatch(cell) or _GROUPS_AND_DECIMALS.fullmatch(cell)
    if group and group["mark"] != mark:
        cell = cell.replace(group["mark"], "")
    return cell.replace(mark, ".")


def _two_readings(cell: str) -> str:
    thousands, decimal = float(re.sub("[,.]", "", cell)), float(cell.replace(",", "."))
    mark = "comma" if "," in cell else "point"
    return (
        f"{cell!r} is {thousands:.10g} if its {mark} separates thousands, and {decimal:.10g} "
        f"if it is a decimal {mark}; set {thousands:.10g} or {decimal:.10g}"
    )
