"""Reading of plate stores: all sites of a plate in one zipped OME-Zarr file, see `ome_zarr`."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.core.digests import crc32
from moascope.core.errors import InputError
from moascope.core.files import Closing, damaged, reading
from moascope.core.zip_files import content_offset
from moascope.images.ome_zarr import (
    METADATA,
    PlateIndex,
    decode_shard,
    shard_name,
)


class PlateStore(Closing):
    """A plate store opened for reading; may be shared by threads.

    Parameters
    ----------
    path : path
        A file written by `ingest_plate`.
    workers : int
        Threads that decompress.

    Attributes
    ----------
    plate : str
        Its name.
    site_ids : list of str
        The sites, in the order of their indices.
    fields : list of str
        Place of each site: row/column/field, for label images also `/labels/` and their name.
    channels : list of str
        Channel names.
    shape : tuple of int
        (C, Y, X) of every site.
    dtype : numpy.dtype
        Type of the pixels: uint8, uint16 or float32; of label images uint32.
    pixel_size_um : float or None
        Micrometres per pixel; None where it is not known.

    Raises
    ------
    InputError
        If the file is missing, truncated or no plate store.
    """

    def __init__(self, path: str | os.PathLike[str], workers: int = 1) -> None:
        self.path = Path(path)
        try:
            with reading(self.path), zipfile.ZipFile(self.path) as archive:
                content = json.loads(archive.read(METADATA))
                own: PlateIndex = content["attributes"]["moascope"]
                entries = [archive.getinfo(shard_name(site["path"])) for site in own["sites"]]
            self.site_ids: list[str] = [site["site_id"] for site in own["sites"]]
            self.fields: list[str] = [site["path"] for site in own["sites"]]
            self.plate: str = own["plate"]
            self.pixel_size_um: float | None = own["pixel_size_um"]
            self.channels: list[str] = own["channels"]
            channels, height, width = own["shape"]
            self.shape: tuple[int, int, int] = (channels, height, width)
            self.dtype = np.dtype(own["dtype"])
        except InputError:
            raise
        except Exception as error:  # a parser that is fed damaged bytes can raise anything
            raise damaged(self.path, error) from error
        self._entries = entries
        self._file = os.open(self.path, os.O_RDONLY)
        self._pool = ThreadPoolExecutor(workers) if workers > 1 else None

    def __len__(self) -> int:
        """Count the sites."""
        return len(self.site_ids)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        if self._pool is not None:
            self._pool.shutdown()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def read(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.generic]:
        """Read sites.

        Parameters
        ----------
        indices : sequence of int, (n,)
            Positions in `site_ids`, in any order.

        Returns
        -------
        ndarray, (n, C, Y, X)
            Raw intensities.

        Raises
        ------
        InputError
            If the bytes of a site are not those that were written.
        """
        planes = np.empty((len(indices), *self.shape), self.dtype)
        targets = list(zip(planes, (int(index) for index in indices), strict=True))
        if self._pool is None:
            for target, index in targets:
                self._read_into(target, index)
        else:
            list(self._pool.map(lambda pair: self._read_into(*pair), targets))
        return planes

    def batches(
        self, n: int | None = None, batch_bytes: int = 1 << 26
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.generic]]]:
        """Read all sites in order, some at a time.

        Parameters
        ----------
        n : int, optional
            Sites per batch; by default as many as fit `batch_bytes`, at least one.
        batch_bytes : int
            Size of a batch in bytes of pixels.

        Yields
        ------
        indices : ndarray of int64, (n,)
            Positions in `site_ids`.
        planes : ndarray, (n, C, Y, X)
            Raw intensities.
        """
        site_bytes = int(np.prod(self.shape)) * self.dtype.itemsize
        step = n if n is not None else max(1, batch_bytes // site_bytes)
        for start in range(0, len(self), step):
            indices = np.arange(start, min(start + step, len(self)))
            yield indices, self.read(indices)

    def _read_into(self, target: NDArray[np.generic], index: int) -> None:
        entry = self._entries[index]
        start = entry.header_offset + content_offset(entry.filename)
        is_whole = start + entry.file_size <= os.fstat(self._file).st_size  # as its directory says
        with reading(self.path):
            shard = os.pread(self._file, entry.file_size, start) if is_whole else b""
        if len(shard) != entry.file_size or crc32([shard]) != entry.CRC:
            raise damaged(self.path, f"checksum of the pixels of {self.site_ids[index]}")
        decode_shard(shard, self.shape, self.dtype, out=target)
