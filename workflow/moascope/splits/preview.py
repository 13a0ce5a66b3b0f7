"""Preview of a split before images are read: counts by class and fold, and leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, cast

import pandas as pd

from moascope.core.errors import InputError
from moascope.splits import audit as leakage
from moascope.splits.folds import SETS, summary
from moascope.splits.independence import held_out_columns
from moascope.splits.make import PlannedSplit, check_sites
from moascope.splits.options import Audit, Split

FEW_UNITS = 5
"""Least units of a class that is not called small."""
_MOST_FOLDS = 8
"""Most folds that the table shows one by one."""


class ClassCounts(TypedDict):
    """Units of a class on every side of a fold."""

    repeat: int
    fold: int
    fold_name: str
    moa: str
    train: int
    validation: int
    test: int
    excluded: int
    """Labelled units that take no part in this fold."""


@dataclass(frozen=True)
class Preview:
    """Counts and leaks of a planned split.

    Parameters
    ----------
    table : str
        Units of every class in training, validation and test of every fold, as text.
    leaks : list of str
        Groups that stand on two sides, a sentence per column.
    notes : list of str
        Classes with few units, a sentence each.
    counts : list of ClassCounts
        The numbers of the table: a row per repeat, fold and class.
    """

    table: str
    leaks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: list[ClassCounts] = field(default_factory=list)


@dataclass(frozen=True)
class CheckedSplits:
    """Result of the check of all splits of a screen, before any image is read.

    Parameters
    ----------
    texts : list of str
        The table of each split, with what there is to say about it.
    counts : dict of str to list of ClassCounts
        The numbers of the tables by split.
    problems : list of str
        A sentence per problem, which has to stop the run.
    """

    texts: list[str] = field(default_factory=list)
    counts: dict[str, list[ClassCounts]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def check_splits(
    sites: pd.DataFrame,
    splits: Mapping[str, Split],
    audits: Mapping[str, Audit],
    *,
    seed: int,
    tiles: int | None,
) -> CheckedSplits:
    """Check whether a screen can be split as configured.

    Parameters
    ----------
    sites : pandas.DataFrame
        The sites table.
    splits : mapping of str to Split
        By name.
    audits : mapping of str to Audit
        Of the same splits; leaks are problems where `on_leak` is "error", and notes otherwise.
    seed, tiles
        As of `make.check_sites`.

    Returns
    -------
    CheckedSplits
        Splits that cannot be checked yet have no table.
    """
    found = CheckedSplits()
    for name, options in splits.items():
        audit = audits[name]
        try:
            planned = check_sites(sites, options, seed=seed, tiles=tiles, audited=audit.groups)
        except InputError as error:
            found.problems.append(f"splits.{name}: {error}")
            continue
        if planned is None:
            continue
        shown = preview(planned, audit.groups, held_out_columns(options))
        found.counts[name] = shown.counts
        stops = audit.on_leak == "error"
        notes = shown.notes if stops else shown.notes + shown.leaks
        lines = [f"split {name!r}, {shown.table}"] + [f"- {note}" for note in notes]
        found.texts.append("\n".join(lines))
        found.problems.extend(_fix_of_leak(name, leak) for leak in shown.leaks if stops)
    return found


def _fix_of_leak(name: str, leak: str) -> str:
    return (
        f"splits.{name}: {leak} Fix: name the column under group (method group-k-fold), correct "
        "the list or the sheet, or set audit.on_leak: warn or other audit.groups"
    )


def preview(planned: PlannedSplit, audited: Sequence[str], held_out: Sequence[str] = ()) -> Preview:
    """Count the units of a planned split, and look for groups on two of its sides.

    Parameters
    ----------
    planned : PlannedSplit
        From `make.check_sites`.
    audited : sequence of str
        Columns, or several joined with "+", whose values may be on one side only.
    held_out : sequence of str
        Columns that the split promises to keep on one side, which are looked at as well.

    Returns
    -------
    Preview
        All sites count, since none is flagged yet.
    """
    counts = summary(planned.split, planned.groups, planned.units)
    audit = leakage.audit(
        planned.units, planned.split, planned.groups, Audit(groups=list(audited)), None, held_out
    )
    return Preview(_as_text(counts), audit["messages"], _notes(counts), _records(counts))


def _as_text(counts: pd.DataFrame) -> str:
    """Return the counts as a table, a row per class."""
    sets = [name for name in SETS if counts[name].any()]
    folds = counts.drop_duplicates(["repeat", "fold"])
    by_class = counts.groupby("moa", sort=True)
    table = pd.DataFrame({"units": by_class[[*SETS, "excluded"]].first().sum(axis=1)})
    if len(folds) <= _MOST_FOLDS:
        for place, part in counts.groupby(["repeat", "fold"], sort=True):
            cells = part.set_index("moa")[sets].astype(str).agg(" / ".join, axis=1)
            name = str(part["fold_name"].iloc[0])
            table[name if name not in table else f"{name} ({place[0]})"] = cells
        heading = " / ".join(sets)
    else:
        for name in sets:
            low, high = by_class[name].min(), by_class[name].max()
            table[f"{name} in a fold"] = [
                f"{a}" if a == b else f"{a}-{b}" for a, b in zip(low, high, strict=True)
            ]
        heading = f"range over {len(folds)} folds"
    table.index.name = None
    return f"units by class ({heading}):\n{table.to_string()}"


def _notes(counts: pd.DataFrame) -> list[str]:
    """Return sentences on classes with few training or test units."""
    notes = []
    for name, part in counts.groupby("moa", sort=True):
        tested = int(part.loc[part["repeat"] == part["repeat"].min(), "test"].sum())
        used = part[(part[list(SETS)].sum(axis=1) > 0) & (part["train"] < FEW_UNITS)]
        if not tested:
            notes.append(f"class {name!r} is tested in no fold; it has no scores")
        elif tested < FEW_UNITS:
            notes.append(
                f"class {name!r} is tested on {tested} unit{'s' if tested > 1 else ''} in all; "
                "its scores are uncertain"
            )
        if len(used):
            worst = used.sort_values("train", kind="stable").iloc[0]
            notes.append(
                f"class {name!r} has {worst['train']} training units in fold "
                f"{worst['fold_name']!r}"
                + (f" and fewer than {FEW_UNITS} in {len(used) - 1} more" if len(used) > 1 else "")
            )
    return notes


def _records(counts: pd.DataFrame) -> list[ClassCounts]:
    return cast(list[ClassCounts], counts.to_dict("records"))
