"""Reading of annotated sets, which `dataset` writes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.core.files import Closing, read_parquet, reading
from moascope.core.hdf5 import open_h5, read_dataset
from moascope.images.intensities import scaled


class AnnotatedSet(Closing):
    """An annotated set opened for reading.

    Parameters
    ----------
    path : path
        The HDF5 file that `dataset.write` wrote.
    table : path
        The parquet file next to it.
    channels : sequence of str or None
        Channels that are read, in this order; None: all.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per image: name, set, group, height, width, n_objects and more.
    channels : list of str
        Names of the channels that are read.
    pixel_size_um : float or None
        Width of a pixel in micrometres; None: not known.

    Raises
    ------
    InputError
        If a file is missing or damaged, or they do not belong together.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        table: str | os.PathLike[str],
        channels: Sequence[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.table = read_parquet(table)
        self._file = open_h5(self.path)
        with reading(self.path):
            known: list[str] = json.loads(self._file.attrs["channels"])
            width = self._file.attrs.get("pixel_size_um")
            self.pixel_size_um: float | None = None if width is None else float(width)
        self._known = known
        self._low, self._high = (read_dataset(self._file, name) for name in ("low", "high"))
        self.show(known if channels is None else channels)
        if len(self._low) != len(self.table):
            raise InputError(
                f"{self.path}: holds {len(self._low)} images, but {os.fspath(table)} lists "
                f"{len(self.table)}. Delete both and pack the masks again."
            )

    def show(self, channels: Sequence[str]) -> None:
        """Read only these channels from now on, in this order."""
        self.channels = list(channels)
        self._planes = [self._known.index(channel) for channel in channels]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.table)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._file.close()

    def rows(self, name: str) -> NDArray[np.int64]:
        """Return the positions of the images of a set.

        Parameters
        ----------
        name : {"train", "validation", "test"}
            The set.

        Returns
        -------
        (n,) int64
            In the order of the table.
        """
        return np.flatnonzero(self.table["set"] == name)

    def spread(self, name: str, count: int) -> NDArray[np.int64]:
        """Return the positions of at most `count` images of a set, evenly spread over it."""
        rows = self.rows(name)
        chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
        return rows[chosen]

    def groups(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the group that each of some images belongs to."""
        return list(self.table["group"].iloc[rows])

    def _limits(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._low[index, self._planes], self._high[index, self._planes]

    def image(self, index: int) -> NDArray[np.generic]:
        """Read one image: (C, Y, X), raw intensities."""
        return read_dataset(self._file, f"images/{index:06d}")[self._planes]

    def labels(self, index: int) -> NDArray[np.int32]:
        """Read the objects of one image: (Y, X) int32, 0 is background, -1 is ignored."""
        return read_dataset(self._file, f"labels/{index:06d}")

    def pair(self, index: int) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
        """Read one image (C, Y, X) of raw intensities, and its objects (Y, X), see `labels`."""
        return self.image(index), self.labels(index)

    def normalized(self, index: int) -> NDArray[np.float32]:
        """Read one image as a network takes it: (Y, X, C) float32, percentiles at 0 and 1."""
        image = scaled(self.image(index), *self._limits(index))
        return np.ascontiguousarray(image.transpose(1, 2, 0))

    def window(
        self, index: int, y: slice, x: slice
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Read a part of one image, and nothing but this part.

        Parameters
        ----------
        index : int
            Position in the table.
        y, x : slice
            Where, in px.

        Returns
        -------
        image : (Y, X, C) float32
            As in `normalized`, by the percentiles of the whole image.
        labels : (Y, X) int32
            0 is background, -1 is ignored; objects have their numbers of the whole image.
        """
        part = read_dataset(self._file, f"images/{index:06d}", (slice(None), y, x))[self._planes]
        image = scaled(part, *self._limits(index))
        labels = read_dataset(self._file, f"labels/{index:06d}", (y, x))
        return np.moveaxis(image, 0, -1), labels
