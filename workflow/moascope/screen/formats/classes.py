"""The format `classes`: images without plates or wells, brought to the table of sites."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moascope.core.text.cell_text import NOT_GIVEN, UNKNOWN
from moascope.screen.formats.class_images import SETS, ClassImages, parts_of, read_images
from moascope.screen.free_groups import PREFIX
from moascope.screen.group_columns import checked_groups
from moascope.screen.image_files import image_columns
from moascope.screen.read_rows import METADATA, Problems, SampleRows, check_cells
from moascope.screen.treatments import check_spellings
from moascope.screen.wells import PLATE_SHAPES, well_name

logger = logging.getLogger(__name__)

_ROLES = ("batch", "compound", "treatment", "replicate")


def read_class_sites(
    options: Mapping[str, Any], *, check_files: bool = True
) -> tuple[pd.DataFrame, list[str]]:
    """Read and check images of classes.

    Parameters
    ----------
    options : mapping
        As for `screen.read_sites`.
    check_files : bool
        As for `screen.read_sites`.

    Returns
    -------
    sites : pandas.DataFrame
        As of `screen.read_sites`, with one row per image: `site_id`, `site`, `field` and `image`
        are its name, `moa` its class, `given_set` its set (train, validation, test or empty). What
        stands for the plate is the part that it is stored in, and every image has a well of its
        own there; neither means anything else.
    notes : list of str
        As of `screen.read_screen`.

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    source = str(options["sheet"] or options["images"])
    problems = Problems()
    found = read_images(options)
    for sentence in found.problems:
        problems.add(sentence)
    for sentence in found.notes:
        problems.note(sentence)
    rows = _sample_rows(found, options, problems)
    places = rows.table["place"]
    moa = _labels(rows, options, problems)
    groups = checked_groups(rows, list(options["groups"]), problems)
    given = _sets(rows, problems)
    repeated = _repeated(rows, problems)
    files = image_columns(
        replace(rows, table=rows.table.drop(index=repeated)),
        list(options["channels"]),
        check_files,
        problems,
        on_bad_image=options["on_bad_image"],
        path_prefix=options["path_prefix"],
    )
    for note in problems.notes:
        logger.warning("%s", note)
    problems.raise_if_any(source)

    names = rows.table["name"]
    sites = pd.DataFrame({"site_id": names}, index=places.index)
    sites["plate"] = names.map(parts_of(names.tolist()))
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


def _sample_rows(found: ClassImages, options: Mapping[str, Any], problems: Problems) -> SampleRows:
    root = os.path.abspath(  # noqa: PTH100  (a link as the root is the user's choice)
        options["images"] or Path(options["sheet"]).parent
    )
    images = found.images
    columns: dict[str, Any] = {
        "place": [image.place for image in images],
        "name": [image.name for image in images],
        "label": [image.label.strip() for image in images],
        "set": [image.given_set for image in images],
    }
    labels = {key: label for key, label in found.labels.items() if key in ("label", "set")}
    for name in options["groups"]:
        if name in found.labels:
            columns[PREFIX + name] = [image.groups[name] for image in images]
            labels[PREFIX + name] = found.labels[name]
    for channel, source in options["channels"].items():
        if not str(source).isdigit():
            problems.add(
                f"input.channels.{channel}: {source!r} is not a plane number; write the plane of "
                "the image files, from 0, as in {image: 0} or {red: 0, green: 1, blue: 2}"
            )
            continue
        columns[f"file:{channel}"] = columns["name"]
        columns[f"index:{channel}"] = [str(source)] * len(images)
        labels[f"file:{channel}"] = found.labels.get("path", "image")
    table = pd.DataFrame(columns, dtype="str").assign(root=root, plate=root)
    return SampleRows(table, labels, pd.Series(False, index=table.index))


def _labels(rows: SampleRows, options: Mapping[str, Any], problems: Problems) -> pd.Series:
    table, label = rows.table, rows.labels["label"]
    words = table["label"].str.casefold()
    unknown = words.isin(NOT_GIVEN | UNKNOWN)
    if options["labels_required"]:
        problems.values(
            table["label"][unknown],
            table["place"],
            label,
            lambda text: (
                f"{text!r} is no class; fill in the class, or leave the image out"
                if text
                else "blank; fill in the class, or leave the image out"
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
        lambda text: f"{text!r} is no set; write train, validation or test",
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
