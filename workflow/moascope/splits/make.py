"""Training, validation and test sets of groups of units.

A split is made of groups, never of units: a group (a compound, a batch, a well, the columns of
`group`) goes to one side as a whole. A split is kept as two tables:

- `split`: one row per repeat, fold and group, with `set` train, validation or test. A group that
  has no row in a fold takes no part in it.
- `groups`: one row per labelled unit, `unit_id` and the `group` that it belongs to.

Methods
-------
leave-one-compound-out, leave-one-batch-out, leave-one-plate-out
    One fold per compound, batch or plate: it is tested, the others are trained on.
leave-compound-and-batch-out
    One fold per compound and batch in which it was imaged: tested are its units of that batch,
    trained on are units of neither that compound nor that batch. The rest is left out.
leave-one-group-out
    One fold per group (the columns of `group`): it is tested, the others are trained on.
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
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from moascope.core.errors import InputError
from moascope.core.text.cell_text import amount
from moascope.screen.site_table import have_all_files
from moascope.splits.fixed_list import assign_fixed, names_units, read_fixed
from moascope.splits.folds import EXCLUDED, SETS, TEST, TRAIN, Assignment
from moascope.splits.groups import (
    GroupedUnits,
    compounds_and_batches,
    group_codes,
    group_units,
    labelled_units,
)
from moascope.splits.independence import LEAVE_ONE_OUT
from moascope.splits.options import Split
from moascope.splits.unlearnable import (
    choose_lost,
    describe_lost_class,
    describe_lost_fold,
    find_untrained,
    unlearnable_error,
)
from moascope.splits.validation import hold_out_validation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlannedSplit:
    """Split of sites before their images are read: units, split and groups."""

    units: pd.DataFrame
    split: pd.DataFrame
    groups: pd.DataFrame


def make_split(units: pd.DataFrame, options: Split, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Assign groups of units to training, validation and test sets.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table. Only rows that are `usable` and have a class (`moa`) take part; controls
        take part only with `include_controls`, their class is then their `moa` too.
    options : Split
        The options of the split; see the module on its methods. With `drop_unlearnable_classes`,
        classes that some fold would test without training units are left out, not refused.
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
    method = options.method
    chosen = labelled_units(units, options.include_controls)
    fixed = read_fixed(options, units) if method == "fixed" else None
    dropped: list[str] = []
    while True:
        labelled, assignments = _assign(chosen, options, seed, fixed)
        untrained = find_untrained(labelled, assignments)
        if not untrained:
            break
        if not options.drop_unlearnable_classes:
            raise unlearnable_error(labelled, assignments, untrained, method)
        whole, partly = choose_lost(labelled, assignments, untrained)
        if not whole:
            dropped += [
                describe_lost_fold(labelled, assignments[fold], label) for fold, label in partly
            ]
            gone = {fold for fold, _ in partly}
            assignments = [a for i, a in enumerate(assignments) if i not in gone]
            break
        dropped += [describe_lost_class(labelled, label, method) for label in whole]
        chosen = chosen[~chosen["moa"].isin(labelled.classes[whole])]
        if chosen["moa"].nunique() < 2:
            raise InputError(
                f"split method {method}: fewer than two classes are left after removing classes "
                "without training units. Choose another split method.\n" + "\n".join(dropped)
            )
    for sentence in dropped:
        log.warning("%s", sentence)
    assignments = hold_out_validation(labelled, assignments, options.validation, seed, method)
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
    options: Split,
    seed: int,
    tiles: int | None = 1,
    audited: Sequence[str] = (),
) -> PlannedSplit | None:
    """Check before any image is read whether the sites allow a split.

    Every site that has its files counts as usable, so that what passes here can still fail once
    flagged sites and empty tiles are known.

    Parameters
    ----------
    sites : pandas.DataFrame
        The sites table.
    options : Split
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
        As `make_split` or `audit.audit` would, with the same message.
    """
    if tiles is None:
        if options.method == "fixed" and options.file and names_units(options.file):
            return None
        tiles = 1
    # Paths and sizes of images are most of the table and are not needed.
    units = sites[[column for column in sites.columns if ":" not in column]]
    units = units.loc[units.index.repeat(tiles)].reset_index(drop=True)
    tile = np.tile(np.arange(tiles), len(sites))
    suffix = np.where(tiles > 1, pd.Series(tile, dtype="int64").map("#t{}".format), "")
    # Sites that lack a file under quarantine are in no split.
    usable = have_all_files(sites).to_numpy().repeat(tiles)
    units = units.assign(unit_id=units["site_id"] + suffix, tile=tile, usable=usable, flagged=False)
    split, groups = make_split(
        units, options.model_copy(update={"repeats": 1, "validation": 0.0}), seed
    )
    chosen = units[units["unit_id"].isin(groups["unit_id"])]
    for column in audited:
        group_codes(chosen, column.split("+"))
    return PlannedSplit(units, split, groups)


def _assign(
    chosen: pd.DataFrame, options: Split, seed: int, fixed: pd.DataFrame | None
) -> tuple[GroupedUnits, list[Assignment]]:
    """Assign all groups to their sides in every fold, without validation groups unless fixed."""
    method = options.method
    if method in LEAVE_ONE_OUT:
        labelled = group_units(chosen, [LEAVE_ONE_OUT[method]])
        base = _leave_one_out(labelled, method, LEAVE_ONE_OUT[method])
    elif method == "leave-one-group-out":
        labelled = group_units(chosen, options.group)
        base = _leave_one_out(labelled, method, "+".join(options.group))
    elif method == "leave-compound-and-batch-out":
        labelled = group_units(chosen, ["compound", "batch"])
        base = _leave_compound_and_batch_out(labelled)
    elif fixed is not None:
        source = options.file or "the sets of the images"
        return assign_fixed(chosen, fixed, options.repeats, source)
    elif method in ("group-k-fold", "stratified-k-fold"):
        columns = options.group if method == "group-k-fold" else ["unit_id"]
        labelled = group_units(chosen, columns)
        return labelled, _k_fold(labelled, options.folds, options.repeats, seed, method)
    else:
        raise InputError(f"split method {method!r} is not implemented")
    return labelled, [
        replace(assignment, repeat=repeat)
        for repeat in range(options.repeats)
        for assignment in base
    ]


def _leave_one_out(labelled: GroupedUnits, method: str, column: str) -> list[Assignment]:
    n_groups = len(labelled.group_names)
    if n_groups < 2:
        raise InputError(
            f"{method} needs at least two values of {column!r}, but all "
            f"{len(labelled.units)} labelled units have {labelled.group_names[0]!r}. Choose "
            f"another split method, or check where {column!r} is read from."
        )
    sides = np.where(np.eye(n_groups, dtype=bool), TEST, TRAIN).astype(np.int8)
    return [
        Assignment(0, fold, str(name), sides[fold])
        for fold, name in enumerate(labelled.group_names)
    ]


def _leave_compound_and_batch_out(labelled: GroupedUnits) -> list[Assignment]:
    compound, batch = compounds_and_batches(labelled)
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
        assignments.append(Assignment(0, fold, name, sides))
    return assignments


def _k_fold(
    labelled: GroupedUnits, n_folds: int, repeats: int, seed: int, method: str
) -> list[Assignment]:
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
            assignments.append(Assignment(repeat, fold, f"fold {fold + 1}", sides))
    return assignments


def _split_table(labelled: GroupedUnits, assignments: list[Assignment]) -> pd.DataFrame:
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
