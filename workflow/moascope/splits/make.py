"""Which units a model learns from and which it is judged on.

A split is made of groups, never of units: a group (a compound, a batch, a well, the columns of
`group`) goes to one side as a whole. A split is kept as two tables:

- `split`: one row per repeat, fold and group, with `set` train, validation or test. A group that
  has no row in a fold takes no part in it.
- `groups`: one row per labelled unit, `unit_id` and the `group` that it belongs to.

Methods
-------
leave-one-compound-out, leave-one-batch-out, leave-one-plate-out
    One fold per compound, batch or plate: it is tested, the others are learned from.
leave-compound-and-batch-out
    One fold per compound and batch in which it was imaged: tested are its units of that batch,
    learned from are units of neither that compound nor that batch. The rest is left out.
leave-one-group-out
    One fold per group (the columns of `group`): it is tested, the others are learned from.
group-k-fold
    `folds` folds of whole groups (the columns of `group`), stratified by class as far as whole
    groups allow (scikit-learn's StratifiedGroupKFold).
stratified-k-fold
    `folds` folds of single units, stratified by class. Nothing is held together, so units of one
    field or well stand on both sides: for comparison with published numbers only.
fixed
    A CSV file with the columns `set` (train, validation or test), optionally `fold`, and at least
    one of `FIXED_KEYS` (site_id; or plate and well; or compound; ...). A row speaks for all units
    that agree with it in every one of its key columns. Units that no row speaks for are left out.
    Every unit is tested in one fold at most.

Validation units are carved out of the training groups of each fold by the same grouping: whole
groups, in a seeded random order, move to validation until each class has its share there; where
every group is larger than the share, the one that exceeds it least moves. Every class keeps at
least one training group, so a class with a single training group has no validation units (this is
logged). Under leave-compound-and-batch-out, training also loses what shares a compound or a batch
with validation, so that validation is to training what the test is to both.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from moascope.core.errors import InputError
from moascope.core.text.cell_text import amount
from moascope.screen.site_table import have_all_files
from moascope.screen.tables.delimited import read_sheet
from moascope.screen.wells import canonical_well
from moascope.splits.groups import group_codes, natural_key, suggest
from moascope.splits.independence import LEAVE_ONE_OUT

log = logging.getLogger(__name__)

SETS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
EXCLUDED = -1

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
    *("set", "fold", "moa", "role", "tile", "usable", "flagged", "given_set"),
    *("row", "col", "concentration"),
}
METHODS = (
    *LEAVE_ONE_OUT,
    "leave-compound-and-batch-out",
    "leave-one-group-out",
    "group-k-fold",
    "stratified-k-fold",
    "fixed",
)


@dataclass(frozen=True)
class Fold:
    """One fold of a split, as row numbers of the units table.

    `train`, `validation` and `test` are sorted int64 arrays without a common element.
    """

    repeat: int
    fold: int
    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """The rows of each set by its name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class PlannedSplit:
    """A split of sites that are not read yet: units, and what `make_split` makes of them."""

    units: pd.DataFrame
    split: pd.DataFrame
    groups: pd.DataFrame


@dataclass(frozen=True)
class _Assignment:
    """The side of every group in one fold: `sides` is int8 (n_groups,), see `SETS`."""

    repeat: int
    fold: int
    name: str
    sides: np.ndarray


