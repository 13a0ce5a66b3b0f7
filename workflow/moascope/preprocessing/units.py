"""Units of classification: normalized images or tiles at training resolution.

The pixels of a plate become one NumPy file, from which training reads batches without holding all
of it in memory. Row i of the file is row i of the table of units.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from moascope.core.errors import InputError
from moascope.core.files import FILE_COLUMNS, atomic_path, write_array_header
from moascope.images.resampling import resize
from moascope.images.store_protocol import Store, batch_size
from moascope.preprocessing.foreground import signal
from moascope.preprocessing.normalization import apply
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import Units

log = logging.getLogger(__name__)

OWN_COLUMNS = ["unit_id", "site_id", "tile", "flagged", "usable"]
"""Columns of the units of a plate that `describe` reads."""


def prepare_plate(
    store: Store,
    sites: pd.DataFrame,
    quality: pd.DataFrame,
    statistics: pd.DataFrame,
    normalization: Normalization,
    options: Units,
    out_npy: str | os.PathLike[str],
    brightfield: Sequence[str] = (),
) -> pd.DataFrame:
    """Normalize, cut and resize the sites of a plate, and write them as one array.

    Sites are normalized whole and at full resolution, then cut into tiles, then resized.

    Parameters
    ----------
    store : plate store
        Raw pixels; sites quarantined when it was written are not in it and become no units.
    sites : pandas.DataFrame
        The sites table of this plate.
    quality : pandas.DataFrame
        From `quality.measure_plate` and `quality.flag`.
    statistics : pandas.DataFrame
        From `normalization.fit_plate`.
    normalization : Normalization
        The options that the statistics were computed with.
    options : Units
        Size and tiles; rows and columns of pixels that do not divide evenly are left out at the
        rim. Tiles whose share of foreground is below `min_foreground` in every channel are not
        usable.
    out_npy : path
        Where the array (n, H, W, C), float16, in [0, 1] is written.
    brightfield : sequence of str
        Channels whose foreground is textured, as given to `quality.measure_plate`.

    Returns
    -------
    pandas.DataFrame
        One row per unit, in the order of the array: unit_id, the metadata of the site, tile,
        flagged (the site's quality) and usable (the tile's foreground).

    Raises
    ------
    InputError
        If the store has sites that the tables lack, or tiles would have no pixels.
    """
    lacking = set(store.site_ids) - (set(sites["site_id"]) & set(quality["site_id"]))
    if lacking:
        raise InputError(
            f"the plate store holds {len(lacking)} sites that the sites or quality table lacks, "
            f"for example {min(lacking)!r}. They come from different runs: delete the store and "
            "run again"
        )
    tiles = options.tiles
    n_tiles = tiles[0] * tiles[1]
    channels, height, width = store.shape
    tile_shape = _tile_shape((height, width), tiles)
    out_shape = resized_shape(tile_shape, options.size)
    thresholds = np.array([quality[f"threshold:{channel}"].iloc[0] for channel in store.channels])
    is_brightfield = [channel in brightfield for channel in store.channels]
    order: list[int] = []
    usable: list[np.ndarray] = []
    with atomic_path(out_npy) as temporary, temporary.open("wb") as file:
        write_array_header(file, np.float16, (len(store.site_ids) * n_tiles, *out_shape, channels))
        for indices, batch in store.batches(batch_size(store.shape)):
            pixels = cut_tiles(apply(batch, statistics, normalization, store.channels), tiles)
            units = resize(pixels, out_shape).astype(np.float16)
            file.write(np.ascontiguousarray(units.transpose(0, 2, 3, 1)).data)
            seen = cut_tiles(signal(batch, is_brightfield), tiles)
            usable.append(foreground(seen, thresholds) >= options.min_foreground)
            order.extend(int(index) for index in indices)
            log.info("units: %d of %d sites", len(order), len(store.site_ids))
    table = _describe([store.site_ids[index] for index in order], sites, quality, n_tiles)
    table["usable"] = np.concatenate(usable)
    return table


def shape_of_units(image: Sequence[int], size: int | None, tiles: Sequence[int]) -> tuple[int, int]:
    """Compute height and width of the units of a screen.

    Parameters
    ----------
    image : (int, int)
        Height and width of a site, or of the squares around cells.
    size : int or None
        Longer side of a unit in pixels; None keeps it.
    tiles : (int, int)
        Rows and columns of tiles per site.

    Returns
    -------
    (int, int)
        In pixels.

    Raises
    ------
    InputError
        If tiles would have no pixels.
    """
    return resized_shape(_tile_shape(image, tiles), size)


def foreground(images: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Compute the share of foreground pixels, in the channel that has most of it.

    Parameters
    ----------
    images : array (n, C, Y, X)
        From `foreground.signal`.
    thresholds : array (C,)
        Foreground thresholds of the plate, from `quality.measure_plate`.

    Returns
    -------
    array (n,), float64
        In [0, 1].
    """
    above = images > thresholds[:, None, None].astype(np.float32)
    return above.mean(axis=(2, 3)).max(axis=1)


