"""HDF5 files of a run, read with errors that say what to do."""

from __future__ import annotations

import os

import h5py
import numpy as np

from moascope.core.files import reading


def open_h5(path: str | os.PathLike[str]) -> h5py.File:
    """Open an HDF5 file for reading, to be closed by the caller.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    h5py.File
        Its arrays are read by `read_dataset`.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    with reading(path):
        return h5py.File(path, "r")


def read_dataset(file: h5py.File, name: str, part: tuple[slice, ...] = ()) -> np.ndarray:
    """Read an array of an HDF5 file, or a part of it.

    Parameters
    ----------
    file : h5py.File
        From `open_h5`.
    name : str
        Of the array in the file.
    part : tuple of slice
        Which part; all of it by default.

    Returns
    -------
    array
        In memory.

    Raises
    ------
    InputError
        If the array is missing or damaged.
    """
    with reading(file.filename):
        values: np.ndarray = file[name][part]
    return values
