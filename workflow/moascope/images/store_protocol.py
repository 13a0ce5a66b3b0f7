"""Interface of plate stores, and the number of sites in a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np


class Store(Protocol):
    """Interface of a plate store."""

    @property
    def site_ids(self) -> Sequence[str]:
        """Return the sites in the order of the store."""

    @property
    def channels(self) -> Sequence[str]:
        """Return the channel names in order."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return channels, rows and columns of one site."""

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read positions (n,) and pixels (n, C, Y, X) of `size` sites at a time."""

    def read(self, indices: Sequence[int], /) -> np.ndarray:
        """Read pixels (n, C, Y, X) of the sites at some positions."""


BATCH_BYTES = 48 * 2**20  # of one batch as float32


def batch_size(shape: Sequence[int], limit: int = BATCH_BYTES) -> int:
    """Return the number of sites in a batch.

    Parameters
    ----------
    shape : sequence of int
        Channels, rows and columns of one site.
    limit : int
        Bytes that a float32 copy of the batch may take.

    Returns
    -------
    int
        At least 1.
    """
    return max(1, limit // (4 * int(np.prod(shape))))