@dataclass(frozen=True)
class _Labelled:
    """The units that take part, with their groups and classes as integer codes."""

    units: pd.DataFrame
    group: np.ndarray
    group_names: np.ndarray
    label: np.ndarray
    classes: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Units per group and class, int64 (n_groups, n_classes)."""
        shape = (len(self.group_names), len(self.classes))
        flat = self.group * shape[1] + self.label
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)


def make_split(
    units: pd.DataFrame, options: Mapping[str, Any], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Assign groups of units to training, validation and test sets.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table. Only rows that are `usable` and have a class (`moa`) take part; controls
        take part only with `include_controls`, their class is then their `moa` too.
    options : mapping
        `method` (see the module), and as the method needs them: `group` (columns), `folds`,
        `file`; for all methods `repeats`, `validation` (share of the training units, 0 to 0.5),
        `include_controls` and `drop_unlearnable_classes` (default false): instead of refusing,
        leave out classes that some fold would test without having learned them.
    seed : int
        Same seed, same table, same split.

    Returns
    -------
    split : pandas.DataFrame
        Columns repeat, fold, fold_name, group, set. `split.attrs["dropped"]` lists the classes
        and folds that `drop_unlearnable_classes` left out, one sentence each.
    groups : pandas.DataFrame
        Columns unit_id, group; in the order of `units`.

    Raises
    ------
    InputError
        If the units do not allow the split: too few groups, a class that would be tested without
        training units, an unknown or empty column, a fixed list that does not fit.
    """
    method = options["method"]
    if method not in METHODS:
        raise InputError(f"unknown split method {method!r}: {suggest(method, METHODS)}")
    chosen = labelled_units(units, bool(options.get("include_controls", False)))
    fixed = _read_fixed(options, units) if method == "fixed" else None
    dropped: list[str] = []
    while True:
        labelled, assignments = _assign(chosen, options, seed, fixed)
        untrained = _untrained(labelled, assignments)
        if not untrained:
            break
        if not options.get("drop_unlearnable_classes", False):
            raise _unlearnable_error(labelled, assignments, untrained, method)
        whole, partly = _to_drop(labelled, assignments, untrained)
        if not whole:
            dropped += [
                _fold_sentence(labelled, assignments[fold], label) for fold, label in partly
            ]
            gone = {fold for fold, _ in partly}
            assignments = [a for i, a in enumerate(assignments) if i not in gone]
            break
        dropped += [_class_sentence(labelled, label, method) for label in whole]
        chosen = chosen[~chosen["moa"].isin(labelled.classes[whole])]
        if chosen["moa"].nunique() < 2:
            raise InputError(
                f"split method {method}: fewer than two classes are left after leaving out what "
                "cannot be learned. Choose another split method.\n" + "\n".join(dropped)
            )
    for sentence in dropped:
        log.warning("%s", sentence)
    assignments = _with_validation(
        labelled, assignments, float(options.get("validation", 0.0)), seed, method
    )
    split = _split_table(labelled, assignments)
    split.attrs["dropped"] = dropped
    groups = pd.DataFrame(
        {
            "unit_id": labelled.units["unit_id"].to_numpy(),
            "group": labelled.group_names[labelled.group],
        }
    )
    log.info(
        "%s: %d units in %s, %d classes, %s",
        method,
        len(groups),
        amount(len(labelled.group_names), "group"),
        len(labelled.classes),
        amount(len(assignments), "fold"),
    )
    return split, groups


def check_sites(
    sites: pd.DataFrame,
    options: Mapping[str, Any],
    seed: int,
    tiles: int | None = 1,
    audited: Sequence[str] = (),
) -> PlannedSplit | None:
    """Find out before any image is read whether the sites allow a split.

    Every site that has its files counts as usable, so that what passes here can still fail once
    flagged sites and empty tiles are known.

    Parameters
    ----------
    sites : pandas.DataFrame
        The sites table.
    options : mapping
        As of `make_split`.
    seed : int
        As of `make_split`.
    tiles : int or None
        Units that every site is going to be cut into; None if these are cells, which are not known
        yet. Then every site counts as one, and a fixed list that names single units is not checked.
    audited : sequence of str
        Columns, or several joined with "+", that the audit is going to look at.

    Returns
    -------
    PlannedSplit or None
        The split as it would be if no site were flagged; None if it was not checked.

    Raises
    ------
    InputError
        As `make_split` or `leakage.audit` would, with the same message.
    """
    if tiles is None:
        if options["method"] == "fixed" and options["file"] and _names_units(options["file"]):
            return None
        tiles = 1
    # Paths and sizes of images are most of the table and say nothing here.
    units = sites[[column for column in sites.columns if ":" not in column]]
    units = units.loc[units.index.repeat(tiles)].reset_index(drop=True)
    tile = np.tile(np.arange(tiles), len(sites))
    suffix = np.where(tiles > 1, pd.Series(tile, dtype="int64").map("#t{}".format), "")
    # Sites that lack a file under quarantine are in no split.
    usable = have_all_files(sites).to_numpy().repeat(tiles)
    units = units.assign(unit_id=units["site_id"] + suffix, tile=tile, usable=usable, flagged=False)
    split, groups = make_split(units, {**options, "repeats": 1, "validation": 0.0}, seed)
    chosen = units[units["unit_id"].isin(groups["unit_id"])]
    for column in audited:
        group_codes(chosen, column.split("+"))
    return PlannedSplit(units, split, groups)


