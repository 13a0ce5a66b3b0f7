"""Validation groups, held out from the training groups of each fold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from moascope.splits.folds import EXCLUDED, TRAIN, VALIDATION, Assignment
from moascope.splits.groups import GroupedUnits, compounds_and_batches

log = logging.getLogger(__name__)


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
        # Per group: its units by class, and a count of one for each of its classes.
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


def hold_out_validation(
    labelled: GroupedUnits, assignments: list[Assignment], fraction: float, seed: int, method: str
) -> list[Assignment]:
    """Move training groups of every fold to validation.

    Parameters
    ----------
    labelled : GroupedUnits
        The units with their groups and classes.
    assignments : list of Assignment
        The sides of all groups in every fold; folds with validation groups stay as they are.
    fraction : float
        Share of every class's training units, 0 to 0.5; with 0 nothing moves.
    seed : int
        Seed of the split; every repeat and fold has its own random numbers.
    method : str
        Method of the split.

    Returns
    -------
    list of Assignment
        One per fold, in the same order.
    """
    if fraction <= 0:
        return assignments
    counts = labelled.counts
    apart = method == "leave-compound-and-batch-out"
    columns = compounds_and_batches(labelled) if apart else ()
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
        taken, left_out = 100 * np.mean(costs, axis=0)
        log.warning(
            "%s: validation uses on average %.0f %% of the training units of a fold; %.0f %% are "
            "left out because they share a compound or batch with it",
            method,
            taken,
            left_out,
        )
    for label in np.flatnonzero(without):
        log.warning(
            "class %r has too few training groups for validation in %d of %d folds",
            labelled.classes[label],
            without[label],
            len(assignments),
        )
    return result
