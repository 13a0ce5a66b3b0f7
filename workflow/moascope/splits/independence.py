"""Independent units of a split, which its intervals are based on.

A split that holds out compounds tests one compound per fold: its fields and wells stand and fall
together, since one network judged them all and they share the look of the compound. Intervals that
took the fields as independent would be far too narrow. So the independent unit holds every group
that is held out whole, or is that group.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from moascope.core.errors import InputError
from moascope.core.text.plurals import plural_of
from moascope.splits.options import Split

AUTO = "auto"
IMAGE = "image"

LEAVE_ONE_OUT = {
    "leave-one-compound-out": "compound",
    "leave-one-batch-out": "batch",
    "leave-one-plate-out": "plate",
}
"""Column that each leave-one-out method holds out."""

SCOPE = {
    "well": ("plate", "well"),
    "site": ("plate", "well", "site"),
    "field": ("plate", "well", "field"),
}
"""Columns whose names are unique only within a larger unit, with the columns of that unit."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "field": SCOPE["field"],
    "well": SCOPE["well"],
    "compound": ("compound",),
    "plate": ("plate",),
    "batch": ("batch",),
}
"""Columns of the units table that name each independent unit."""

_WITHIN = {
    "field": {"field", "well", "compound", "plate", "batch"},
    "site": {"field", "well", "compound", "plate", "batch"},
    "well": {"well", "compound", "plate", "batch"},
    "treatment": {"compound"},
    "compound": {"compound"},
    "plate": {"plate", "batch"},
    "batch": {"batch"},
}
"""For every column: the units that hold its values whole, itself included."""


class Independent(NamedTuple):
    """The independent unit of a split."""

    name: str
    columns: tuple[str, ...]
    """Columns of the units table whose values name one unit together."""
    is_held_out: bool = False
    """Whether the split promises to keep every unit on one side."""


def held_out_columns(options: Split) -> list[str]:
    """Return the columns whose values a split promises to keep on one side of every fold.

    Parameters
    ----------
    options : Split
        The options of the split.

    Returns
    -------
    list of str
        Columns that are held out only in combination are joined with "+". Empty where the split
        promises nothing.
    """
    method = options.method
    if method in LEAVE_ONE_OUT:
        return [LEAVE_ONE_OUT[method]]
    if method == "leave-compound-and-batch-out":
        return ["compound", "batch"]
    grouped = method in ("group-k-fold", "leave-one-group-out")
    return ["+".join(options.group)] if grouped else []


def independent_unit(
    held_out: Sequence[str],
    chosen: str,
    split: str = "",
    groups: Collection[str] = (),
    has_plates: bool = True,
) -> Independent:
    """Return the independent unit of a split, or refuse one that is too fine.

    Parameters
    ----------
    held_out : sequence of str
        Columns whose values the split holds out, from `held_out_columns`;
        combinations are joined with "+". Empty where the split promises nothing.
    chosen : str
        The key ``evaluation.independent_unit``: a name of `COLUMNS` or of `groups`, or "auto" for
        what the split holds out (the compound, where it promises nothing).
    split : str
        Name of the split, for the message.
    groups : collection of str
        Free columns of the units table, from ``input.groups``.
    has_plates : bool
        Whether there are wells, compounds and plates. Otherwise images are independent, or where
        there are free groups the first of them.

    Returns
    -------
    Independent
        Name and columns.

    Raises
    ------
    InputError
        If the unit is unknown, or finer than what the split holds out or the free groups.
    """
    names: dict[str, tuple[str, ...]] = dict(COLUMNS) if has_plates else {IMAGE: (IMAGE,)}
    names |= {name: (name,) for name in groups}
    if chosen not in (AUTO, *names):
        raise InputError(
            f"evaluation.independent_unit: unknown unit {chosen!r}. Use {AUTO}, {', '.join(names)}"
        )
    columns = [part for combination in held_out for part in combination.split("+")]
    allowed = _allowed(columns, groups, has_plates)
    if chosen == AUTO:
        found = _automatic(columns, groups, has_plates)
    elif chosen in allowed:
        found = Independent(chosen, names[chosen])
    else:
        what = (
            " and ".join(columns or (() if has_plates else groups)) or "units of the same compound"
        )
        is_free = not columns and not has_plates
        held = "the groups of input.groups" if is_free else f"what the split {split!r} holds out"
        raise InputError(
            f"evaluation.independent_unit: {chosen!r} is finer than {held} ({what}), so its "
            "intervals would be too narrow. Fix: set it to "
            f"{' or '.join([AUTO, *(name for name in names if name in allowed)])}"
        )
    whole = "compound" in columns if has_plates else found.name == IMAGE or bool(columns)
    return found._replace(is_held_out=whole)


def _allowed(columns: Sequence[str], groups: Collection[str], has_plates: bool) -> set[str]:
    """Return the units that are not finer than the held-out groups; no images if groups exist."""
    if not columns:  # a list or random units: fields and wells of one compound may be on one side
        coarse = ("compound", "plate", "batch") if has_plates else () if groups else (IMAGE,)
        return {*groups, *coarse}
    if "compound" in columns:  # a compound may be in several batches
        return {"compound"}
    finer = _WITHIN | {name: {name} for name in groups}
    return {unit for part in columns for unit in finer.get(part, set())}


def _automatic(columns: Sequence[str], groups: Collection[str], has_plates: bool) -> Independent:
    """Choose the held-out group; without one, the compound, the first free group, or images."""
    if not columns and not has_plates:
        name = next(iter(groups), IMAGE)
        return Independent(name, (name,))
    if not columns or "compound" in columns:
        return Independent("compound", COLUMNS["compound"])
    if len(columns) == 1 and columns[0] in COLUMNS:
        return Independent(columns[0], COLUMNS[columns[0]])
    scoped = [part for name in columns for part in SCOPE.get(name, (name,))]
    return Independent(" x ".join(columns), tuple(dict.fromkeys(scoped)))


def plural(unit: str, n: int) -> str:
    """Return a number of independent units in words."""
    if not unit.isalpha():  # several columns, or patient_id
        return f"{n:,} group{'s' if n != 1 else ''} of {unit}"
    return f"{n:,} {unit if n == 1 else plural_of(unit)}"
