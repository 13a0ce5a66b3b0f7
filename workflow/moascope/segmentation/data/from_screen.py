"""The sites of a screen whose objects are known, as rows of an annotated set."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.errors import ImageError, InputError
from moascope.core.files import Closing
from moascope.images.plate_store import PlateStore

logger = logging.getLogger(__name__)


def choose(
    masks: pd.DataFrame,
    sets: Mapping[str, Sequence[str]],
    per_set: int | None,
    readable: Collection[tuple[str, str]],
) -> pd.DataFrame:
    """Choose which sites train, tune and test.

    Parameters
    ----------
    masks : pandas.DataFrame
        Sites with a label image: site_id, plate, well, site, path.
    sets : mapping of str to sequence of str
        Plates of train, validation and test.
    per_set : int or None
        At most so many sites of each, evenly spread over its plates.
    readable : collection of (str, str)
        Plate and site_id of the sites that are in the stores; others were quarantined.

    Returns
    -------
    pandas.DataFrame
        As `dataset.write` takes it: name, set, group (the well), image (plate and
        site_id), mask, plate, well and site.

    Raises
    ------
    InputError
        If the plates of a set have no label image.
    """
    is_there = [place in readable for place in zip(masks["plate"], masks["site_id"], strict=True)]
    lost = masks.loc[~np.array(is_there, bool) & masks["plate"].isin(_all(sets)), "site_id"]
    if len(lost):
        logger.warning("left out, because their images could not be read: %s", ", ".join(lost))
    masks = masks[is_there]
    parts = []
    for name, plates in sets.items():
        rows = masks[masks["plate"].isin(list(plates))]
        if rows.empty:
            raise InputError(
                f"segmentation.{name}_plates: no site of {', '.join(plates)} has a label image in "
                "the sample sheet. Name plates that have, or fill in the column of masks."
            )
        if per_set is not None and len(rows) > per_set:
            rows = rows.iloc[np.linspace(0, len(rows) - 1, per_set).round().astype(int)]
        parts.append(rows.assign(set=name))
    chosen = pd.concat(parts, ignore_index=True)
    places = list(zip(chosen["plate"], chosen["site_id"], strict=True))
    return pd.DataFrame(
        {
            "name": chosen["site_id"],
            "set": chosen["set"],
            "group": chosen["plate"] + "/" + chosen["well"],
            "image": pd.Series(places, index=chosen.index, dtype="object"),
            "mask": chosen["path"],
            **{key: chosen[key] for key in ("plate", "well", "site")},
        }
    )


def sizes_as_read(ingested: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the size that every site had before the sites of its plate were made one size.

    Parameters
    ----------
    ingested : pandas.DataFrame
        Of any number of plates: site_id (plate/well/site), height and width.

    Returns
    -------
    dict of (str, str) to (int, int)
        Plate and site_id to height and width in px.
    """
    plates = ingested["site_id"].str.partition("/")[0]
    sizes = zip(ingested["height"].tolist(), ingested["width"].tolist(), strict=True)
    return dict(zip(zip(plates, ingested["site_id"], strict=True), sizes, strict=True))


def _all(sets: Mapping[str, Sequence[str]]) -> list[str]:
    return [plate for plates in sets.values() for plate in plates]


class StoreReader(Closing):
    """Reads chosen channels of single sites from the stores of several plates.

    Parameters
    ----------
    stores : mapping of str to path
        Plate stores by plate.
    channels : sequence of str
        Which channels, in which order.

    Attributes
    ----------
    places : dict of (str, str) to int
        Where the sites that can be read are in the store of their plate.
    """

    def __init__(
        self, stores: Mapping[str, str | os.PathLike[str]], channels: Sequence[str]
    ) -> None:
        self._stores = {plate: PlateStore(path) for plate, path in stores.items()}
        self.places = {
            (plate, site): index
            for plate, store in self._stores.items()
            for index, site in enumerate(store.site_ids)
        }
        self._channels = list(channels)

    def pixel_size_um(self) -> float | None:
        """Return the width of a pixel in micrometres; None where plates differ or do not say."""
        known = {store.pixel_size_um for store in self._stores.values()}
        return known.pop() if len(known) == 1 else None

    def close(self) -> None:
        """Close the stores."""
        for store in self._stores.values():
            store.close()

    def read(self, place: tuple[str, str]) -> NDArray[np.generic]:
        """Read one site.

        Parameters
        ----------
        place : (str, str)
            Plate and site_id.

        Returns
        -------
        (C, Y, X) array
            Raw intensities.

        Raises
        ------
        ImageError
            If the site was left out when the plate was read.
        """
        if place not in self.places:
            raise ImageError(
                f"site {place[1]}: is not in the store of its plate, because its images could not "
                "be read. Empty its cell in the column of masks."
            )
        store = self._stores[place[0]]
        image: NDArray[Any] = store.read([self.places[place]])[0]
        return image[[store.channels.index(channel) for channel in self._channels]]
