"""What was done to the wells: compounds, doses, mechanisms of action, controls."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from moascope.sample_rows import (
    Problems,
    SampleRows,
    check_names,
    named_column,
    well_positions,
)
from moascope.sheets import Sheet, nearest, read_sheet, similar

# How R and pandas write what is not known. A compound may really be called NA.
_NOT_KNOWN = ["NA", "N/A", "NaN", "nan"]
# Relative. Tables write the same dose as 0.3 and 0.300000, or as 0.30000001 after float32.
_CONCENTRATION_TOLERANCE = 1e-6
# Spaces, underscores, and hyphens, dashes and minus signs of all kinds.
_SEPARATORS = r"[\s_\-\u2010-\u2015\u2212]+"


def annotate(
    rows: SampleRows, sites: pd.DataFrame, options: Mapping[str, Any], problems: Problems
) -> pd.DataFrame:
    """Add what was done to each site.

    Parameters
    ----------
    rows : SampleRows
        What the user gave.
    sites : pandas.DataFrame
        Columns `plate` and `well`, same index as `rows.table`.
    options : mapping
        The config section `input` with `labels_required` and `needs_controls`.
    problems : Problems
        Takes what is wrong.

    Returns
    -------
    pandas.DataFrame
        `sites` with `compound`, `concentration` (float64, micromolar, NaN if there is none),
        `treatment` (compound@concentration), `moa` ("" where not known) and `role` (control,
        treated, or unlabelled: neither a control nor of known MoA).
    """
    label = rows.labels.get("concentration", "concentration")
    doses = _numbers(rows.table["concentration"], rows.table["place"], label, problems)
    sites = sites.assign(compound=rows.table["compound"], concentration=doses)
    sites["treatment"] = _treatments(sites)
    _check_one_treatment_per_well(rows, sites, problems)
    # Splits tell compounds apart by their names: one that has two could be learned and tested.
    compounds = pd.DataFrame({"name": sites["compound"], "place": rows.table["place"]})
    label = rows.labels.get("compound", "compound")
    check_spellings(compounds, label, "compound", problems)

    table = _read_moa_table(options, problems) if options["moa_table"] else None
    written = rows.table["moa"].mask(rows.table["moa"].isin(_NOT_KNOWN), "")
    looked_up = "" if table is None else _looked_up(sites, table)
    sites["moa"] = written.where(written != "", looked_up)
    controls = {name.casefold() for name in options["controls"]}
    sites["role"] = pd.Series("unlabelled", index=sites.index, dtype="str")
    sites.loc[sites["moa"] != "", "role"] = "treated"
    sites.loc[sites["compound"].str.casefold().isin(controls), "role"] = "control"
    _check_one_mechanism(rows, sites, table, problems)
    judged = options["labels_required"] or options["needs_controls"]
    misspelt = judged and _check_control_names(sites, options["controls"], problems)
    unreadable = options["moa_table"] and table is None
    if options["labels_required"] and not unreadable and not {"moa", "compound"} & rows.misnamed:
        _check_labels(rows, sites, table, options, problems)
    if options["needs_controls"] and not misspelt and not {"plate", "compound"} & rows.misnamed:
        _check_controls(rows, sites, options["controls"], problems)
    return sites


def join_platemap(
    rows: SampleRows, wells: pd.Series, options: Mapping[str, Any], problems: Problems
) -> None:
    """Fill in what the sheet does not say from a platemap.

    Parameters
    ----------
    rows : SampleRows
        Changed in place: compound, concentration, moa and batch where it has no such columns, and
        wells that the platemap passes over need no MoA.
    wells : pandas.Series of str
        Canonical well of each row, "" where it is wrong.
    options : mapping
        The config section `input`.
    problems : Problems
        Takes what is wrong with the platemap.
    """
    sheet = _joined_sheet(options["platemap"], "platemap", problems)
    if sheet is None:
        return
    columns = {
        role: named_column(sheet, options["columns"][role], role)
        for role in ("plate", "well", "compound", "concentration", "moa", "batch")
    }
    _check_unused_columns(sheet, columns, rows.labels, options, problems)
    if _missing_columns(sheet, "platemap", {"well": columns["well"]}, problems):
        return
    place = [f"{sheet.path}, line {line}" for line in sheet.lines]
    texts = {role: sheet.values([name]) for role, name in columns.items() if name is not None}
    table = pd.DataFrame({"place": place, **texts}, dtype="str")
    label = f"column {columns['well']!r}"
    for role in ("compound", "moa", "batch"):
        if role in texts:
            check_names(table[role], table["place"], f"column {columns[role]!r}", problems)
    table["well"] = well_positions(table, label, options["plate_format"], problems)["well"]
    keys = ["plate", "well"] if columns["plate"] else ["well"]
    _check_repeated_wells(table, keys, problems)
    lookup = table[table["well"] != ""].drop_duplicates(keys).set_index(keys)
    wanted = pd.DataFrame({"plate": rows.table["plate"], "well": wells})[keys]
    target = pd.MultiIndex.from_frame(wanted) if len(keys) > 1 else pd.Index(wanted["well"])
    found = lookup.reindex(target).set_index(rows.table.index)
    _check_mapped_plates(rows, found, sheet, problems)
    if "batch" in texts:
        # Wells that the platemap passes over belong to the batch of their plate all the same.
        batch = found["batch"].mask(found["batch"] == "")
        found["batch"] = batch.fillna(batch.groupby(rows.table["plate"]).transform("first"))
    for role in ("compound", "concentration", "moa", "batch"):
        if role in texts and role not in rows.labels:
            rows.table[role] = found[role].fillna("").astype("str")
            rows.labels[role] = f"column {columns[role]!r} of {sheet.path}"
    rows.exempt |= found["place"].isna()


def _numbers(text: pd.Series, places: pd.Series, label: str, problems: Problems) -> pd.Series:
    # Concentrations as float64; NaN where there is none.
    given = text.mask(text.isin(_NOT_KNOWN), "")
    numbers = pd.to_numeric(given.mask(given == ""), errors="coerce").astype("float64")
    wrong = (given != "") & ~(np.isfinite(numbers) & (numbers >= 0))

    def why(value: str) -> str:
        if re.fullmatch(r"\d+,\d+", value):
            return f"{value!r} has a decimal comma; write {value.replace(',', '.')}"
        if value.startswith("-"):
            return f"{value!r} is negative; a concentration is 0 or more, in micromolar"
        return f"{value!r} is not a number; write the micromolar concentration without a unit"

    problems.values(text[wrong], places, label, why)
    return numbers


def _treatments(sites: pd.DataFrame) -> pd.Series:
    doses = {dose: f"@{dose:g}" for dose in sites["concentration"].dropna().unique()}
    dose = sites["concentration"].map(doses).fillna("").astype("str")
    return (sites["compound"] + dose).where(sites["compound"] != "", "")


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


def check_spellings(names: pd.DataFrame, label: str, what: str, problems: Problems) -> None:
    """Find names (columns name and place) that look like one name spelt in two ways."""
    firsts = names[names["name"] != ""].drop_duplicates("name")
    alike = firsts.groupby(firsts["name"].map(_loose_spelling), sort=False)
    groups = pd.Series([group for _, group in alike if len(group) > 1], dtype=object)

    def sentence(index: Any) -> str:
        pairs = zip(groups[index]["name"], groups[index]["place"], strict=True)
        listed = " and ".join(f"{name!r} ({place})" for name, place in pairs)
        return (
            f"{label}: {listed} look like one {what}, but would count as different ones; spell it "
            "alike everywhere"
        )

    problems.rows(groups.index, sentence, f"{what}s with several spellings")


def _loose_spelling(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    # Between digits a separator tells numbers apart: C-1-12 is not C-11-2.
    text = re.sub(rf"(?<=\d){_SEPARATORS}(?=\d)", "\0", text)
    return re.sub(_SEPARATORS, "", text)


def _check_control_names(sites: pd.DataFrame, controls: Sequence[str], problems: Problems) -> bool:
    """Where there is no control at all, look for one that is misspelt; tell whether there is."""
    if (sites["role"] == "control").any():
        return False
    compounds = [name for name in sites["compound"].unique() if name]
    near = {name: found for name in controls if (found := similar(name, compounds))}
    for name, found in near.items():
        problems.add(
            f"input.controls: no well holds {name!r}; did you mean {found!r}? Correct it, or leave "
            "it out"
        )
    return bool(near)


def _joined_sheet(path: str, key: str, problems: Problems) -> Sheet | None:
    sheet = problems.attempt(read_sheet, path)
    if sheet is None:
        return None
    for sentence in sheet.problems:
        problems.add(f"{path}, {sentence} (input.{key})")
    return sheet


def _missing_columns(
    sheet: Sheet, key: str, columns: Mapping[str, str | None], problems: Problems
) -> bool:
    missing = [role for role, name in columns.items() if name is None]
    for role in missing:
        problems.add(
            f"{sheet.path} (input.{key}): there is no column {role!r}; "
            + nearest(role, sheet.header)
        )
    return bool(missing)


# How columns of a platemap are often called, besides their role: how one of their words begins.
_OFTEN_CALLED = {
    "compound": ("compound", "cpd", "drug", "treatment", "pert"),
    "concentration": ("conc", "dose"),
    "moa": ("moa", "mechanism"),
    "batch": (),
}


def _check_unused_columns(
    sheet: Sheet,
    columns: Mapping[str, str | None],
    given: Mapping[str, str],
    options: Mapping[str, Any],
    problems: Problems,
) -> None:
    """Find columns of the platemap that the config means, or may mean, under another name."""
    start = f"{sheet.path} (input.platemap):"
    unused = [name for name in sheet.header if name not in columns.values()]
    for role, words in _OFTEN_CALLED.items():
        named = options["columns"][role]
        if columns[role] is not None or role in given or named is None:
            continue
        if isinstance(named, str) and named != role:
            problems.add(
                f"{start} there is no column {named!r}, as input.columns.{role} says; "
                + nearest(named, sheet.header)
            )
            continue
        begins = [rf"(?<![a-z]){word}" for word in words]
        alike = (name for name in unused if any(re.search(b, name.casefold()) for b in begins))
        if name := next(alike, None):
            problems.add(
                f"{start} column {name!r} is not read; if it is the {role}, name it under "
                f"input.columns.{role}, else set that to null"
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
    rows: SampleRows, found: pd.DataFrame, sheet: Sheet, problems: Problems
) -> None:
    plates = rows.table["plate"]
    listed = found["place"].notna().groupby(plates).transform("any")
    problems.values(
        plates[~listed & (plates != "")],
        rows.table["place"],
        rows.labels.get("plate", "plate"),
        lambda name: f"plate {name!r} has no well in {sheet.path} (input.platemap); add its wells",
    )


def _read_moa_table(options: Mapping[str, Any], problems: Problems) -> pd.DataFrame | None:
    # Columns compound, concentration (NaN where none), moa, place.
    sheet = _joined_sheet(options["moa_table"], "moa_table", problems)
    if sheet is None:
        return None
    columns = {
        role: named_column(sheet, options["columns"][role], role)
        for role in ("compound", "moa", "concentration")
    }
    dose = columns.pop("concentration")
    if _missing_columns(sheet, "moa_table", columns, problems):
        return None
    place = pd.Series([f"{sheet.path}, line {line}" for line in sheet.lines], dtype="str")
    table = pd.DataFrame(
        {role: sheet.values([str(name)]) for role, name in columns.items()}, dtype="str"
    ).assign(place=place, concentration=np.nan)
    for role, name in columns.items():
        check_names(table[role], place, f"column {name!r}", problems)
    table["moa"] = table["moa"].mask(table["moa"].isin(_NOT_KNOWN), "")
    if dose is not None:
        text = pd.Series(sheet.values([dose]), dtype="str")
        table["concentration"] = _numbers(text, place, f"column {dose!r}", problems)
    return table


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
        problems.add(f"compound {compound!r} has several mechanisms, {listed}; decide for one")


def _check_labels(
    rows: SampleRows,
    sites: pd.DataFrame,
    table: pd.DataFrame | None,
    options: Mapping[str, Any],
    problems: Problems,
) -> None:
    unlabelled = sites["role"] == "unlabelled"
    if not (sites["role"] == "treated").any():
        problems.add(
            "no treated well has an MoA; give them under input.columns.moa, input.moa_table or "
            "input.platemap"
        )
        return
    if "compound" not in rows.labels:
        problems.add(
            "models need to know which wells were treated alike; name the column of compounds "
            "under input.columns.compound, or give input.platemap"
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
    where = f"add it to {options['moa_table']}" if options["moa_table"] else "fill it in"

    def why(treatment: str) -> str:
        if not treatment:
            return "neither compound nor MoA are given; fill them in"
        compound = treatment.rpartition("@")[0] or treatment
        near = None if compound in compounds else similar(compound, compounds)
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
            f"needs; of its compounds, {nearest(''.join(controls[:1]), compounds)}; correct "
            "input.controls, or choose another normalization"
        )
