"""Table of the sites of a screen, checked.

All problems of a screen are raised at once, before any image is opened.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import pandas as pd

from moascope.core.errors import InputError
from moascope.core.files import FILE_COLUMNS, write_parquet
from moascope.core.text.natural_order import natural_key
from moascope.core.text.patterns import OutOfTimeError, compile_pattern, limit_time, too_slow
from moascope.screen.column_checks import check_groups, find_wells
from moascope.screen.formats.registry import find_format
from moascope.screen.image_files import image_columns, mask_columns
from moascope.screen.image_sites import read_image_sites
from moascope.screen.plates import SAFE_NAME, SAFE_NAME_RULE
from moascope.screen.problems import Problems
from moascope.screen.read_rows import METADATA, SampleRows, read_rows
from moascope.screen.tables.platemaps import join_platemaps
from moascope.screen.treatments import annotate

if TYPE_CHECKING:
    from moascope.screen.options import ScreenOptions

logger = logging.getLogger(__name__)


_SEARCHING_SECONDS = 10.0  # processor time, for the batch in all names of plates
_PLACES = ("site_id", "plate", "well", "row", "col", "site")
_MASK_COLUMNS = ("mask:path", "mask:bytes", "mask:mtime_ns")


def read_sites(options: ScreenOptions, *, check_files: bool = True) -> pd.DataFrame:
    """Read and check a screen, as `read_screen`, and return its sites."""
    return read_screen(options, check_files=check_files)[0]


def read_screen(
    options: ScreenOptions, *, check_files: bool = True
) -> tuple[pd.DataFrame, list[str]]:
    """Read and check a screen.

    Parameters
    ----------
    options : ScreenOptions
        Input of the screen, and whether labels and controls are needed.
    check_files : bool
        Look for the image files. Without it their `bytes` and `mtime_ns` are -1.

    Returns
    -------
    sites : pandas.DataFrame
        One row per site, sorted by plate, row, column and site: the columns `METADATA`
        (concentration in micromolar), a column per free group, and per channel `path:{ch}`
        (absolute), `index:{ch}` (plane of the file, -1 for the only one), `bytes:{ch}` and
        `mtime_ns:{ch}`; and where the sheet has label images `mask:path` (empty for none),
        `mask:bytes`, `mask:mtime_ns`. Images without plates also have `image` and `given_set`.
    notes : list of str
        Values that were read differently from how they are written, or left out. They are logged
        as well.

    Raises
    ------
    InputError
        With everything that is wrong, each naming line, column, value and fix.
    """
    section = options.input
    input_format = find_format(section.format)
    if not input_format.has_plates:
        return read_image_sites(options, check_files=check_files)
    problems = Problems()
    source = input_format.reader.source(options)
    rows = read_rows(options, problems)
    if rows.table.empty:
        problems.raise_if_any(source)
    _check_plates(rows, problems)
    wells = find_wells(rows.table, rows.labels.get("well"), section.plate_format, problems)
    if (section.platemap or section.platemaps) and not join_platemaps(
        rows, wells["well"], section, problems
    ):
        rows.misnamed |= {"compound", "moa"} - set(rows.labels)
    sites = rows.table[["plate", "replicate"]].join(wells)
    sites["site"] = _site_names(rows, sites, problems)
    sites["batch"] = _batches(
        rows, section.batch_from_plate or input_format.batch_pattern, problems
    )
    field = _fields(rows, problems)
    groups = check_groups(rows, list(section.groups), problems)
    sites = annotate(rows, sites, options, problems)
    files = image_columns(
        rows,
        list(section.channels),
        check_files,
        problems,
        on_bad_image=section.on_bad_image,
        path_prefix=section.path_prefix,
    )
    if "mask" in rows.labels:
        masks = mask_columns(rows, check_files, problems, section.path_prefix)
        files = files.join(masks.add_prefix("mask:"))
    for note in problems.notes:
        logger.warning("%s", note)
    problems.raise_if_any(source)

    sites["site_id"] = sites["plate"] + "/" + sites["well"] + "/" + sites["site"]
    sites["field"] = field.where(field != "", sites["site_id"])
    sites = pd.concat([sites[METADATA], groups, files], axis=1)
    sites = sites.loc[_natural_order(sites)].reset_index(drop=True)
    logger.info("%s: %s", source, summarise(sites))
    return sites, problems.notes


def write_sites(
    sites: pd.DataFrame,
    out_all: str | os.PathLike[str],
    out_masks: str | os.PathLike[str],
) -> None:
    """Write the sites of all plates to one file, and which of them have a label image to another.

    Parameters
    ----------
    sites : pandas.DataFrame
        From `read_sites`.
    out_all : path
        Parquet file of all sites, without their label images.
    out_masks : path
        Parquet file of the sites that have a label image: site_id, plate, well, row, col, site, and
        path, bytes and mtime_ns of the label image.
    """
    annotated = sites.reindex(columns=[*_PLACES, *_MASK_COLUMNS])
    annotated = annotated[annotated["mask:path"].fillna("") != ""]
    masks = annotated.rename(columns=lambda name: name.removeprefix("mask:"))
    write_parquet(masks.reset_index(drop=True), out_masks)
    write_parquet(sites.drop(columns=list(_MASK_COLUMNS), errors="ignore"), out_all)


def divide_sites(
    sites: pd.DataFrame,
    out_files: Mapping[str, str | os.PathLike[str]],
    out_roles: Mapping[str, str | os.PathLike[str]],
) -> None:
    """Write the files and the roles of the sites of a plate to files of their own.

    Reading images needs their files, normalizing them needs the controls; neither needs compounds
    or mechanisms. So a corrected label changes no file that pixels depend on.

    Parameters
    ----------
    sites : pandas.DataFrame
        From `read_sites`.
    out_files : mapping of str to path
        For each plate that the run was planned for, a Parquet file: the image files of its sites.
    out_roles : mapping of str to path
        For the same plates, a Parquet file: site_id, plate and role.

    Raises
    ------
    InputError
        If these are not the plates of the table; then nothing is written.
    """
    rows_of = {str(plate): rows for plate, rows in sites.groupby("plate")}
    if differing := set(rows_of) ^ set(out_files):
        raise InputError(
            f"the plates of the screen changed while the workflow ran ({sorted(differing)}); "
            "start it again"
        )
    files = [name for name in map(str, sites) if name.startswith(FILE_COLUMNS)]
    for plate in out_files:
        rows = rows_of[plate].reset_index(drop=True)
        write_parquet(rows[[*_PLACES, *files]], out_files[plate])
        roles = rows[["site_id", "plate", "role"]]
        write_parquet(roles, out_roles[plate])


def digest(sites: pd.DataFrame) -> str:
    """Compute a digest of the images of a screen that does not depend on their folder.

    Parameters
    ----------
    sites : pandas.DataFrame
        From `read_sites`.

    Returns
    -------
    str
        SHA-256 (hex) over the sites in the order of their names: the site, and per channel its
        name, file name, plane and bytes.
    """
    ordered = sites.sort_values("site_id")
    columns = []
    for channel in _channels(sites):
        columns += [
            channel + "\t" + ordered[f"path:{channel}"].str.rpartition("/")[2],
            ordered[f"index:{channel}"].astype("str"),
            ordered[f"bytes:{channel}"].astype("str"),
        ]
    lines = map("\t".join, zip(ordered["site_id"], *columns, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class ScreenSize(TypedDict):
    """Numbers of a screen; images without plates only have the number of images."""

    plates: NotRequired[int]
    wells: NotRequired[int]
    sites: NotRequired[int]
    images: int
    """Distinct image files, without those that were looked for and are missing."""


class ScreenFacts(ScreenSize):
    """Content of the summary of the input tables."""

    digest: str
    """See `digest`."""
    notes: list[str]
    """Sentences for the user, from `read_screen`."""


def summarise(sites: pd.DataFrame) -> ScreenSize:
    """Count plates, wells, sites and images of a screen.

    Parameters
    ----------
    sites : pandas.DataFrame
        From `read_sites`.

    Returns
    -------
    ScreenSize
        Of the whole screen.
    """
    if "given_set" in sites:
        return {"images": int(have_all_files(sites).sum())}
    paths = pd.concat(
        [sites.loc[_are_there(sites, channel), f"path:{channel}"] for channel in _channels(sites)]
    )
    return {
        "plates": int(sites["plate"].nunique()),
        "wells": len(sites[["plate", "well"]].drop_duplicates()),
        "sites": len(sites),
        "images": int(paths.nunique()),
    }


def have_all_files(sites: pd.DataFrame) -> pd.Series:
    """Return for each site whether all its files are there; true if none was looked for."""
    complete = pd.Series(True, index=sites.index)
    for channel in _channels(sites):
        complete &= _are_there(sites, channel)
    return complete


def _are_there(sites: pd.DataFrame, channel: str) -> pd.Series:
    names = [f"bytes:{name}" for name in _channels(sites)]
    if not (sites.reindex(columns=names) >= 0).any(axis=None):  # none was looked for
        return pd.Series(True, index=sites.index)
    return sites[f"bytes:{channel}"].ge(0)


def _channels(sites: pd.DataFrame) -> list[str]:
    return [name.removeprefix("path:") for name in sites.columns if name.startswith("path:")]


def _natural_order(sites: pd.DataFrame) -> pd.Index:
    """Return the index by plate, well and site, in natural order of the site names."""
    names = sorted(sites["site"].unique(), key=natural_key)
    ranks = {name: rank for rank, name in enumerate(names)}
    ranked = sites.assign(rank=sites["site"].map(ranks))
    return ranked.sort_values(["plate", "row", "col", "rank"]).index


def _check_plates(rows: SampleRows, problems: Problems) -> None:
    if "plate" not in rows.labels:
        return
    plates = rows.table["plate"]
    wrong = {name for name in plates.unique() if not SAFE_NAME.fullmatch(name)}
    problems.values(
        plates[plates.isin(wrong)],
        rows.table["place"],
        rows.labels["plate"],
        lambda name: f"plate {name!r}: {SAFE_NAME_RULE}" if name else "blank; name the plate",
    )
    firsts = rows.table[["plate", "place"]].drop_duplicates("plate").set_index("plate")["place"]
    for _, names in firsts.groupby(firsts.index.str.casefold(), sort=False):
        if len(names) > 1:
            listed = " and ".join(f"{name!r} ({place})" for name, place in names.items())
            problems.add(
                f"{rows.labels['plate']}: plates {listed} differ in case only, and some file "
                "systems take their files for one; rename all but one"
            )


def _site_names(rows: SampleRows, sites: pd.DataFrame, problems: Problems) -> pd.Series:
    names, places = rows.table["site"], rows.table["place"]
    if label := rows.labels.get("site"):
        wrong = (names == "") | names.str.contains(r"[/\\#\x00-\x1f]", regex=True)
        problems.values(
            names[wrong],
            places,
            label,
            lambda name: (
                f"site {name!r}: leave out '/', '\\' and '#'" if name else "blank; name it"
            ),
        )
        fix = f"correct {label}, or remove one of the two"
    elif "site" in rows.misnamed:
        return names
    else:
        # The configuration has null: there is one image per well.
        names = pd.Series("1", index=names.index)
        fix = "for several images in a well name their column under input.columns.site"
    keys = pd.DataFrame({"plate": sites["plate"], "well": sites["well"], "site": names})
    keys = keys[(keys != "").all(axis=1)]
    first = places[keys.index].groupby([keys[name] for name in keys]).transform("first")

    def sentence(index: Any) -> str:
        plate, well, site = keys.loc[index]
        return (
            f"{places[index]}: plate {plate!r}, well {well!r}, site {site!r} was already given in "
            f"{first[index]}; {fix}"
        )

    problems.rows(first.index[first != places[first.index]], sentence, "repeated sites")
    return names


def _fields(rows: SampleRows, problems: Problems) -> pd.Series:
    fields = rows.table["field"]
    if label := rows.labels.get("field"):
        # Crops of an unknown field could be in both training and test sets.
        problems.values(
            fields[fields == ""],
            rows.table["place"],
            label,
            lambda _: "blank; name the field that the image was cut from, in every row",
        )
    return fields


def _batches(rows: SampleRows, pattern: str | None, problems: Problems) -> pd.Series:
    places = rows.table["place"]
    if label := rows.labels.get("batch"):
        batches = rows.table["batch"]
        problems.values(
            batches[batches == ""], places, label, lambda _: "blank; name the batch of every row"
        )
        return batches
    if pattern is None:
        return pd.Series("1", index=places.index)
    key = "input.batch_from_plate"
    expression = problems.attempt(compile_pattern, pattern, key)
    if expression is None:
        return rows.table["batch"]
    if expression.groups != 1:
        problems.add(
            f"input.batch_from_plate: {pattern!r} needs one group in parentheses around the batch, "
            r"such as ^(Week\d+)_"
        )
        return rows.table["batch"]
    plates = rows.table["plate"]
    found: dict[str, str] = {}
    name = ""
    try:
        with limit_time(_SEARCHING_SECONDS):
            for name in plates.unique():
                if (match := expression.search(name)) and match[1]:
                    found[name] = match[1]
    except OutOfTimeError:
        problems.add(str(too_slow(key, pattern, name)))
        return rows.table["batch"]
    problems.values(
        plates[(plates != "") & ~plates.isin(set(found))],
        places,
        rows.labels.get("plate", "plate"),
        lambda name: f"input.batch_from_plate {pattern!r} finds no batch in {name!r}; correct it",
    )
    return plates.map(found).fillna("")
