"""Checks of the columns of a screen: cells, wells, spellings and free groups."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from moascope.core.errors import InputError
from moascope.core.text.cell_text import (
    NOT_GIVEN,
    UNKNOWN,
    amount,
    is_failed_formula,
    looks_like_date,
    lost_digits,
    refuse_failed_formula,
)
from moascope.core.text.escaping import show
from moascope.screen.free_groups import PREFIX
from moascope.screen.problems import Problems
from moascope.screen.wells import parse_well, well_name

if TYPE_CHECKING:
    from moascope.screen.read_rows import SampleRows

# An unknown mechanism is handled separately, see `treatments`.
_NAMED_ROLES = ("plate", "site", "batch", "compound", "replicate", "field")
# Line ends and tabs are kept: programs write them into cells, and they are harmless.
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
# Cyrillic and Greek letters that look like Latin ones.
_LOOK_ALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТХаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABESIJKMHOPCTXaesijopcyxABEZHIKMNOPTYXo"
)
# Spaces, underscores, and hyphens, dashes and minus signs of all kinds.
_SEPARATORS = r"[\s_\-\u2010-\u2015\u2212]+"


def check_cells(table: pd.DataFrame, role: str, label: str, problems: Problems) -> pd.Series:
    """Refuse cells with the error of a spreadsheet, a number that lacks digits, or controls.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns `role`, changed in place (refused cells become empty), and `place`.
    role : str
        Role of the column, such as compound.
    label : str
        Words of messages for the column.
    problems : Problems
        Takes the cells.

    Returns
    -------
    pandas.Series of bool
        The cells that were refused.
    """
    cells, places = table[role], table["place"]
    known = [text for text in cells.unique() if text]
    failed = cells.isin([text for text in known if is_failed_formula(text)])
    problems.refuse(
        cells[failed],
        places,
        label,
        refuse_failed_formula,
    )
    if role == "concentration":
        table[role] = cells.mask(failed, "")
        return failed
    lost = cells.isin([text for text in known if lost_digits(text)])
    problems.refuse(
        cells[lost],
        places,
        label,
        lambda text: (
            f"a spreadsheet took a {role} such as a barcode for a number, and {text!r} lacks its "
            "last digits; format the column as text in the original table and export it again"
        ),
    )
    if role == "well":
        table[role] = cells.mask(failed | lost, "")
        return failed | lost
    # Neither figures nor tables can hold control characters; plates and sites hold even less.
    is_checked_later = role in ("plate", "site")
    problems.values(
        cells[cells.str.contains(_CONTROLS) & (not is_checked_later)],
        places,
        label,
        lambda name: f"{show(name)} has control characters; correct the name",
    )
    if role in _NAMED_ROLES:
        _note_odd_names(cells, places, role, label, problems)
    table[role] = cells.mask(failed | lost, "")
    return failed | lost


def _note_odd_names(
    cells: pd.Series, places: pd.Series, role: str, label: str, problems: Problems
) -> None:
    firsts = places[~cells.duplicated()]
    for name, place in zip(cells[firsts.index], firsts, strict=True):
        is_no_name = name != "" and name.casefold() in NOT_GIVEN | UNKNOWN
        if not (is_no_name or looks_like_date(name)):
            continue
        count = int((cells == name).sum())
        where = f"{label}: {name!r} in {amount(count, 'row')} (first: {place})"
        if is_no_name:
            problems.note(f"{where} counts as the name of a {role}; if it is none, empty the cells")
        elif role == "compound":
            problems.note(
                f"{where} looks like the name of a {role} that a spreadsheet changed into a "
                "date; if so, format the column as text in the original table and export it "
                "again"
            )


def find_wells(
    table: pd.DataFrame, label: str | None, plate_format: int, problems: Problems
) -> pd.DataFrame:
    """Find the wells of a table on the plate.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns `well` (as written) and `place`.
    label : str or None
        Words of messages for the column; None without one, so that there is nothing to note.
    plate_format : int
        Wells of a plate: 96, 384 or 1536.
    problems : Problems
        Takes texts that are no well of the plate.

    Returns
    -------
    pandas.DataFrame
        `well` (canonical), `row`, `col` (from 0) under the index of `table`; wrong wells become
        "", -1, -1.
    """
    reasons: dict[str, str] = {}
    found: dict[str, tuple[str, int, int]] = {}
    for name in table["well"].unique():
        try:
            row, column = parse_well(name, plate_format)
            found[name] = (well_name(row, column), row, column)
        except InputError as error:
            reasons[name] = str(error) if name else "blank; name the well"
            found[name] = ("", -1, -1)
    if label is not None:
        wrong = table["well"].isin(set(reasons))
        problems.values(table["well"][wrong], table["place"], label, reasons.__getitem__)
    positions = [found[name] for name in table["well"].tolist()]
    return pd.DataFrame(positions, columns=["well", "row", "col"], index=table.index)


def check_spellings(names: pd.DataFrame, label: str, noun: str, problems: Problems) -> None:
    """Note names that look like one name spelt in two ways.

    Parameters
    ----------
    names : pandas.DataFrame
        With the columns `name` and `place`.
    label : str
        Words of messages for the column.
    noun : str
        The kind of name, such as compound.
    problems : Problems
        Takes the names.
    """
    firsts = names[names["name"] != ""].drop_duplicates("name")
    alike = firsts.groupby(firsts["name"].map(_loose_spelling), sort=False)
    groups = pd.Series([group for _, group in alike if len(group) > 1], dtype=object)

    def sentence(index: Any) -> str:
        pairs = zip(groups[index]["name"], groups[index]["place"], strict=True)
        listed = " and ".join(f"{name!r} ({place})" for name, place in pairs)
        return (
            f"{label}: {listed} look like one {noun}, but would count as different ones; correct "
            "the spelling"
        )

    problems.rows(groups.index, sentence, f"{noun} names with several spellings")


def _loose_spelling(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).translate(_LOOK_ALIKES).casefold()
    # Separators between digits are kept: C-1-12 is not C-11-2.
    text = re.sub(rf"(?<=\d){_SEPARATORS}(?=\d)", "\0", text)
    return re.sub(_SEPARATORS, "", text)


def check_groups(rows: SampleRows, names: Sequence[str], problems: Problems) -> pd.DataFrame:
    """Check the free groups of every site.

    A blank would be a group of its own, and one name in two spellings would be two groups. Either
    could be in both training and test sets.

    Parameters
    ----------
    rows : SampleRows
        Rows of the screen.
    names : sequence of str
        The groups.
    problems : Problems
        Takes blanks, control characters and names that look alike.

    Returns
    -------
    pandas.DataFrame
        One column of str per group, under the index of `rows.table`. Groups that the
        configuration misnames are left out.
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
