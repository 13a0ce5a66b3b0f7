"""Leakage audit of a split.

Every fold is checked for four kinds of leaks; training and validation count as different sides:

- Groups: does a field, a well, another configured column, or a group that the split holds out
  (compound, batch) have units on two sides?
- Near-duplicates: do two units on different sides show the same image (copied, encoded again,
  brightened)? Their thumbnails correlate.
- Overlaps: do two units on different sides share much of their content (imaged again, shifted,
  cropped, rotated, mirrored, one channel replaced)? See `image_overlaps`.
- Adjacent crops: does one unit continue at the border of another, so both are crops of one field?
  This needs no column of fields.

The last three compare pixels, so they find leaks that the sample sheet does not show. The result
lists what could not be checked; an audit without images never passes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.splits import image_leakage
from moascope.splits.folds import EXCLUDED, SETS, TEST, TRAIN, VALIDATION, iterate_folds
from moascope.splits.groups import group_codes
from moascope.splits.image_leakage import (
    MIN_UNITS,
    UnitImages,
    adjacent_crops,
    near_duplicates,
)
from moascope.splits.image_overlaps import (
    count_flat,
    find_overlaps,
)
from moascope.splits.options import Audit

log = logging.getLogger(__name__)

PairKind = Literal["near_duplicates", "overlaps", "adjacent_crops"]
PAIR_KINDS: tuple[PairKind, ...] = ("near_duplicates", "overlaps", "adjacent_crops")

_MAX_EXAMPLES = 10


class Place(TypedDict):
    """Fold in which a leak was seen first."""

    repeat: int
    fold: int
    fold_name: str


class GroupExample(Place):
    """Group that is on two sides of a fold."""

    group: str
    sets: list[str]


class PairExample(Place):
    """Pair of units that is on two sides of a fold."""

    a: str
    b: str
    sets: list[str]
    correlation: float
    counts_as: NotRequired[float]
    """Of overlaps: the correlation with the agreement of many details added."""
    direction: NotRequired[str]
    """Of adjacent crops."""


class SharedGroups(TypedDict):
    """Groups of one column that are on two sides of a fold."""

    shared: int
    examples: list[GroupExample]


class SharedPairs(TypedDict):
    """Pairs of one kind: those on two sides of a fold, and all."""

    pairs: int
    found: int
    examples: list[PairExample]


class Gap(TypedDict):
    """Check that an audit left out."""

    what: str
    reason: str


class AuditResult(TypedDict):
    """Result of the audit of a split, ready for JSON."""

    shared_groups: int
    """Over all columns."""
    groups: dict[str, SharedGroups]
    """By column."""
    near_duplicates: SharedPairs | None
    """None where nothing was compared; the same below."""
    overlaps: SharedPairs | None
    adjacent_crops: SharedPairs | None
    dropped: list[str]
    """A sentence per class or fold that the split left out."""
    messages: list[str]
    """A sentence per leak."""
    not_looked_at: list[Gap]
    passed: bool | None
    """False: a leak was found; None: none was found, but a decisive check was left out."""
    reason: str | None
    """Why `passed` is None."""


def audit(
    units: pd.DataFrame,
    split: pd.DataFrame,
    groups: pd.DataFrame,
    options: Audit,
    images: UnitImages | None = None,
    held_out: Sequence[str] = (),
    threads: int = 1,
) -> AuditResult:
    """Find groups and pairs of images that are on two sides of a split.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table.
    split, groups : pandas.DataFrame
        What `make.make_split` returned.
    options : Audit
        The options of the audit.
    images : UnitImages or None
        One row per row of `units`; without it no images are compared.
    held_out : sequence of str
        Columns that are checked in any case, see `independence.held_out_columns`. Names joined with
        "+" are checked as a combination.
    threads : int
        How many threads to use.

    Returns
    -------
    AuditResult
        Ready for JSON.

    Raises
    ------
    InputError
        If the tables do not belong together or a column cannot be checked.
    """
    if images is not None and len(images.thumbnails) != len(units):
        raise InputError(
            f"leakage audit: {len(images.thumbnails)} unit images for {len(units)} units; both "
            "must come from the same run"
        )
    rows = np.flatnonzero(units["unit_id"].isin(groups["unit_id"]).to_numpy())
    chosen = units.iloc[rows].reset_index(drop=True)
    columns = {
        column: _GroupCheck(*group_codes(chosen, column.split("+")))
        for column in dict.fromkeys([*held_out, *options.groups])
    }
    unseen = [] if columns else [_Unseen("columns", "audit.groups is empty")]
    pairs: dict[str, _PairCheck] = {}
    if images is None:
        unseen.append(_Unseen("images", "audit.images is false", True))
    else:
        found, more = _compare_images(images, rows, chosen, options, threads)
        pairs = {kind: _PairCheck(part) for kind, part in found.items()}
        unseen += more
    for fold in iterate_folds(split, groups, chosen):
        side = np.full(len(chosen), EXCLUDED, np.int8)
        side[fold.train], side[fold.validation], side[fold.test] = TRAIN, VALIDATION, TEST
        place: Place = {"repeat": fold.repeat, "fold": fold.fold, "fold_name": fold.name}
        for check in columns.values():
            check.add(side, place)
        for pair_check in pairs.values():
            pair_check.add(side, place)
    names = chosen["unit_id"].to_numpy(dtype=object)
    by_column = {column: check.report() for column, check in columns.items()}
    by_kind = {kind: pairs[kind].report(names) if kind in pairs else None for kind in PAIR_KINDS}
    messages = [*_group_messages(by_column), *_pair_messages(by_kind)]
    decisive = [f"{gap.what}: {gap.reason}" for gap in unseen if gap.decisive]
    passed = False if messages else None if decisive else True
    for message in messages:
        log.warning("%s", message)
    return {
        "shared_groups": sum(check.n_shared for check in columns.values()),
        "groups": by_column,
        "near_duplicates": by_kind["near_duplicates"],
        "overlaps": by_kind["overlaps"],
        "adjacent_crops": by_kind["adjacent_crops"],
        "dropped": list(split.attrs.get("dropped", [])),
        "messages": messages,
        "not_looked_at": [{"what": gap.what, "reason": gap.reason} for gap in unseen],
        "passed": passed,
        "reason": "; ".join(decisive) if passed is None else None,
    }


def raise_if_leaking(audit: AuditResult, split_name: str, on_leak: str) -> None:
    """Raise an error, or log a warning, if an audit found leaks.

    Parameters
    ----------
    audit : AuditResult
        From `audit`.
    split_name : str
        Name of the split in the config.
    on_leak : {"error", "warn"}
        Action on a leak: stop the run, or log it.

    Raises
    ------
    InputError
        If there are leaks and `on_leak` is "error".
    """
    for gap in audit["not_looked_at"]:
        log.warning("split %s: not checked: %s (%s)", split_name, gap["what"], gap["reason"])
    if audit["passed"]:
        log.info("split %s: the leakage audit passed", split_name)
    if not audit["messages"]:
        return
    error = InputError.collect(list(audit["messages"]), f"split {split_name!r} leaks")
    if on_leak == "error":
        raise InputError(
            f"{error}\nScores on this split would be too high. Fix: add the column of these "
            f"groups to splits.{split_name}.group (method group-k-fold), or correct the sheet. "
            "Images can also be similar by chance, for example sparse round nuclei: compare the "
            f"two, then raise splits.{split_name}.audit.min_correlation (identical images) or "
            "min_overlap_correlation (common content), or set "
            f"splits.{split_name}.audit.on_leak: warn to continue with a warning in the report."
        )
    log.warning("%s", error)


@dataclass(frozen=True)
class _Unseen:
    """Gap of an audit; if it is `decisive`, the audit cannot pass."""

    what: str
    reason: str
    decisive: bool = False


def _compare_images(
    images: UnitImages,
    rows: np.ndarray,
    units: pd.DataFrame,
    options: Audit,
    threads: int,
) -> tuple[dict[str, pd.DataFrame], list[_Unseen]]:
    """Find pairs of images by kind, and list gaps.

    `rows` of the images belong to `units`.
    """
    if len(rows) < len(images.details):
        images = UnitImages(images.thumbnails[rows], images.edges[rows], images.details[rows])
    details = images.details
    n_flat, n_units = count_flat(details), len(rows)
    if n_units - n_flat < 2:
        reason = f"{n_flat} of {n_units} units have no contrast, so no pair can be compared"
        return {}, [_Unseen("images", reason, True)]
    unseen = []
    if n_flat:
        unseen.append(_Unseen(f"images of {n_flat} of {n_units} units", "they have no contrast"))
    copies = near_duplicates(
        images.thumbnails, options.min_correlation, orientations=options.orientations
    )
    if copies.attrs["stopped"]:
        reason = f"the search stopped at {image_leakage.MAX_PAIRS:,} pairs"
        unseen.append(_Unseen("further near-duplicates", reason, True))
    overlaps = find_overlaps(
        details, options.min_overlap_correlation, options.orientations, threads
    )
    known = pd.MultiIndex.from_frame(copies[["a", "b"]])
    overlaps = overlaps[~pd.MultiIndex.from_frame(overlaps[["a", "b"]]).isin(known)]
    found = {"near_duplicates": copies, "overlaps": overlaps.reset_index(drop=True)}
    plate = pd.factorize(units["plate"])[0]
    if n_units < MIN_UNITS:
        reason = f"{n_units} units are too few, at least {MIN_UNITS} are needed"
        unseen.append(_Unseen("adjacent crops", reason))
    elif np.bincount(plate).max() < 2:
        unseen.append(_Unseen("adjacent crops", "no plate has two units"))
    else:
        found["adjacent_crops"] = adjacent_crops(images.edges, plate)
    return found, unseen


class _GroupCheck:
    """Count of the groups of one column that are on two sides of some fold."""

    def __init__(self, codes: np.ndarray, names: np.ndarray) -> None:
        self.codes, self.names = codes, names
        self.shared = np.zeros(len(names), bool)
        self.examples: list[GroupExample] = []

    @property
    def n_shared(self) -> int:
        return int(self.shared.sum())

    def add(self, side: np.ndarray, place: Place) -> None:
        present = np.zeros((len(SETS), len(self.names)), bool)
        for which in range(len(SETS)):
            present[which, self.codes[side == which]] = True
        shared = present.sum(axis=0) > 1
        for group in np.flatnonzero(shared & ~self.shared)[: _MAX_EXAMPLES - len(self.examples)]:
            sets = [SETS[which] for which in np.flatnonzero(present[:, group])]
            self.examples.append({"group": str(self.names[group]), "sets": sets, **place})
        self.shared |= shared

    def report(self) -> SharedGroups:
        return {"shared": self.n_shared, "examples": self.examples}


class _PairCheck:
    """Count of the pairs of units that are on two sides of some fold."""

    def __init__(self, pairs: pd.DataFrame) -> None:
        self.pairs = pairs
        self.apart = np.zeros(len(pairs), bool)
        self.seen: list[tuple[int, list[str], Place]] = []
        """Row, sets and place of each example."""

    def add(self, side: np.ndarray, place: Place) -> None:
        a, b = side[self.pairs["a"].to_numpy()], side[self.pairs["b"].to_numpy()]
        apart = (a != b) & (a != EXCLUDED) & (b != EXCLUDED)
        for i in np.flatnonzero(apart & ~self.apart)[: _MAX_EXAMPLES - len(self.seen)]:
            self.seen.append((int(i), [SETS[a[i]], SETS[b[i]]], place))
        self.apart |= apart

    def report(self, names: np.ndarray) -> SharedPairs:
        return {
            "pairs": int(self.apart.sum()),
            "found": len(self.pairs),
            "examples": [self._example(names, *example) for example in self.seen],
        }

    def _example(self, names: np.ndarray, row: int, sets: list[str], place: Place) -> PairExample:
        pair = self.pairs.iloc[row]
        example: PairExample = {
            "a": str(names[int(pair["a"])]),
            "b": str(names[int(pair["b"])]),
            "correlation": float(pair["correlation"]),
            "sets": sets,
            **place,
        }
        if "counts_as" in pair:
            example["counts_as"] = float(pair["counts_as"])
        if "direction" in pair:
            example["direction"] = str(pair["direction"])
        return example


def _group_messages(groups: Mapping[str, SharedGroups]) -> list[str]:
    """Return a sentence per column whose groups are on two sides."""
    messages = []
    for column, found in groups.items():
        if found["shared"]:
            example = found["examples"][0]
            messages.append(
                f"{found['shared']} groups of column {column!r} are in two sets, for example "
                f"{example['group']!r} in {' and '.join(example['sets'])} of {_place(example)}."
            )
    return messages


def _pair_messages(pairs: Mapping[PairKind, SharedPairs | None]) -> list[str]:
    """Return a sentence per kind of pairs that are on two sides."""
    messages = []
    kinds: dict[PairKind, str] = {
        "near_duplicates": "pairs of nearly identical images",
        "overlaps": "pairs of images with common content (imaged again, shifted, turned)",
        "adjacent_crops": "pairs of adjacent crops, cut from one field (the border of one "
        "continues in the other),",
    }
    for kind, words in kinds.items():
        found = pairs[kind]
        if found and found["pairs"]:
            example = found["examples"][0]
            messages.append(
                f"{_counted(found['pairs'], words)} in two sets, for example {example['a']!r} in "
                f"{example['sets'][0]} and {example['b']!r} in {example['sets'][1]} of "
                f"{_place(example)} ({_correlation(kind, example)})."
            )
    return messages


def _correlation(kind: PairKind, example: PairExample) -> str:
    """Return the correlation of a pair in words, with the value of the key that lets it pass."""
    shown = f"correlation {example['correlation']:.2f}"
    keys: dict[PairKind, str] = {
        "near_duplicates": "min_correlation",
        "overlaps": "min_overlap_correlation",
    }
    if kind not in keys:
        return shown
    value = float(example.get("counts_as", example["correlation"]))
    if value - example["correlation"] > 0.005:
        shown += f", counts as {value:.2f} because many details agree"
    passes = math.floor(value * 100 + 1) / 100
    if passes > 1:
        return f"{shown}; no value of audit.{keys[kind]} lets this pair pass"
    return f"{shown}; audit.{keys[kind]} {passes:.2f} lets this pair pass"


def _counted(n: int, pairs: str) -> str:
    """Return a count of pairs with its verb."""
    return f"{n} {pairs} are" if n > 1 else f"1 {pairs.replace('pairs', 'pair', 1)} is"


def _place(example: Place) -> str:
    return f"repeat {example['repeat']}, fold {example['fold_name']!r}"
