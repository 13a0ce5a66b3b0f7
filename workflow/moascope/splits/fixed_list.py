"""Fixed lists: files that assign units to training, validation and test."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.core.text.natural_order import natural_key
from moascope.core.text.suggestions import advise
from moascope.screen.tables.delimited import read_sheet
from moascope.screen.wells import canonical_well
from moascope.splits.folds import EXCLUDED, SETS, TEST, TRAIN, Assignment
from moascope.splits.groups import GroupedUnits
from moascope.splits.options import Split

log = logging.getLogger(__name__)

FIXED_KEYS = (
    "unit_id",
    "site_id",
    "plate",
    "well",
    "site",
    "field",
    "batch",
    "compound",
    "treatment",
    "replicate",
)
_NO_KEYS = {
    "set",
    "fold",
    "moa",
    "role",
    "tile",
    "usable",
    "flagged",
    "given_set",
    "row",
    "col",
    "concentration",
}


def read_fixed(options: Split, units: pd.DataFrame) -> pd.DataFrame:
    """Read and check a fixed list: its key columns, `set` and `fold` (all str)."""
    if options.file is None:
        return _given_sets(units)
    path = Path(options.file)
    table = _read_list(path)
    others = [name for name in units.columns if name not in _NO_KEYS]
    possible = (*FIXED_KEYS, *others)
    keys = [column for column in table.columns if column in possible]
    allowed = ("set", "fold", *possible)
    problems = [
        f"unknown column {column!r}: {advise(column, allowed)}"
        for column in table.columns
        if column not in allowed
    ]
    if "set" not in table.columns:
        problems.append("no column 'set': add it, with train, validation or test in every row")
    if not keys:
        problems.append(f"no column identifies units: add one of {', '.join(FIXED_KEYS)}")
    problems += [
        f"column {key!r} is not in the units table: use another one"
        for key in keys
        if key not in units.columns
    ]
    if problems:
        raise InputError.collect(problems, str(path))
    if "fold" not in table.columns:
        table["fold"] = "fixed"
    table["set"] = table["set"].str.lower()
    named = table
    if "well" in keys:
        table["well"], problems = _canonical_wells(table["well"])
        named = table[table["well"] != ""]
    problems += _fixed_problems(named, keys, units)
    if problems:
        raise InputError.collect(problems, str(path))
    return table[[*keys, "set", "fold"]].drop_duplicates()


def _given_sets(units: pd.DataFrame) -> pd.DataFrame:
    """Build a fixed list from the sets of the images themselves."""
    given = units.get("given_set", pd.Series("", index=units.index))
    if not (given != "").any():
        raise InputError(
            "split method fixed: neither `file` is given nor a set of any image. Fix: give a CSV "
            "file with the columns image and set, a column set of the sheet, or folders train and "
            "test"
        )
    table = pd.DataFrame({"image": units["image"], "set": given})[given != ""]
    problems = [
        f"no image has the set {needed}; add some"
        for needed in ("train", "test")
        if not (given == needed).any()
    ]
    if problems:
        raise InputError.collect(problems, "split method fixed")
    return table.drop_duplicates().assign(fold="fixed")


def _read_list(path: Path) -> pd.DataFrame:
    """Read a fixed list, all str, under the lines of the file."""
    sheet = read_sheet(path)
    if problems := [*sheet.problems, *sheet.failed_formulas(filter(None, sheet.header))]:
        raise InputError.collect(problems, str(path))
    columns = {name: sheet.values([name]) for name in sheet.header if name}
    for sentence in sheet.cleaning():
        log.warning("%s", sentence)
    return pd.DataFrame(columns, dtype="str", index=sheet.lines)


def names_units(path: str) -> bool:
    """Check whether a list names single units, which are known only once images are cut."""
    return "unit_id" in _read_list(Path(path)).columns


def _fixed_problems(table: pd.DataFrame, keys: list[str], units: pd.DataFrame) -> list[str]:
    known = pd.MultiIndex.from_frame(units[keys].astype(str))
    wanted = pd.MultiIndex.from_frame(table[keys])
    line = table.index.tolist()
    problems = [
        f"row {line[i]}: set is {table['set'].iloc[i]!r}, write train, validation or test"
        for i in np.flatnonzero(~table["set"].isin(SETS))
    ]
    problems += [
        f"row {line[i]}: no unit has {_pairs(table.iloc[i], keys)}; check the spelling"
        for i in np.flatnonzero(~wanted.isin(known))
    ]
    sets = table.groupby([*keys, "fold"], sort=False)["set"].transform("nunique").to_numpy()
    problems += [
        f"row {line[i]}: {_pairs(table.iloc[i], keys)} has more than one set in fold "
        f"{table['fold'].iloc[i]!r}; keep one"
        for i in np.flatnonzero(sets > 1)
    ]
    for fold, part in table.groupby("fold", sort=False):
        problems += [
            f"fold {fold!r} has no row with set {needed}: add one"
            for needed in ("train", "test")
            if needed not in set(part["set"])
        ]
    return problems


def assign_fixed(
    chosen: pd.DataFrame, table: pd.DataFrame, repeats: int, path: str
) -> tuple[GroupedUnits, list[Assignment]]:
    """Assign the groups that a fixed list names to their sides.

    Parameters
    ----------
    chosen : pandas.DataFrame
        Labelled, usable units.
    table : pandas.DataFrame
        From `read_fixed`.
    repeats : int
        How often every fold is repeated.
    path : str
        Where the list comes from, for messages.

    Returns
    -------
    labelled : GroupedUnits
        The units that a row of the list names; their groups are the rows' own keys.
    assignments : list of Assignment
        One per repeat and fold.

    Raises
    ------
    InputError
        If a fold has no training or no test units, or a unit is tested in two folds.
    """
    keys = [column for column in table.columns if column not in ("set", "fold")]
    listed = pd.MultiIndex.from_frame(chosen[keys].astype(str))
    wanted = pd.MultiIndex.from_frame(table[keys])
    inside = listed.isin(wanted)
    if not inside.any():
        raise InputError(
            "fixed split: no row of the list has a labelled, usable unit (controls count only with "
            "include_controls: true)"
        )
    chosen, listed = chosen[inside], listed[inside]
    log.info("fixed: %d of %d labelled units are in the list", len(chosen), len(inside))
    # The columns of the list form the groups: a well without a plate means this well of all plates.
    codes, combinations = pd.factorize(listed)
    names = np.array(
        [" | ".join(key) if isinstance(key, tuple) else key for key in combinations], dtype=object
    )
    classes, label = np.unique(chosen["moa"].to_numpy(dtype=object), return_inverse=True)
    labelled = GroupedUnits(chosen, codes, names, label, classes)
    combinations = pd.MultiIndex.from_tuples(list(combinations), names=keys)
    base = []
    for fold, (name, part) in enumerate(
        sorted(table.groupby("fold"), key=lambda item: natural_key(str(item[0])))
    ):
        sides = np.full(len(names), EXCLUDED, np.int8)
        position = combinations.get_indexer(pd.MultiIndex.from_frame(part[keys]))
        side = pd.Index(SETS).get_indexer(pd.Index(part["set"])).astype(np.int8)
        sides[position[position >= 0]] = side[position >= 0]
        for needed in (TRAIN, TEST):
            if not (sides == needed).any():
                raise InputError(
                    f"fixed split, fold {name!r}: none of the {SETS[needed]} rows has a labelled, "
                    "usable unit (controls count only with include_controls: true)"
                )
        base.append(Assignment(0, fold, str(name), sides))
    _check_tested_once(labelled, base, path)
    return labelled, [replace(a, repeat=repeat) for repeat in range(repeats) for a in base]


def _check_tested_once(labelled: GroupedUnits, assignments: list[Assignment], path: str) -> None:
    tested = np.array([assignment.sides == TEST for assignment in assignments])
    often = np.flatnonzero(tested.sum(axis=0) > 1)
    if not len(often):
        return
    inside = np.isin(labelled.group, often)
    row = int(np.argmax(inside))
    where = np.flatnonzero(tested[:, labelled.group[row]])
    names = " and ".join(repr(assignments[fold].name) for fold in where[:2])
    raise InputError(
        f"{path}: {int(inside.sum())} units are tested in more than one fold, for example "
        f"{labelled.units['unit_id'].iloc[row]!r} (row of "
        f"{str(labelled.group_names[labelled.group[row]])!r}) in folds {names}. Give every unit "
        "the set test in one fold at most, or make each list a split of its own."
    )


def _canonical_wells(wells: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return wells in their canonical form, "" where they are none, and what is wrong with them."""
    problems = []
    names = {}
    for well, lines in wells.groupby(wells, sort=False).groups.items():
        try:
            names[well] = canonical_well(str(well))
        except InputError as error:
            names[well] = ""
            more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
            problems.append(f"row {lines[0]}{more}: {error}")
    return wells.map(names), problems


def _pairs(row: pd.Series, keys: list[str]) -> str:
    return ", ".join(f"{key} {row[key]!r}" for key in keys)
