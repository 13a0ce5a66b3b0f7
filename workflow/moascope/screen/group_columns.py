"""Columns of the site table that hold free groups, checked."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from moascope.screen.free_groups import PREFIX
from moascope.screen.read_rows import Problems, SampleRows, check_cells
from moascope.screen.treatments import check_spellings


def checked_groups(rows: SampleRows, names: Sequence[str], problems: Problems) -> pd.DataFrame:
    """Check the free groups of every site.

    A blank would be a group of its own, and one name in two spellings would be two groups. Either
    could stand on both sides of a split.

    Parameters
    ----------
    rows : SampleRows
        What the user gave.
    names : sequence of str
        The groups.
    problems : Problems
        Takes blanks, control characters and names that look alike.

    Returns
    -------
    pandas.DataFrame
        One column of str per group, under the index of `rows.table`; groups that the config
        misnames are left out.
    """
    places = rows.table["place"]
    columns = {}
    for name in names:
        label = rows.labels.get(PREFIX + name)
        if label is None:
            continue
        values = rows.table[PREFIX + name]
        problems.values(
            values[values == ""],
            places,
            label,
            lambda _, name=name: f"blank; fill in the {name} of every row",  # type: ignore[misc]
        )
        check_cells(pd.DataFrame({name: values, "place": places}), name, label, problems)
        check_spellings(pd.DataFrame({"name": values, "place": places}), label, name, problems)
        columns[name] = values
    return pd.DataFrame(columns, index=rows.table.index)
