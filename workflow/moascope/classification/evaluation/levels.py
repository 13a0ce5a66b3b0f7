"""Levels at which predictions are scored: units, and wells, treatments or groups of units.

A screen has wells and treatments. Images in class folders have neither: there, the free groups of
which each is of one class take their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from moascope.classification.evaluation.documents import CoarserScores, LevelScores
from moascope.splits.independence import plural

PLATE_LEVELS: dict[str, tuple[str, ...]] = {"well": ("plate", "well"), "treatment": ("treatment",)}
"""Columns of the units table that name a well and a treatment."""

Columns = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Design:
    """Plates or free groups that the units of a run belong to.

    Parameters
    ----------
    has_plates : bool
        Whether units lie in wells of plates and show treatments.
    groups : sequence of str
        Free groups, from ``input.groups``.
    """

    has_plates: bool = True
    groups: Sequence[str] = ()

    def levels(self, units: pd.DataFrame) -> dict[str, tuple[str, ...]]:
        """Return the columns that name the wells, treatments or groups of each level.

        A group that holds several classes has no class to be called, so it is no level.
        """
        if self.has_plates:
            return dict(PLATE_LEVELS)
        labelled = units[units["moa"].fillna("") != ""]
        return {
            name: (name,)
            for name in self.groups
            if len(labelled) and bool((labelled.groupby(name)["moa"].nunique() == 1).all())
        }

    def exchanged(self, independent: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns that name the groups among which classes are permuted for the null."""
        return ("compound",) if self.has_plates else independent


def scored_levels(entry: CoarserScores) -> dict[str, LevelScores]:
    """Return the scores of all levels but the units, by the level in the plural."""
    found: dict[str, LevelScores] = {}
    if "by_well" in entry:
        found["wells"] = entry["by_well"]
    if "by_treatment" in entry:
        found["treatments"] = entry["by_treatment"]
    return found | {plural_name(name): scores for name, scores in entry.get("by_group", {}).items()}


def plural_name(name: str) -> str:
    """Return the plural of an independent unit or a level, such as "compounds"."""
    return plural(name, 2).removeprefix("2 ")
