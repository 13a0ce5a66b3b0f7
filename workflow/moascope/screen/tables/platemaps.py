"""Platemaps: contents of the wells of one plate, or of all plates of a layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from moascope.core.text.cell_text import amount
from moascope.core.text.suggestions import advise
from moascope.screen.column_checks import find_wells
from moascope.screen.formats.layout import column_label
from moascope.screen.problems import Problems
from moascope.screen.read_rows import SampleRows
from moascope.screen.tables.delimited import Sheet
from moascope.screen.tables.joined_tables import (
    name_columns,
    open_table,
    read_columns,
    require_columns,
)
from moascope.screen.tables.platemap_list import read_platemap_list

if TYPE_CHECKING:
    from moascope.screen.options import Input

_SUPPLIED = ("compound", "concentration", "moa", "batch")
_ROLES = ("plate", "well", "row", "column", *_SUPPLIED)
# Other common column names of platemaps, by the beginning of one of their words.
_OFTEN_CALLED = {
    "compound": ("compound", "cpd", "drug", "treatment", "pert"),
    "concentration": ("conc", "dose"),
    "moa": ("moa", "mechanism"),
    "batch": (),
}
_LISTED = 12  # wells that a note writes out


def join_platemaps(rows: SampleRows, wells: pd.Series, options: Input, problems: Problems) -> bool:
    """Fill in compounds, doses, mechanisms and batches from one platemap, or one per plate.

    Parameters
    ----------
    rows : SampleRows
        Changed in place: compound, concentration, moa and batch where it has no such columns.
        Wells that the platemap lacks need no MoA.
    wells : pandas.Series of str
        Canonical well of each row, "" where it is wrong.
    options : Input
        The section `input`, with `platemap` or `platemaps` given.
    problems : Problems
        Takes problems of platemaps, and notes rows without images and wells without rows.

    Returns
    -------
    bool
        Whether the platemaps could be read.
    """
    plates = [plate for plate in rows.table["plate"].unique() if plate]
    source = options.platemap or options.platemaps
    if options.platemap:
        maps = {Path(options.platemap): plates}
    else:
        maps = _maps_of_list(plates, rows, options, problems)
    parts = []
    labels: dict[str, str] = {}
    for path, plates_of_map in maps.items():
        read = _read_platemap(path, rows, options, problems)
        if read is None:
            return False
        part, labels_of_map = read
        labels |= labels_of_map
        if "plate" not in part:
            part = part.merge(pd.DataFrame({"plate": plates_of_map}, dtype="str"), how="cross")
        parts.append(part)
    if not parts:
        return False
    table = pd.concat(parts, ignore_index=True)
    lookup = table[table["well"] != ""].drop_duplicates(["plate", "well"])
    lookup = lookup.set_index(["plate", "well"])
    target = pd.MultiIndex.from_arrays([rows.table["plate"], wells])
    found = lookup.reindex(target).set_index(rows.table.index)
    mapped = rows.table["plate"].isin([plate for plates in maps.values() for plate in plates])
    _check_mapped_plates(rows, found[mapped], str(source), problems)
    _note_unmatched(lookup, target[mapped.to_numpy()], str(source), problems)
    if "batch" in table:
        # Wells without a row in the platemap still belong to the batch of their plate.
        batch = found["batch"].mask(found["batch"] == "")
        found["batch"] = batch.fillna(batch.groupby(rows.table["plate"]).transform("first"))
    for role in _SUPPLIED:
        if role in table and role not in rows.labels:
            rows.table[role] = found[role].fillna("").astype("str")
            rows.labels[role] = f"{labels[role]} of {source}"
            problems.rename(labels[role], rows.labels[role])
    rows.exempt |= found["place"].isna() | found["refused"].eq(True)
    return len(parts) == len(maps)


def _maps_of_list(
    plates: Sequence[str], rows: SampleRows, options: Input, problems: Problems
) -> dict[Path, list[str]]:
    """Return the plates of each platemap; note plates that the table lacks."""
    listing = problems.attempt(read_platemap_list, options)
    if listing is None:
        return {}
    problems.sentences += listing.problems
    for sentence in listing.cleaning:
        problems.note(sentence)
    missing = rows.table["plate"][~rows.table["plate"].isin({"", *listing.listed})]
    problems.refuse(
        missing,
        rows.table["place"],
        rows.labels.get("plate", "plate"),
        lambda name: (
            f"plate {name!r} is not in {listing.path} (input.platemaps); add it with its platemap, "
            f"or correct the name ({advise(name, sorted(listing.listed))})"
        ),
    )
    if unused := sorted(listing.listed - set(plates)):
        problems.note(
            f"{listing.path} (input.platemaps): {amount(len(unused), 'plate')} not in the screen: "
            + _some(unused)
        )
    maps: dict[Path, list[str]] = {}
    for plate in plates:
        if plate in listing.files:
            maps.setdefault(listing.files[plate], []).append(plate)
    return maps


def _read_platemap(
    path: Path, rows: SampleRows, options: Input, problems: Problems
) -> tuple[pd.DataFrame, dict[str, str]] | None:
    """Return the rows of a platemap and the labels of its columns; None if it cannot be read.

    Rows have place, well (canonical), refused, and the roles that the platemap supplies.
    """
    sheet = open_table(path, "platemap" if options.platemap else "platemaps", problems)
    if sheet is None:
        return None
    columns = name_columns(sheet, "platemap", _ROLES, options, problems)
    _check_unused_columns(sheet, columns, rows.labels, options, problems)
    if not (columns.get("row") and columns.get("column") and not columns.get("well")) and (
        not require_columns(sheet, "platemap", columns, ["well"], problems)
    ):
        return None
    table = read_columns(sheet, columns, problems)
    label = column_label(columns.get("well") or [*columns["row"], *columns["column"]])
    table["well"] = find_wells(table, label, options.plate_format, problems)["well"]
    others = ["row", "column", "plate"] if options.platemaps else ["row", "column"]
    table = table.drop(columns=others, errors="ignore")
    _check_repeated_wells(table, ["plate", "well"] if "plate" in table else ["well"], problems)
    return table, {role: column_label(names) for role, names in columns.items() if names}


def _check_unused_columns(
    sheet: Sheet,
    columns: Mapping[str, Sequence[str]],
    given: Mapping[str, str],
    options: Input,
    problems: Problems,
) -> None:
    """Note columns of the platemap that the configuration means, or may mean, by another name."""
    start = f"{sheet.path} (input.platemap):"
    used = {name for names in columns.values() for name in names}
    unused = [name for name in sheet.header if name not in used]
    for role, words in _OFTEN_CALLED.items():
        named = getattr(options.columns, role)
        if role in columns or role in given or named is None:
            continue
        if isinstance(named, str) and named != role:
            problems.add(
                f"{start} there is no column {named!r}, as input.columns.{role} says; "
                + advise(named, sheet.header)
            )
            continue
        begins = [rf"(?<![a-z]){word}" for word in words]
        alike = (name for name in unused if any(re.search(b, name.casefold()) for b in begins))
        if name := next(alike, None):
            problems.add(
                f"{start} column {name!r} is not read; if it is the {role}, name it under "
                f"input.platemap_columns.{role}, else set input.columns.{role} to null"
            )


def _check_repeated_wells(table: pd.DataFrame, keys: list[str], problems: Problems) -> None:
    known = table[table["well"] != ""]
    first = known.groupby(keys)["place"].transform("first")
    problems.rows(
        known.index[first != known["place"]],
        lambda index: (
            f"{known['place'][index]}: well {known['well'][index]!r} was already given in "
            f"{first[index]}; keep one of the two"
        ),
        "repeated wells in the platemap",
    )


def _check_mapped_plates(
    rows: SampleRows, found: pd.DataFrame, source: str, problems: Problems
) -> None:
    plates = rows.table["plate"][found.index]
    listed = found["place"].notna().groupby(plates).transform("any")
    problems.values(
        plates[~listed & (plates != "")],
        rows.table["place"],
        rows.labels.get("plate", "plate"),
        lambda name: f"plate {name!r} has no well in {source} (input.platemap); add its wells",
    )


def _note_unmatched(
    lookup: pd.DataFrame, target: pd.MultiIndex, source: str, problems: Problems
) -> None:
    """Note rows of platemaps without an image, and wells with images but without a row."""
    imaged = pd.MultiIndex.from_tuples(
        [pair for pair in target.unique() if all(pair)], names=["plate", "well"]
    )
    plates = imaged.get_level_values("plate").unique()
    unused = lookup.index[~lookup.index.isin(imaged)].sort_values()
    other = unused[~unused.get_level_values("plate").isin(plates)]
    empty = unused[unused.get_level_values("plate").isin(plates)]
    if len(other):
        names = other.get_level_values("plate").unique().tolist()
        problems.note(
            f"{source}: {amount(len(other), 'row')} of plates without images: {_some(names)}"
        )
    if len(empty):
        problems.note(
            f"{source}: {len(empty):,} of {len(lookup):,} wells on the platemap have no image: "
            + _some([f"{plate}/{well}" for plate, well in empty])
        )
    bare = imaged[~imaged.isin(lookup.index)].sort_values()
    if len(bare):
        problems.note(
            f"{source}: {len(bare):,} of {len(imaged):,} wells with images are not on the platemap"
            ": " + _some([f"{plate}/{well}" for plate, well in bare])
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED:,} more"