def folds(split: pd.DataFrame, groups: pd.DataFrame, units: pd.DataFrame) -> Iterator[Fold]:
    """Turn a split into row numbers of the units table, one fold at a time.

    Parameters
    ----------
    split, groups : pandas.DataFrame
        What `make_split` returned.
    units : pandas.DataFrame
        A units table that has every unit of `groups`, in any order.

    Yields
    ------
    Fold
        In the order of repeat and fold.

    Raises
    ------
    InputError
        If the three tables do not belong together.
    """
    group_names = pd.Index(groups["group"].unique())
    n_groups = len(group_names)
    unit_group = _group_of_rows(groups, group_names, units)
    split_group = group_names.get_indexer(pd.Index(split["group"]))
    if (split_group < 0).any():
        name = split["group"].iloc[int(np.argmax(split_group < 0))]
        raise InputError(
            f"the split names a group {name!r} that has no units in its groups table: "
            "make the split again"
        )
    side = pd.Index(SETS).get_indexer(pd.Index(split["set"])).astype(np.int8)
    repeat, fold = split["repeat"].to_numpy(), split["fold"].to_numpy()
    order = np.lexsort((fold, repeat))
    new = (np.diff(repeat[order]) != 0) | (np.diff(fold[order]) != 0)
    names = split["fold_name"].to_numpy()
    for rows in np.split(order, np.flatnonzero(new) + 1):
        # The last place stands for units without a group, whose code is -1.
        sides = np.full(n_groups + 1, EXCLUDED, np.int8)
        sides[split_group[rows]] = side[rows]
        unit_side = sides[unit_group]
        first = rows[0]
        yield Fold(
            int(repeat[first]),
            int(fold[first]),
            str(names[first]),
            *(np.flatnonzero(unit_side == which) for which in (TRAIN, VALIDATION, TEST)),
        )


def labelled_units(units: pd.DataFrame, include_controls: bool) -> pd.DataFrame:
    """Select the units that can be learned from or tested.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table.
    include_controls : bool
        Whether control wells form a class (their `moa`).

    Returns
    -------
    pandas.DataFrame
        Rows of `units` that are usable, have a class and are not left out as controls.

    Raises
    ------
    InputError
        If controls are asked for but have no class, or fewer than two classes are left.
    """
    moa = units["moa"].fillna("")
    control = (units["role"] == "control").to_numpy()
    usable = units["usable"].to_numpy(dtype=bool)
    if include_controls:
        nameless = control & usable & (moa == "").to_numpy()
        if nameless.any():
            raise InputError(
                f"include_controls: {int(nameless.sum())} control units have no moa (first: "
                f"{units['unit_id'].iloc[int(np.argmax(nameless))]!r}), so they form no class. "
                "Give the controls a moa (for example DMSO) in the sample sheet or the moa table."
            )
    else:
        usable = usable & ~control
    chosen = units[usable & (moa != "").to_numpy()]
    classes = sorted(chosen["moa"].unique())
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no labelled, usable units"
        if "given_set" in units:
            raise InputError(
                f"a split needs images of at least two classes, found {found} among {len(units)} "
                "(flagged images do not count). Check the labels and the list of flagged images."
            )
        raise InputError(
            f"a split needs units of at least two classes, found {found} among {len(units)} units "
            "(controls count only with include_controls: true, flagged units do not count). "
            "Check the moa column and the list of flagged sites."
        )
    return chosen


