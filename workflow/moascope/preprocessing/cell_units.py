"""Single cells as units of classification: squares around segmented objects."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.core.files import atomic_path, write_array_header
from moascope.images.label_images import bounding_boxes, find_objects
from moascope.images.resampling import resize
from moascope.images.store_protocol import Store, batch_size
from moascope.preprocessing.normalization import apply
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import CellUnits
from moascope.preprocessing.units import resized_shape

logger = logging.getLogger(__name__)


def prepare_plate(
    store: Store,
    labels: Store,
    roles: pd.DataFrame,
    quality: pd.DataFrame,
    statistics: pd.DataFrame,
    normalization: Normalization,
    options: CellUnits,
    out_npy: str | os.PathLike[str],
    *,
    size: int | None,
    seed: int,
) -> pd.DataFrame:
    """Normalize the sites of a plate, cut out their cells, and write them as one array.

    Parameters
    ----------
    store : plate store
        Raw pixels.
    labels : plate store
        Label images of the same sites in the same order.
    roles, quality, statistics, normalization
        As for `moascope.preprocessing.units.prepare_plate`; sites are normalized whole.
    options : CellUnits
        Squares around the cells; see `crops`.
    out_npy : path
        Path of the array that is written: (n, H, W, C), float16, in [0, 1].
    size : int or None
        Side in px that squares are resized to; None keeps it.
    seed : int
        Seed of the draw of cells per site.

    Returns
    -------
    pandas.DataFrame
        One row per cell, in the order of the array: unit_id, the columns of `roles`, tile (the
        number of the object in its label image), flagged (the site's quality) and usable (True).

    Raises
    ------
    InputError
        If the stores do not belong together.
    """
    if labels.site_ids != store.site_ids:
        raise InputError(
            "the label images are not those of the plate store: delete the labels of this plate "
            "and run again"
        )
    rng = np.random.default_rng([seed, *map(ord, roles["plate"].iloc[0])])
    shape = resized_shape((options.crop, options.crop), size)
    rows: list[dict[str, Any]] = []
    with atomic_path(out_npy) as temporary, temporary.open("wb") as file:
        write_array_header(file, np.float16, (0, *shape, store.shape[0]))
        for indices, batch in store.batches(batch_size(store.shape)):
            objects = labels.read(indices.tolist())[:, 0].astype(np.int32)
            images = apply(batch, statistics, normalization, store.channels)
            for index, image, found in zip(indices, images, objects, strict=True):
                cut, numbers = crops(
                    image,
                    found,
                    size=options.crop,
                    border=options.border,
                    mask_neighbours=options.mask_neighbours,
                )
                if options.per_site is not None and len(numbers) > options.per_site:
                    chosen = np.sort(rng.choice(len(numbers), options.per_site, replace=False))
                    cut, numbers = cut[chosen], numbers[chosen]
                units = resize(cut.astype(np.float32), shape).astype(np.float16)
                file.write(np.ascontiguousarray(units.transpose(0, 2, 3, 1)).data)
                site_id = store.site_ids[int(index)]
                rows += [{"site_id": site_id, "tile": int(number)} for number in numbers]
        # The header of a .npy file has room for a larger first axis.
        file.seek(0)
        write_array_header(file, np.float16, (len(rows), *shape, store.shape[0]))
    logger.info("units: %d cells of %d sites", len(rows), len(store.site_ids))
    cells = pd.DataFrame(rows, columns=["site_id", "tile"]).astype({"site_id": "str"})
    return _describe(cells.astype({"tile": "int64"}), roles, quality)


def _describe(cells: pd.DataFrame, roles: pd.DataFrame, quality: pd.DataFrame) -> pd.DataFrame:
    """Describe cells by the metadata of their site."""
    flagged = quality.set_index("site_id")["flagged"]
    table = cells.merge(roles, on="site_id", how="left", validate="m:1")
    table.insert(0, "unit_id", table["site_id"] + "#c" + table["tile"].astype("str"))
    table["flagged"] = table["site_id"].map(flagged).astype(bool)
    table["usable"] = True
    return table


def crops(
    image: NDArray[np.generic],
    labels: NDArray[np.int32],
    size: int,
    border: str = "drop",
    mask_neighbours: bool = False,
) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
    """Cut out a square around the centre of each object.

    Parameters
    ----------
    image : (C, Y, X) array
        Of any type.
    labels : (Y, X) int32
        0 is background, objects are 1 .. n without gaps.
    size : int
        Side of the squares in px.
    border : {"drop", "pad"}
        Leave out squares that reach beyond the image, or fill them up with 0.
    mask_neighbours : bool
        Set the pixels of other objects to 0.

    Returns
    -------
    crops : (n, C, size, size) array
        Of the type of the image.
    numbers : (n,) int32
        Number of the object in each crop.
    """
    if border not in ("drop", "pad"):
        raise ValueError(f"border is {border!r}; it can be drop or pad")
    found = find_objects(labels)
    numbers = np.arange(1, len(found.area) + 1, dtype=np.int32)
    # If any square of this size contains the object, the one centred on its bounding box does.
    box = bounding_boxes(found)
    top, left = (box[:, 0] + box[:, 1] - size) // 2, (box[:, 2] + box[:, 3] - size) // 2
    if border == "drop":
        height, width = labels.shape
        fits = (top >= 0) & (left >= 0) & (top + size <= height) & (left + size <= width)
        numbers, top, left = numbers[fits], top[fits], left[fits]
    y = size + top[:, None, None] + np.arange(size)[:, None]
    x = size + left[:, None, None] + np.arange(size)
    padded = np.pad(image, ((0, 0), (size, size), (size, size)))
    cut = padded[:, y, x].swapaxes(0, 1)
    if mask_neighbours:
        owner = np.pad(labels, size)[y, x]
        is_other = (owner > 0) & (owner != numbers[:, None, None])
        cut = cut * ~is_other[:, None]
    return np.ascontiguousarray(cut), numbers