def cut_tiles(images: np.ndarray, tiles: tuple[int, int]) -> np.ndarray:
    """Cut images into a grid of equal tiles.

    Parameters
    ----------
    images : array (n, C, Y, X)
        Any dtype.
    tiles : (int, int)
        Rows and columns.

    Returns
    -------
    array (n * rows * columns, C, Y // rows, X // columns)
        Tiles of one image follow each other, row by row. Pixels that do not divide evenly are
        left out at both rims alike.

    Raises
    ------
    InputError
        If there are more tiles than pixels.
    """
    if tiles == (1, 1):
        return images
    n, channels = images.shape[:2]
    rows, columns = tiles
    height, width = _tile_shape(images.shape[2:], tiles)
    top, left = (images.shape[2] - rows * height) // 2, (images.shape[3] - columns * width) // 2
    inner = images[:, :, top : top + rows * height, left : left + columns * width]
    grid = inner.reshape(n, channels, rows, height, columns, width)
    return grid.transpose(0, 2, 4, 1, 3, 5).reshape(-1, channels, height, width)


def _tile_shape(shape: Sequence[int], tiles: Sequence[int]) -> tuple[int, int]:
    height, width = shape[0] // tiles[0], shape[1] // tiles[1]
    if min(height, width) < 1:
        raise InputError(
            f"units.tiles {tuple(tiles)}: images of {shape[0]} x {shape[1]} pixels are too small "
            "for this number of tiles; set fewer"
        )
    return height, width


def resized_shape(shape: tuple[int, int], size: int | None) -> tuple[int, int]:
    """Compute height and width when the longer side becomes `size`.

    Parameters
    ----------
    shape : (int, int)
        Height and width.
    size : int or None
        Longer side in pixels; None changes nothing.

    Returns
    -------
    (int, int)
        At least 1 each; the aspect ratio is kept up to rounding.
    """
    if size is None:
        return shape
    factor = size / max(shape)
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def _describe(
    site_ids: Sequence[str], sites: pd.DataFrame, quality: pd.DataFrame, n_tiles: int
) -> pd.DataFrame:
    """Describe units by the metadata of their site, once per tile."""
    kept = [name for name in sites.columns if not name.startswith(FILE_COLUMNS)]
    ordered = sites[kept].set_index("site_id").loc[list(site_ids)].reset_index()
    ordered["flagged"] = quality.set_index("site_id")["flagged"].loc[list(site_ids)].to_numpy()
    table = ordered.loc[ordered.index.repeat(n_tiles)].reset_index(drop=True)
    tile = np.tile(np.arange(n_tiles), len(ordered))
    suffix = [f"#t{k}" for k in range(n_tiles)] if n_tiles > 1 else [""]
    table.insert(0, "unit_id", table["site_id"] + pd.Series(suffix * len(ordered)))
    table.insert(len(table.columns) - 1, "tile", tile)
    return table


def with_flags(sites: pd.DataFrame, quality: pd.DataFrame) -> pd.DataFrame:
    """Add the flags of quality control to a sites table.

    Parameters
    ----------
    sites : pandas.DataFrame
        The sites table of a plate.
    quality : pandas.DataFrame
        Its quality table; sites that could not be read are not in it.

    Returns
    -------
    pandas.DataFrame
        The sites with a quality, with the column `flagged`.
    """
    return sites.merge(quality[["site_id", "flagged"]], on="site_id", validate="1:1")


def describe(units: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Join units with the metadata of their sites.

    Parameters
    ----------
    units : pandas.DataFrame
        From `prepare_plate`, of any number of plates.
    sites : pandas.DataFrame
        The sites table of the screen.

    Returns
    -------
    pandas.DataFrame
        The units in their order: unit_id, the metadata of the site without its files, tile,
        flagged and usable.
    """
    metadata = [name for name in map(str, sites) if not name.startswith(FILE_COLUMNS)]
    joined = units[OWN_COLUMNS].merge(sites[metadata], on="site_id", how="left", validate="m:1")
    return joined[["unit_id", *metadata, "tile", "flagged", "usable"]]


def leave_out(
    units: pd.DataFrame, *, flagged: bool, failed_plates: Sequence[str] = ()
) -> pd.DataFrame:
    """Mark units as unusable that quality control leaves out of classification.

    Parameters
    ----------
    units : pandas.DataFrame
        From `describe`.
    flagged : bool
        Whether units of flagged sites are left out.
    failed_plates : sequence of str
        Plates that are left out as a whole.

    Returns
    -------
    pandas.DataFrame
        A copy.

    Raises
    ------
    InputError
        If no plate is left.
    """
    on_failed = units["plate"].isin(list(failed_plates))
    if on_failed.any() and on_failed.all():
        raise InputError(
            f"quality.exclude_flagged_plates: all {len(failed_plates)} plates fail quality "
            "control as a whole (quality.json says why), so no units are left. Fix: set it to "
            "false, or set higher limits in the section quality"
        )
    unusable = on_failed | (units["flagged"].astype(bool) if flagged else False)
    return units.assign(usable=units["usable"] & ~unusable)