def summary(split: pd.DataFrame, groups: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Count the units of every class on every side of every fold.

    Parameters
    ----------
    split, groups : pandas.DataFrame
        What `make_split` returned.
    units : pandas.DataFrame
        The units table.

    Returns
    -------
    pandas.DataFrame
        Columns repeat, fold, fold_name, moa, train, validation, test, excluded (labelled units
        of the split that take no part in this fold).
    """
    label, classes = pd.factorize(units["moa"].fillna(""), sort=True)
    taking_part = units["unit_id"].isin(groups["unit_id"]).to_numpy()
    total = np.bincount(label[taking_part], minlength=len(classes))
    tables = []
    for fold in folds(split, groups, units):
        sides = {
            name: np.bincount(label[getattr(fold, name)], minlength=len(classes)) for name in SETS
        }
        table = pd.DataFrame(
            {"repeat": fold.repeat, "fold": fold.fold, "fold_name": fold.name, "moa": classes}
        ).assign(**sides, excluded=total - sum(sides.values()))
        tables.append(table[total > 0])
    return pd.concat(tables, ignore_index=True)


def validation_groups(
    counts: np.ndarray, fraction: float, generator: np.random.Generator
) -> np.ndarray:
    """Choose training groups that are to become validation groups.

    Groups move while a class of theirs has less than its share in validation and all their classes
    keep another training group. The order is random among groups that fit into the share; groups
    that are larger than it (compounds, batches) come by how far they exceed it.

    Parameters
    ----------
    counts : int array (n_groups, n_classes)
        Units per training group and class.
    fraction : float
        Share of every class's units that is to be in validation, 0 to 0.5.
    generator : numpy.random.Generator
        Decides the order.

    Returns
    -------
    bool array (n_groups,)
        True for validation.
    """
    chosen = np.zeros(len(counts), bool)
    present = counts > 0
    left = present.sum(axis=0)
    movable = np.flatnonzero(~(present & (left == 1)).any(axis=1))
    target = fraction * counts.sum(axis=0)
    order = generator.permutation(movable)
    excess = np.maximum(counts[order] - target, 0).max(axis=1, initial=0)
    order = order[np.argsort(excess, kind="stable")]
    before = np.cumsum(counts[order], axis=0) - counts[order]
    needed = (present[order] & (before < target)).any(axis=1)
    for group in order[needed]:
        if (left[present[group]] > 1).all():
            chosen[group] = True
            left -= present[group]
    return chosen


def separate_validation_groups(
    counts: np.ndarray,
    columns: Sequence[np.ndarray],
    fraction: float,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose validation groups, and training groups that have nothing in common with them.

    Pairs of compound and batch are taken until each class has its share in validation, always the
    one that costs training the fewest units (at random among equals), and only if every class
    keeps a training group. What shares a compound or a batch with them leaves training; of that,
    what has both in common with validation joins it, because nothing else could use it.

    Parameters
    ----------
    counts : int array (n_groups, n_classes)
        Units per training group and class.
    columns : two arrays (n_groups,)
        Compound and batch of every group; no two groups agree in both.
    fraction : float
        Share of every class's units that is to be in validation, 0 to 0.5.
    generator : numpy.random.Generator
        Decides between groups of equal cost.

    Returns
    -------
    validation : bool array (n_groups,)
        True for validation.
    training : bool array (n_groups,)
        True for what is left to learn from.
    """
    codes = [np.unique(values, return_inverse=True)[1] for values in columns]
    taken = [np.zeros(len(counts), bool) for _ in codes]
    tie = generator.random(len(counts))
    target = fraction * counts.sum(axis=0)
    while True:
        shares = [of_value[code] for of_value, code in zip(taken, codes, strict=True)]
        validation, training = shares[0] & shares[1], ~(shares[0] | shares[1])
        # Per group: its units by class, and itself once for each of its classes.
        weights = np.hstack([counts, counts > 0]) * training[:, None]
        lost = -weights
        for code in codes:
            per_value = np.zeros_like(weights)
            np.add.at(per_value, code, weights)
            lost = lost + per_value[code]
        units, groups = np.split(lost, 2, axis=1)
        left = (weights.sum(axis=0)[counts.shape[1] :] - groups)[:, counts.any(axis=0)]
        missing = counts[validation].sum(axis=0) < target
        possible = np.flatnonzero(
            ~validation & (counts[:, missing] > 0).any(axis=1) & (left > 0).all(axis=1)
        )
        if not len(possible):
            return validation, training
        cost = units.sum(axis=1)
        best = possible[np.lexsort((tie[possible], cost[possible]))[0]]
        for of_value, code in zip(taken, codes, strict=True):
            of_value[code[best]] = True


def _assign(
    chosen: pd.DataFrame, options: Mapping[str, Any], seed: int, fixed: pd.DataFrame | None
) -> tuple[_Labelled, list[_Assignment]]:
    """Form the groups and give each its side in every fold; validation only where it is fixed."""
    method = options["method"]
    repeats = int(options.get("repeats", 1))
    n_folds = int(options.get("folds", 5))
    if method in LEAVE_ONE_OUT:
        labelled = _with_groups(chosen, [LEAVE_ONE_OUT[method]])
        base = _leave_one_out(labelled, method, LEAVE_ONE_OUT[method])
    elif method == "leave-one-group-out":
        labelled = _with_groups(chosen, list(options["group"]))
        base = _leave_one_out(labelled, method, "+".join(options["group"]))
    elif method == "leave-compound-and-batch-out":
        labelled = _with_groups(chosen, ["compound", "batch"])
        base = _leave_compound_and_batch_out(labelled)
    elif fixed is not None:
        return _fixed(chosen, fixed, repeats, str(options["file"] or "the sets of the images"))
    else:
        columns = ["unit_id"]
        if method == "group-k-fold":
            columns = list(options.get("group") or [])
            if not columns:
                raise InputError("group-k-fold needs `group`: the columns that form its groups")
        labelled = _with_groups(chosen, columns)
        return labelled, _k_fold(labelled, n_folds, repeats, seed, method)
    return labelled, [
        replace(assignment, repeat=repeat) for repeat in range(repeats) for assignment in base
    ]


def _with_groups(chosen: pd.DataFrame, columns: list[str]) -> _Labelled:
    group, names = group_codes(chosen, columns)
    classes, label = np.unique(chosen["moa"].to_numpy(dtype=object), return_inverse=True)
    return _Labelled(chosen, group, names, label, classes)


def _leave_one_out(labelled: _Labelled, method: str, column: str) -> list[_Assignment]:
    n_groups = len(labelled.group_names)
    if n_groups < 2:
        raise InputError(
            f"{method} needs at least two values of {column!r}, but all "
            f"{len(labelled.units)} labelled units have {labelled.group_names[0]!r}. Choose "
            f"another split method, or check where {column!r} is read from."
        )
    sides = np.where(np.eye(n_groups, dtype=bool), TEST, TRAIN).astype(np.int8)
    return [
        _Assignment(0, fold, str(name), sides[fold])
        for fold, name in enumerate(labelled.group_names)
    ]


def _leave_compound_and_batch_out(labelled: _Labelled) -> list[_Assignment]:
    compound, batch = _compounds_and_batches(labelled)
    for column, values in (("compound", compound), ("batch", batch)):
        if len(set(values)) < 2:
            raise InputError(
                f"leave-compound-and-batch-out needs at least two values of {column!r}, but all "
                f"{len(labelled.units)} labelled units have {values[0]!r}. Choose another split "
                f"method, or check where {column!r} is read from."
            )
    assignments = []
    for fold in range(len(labelled.group_names)):
        learned = (compound != compound[fold]) & (batch != batch[fold])
        sides = np.where(learned, TRAIN, EXCLUDED).astype(np.int8)
        sides[fold] = TEST
        name = f"{compound[fold]} in {batch[fold]}"
        assignments.append(_Assignment(0, fold, name, sides))
    return assignments


def _compounds_and_batches(labelled: _Labelled) -> tuple[np.ndarray, np.ndarray]:
    """Compound and batch of every group, object arrays (n_groups,)."""
    _, first = np.unique(labelled.group, return_index=True)
    pairs = labelled.units.iloc[first]
    return pairs["compound"].to_numpy(dtype=object), pairs["batch"].to_numpy(dtype=object)


def _k_fold(
    labelled: _Labelled, n_folds: int, repeats: int, seed: int, method: str
) -> list[_Assignment]:
    n_groups = len(labelled.group_names)
    unit = "units" if method == "stratified-k-fold" else "groups"
    if n_folds < 2 or n_folds > n_groups:
        raise InputError(
            f"{method}: folds is {n_folds}, but there are {n_groups} {unit}: give a number of "
            f"folds from 2 to {n_groups}"
        )
    largest = int(np.bincount(labelled.label).max())
    if n_folds > largest:
        raise InputError(
            f"{method}: folds is {n_folds}, but the largest class has {largest} units: give at "
            f"most {largest} folds"
        )
    kind = StratifiedKFold if method == "stratified-k-fold" else StratifiedGroupKFold
    assignments = []
    for repeat in range(repeats):
        state = int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])
        splitter = kind(n_splits=n_folds, shuffle=True, random_state=state)
        rows = np.zeros((len(labelled.group), 1))
        with warnings.catch_warnings():
            # A class smaller than the number of folds is tested in some folds only: allowed.
            warnings.simplefilter("ignore", UserWarning)
            parts = [test for _, test in splitter.split(rows, labelled.label, labelled.group)]
        for fold, test in enumerate(part for part in parts if len(part)):
            sides = np.full(n_groups, TRAIN, np.int8)
            sides[labelled.group[test]] = TEST
            assignments.append(_Assignment(repeat, fold, f"fold {fold + 1}", sides))
    return assignments


