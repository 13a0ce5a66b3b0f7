"""Units of an evaluation, with the groups that are independent of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.evaluation.codes import look_up
from moascope.classification.evaluation.documents import CoarserScores, LevelScores
from moascope.classification.evaluation.levels import Columns, Design, plural_name
from moascope.classification.evaluation.options import Evaluation
from moascope.core.statistics import intervals
from moascope.splits.independence import AUTO, COLUMNS, IMAGE, Independent

# A well holds whole fields, so there the smaller unit no longer exists.
_COARSER: dict[str, dict[str, tuple[str, ...]]] = {
    "unit": {},
    "well": {"field": COLUMNS["well"], "site": COLUMNS["well"]},
}


@dataclass(frozen=True)
class Frame:
    """Units of an evaluation, the groups that they belong to, and the options.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table.
    design : Design
        Plates or free groups.
    independent : Independent
        The unit that intervals treat as independent.
    levels : mapping of str to tuple of str
        Columns of the units table that name each level.
    options : Evaluation
        The section of the configuration.
    """

    units: pd.DataFrame
    design: Design
    independent: Independent
    levels: Columns
    options: Evaluation

    def look_up(self, rows: pd.DataFrame, level: str, columns: Sequence[str]) -> pd.DataFrame:
        """Return columns of the units table for every row of the predictions of a level."""
        wanted = list(columns)
        if level == "unit":
            return look_up(rows, self.units, wanted)
        if set(wanted) <= set(rows.columns):
            return rows[wanted]
        keys = list(self.levels[level])
        table = self.units.drop_duplicates(keys)[list(dict.fromkeys([*keys, *wanted]))]
        return rows[keys].merge(table, on=keys, how="left")[wanted]

    def independent_codes(self, rows: pd.DataFrame, level: str) -> npt.NDArray[np.int64]:
        """Return the code, from 0, of the independent group of every row of a level."""
        unit = self.independent
        columns = _COARSER.get(level, {}).get(unit.name, unit.columns)
        if level == "treatment":  # whose wells lie on several plates
            columns = COLUMNS["compound"]
        keys = self.levels.get(level, ())
        if keys and level != "treatment" and _varies_within(self.units, keys, columns):
            columns = keys  # a row holds several independent units, so it is one itself
        names = self.look_up(rows, level, columns)
        codes = names.groupby(list(columns), sort=True, dropna=False).ngroup()
        return codes.to_numpy().astype(np.int64)

    def compounds(self, rows: pd.DataFrame, level: str) -> pd.DataFrame:
        """Return class and compound, or the group that is permuted instead, of every row."""
        columns = self.design.exchanged(self.independent.columns)
        names = join_names(self.look_up(rows, level, columns))
        return pd.DataFrame({"moa": rows["moa"].to_numpy(), "compound": names.to_numpy()})

    def is_held_out(self) -> bool:
        """Return whether no independent unit is in training where it is tested."""
        one_unit_each = self.independent.name != IMAGE or self.units["site_id"].is_unique
        return self.independent.is_held_out and one_unit_each

    def explain_no_interval(self, level: str) -> str:
        """Return why a level has no intervals, and the fix."""
        unit = self._unit_of(level)
        fix = f"test several {plural_name(unit)} of a class"
        return f"{intervals.NO_INTERVAL.format(unit=unit)}. Fix: {fix}"

    def _unit_of(self, level: str) -> str:
        """Return the name of the independent unit of a level."""
        if level == "treatment":
            return "compound"
        name = self.independent.name
        return "well" if name in _COARSER.get(level, {}) else name

    def shared_groups(self, members: pd.DataFrame) -> list[str]:
        """Return the free groups that hold several independent units, where others are possible."""
        columns = self.independent.columns
        is_default = self.options.independent_unit == AUTO and self.design.has_plates
        if is_default or not set(columns) <= set(members.columns):
            return []
        unit = members.groupby(list(columns)).ngroup()
        return [
            name
            for name in self.design.groups
            if name not in columns
            and bool((members[name].groupby(unit).nunique() == 1).all())
            and bool((unit.groupby(members[name]).nunique() > 1).any())
        ]

    def nest(self, entries: Mapping[str, LevelScores]) -> CoarserScores:
        """Return the entries of all levels but the units under their keys of summary.json."""
        if self.design.has_plates:
            return {"by_treatment": entries["treatment"], "by_well": entries["well"]}
        return {"by_group": {level: entries[level] for level in self.levels}}


def join_names(table: pd.DataFrame) -> pd.Series:
    """Return the names of all columns of a table as one column of text."""
    return table.astype(str).agg(" | ".join, axis=1)


def _varies_within(units: pd.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> bool:
    """Return whether a well holds several groups, as where its sites are of several patients."""
    rows = units.groupby(list(keys), sort=False)
    return any(
        bool((rows[name].nunique(dropna=False) > 1).any()) for name in columns if name not in keys
    )
