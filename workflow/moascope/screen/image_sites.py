"""Table of sites of images without plates or wells."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from moascope.core.text.cell_text import NOT_GIVEN, UNKNOWN
from moascope.screen.column_checks import check_cells, check_groups, check_spellings
from moascope.screen.formats.classes import SETS
from moascope.screen.formats.registry import find_format
from moascope.screen.image_files import image_columns
from moascope.screen.problems import Problems
from moascope.screen.read_rows import METADATA, SampleRows, read_rows
from moascope.screen.wells import PLATE_SHAPES, well_name

if TYPE_CHECKING:
    from moascope.screen.options import ScreenOptions

logger = logging.getLogger(__name__)

_ROLES = ("batch", "compound", "treatment", "replicate")


def read_image_sites(
    options: ScreenOptions, *, check_files: bool = True
) -> tuple[pd.DataFrame, list[str]]:
    """Read and check images without plates.

    Parameters
    ----------
    options : ScreenOptions
        As for `site_table.read_screen`.
    check_files : bool
        As for `site_table.read_screen`.

    Returns
    -------
    sites : pandas.DataFrame
        As of `site_table.read_screen`, with one row per image: `site_id`, `site`, `field` and
        `image` are its name, `moa` its class, `given_set` its set (train, validation, test or
        empty). The plate is the part that stores the image, and every image has a well of its own
        there; neither means anything else.
    notes : list of str
        As of `site_table.read_screen`.

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    section = options.input
    source = find_format(section.format).reader.source(options)
    problems = Problems()
    rows = read_rows(options, problems)
    if rows.table.empty:
        problems.raise_if_any(source)
    places = rows.table["place"]
    moa = _labels(rows, options.labels_required, problems)
    groups = check_groups(rows, list(section.groups), problems)
    given = _sets(rows, problems)
    repeated = _repeated(rows, problems)
    files = image_columns(
        replace(rows, table=rows.table.drop(index=repeated)),
        list(section.channels),
        check_files,
        problems,
        on_bad_image=section.on_bad_image,
        path_prefix=section.path_prefix,
    )
    for note in problems.notes:
        logger.warning("%s", note)
    problems.raise_if_any(source)

    names = rows.table["name"]
    sites = pd.DataFrame({"site_id": names}, index=places.index)
    sites["plate"] = rows.table["part"]
    position = sites.groupby("plate").cumcount().to_numpy()
    columns = PLATE_SHAPES[1536][1]
    sites["row"], sites["col"] = position // columns, position % columns
    sites["well"] = [well_name(*place) for place in zip(sites["row"], sites["col"], strict=True)]
    sites["site"] = sites["field"] = names
    sites[[*_ROLES]] = ""
    sites["batch"] = "1"
    sites["concentration"] = np.nan
    sites["moa"] = moa
    sites["role"] = np.where(moa != "", "treated", "unlabelled")
    sites["image"] = names
    sites["given_set"] = given
    order = [*METADATA, "image", "given_set"]
    sites = pd.concat([sites[order], groups, files], axis=1).astype({"role": "str"})
    sites = sites.sort_values(["plate", "row", "col"]).reset_index(drop=True)
    logger.info("%s: %d images of %d classes", source, len(sites), (moa[moa != ""]).nunique())
    return sites, problems.notes


def _labels(rows: SampleRows, required: bool, problems: Problems) -> pd.Series:
    table, label = rows.table, rows.labels["label"]
    words = table["label"].str.casefold()
    unknown = words.isin(NOT_GIVEN | UNKNOWN)
    if required:
        problems.values(
            table["label"][unknown],
            table["place"],
            label,
            lambda text: (
                f"{text!r} is no class; add the class, or remove the image"
                if text
                else "blank; add the class, or remove the image"
            ),
        )
    check_cells(table[["label", "place"]].copy(), "label", label, problems)
    known = pd.DataFrame({"name": table["label"].mask(unknown, ""), "place": table["place"]})
    check_spellings(known, label, "class", problems)
    return known["name"]


def _sets(rows: SampleRows, problems: Problems) -> pd.Series:
    given = rows.table["set"]
    known = given.str.strip().str.casefold().map(SETS)
    wrong = known.isna() & (given != "")
    problems.values(
        given[wrong],
        rows.table["place"],
        rows.labels.get("set", "set"),
        lambda text: f"{text!r} is no set; set it to train, validation or test",
    )
    return known.fillna("").astype("str")


def _repeated(rows: SampleRows, problems: Problems) -> pd.Index:
    """Return the rows of images that an earlier row has given, after noting them."""
    names, places = rows.table["name"], rows.table["place"]
    first = places.groupby(names).transform("first")
    again = names.index[first != places]
    problems.rows(
        again,
        lambda index: (
            f"{places[index]}: image {names[index]!r} was already given in {first[index]}; remove "
            "one of the two"
        ),
        "repeated images",
    )
    return again
