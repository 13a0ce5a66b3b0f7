"""Units of one plate: sites, tiles or cells, with hand-crafted features."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from moascope.core.files import read_array
from moascope.images.plate_store import PlateStore
from moascope.images.store_protocol import Store
from moascope.preprocessing import cell_units, handcrafted_features, units
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import Units


def write_units(
    store: Store,
    labels: str | os.PathLike[str] | None,
    sites: pd.DataFrame,
    quality: pd.DataFrame,
    statistics: pd.DataFrame,
    *,
    normalization: Normalization,
    options: Units,
    brightfield: Sequence[str],
    seed: int,
    out_npy: str | os.PathLike[str],
) -> pd.DataFrame:
    """Write the pixels of the units of a plate, and describe the units.

    Parameters
    ----------
    store : plate store
        Raw pixels.
    labels : path or None
        Plate store of the label images; needed for cells only.
    sites : pandas.DataFrame
        The sites table of the plate.
    quality : pandas.DataFrame
        From `quality.flag`.
    statistics : pandas.DataFrame
        From `normalization.fit_plate`.
    normalization : Normalization
        The options that the statistics were computed with.
    options : Units
        The section `units` of the configuration.
    brightfield : sequence of str
        Channels whose foreground is textured, not bright.
    seed : int
        Seed of the draw of cells.
    out_npy : path
        Path of the array that is written: (n, H, W, C), float16, in [0, 1].

    Returns
    -------
    pandas.DataFrame
        One row per unit, in the order of the array, with its hand-crafted features.

    Raises
    ------
    InputError
        If store, labels and tables are of different runs.
    ValueError
        If cells are to be cut out without labels.
    """
    if options.cells is None:
        table = units.prepare_plate(
            store,
            sites,
            quality,
            statistics,
            normalization=normalization,
            options=options,
            out_npy=out_npy,
            brightfield=brightfield,
        )
    elif labels is None:
        raise ValueError("units.cells: there are no label images of the plate")
    else:
        with PlateStore(labels) as label_store:
            table = cell_units.prepare_plate(
                store,
                label_store,
                sites,
                quality,
                statistics,
                normalization=normalization,
                options=options.cells,
                out_npy=out_npy,
                size=options.size,
                seed=seed,
            )
    pixels = read_array(out_npy, mapped=True)
    features = {
        kind: handcrafted_features.image_features(pixels, kind)
        for kind in handcrafted_features.FEATURES
    }
    return table.join(handcrafted_features.as_columns(features))
