"""Column names of input formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from moascope.core.errors import InputError
from moascope.core.text.suggestions import advise


@dataclass(frozen=True)
class Layout:
    """Names that a format has for columns.

    Parameters
    ----------
    prefixes : tuple of str
        Text that may stand before a column name of the configuration (`Metadata_`).
    standard : mapping of str to tuple of str
        Names that the format itself has for a role, the preferred one first.
    """

    prefixes: tuple[str, ...] = ()
    standard: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def find_columns(
    header: Sequence[str], given: str | Sequence[str] | None, role: str, layout: Layout
) -> list[str]:
    """Find the columns that hold a role, such as the plate.

    Parameters
    ----------
    header : sequence of str
        The columns of the sheet.
    given : str, sequence of str or None
        The names in the configuration.
    role : str
        The role; its own name is also the default of the configuration.
    layout : Layout
        Column names of the format.

    Returns
    -------
    list of str
        Names from the header; none if the configuration says null and the format has no such
        column.

    Raises
    ------
    InputError
        If a column of the configuration is not there, with the nearest name.
    """
    names = [given] if isinstance(given, str) else list(given or [])
    by_case = {name.casefold(): name for name in reversed(header)}
    if names in ([], [role]) and layout.standard and role not in header:
        usual = [name.casefold() for name in layout.standard.get(role, ())]
        return [by_case[name] for name in usual if name in by_case][:1]
    found = []
    for name in names:
        prefixed = [(prefix + name).casefold() for prefix in layout.prefixes]
        hits = [by_case[text] for text in prefixed if text in by_case]
        if name not in header and not hits:
            raise InputError(
                f"input.columns.{role}: the sheet has no column {name!r}; {advise(name, header)}"
            )
        found.append(name if name in header else hits[0])
    return found


def column_label(names: Sequence[str]) -> str:
    """Return the words of messages for one or several columns."""
    return f"column {'+'.join(names)!r}"
