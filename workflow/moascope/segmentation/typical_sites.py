"""Sites of a plate that are typical of its intensities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.images.plate_store import PlateStore

TYPICAL = 48
"""Sites of a plate that are enough for medians."""


_FOREGROUND = 0.01  # share of the pixels; sites with less are hardly typical


class TypicalSites:
    """Images of sites that say what is usual on a plate, read whenever they are looked at.

    At most 48 sites, evenly spread over those with something in them.

    Parameters
    ----------
    plate : PlateStore
        Holds the images.
    channels : sequence of int
        Channels of the images, by their position in the store.
    quality : pandas.DataFrame or None
        From `quality.measure_plate`: site_id, and `foreground:{channel}` as far as there are such
        channels; None: all sites count.
    most : int
        Sites at most.
    """

    def __init__(
        self,
        plate: PlateStore,
        channels: Sequence[int],
        quality: pd.DataFrame | None,
        most: int = TYPICAL,
    ) -> None:
        self._plate, self._channels = plate, list(channels)
        chosen = np.arange(len(plate))
        names = [f"foreground:{plate.channels[channel]}" for channel in channels]
        if quality is not None and (known := [name for name in names if name in quality]):
            fullest = quality.set_index("site_id")[known].max(axis=1).reindex(plate.site_ids)
            shares = fullest.fillna(0).to_numpy(float)
            # Of a sparse plate the fullest quarter.
            chosen = np.flatnonzero(shares >= min(_FOREGROUND, np.quantile(shares, 0.75)))
        spread = np.linspace(0, len(chosen) - 1, min(most, len(chosen))).round().astype(int)
        self.indices = chosen[spread]

    def __iter__(self) -> Iterator[NDArray[np.generic]]:
        """Read images (C, Y, X) of raw intensities, one after the other."""
        for index in self.indices:
            yield self._plate.read([index])[0, self._channels]
