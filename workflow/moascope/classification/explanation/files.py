"""Files of explanations. Free of Keras, as the report reads them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd

from moascope.classification.explanation.methods import METHODS
from moascope.core.files import atomic_path
from moascope.core.hdf5 import open_h5, read_dataset

TEXTS = ("unit_id", "moa", "predicted")


@dataclass(frozen=True)
class Explanation:
    """Maps and scores of a model.

    Parameters
    ----------
    units : pandas.DataFrame
        The units shown: unit_id, moa, predicted (in the test of their fold).
    maps : dict of str to numpy.ndarray
        By method: float16 `(n, H, W)` in [0, 1], the largest value of each unit being 1.
    scores : pandas.DataFrame
        As from `scores.join_folds`.
    """

    units: pd.DataFrame
    maps: dict[str, np.ndarray]
    scores: pd.DataFrame


def write_maps(explanation: Explanation, path: str | os.PathLike[str]) -> None:
    """Write units and maps.

    Parameters
    ----------
    explanation : Explanation
        Of a model.
    path : path
        HDF5: `maps/{method}`, and the columns of the units under `units`.
    """
    text = h5py.string_dtype()
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for column in TEXTS:
            file.create_dataset(f"units/{column}", data=list(explanation.units[column]), dtype=text)
        file.create_group("maps")
        for name, maps in explanation.maps.items():
            file.create_dataset(f"maps/{name}", data=maps, compression="gzip")


def read_maps(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Read units and maps.

    Parameters
    ----------
    path : path
        Written by `write_maps`.

    Returns
    -------
    units : pandas.DataFrame
        As of `Explanation`.
    maps : dict of str to numpy.ndarray
        As of `Explanation`, in the order of `METHODS`.
    """
    with open_h5(path) as file:
        units = {
            column: [each.decode() for each in read_dataset(file, f"units/{column}")]
            for column in TEXTS
        }
        maps = {
            each.name: read_dataset(file, f"maps/{each.name}")
            for each in METHODS
            if each.name in file["maps"]
        }
    return pd.DataFrame(units), maps