def _read_fixed(options: Mapping[str, Any], units: pd.DataFrame) -> pd.DataFrame:
    """Read and check a fixed list: its key columns, `set` and `fold` (all str)."""
    if not options.get("file"):
        return _given_sets(units)
    path = Path(options["file"])
    table = _read_list(path)
    possible = (*FIXED_KEYS, *(name for name in units.columns if name not in _NO_KEYS))
    keys = [column for column in table.columns if column in possible]
    allowed = ("set", "fold", *possible)
    problems = [
        f"unknown column {column!r}: {suggest(column, allowed)}"
        for column in table.columns
        if column not in allowed
    ]
    if "set" not in table.columns:
        problems.append("no column 'set': add it, with train, validation or test in every row")
    if not keys:
        problems.append(f"no column that says which units: add one of {', '.join(FIXED_KEYS)}")
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
    """Return the sets that the images themselves have as a fixed list."""
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


def _names_units(path: str) -> bool:
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


def _fixed(
    chosen: pd.DataFrame, table: pd.DataFrame, repeats: int, path: str
) -> tuple[_Labelled, list[_Assignment]]:
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
    # The rows' own keys make the groups, so a well without its plate means every such well.
    codes, combinations = pd.factorize(listed)
    names = np.array(
        [" | ".join(key) if isinstance(key, tuple) else key for key in combinations], dtype=object
    )
    classes, label = np.unique(chosen["moa"].to_numpy(dtype=object), return_inverse=True)
    labelled = _Labelled(chosen, codes, names, label, classes)
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
        base.append(_Assignment(0, fold, str(name), sides))
    _check_tested_once(labelled, base, path)
    return labelled, [replace(a, repeat=repeat) for repeat in range(repeats) for a in base]


