"""Classes that a fold would test without training units."""

from __future__ import annotations

import numpy as np

from moascope.core.errors import InputError
from moascope.splits.folds import TEST, TRAIN, Assignment
from moascope.splits.groups import (
    GroupedUnits,
)
from moascope.splits.independence import LEAVE_ONE_OUT


def find_untrained(labelled: GroupedUnits, assignments: list[Assignment]) -> list[tuple[int, int]]:
    """Return pairs (position in `assignments`, class) that are tested without training units."""
    counts = labelled.counts
    pairs = []
    for position, assignment in enumerate(assignments):
        learned = counts[assignment.sides == TRAIN].sum(axis=0) > 0
        tested = counts[assignment.sides == TEST].sum(axis=0) > 0
        pairs += [(position, int(label)) for label in np.flatnonzero(tested & ~learned)]
    return pairs


def choose_lost(
    labelled: GroupedUnits, assignments: list[Assignment], untrained: list[tuple[int, int]]
) -> tuple[list[int], list[tuple[int, int]]]:
    """Choose the classes and single folds to leave out, since they cannot be learned.

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


def unlearnable_error(
    labelled: GroupedUnits,
    assignments: list[Assignment],
    untrained: list[tuple[int, int]],
    method: str,
) -> InputError:
    """Return the error that names every class which a fold tests without training units."""
    problems = []
    for label in sorted({label for _, label in untrained}):
        names = [assignments[fold].name for fold, which in untrained if which == label]
        groups = labelled.group_names[labelled.counts[:, label] > 0]
        name, column = labelled.classes[label], LEAVE_ONE_OUT.get(method)
        if column and len(groups) == 1:
            problems.append(
                f"class {name!r} has a single {column}, {groups[0]!r}, so no training units are "
                f"left when it is tested: add units of the class from another {column}"
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
        f"{error}\nOr remove the class from the {source}, or set drop_unlearnable_classes: true "
        "to leave such classes out and report them."
    )


def describe_lost_class(labelled: GroupedUnits, label: int, method: str) -> str:
    """Return a sentence on a class that the split leaves out."""
    groups = labelled.group_names[labelled.counts[:, label] > 0]
    return (
        f"{method}: class {labelled.classes[label]!r} is left out "
        f"({int(labelled.counts[:, label].sum())} units, in {_listing(groups)}): a fold would "
        "test it without training units"
    )


def describe_lost_fold(labelled: GroupedUnits, assignment: Assignment, label: int) -> str:
    """Return a sentence on a fold that the split leaves out."""
    n_units = int(labelled.counts[assignment.sides == TEST].sum())
    return (
        f"fold {assignment.name!r} is left out ({n_units} units of class "
        f"{labelled.classes[label]!r}): this class has no training units left"
    )


def _listing(names: np.ndarray, limit: int = 5) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
