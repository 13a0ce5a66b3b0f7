"""Treatments of wells: compounds, doses, mechanisms of action, controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from moascope.core.text.cell_text import NOT_GIVEN, UNKNOWN, amount
from moascope.core.text.suggestions import advise, nearest
from moascope.screen.column_checks import check_spellings
from moascope.screen.formats.layout import column_label
from moascope.screen.problems import Problems
from moascope.screen.read_rows import SampleRows
from moascope.screen.tables.joined_tables import (
    name_columns,
    open_table,
    read_columns,
    require_columns,
)
from moascope.screen.tables.numbers import read_numbers

if TYPE_CHECKING:
    from moascope.screen.options import Input, ScreenOptions

# Relative tolerance: tables write the same dose as 0.3, 0.300000 or 0.30000001 (float32).
_CONCENTRATION_TOLERANCE = 1e-6


def annotate(
    rows: SampleRows, sites: pd.DataFrame, options: ScreenOptions, problems: Problems
) -> pd.DataFrame:
    """Add the treatment of each site.

    Parameters
    ----------
    rows : SampleRows
        Rows of the screen.
    sites : pandas.DataFrame
        Columns `plate`, `well` and `batch`, same index as `rows.table`.
    options : ScreenOptions
        Input, and whether labels and controls are needed.
    problems : Problems
        Takes wrong doses, treatments and mechanisms.

    Returns
    -------
    pandas.DataFrame
        `sites` with `compound`, `concentration` (float64, micromolar, NaN if there is none),
        `treatment` (compound@concentration), `moa` ("" where not known) and `role` (control,
        treated, or unlabelled: neither a control nor of known MoA).
    """
    section = options.input
    label = rows.labels.get("concentration", "concentration")
    doses = _numbers(rows.table["concentration"], rows.table["place"], label, problems)
    sites = sites.assign(compound=rows.table["compound"], concentration=doses)
    sites["treatment"] = _treatments(sites)
    _check_one_treatment_per_well(rows, sites, problems)
    # Splits identify compounds by name: one with two names could be in both sets.
    compounds = pd.DataFrame({"name": sites["compound"], "place": rows.table["place"]})
    label = rows.labels.get("compound", "compound")
    check_spellings(compounds, label, "compound", problems)
    batches = pd.DataFrame({"name": sites["batch"], "place": rows.table["place"]})
    check_spellings(batches, rows.labels.get("batch", "batch"), "batch", problems)

    table = _read_moa_table(section, problems) if section.moa_table else None
    label = rows.labels.get("moa", "MoA")
    written, unknown = _mechanisms(rows.table["moa"], rows.table["place"], label, problems)
    looked_up = "" if table is None else _looked_up(sites, table)
    sites["moa"] = written.where(written != "", looked_up)
    exempt = rows.exempt | unknown
    if table is not None:
        exempt |= sites["compound"].isin(table["compound"][table["open"]])
    rows = replace(rows, exempt=exempt)
    controls = {name.casefold() for name in section.controls}
    is_named_control = sites["compound"].str.casefold().isin(controls)
    sites["role"] = pd.Series("unlabelled", index=sites.index, dtype="str")
    sites.loc[sites["moa"] != "", "role"] = "treated"
    sites.loc[is_named_control, "role"] = "control"
    vehicles = pd.Series(False, index=sites.index)
    if section.zero_dose == "vehicle":
        vehicles = _make_vehicles(rows, sites, problems)
    _check_one_mechanism(rows, sites, table, problems)
    # If controls are a class, they have one name.
    names = sites["moa"][(sites["role"] == "control") & ~vehicles].unique()
    sites.loc[vehicles, "moa"] = names[0] if len(names) == 1 else ""
    judged = options.labels_required or options.needs_controls
    misspelt = (
        judged
        and not is_named_control.any()
        and _check_control_names(sites, section.controls, problems)
    )
    unreadable = section.moa_table is not None and table is None
    if options.labels_required and not unreadable and not {"moa", "compound"} & rows.misnamed:
        _check_labels(rows, sites, table, section, problems)
    if options.needs_controls and not misspelt and not {"plate", "compound"} & rows.misnamed:
        _check_controls(rows, sites, section.controls, problems)
    return sites


def _numbers(text: pd.Series, places: pd.Series, label: str, problems: Problems) -> pd.Series:
    # Concentrations as float64; NaN where there is none.
    known = text.unique().tolist()
    given = text.mask(text.isin([cell for cell in known if cell.casefold() in NOT_GIVEN]), "")
    read = read_numbers(cell for cell in given.unique() if cell)
    if read.decimal_comma:
        example = f"{read.decimal_comma} is {read.values[read.decimal_comma]:g}"
        problems.note(f"{label}: commas are read as decimal commas ({example})")

    def why(value: str) -> str:
        if value not in read.wrong:
            return f"{value!r} is negative; a concentration is 0 or more, in micromolar"
        if read.wrong[value].endswith("is not a number"):
            return (
                f"{read.wrong[value]}; write the micromolar concentration as a plain number, "
                "without a unit or a sign such as '>'"
            )
        return read.wrong[value]

    negative = [cell for cell, number in read.values.items() if number < 0]
    problems.values(given[given.isin([*read.wrong, *negative])], places, label, why)
    return given.map(read.values).astype("float64")


def _treatments(sites: pd.DataFrame) -> pd.Series:
    doses = {dose: f"@{dose:g}" for dose in sites["concentration"].dropna().unique()}
    dose = sites["concentration"].map(doses).fillna("").astype("str")
    return (sites["compound"] + dose).where(sites["compound"] != "", "")


def _make_vehicles(rows: SampleRows, sites: pd.DataFrame, problems: Problems) -> pd.Series:
    """Make controls of the wells with solvent but no compound; return which they are."""
    zero = (sites["concentration"] == 0) & (sites["compound"] != "") & (sites["role"] != "control")
    if not zero.any():
        return zero
    wells = sites[zero].drop_duplicates(["plate", "well"])
    compounds = wells["compound"].unique()
    problems.note(
        f"dose 0 in {amount(len(wells), 'well')} of {amount(len(compounds), 'compound')}, such as "
        f"{compounds[0]!r} ({rows.table['place'][wells.index].iloc[0]}): vehicle controls, "
        "without a mechanism. If 0 stands for an unknown dose, leave it empty or set "
        "input.zero_dose: treated"
    )
    sites.loc[zero, "role"] = "control"
    sites.loc[zero, "moa"] = ""
    return zero


def _check_one_treatment_per_well(
    rows: SampleRows, sites: pd.DataFrame, problems: Problems
) -> None:
    places = rows.table["place"]
    wells = sites[(sites["plate"] != "") & (sites["well"] != "")]
    groups = wells.groupby(["plate", "well"])
    treatment = groups["treatment"].transform("first")
    place = places[wells.index].groupby([wells["plate"], wells["well"]]).transform("first")
    differing = wells[wells["treatment"] != treatment].drop_duplicates(["plate", "well"])

    def sentence(index: Any) -> str:
        row = wells.loc[index]
        return (
            f"{places[index]}, {rows.labels.get('compound', 'compound')}: well {row['well']!r} of "
            f"plate {row['plate']!r} holds {row['treatment']!r} here and {treatment[index]!r} in "
            f"{place[index]}; a well has one treatment, correct one of the two"
        )

    problems.rows(differing.index, sentence, "wells with two treatments")


def _check_control_names(sites: pd.DataFrame, controls: Sequence[str], problems: Problems) -> bool:
    """Note controls that look misspelt where no well holds a control; return whether there are."""
    compounds = [name for name in sites["compound"].unique() if name]
    near = {name: found for name in controls if (found := nearest(name, compounds))}
    for name, found in near.items():
        problems.add(
            f"input.controls: no well holds {name!r}; did you mean {found!r}? Correct it, or leave "
            "it out"
        )
    return bool(near)


def _read_moa_table(options: Input, problems: Problems) -> pd.DataFrame | None:
    # Columns compound, concentration (NaN where none), moa, place, and open: the mechanism is
    # marked as unknown, or was refused.
    sheet = open_table(str(options.moa_table), "moa_table", problems)
    if sheet is None:
        return None
    roles = ("compound", "moa", "concentration")
    columns = name_columns(sheet, "moa_table", roles, options, problems)
    if not require_columns(sheet, "moa_table", columns, ["compound", "moa"], problems):
        return None
    table = read_columns(sheet, columns, problems)
    label = column_label(columns["moa"])
    table["moa"], unknown = _mechanisms(table["moa"], table["place"], label, problems)
    if columns.get("concentration"):
        label = column_label(columns["concentration"])
        doses = _numbers(table["concentration"], table["place"], label, problems)
        table = table.assign(concentration=doses)
    else:
        table = table.assign(concentration=np.nan)
    return table.assign(open=unknown | table["refused"])


def _mechanisms(
    cells: pd.Series, places: pd.Series, label: str, problems: Problems
) -> tuple[pd.Series, pd.Series]:
    """Return mechanisms, "" where there is none, and the rows that mark it as unknown."""
    words = {text: text.casefold() for text in cells.unique()}
    unknown = cells.isin([text for text, word in words.items() if word in UNKNOWN])
    for text, rows in cells[unknown].groupby(cells[unknown], sort=False):
        problems.note(
            f"{label}: {text!r} in {amount(len(rows), 'row')} (first: {places[rows.index[0]]}) "
            "is no mechanism; wells without a mechanism are not used for classification"
        )
    absent = unknown | cells.isin([text for text, word in words.items() if word in NOT_GIVEN])
    # Missing values written by programs need no note; those written by people may be mistakes.
    spoken = absent & ~unknown & ~cells.str.casefold().isin(["", "na", "n/a", "nan", "<na>"])
    for text, rows in cells[spoken].groupby(cells[spoken], sort=False):
        problems.note(
            f"{label}: {text!r} in {amount(len(rows), 'row')} (first: {places[rows.index[0]]}) is "
            "read as an empty cell"
        )
    return cells.mask(absent, ""), unknown


def _looked_up(sites: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    # The MoA of each site by compound and concentration, or by compound alone; "" where unknown.
    table = table[table["compound"] != ""]
    doses = table["concentration"].dropna().unique()
    if not len(doses) or sites["concentration"].isna().all():
        by_compound = table.drop_duplicates("compound").set_index("compound")["moa"]
        return sites["compound"].map(by_compound).fillna("").astype("str")
    wanted = sites["concentration"].unique()
    closest = doses[np.abs(np.subtract.outer(wanted, doses)).argmin(axis=1)]
    same = np.isclose(wanted, closest, rtol=_CONCENTRATION_TOLERANCE, atol=0)
    canonical = dict(zip(wanted, np.where(same, closest, wanted), strict=True))
    keys = sites[["compound"]].assign(concentration=sites["concentration"].map(canonical))
    lookup = table.drop_duplicates(["compound", "concentration"])
    found = keys.merge(lookup, how="left", on=["compound", "concentration"])["moa"]
    return found.set_axis(sites.index).fillna("").astype("str")


def _check_one_mechanism(
    rows: SampleRows, sites: pd.DataFrame, table: pd.DataFrame | None, problems: Problems
) -> None:
    known = sites[["compound", "moa"]].assign(place=rows.table["place"])
    if table is not None:
        known = pd.concat([known, table[known.columns]], ignore_index=True)
    check_spellings(known.rename(columns={"moa": "name"}), "mechanisms", "mechanism", problems)
    pairs = known[(known["compound"] != "") & (known["moa"] != "")]
    pairs = pairs.drop_duplicates(["compound", "moa"])
    several = pairs[pairs.duplicated("compound", keep=False)]
    for compound, group in several.groupby("compound", sort=False):
        listed = " and ".join(f"{row.moa!r} ({row.place})" for row in group.itertuples())
        problems.add(
            f"compound {compound!r} has several mechanisms, {listed}; correct the MoA table so "
            "that it has one"
        )


def _check_labels(
    rows: SampleRows,
    sites: pd.DataFrame,
    table: pd.DataFrame | None,
    options: Input,
    problems: Problems,
) -> None:
    unlabelled = sites["role"] == "unlabelled"
    if not (sites["role"] == "treated").any():
        vehicles = options.zero_dose == "vehicle" and (sites["concentration"] == 0).any()
        doses = "; wells with dose 0 are controls, see input.zero_dose" if vehicles else ""
        problems.add(
            "no treated well has an MoA; give them under input.columns.moa, input.moa_table or "
            f"input.platemap{doses}"
        )
        return
    if "compound" not in rows.labels:
        problems.add(
            "models need the compound of every well; set input.columns.compound or input.platemap"
        )
        return
    unnamed = (sites["role"] == "treated") & (sites["compound"] == "")
    problems.values(
        sites["compound"][unnamed],
        rows.table["place"],
        rows.labels["compound"],
        lambda _: "blank, although the well has a mechanism; name the compound",
    )
    compounds = [] if table is None else table["compound"].unique().tolist()
    missing = sites["treatment"][unlabelled & ~rows.exempt]
    where = f"add it to {options.moa_table}" if options.moa_table else "fill it in"

    def why(treatment: str) -> str:
        if not treatment:
            return "compound and MoA are missing; add them"
        compound = treatment.rpartition("@")[0] or treatment
        near = None if compound in compounds else nearest(compound, compounds)
        hint = f" (did you mean {near!r}?)" if near else ""
        return (
            f"no MoA is known for {treatment!r}{hint}; {where}, or list the compound under "
            "input.controls if it is one"
        )

    problems.values(
        missing,
        rows.table["place"],
        rows.labels.get("moa", rows.labels.get("compound", "MoA")),
        why,
    )


def _check_controls(
    rows: SampleRows, sites: pd.DataFrame, controls: Sequence[str], problems: Problems
) -> None:
    named = " or ".join(repr(name) for name in controls) or "input.controls is empty"
    if "compound" not in rows.labels:
        problems.add(
            f"normalization from controls needs the compound of every well, to find {named}; name "
            "its column under input.columns.compound, or give input.platemap"
        )
        return
    has_control = (sites["role"] == "control").groupby(sites["plate"]).any()
    for plate in has_control.index[~has_control]:
        compounds = sites["compound"][sites["plate"] == plate].unique()
        problems.add(
            f"plate {plate!r} has no control well ({named}), which normalization from controls "
            f"needs; of its compounds, {advise(''.join(controls[:1]), compounds)}; correct "
            "input.controls, or choose another normalization"
        )