def _check_tested_once(labelled: _Labelled, assignments: list[_Assignment], path: str) -> None:
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


def _untrained(labelled: _Labelled, assignments: list[_Assignment]) -> list[tuple[int, int]]:
    """Pairs (position in `assignments`, class) that are tested but not learned."""
    counts = labelled.counts
    pairs = []
    for position, assignment in enumerate(assignments):
        learned = counts[assignment.sides == TRAIN].sum(axis=0) > 0
        tested = counts[assignment.sides == TEST].sum(axis=0) > 0
        pairs += [(position, int(label)) for label in np.flatnonzero(tested & ~learned)]
    return pairs


def _to_drop(
    labelled: _Labelled, assignments: list[_Assignment], untrained: list[tuple[int, int]]
) -> tuple[list[int], list[tuple[int, int]]]:
    """Split what cannot be learned into whole classes and single folds.

    A fold can go alone if it tests nothing but the class, and the class is tested in another one.
    """
    counts = labelled.counts
    tested = np.array([counts[a.sides == TEST].sum(axis=0) > 0 for a in assignments])
    missing = np.zeros_like(tested)
    missing[tuple(np.array(untrained).T)] = True
    alone = tested.sum(axis=1) == 1
    lost = (missing & ~alone[:, None]).any(axis=0) | (missing.sum(axis=0) == tested.sum(axis=0))
    whole = [int(label) for label in np.flatnonzero(lost & missing.any(axis=0))]
    return whole, [pair for pair in untrained if pair[1] not in whole]


def _unlearnable_error(
    labelled: _Labelled,
    assignments: list[_Assignment],
    untrained: list[tuple[int, int]],
    method: str,
) -> InputError:
    problems = []
    for label in sorted({label for _, label in untrained}):
        names = [assignments[fold].name for fold, which in untrained if which == label]
        groups = labelled.group_names[labelled.counts[:, label] > 0]
        name, column = labelled.classes[label], LEAVE_ONE_OUT.get(method)
        if column and len(groups) == 1:
            problems.append(
                f"class {name!r} has a single {column}, {groups[0]!r}, so nothing is left to learn "
                f"it from when that one is tested: add units of the class from another {column}"
            )
        else:
            problems.append(
                f"class {name!r} is tested in fold {names[0]!r}"
                f"{f' and {len(names) - 1} more' if len(names) > 1 else ''} but has no training "
                f"units there (its groups: {_listing(groups)}); add groups of it, or use fewer "
                "held-out groups per fold"
            )
    error = InputError.collect(problems, f"split method {method}")
    source = "images" if "given_set" in labelled.units else "moa table"
    return InputError(
        f"{error}\nFix: as said, or take the class out of the {source}, or set "
        "drop_unlearnable_classes: true to leave such classes out and report them."
    )


