"""A plate store that lives in memory, for tests of what reads plate stores."""

from collections.abc import Iterator, Sequence

import numpy as np


class FakeStore:
    """The interface of `moascope.images.plate_store.PlateStore`, over an array (n, C, Y, X)."""

    def __init__(self, pixels: np.ndarray, channels: Sequence[str], plate: str = "P1") -> None:
        self.pixels = pixels
        self.channels = list(channels)
        self.site_ids = [f"{plate}/A01/{k + 1}" for k in range(len(pixels))]
        self.shape = pixels.shape[1:]
        self.dtype = pixels.dtype
        self.read_sites: list[int] = []

    def read(self, indices: Sequence[int], /) -> np.ndarray:
        self.read_sites += [int(index) for index in indices]
        return self.pixels[np.asarray(indices)]

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.pixels), size):
            indices = np.arange(start, min(start + size, len(self.pixels)))
            yield indices, self.read(indices)