def _class_sentence(labelled: _Labelled, label: int, method: str) -> str:
    groups = labelled.group_names[labelled.counts[:, label] > 0]
    return (
        f"{method}: class {labelled.classes[label]!r} is left out "
        f"({int(labelled.counts[:, label].sum())} units, in {_listing(groups)}): some fold would "
        "test it without having learned it"
    )


def _fold_sentence(labelled: _Labelled, assignment: _Assignment, label: int) -> str:
    n_units = int(labelled.counts[assignment.sides == TEST].sum())
    return (
        f"fold {assignment.name!r} is left out ({n_units} units of class "
        f"{labelled.classes[label]!r}): nothing is left to learn this class from"
    )


def _with_validation(
    labelled: _Labelled, assignments: list[_Assignment], fraction: float, seed: int, method: str
) -> list[_Assignment]:
    if fraction <= 0:
        return assignments
    counts = labelled.counts
    apart = method == "leave-compound-and-batch-out"
    columns = _compounds_and_batches(labelled) if apart else ()
    result = []
    without = np.zeros(counts.shape[1], np.int64)
    costs = []
    for assignment in assignments:
        train = np.flatnonzero(assignment.sides == TRAIN)
        if (assignment.sides == VALIDATION).any():
            result.append(assignment)
            continue
        entropy = np.random.SeedSequence([seed, assignment.repeat, assignment.fold])
        generator = np.random.default_rng(entropy)
        sides = assignment.sides.copy()
        if apart:
            chosen, kept = separate_validation_groups(
                counts[train], [values[train] for values in columns], fraction, generator
            )
            sides[train[~kept]] = EXCLUDED
            parts = [counts[train[rows]].sum() for rows in (chosen, ~kept & ~chosen)]
            costs.append(np.array(parts) / counts[train].sum())
        else:
            chosen = validation_groups(counts[train], fraction, generator)
        sides[train[chosen]] = VALIDATION
        learned = counts[train].sum(axis=0) > 0
        without += learned & (counts[train[chosen]].sum(axis=0) == 0)
        result.append(replace(assignment, sides=sides))
    if np.any(costs):
        log.warning(
            "%s: on average validation takes %.0f %% of the training units of a fold, and %.0f %% "
            "are left out because they share a compound or a batch with it",
            method,
            *(100 * np.mean(costs, axis=0)),
        )
    for label in np.flatnonzero(without):
        log.warning(
            "class %r has too few training groups to give one to validation in %d of %d folds",
            labelled.classes[label],
            without[label],
            len(assignments),
        )
    return result


def _split_table(labelled: _Labelled, assignments: list[_Assignment]) -> pd.DataFrame:
    placed = [np.flatnonzero(a.sides != EXCLUDED) for a in assignments]
    lengths = [len(groups) for groups in placed]
    sets = np.array(SETS, dtype=object)
    sides = np.concatenate([a.sides[groups] for a, groups in zip(assignments, placed, strict=True)])
    return pd.DataFrame(
        {
            "repeat": np.repeat([a.repeat for a in assignments], lengths),
            "fold": np.repeat([a.fold for a in assignments], lengths),
            "fold_name": np.repeat(np.array([a.name for a in assignments], dtype=object), lengths),
            "group": labelled.group_names[np.concatenate(placed)],
            "set": sets[sides],
        }
    )


def _group_of_rows(groups: pd.DataFrame, group_names: pd.Index, units: pd.DataFrame) -> np.ndarray:
    """Group number of every row of `units`, -1 for a row without a group."""
    known = pd.Index(groups["unit_id"])
    if not known.is_unique:
        name = known[known.duplicated()][0]
        raise InputError(f"the groups table names the unit {name!r} twice: make the split again")
    position = known.get_indexer(pd.Index(units["unit_id"]))
    if int((position >= 0).sum()) != len(known):
        lost = known[~known.isin(units["unit_id"])]
        what = f"unit {lost[0]!r} of the split is missing from"
        if not len(lost):
            what = "a unit of the split is twice in"
        raise InputError(f"{what} the units table: make the split again from this table")
    codes = group_names.get_indexer(pd.Index(groups["group"]))
    return np.where(position >= 0, codes[position], -1)


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


def _listing(names: np.ndarray, limit: int = 5) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
