"""Segmentation of annotated test images or a plate with any engine.

What an engine does after its network is done in a thread, while the network predicts the next
image.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.core.files import atomic_path, read_parquet, write_parquet
from moascope.core.read_ahead import map_ahead
from moascope.images.label_store import write_labels
from moascope.images.plate_store import PlateStore
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.implementations.base import Engine, Job, Loaded
from moascope.segmentation.instances import tidied
from moascope.segmentation.object_size import at_scale
from moascope.segmentation.typical_sites import TypicalSites

Source = TypeVar("Source")
Result = TypeVar("Result")

_SIZES = 8
_LARGE = 1 << 24  # px; one such image at a time is enough for the memory

logger = logging.getLogger(__name__)


def run(loaded: Loaded, job: Job, objects: str | None, clear_border: bool | None) -> None:
    """Segment a plate if one is given, and otherwise the test images of an annotated set.

    Parameters
    ----------
    loaded : Loaded
        The engine, its channels, and the factor by which images are resized for it; label images
        have the size of the images.
    job : Job
        Inputs `store` and `ingested`, or `images` and `table`; outputs `labels`, or `labels` and
        `times`; of the options, `min_area` and `max_area` are used.
    objects, clear_border
        For a plate, see `segment_plate`; None for annotated images.
    """
    engine = at_scale(loaded.engine, loaded.factor)
    areas = Areas(job.options.get("min_area"), job.options.get("max_area"))
    given, out = job.given, job.out
    if "store" in given:
        segment_plate(
            engine,
            given["store"],
            read_parquet(given["ingested"]),
            out["labels"],
            channels=loaded.channels,
            objects=str(objects),
            clear_border=bool(clear_border),
            areas=areas,
        )
    else:
        segment_test(
            engine,
            given["images"],
            given["table"],
            out["labels"],
            out["times"],
            channels=loaded.channels,
            areas=areas,
        )


@dataclass(frozen=True)
class Areas:
    """Limits of the area of an object, in px of the image."""

    smallest: int | None = None
    """None: what the engine leaves."""
    largest: int | None = None
    """None: no limit."""


def segment_test(
    engine: Engine,
    images: str | os.PathLike[str],
    table: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    times: str | os.PathLike[str],
    *,
    channels: Sequence[str] | None = None,
    areas: Areas = Areas(),
) -> None:
    """Segment the test images of an annotated set, as a plate would be.

    Intensities of images of a screen are held to those of the test images of their plate.

    Parameters
    ----------
    engine : Engine
        What finds objects.
    images, table : path
        The annotated set.
    labels : path
        Gets an HDF5 file with `labels/000000` (Y, X) int32, numbered as in the set.
    times : path
        Gets a parquet table: name and seconds, from when the image before was finished; their mean
        is the time per image, from reading its pixels to writing its labels. The first image of
        every size (of `_SIZES` at most) is segmented twice and timed once, so that what is made
        ready on first use does not count.
    channels : sequence of str or None
        Channels that the engine sees, in its order; None: all.
    areas : Areas
        Limits of the area of an object.
    """
    finished, order = [], []
    with AnnotatedSet(images, table, channels) as annotated, atomic_path(labels) as temporary:
        rows = annotated.rows("test")
        sizes = annotated.table.loc[rows, ["height", "width"]].drop_duplicates()
        for row in sizes.index[:_SIZES]:
            engine.label(engine.predict(annotated.image(row)))
        with h5py.File(temporary, "w") as file:
            started = time.perf_counter()
            pixels = _test_images(engine, annotated, rows)
            found = segmented(
                engine, pixels, lambda *labelled: labelled, clear_border=False, areas=areas
            )
            for number, (row, objects) in enumerate(found, start=1):
                order.append(row)
                place = f"labels/{row:06d}"
                file.create_dataset(
                    place, data=objects, chunks=True, compression="lzf", fletcher32=True
                )
                finished.append(time.perf_counter())
                if number % 10 == 0 or number == len(rows):
                    logger.info("%d of %d test images", number, len(rows))
        names = annotated.table["name"].iloc[order].to_numpy()
    seconds = np.diff(finished, prepend=started)
    write_parquet(pd.DataFrame({"name": names, "seconds": seconds}), times)


def _test_images(
    engine: Engine, annotated: AnnotatedSet, rows: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """Read test images, plate by plate where they are of a screen."""
    if "plate" not in annotated.table:
        yield from ((row, annotated.image(row)) for row in rows)
        return
    plates = annotated.table["plate"].iloc[rows]
    for _, own in plates.groupby(plates, sort=False):
        engine.hold_to(annotated.image(row) for row in own.index)
        yield from ((row, annotated.image(row)) for row in own.index)


def segmented(
    engine: Engine,
    images: Iterable[tuple[Source, NDArray[np.generic]]],
    then: Callable[[Source, NDArray[np.int32]], Result],
    *,
    clear_border: bool,
    areas: Areas = Areas(),
) -> Iterator[Result]:
    """Segment one image after the other; while one is labelled, the next is predicted.

    Images above 16 million pixels are segmented alone.

    Parameters
    ----------
    engine : Engine
        What finds objects.
    images : iterable of (source, (C, Y, X) array)
        Raw intensities, and anything that `then` shall know of them.
    then : callable
        What to make of a source and its objects (Y, X), 1 .. n, in the thread that labels them.
    clear_border : bool
        Leave out objects that touch the border of an image.
    areas : Areas
        Limits of the area of an object.

    Yields
    ------
    What `then` gives, in the order of the images.
    """

    def finish(pair: tuple[Source, Any]) -> Result:
        source, predicted = pair
        labels = engine.label(predicted)
        return then(source, tidied(labels, areas.smallest or 1, clear_border, areas.largest))

    for is_large, group in groupby(images, key=lambda pair: pair[1][0].size > _LARGE):
        # The network predicts here, in the thread that loaded it.
        predicted = ((source, engine.predict(image)) for source, image in group)
        yield from map(finish, predicted) if is_large else map_ahead(finish, predicted)


def segment_plate(
    engine: Engine,
    store: str | os.PathLike[str],
    quality: pd.DataFrame | None,
    labels: str | os.PathLike[str],
    *,
    channels: Sequence[str],
    objects: str,
    clear_border: bool,
    areas: Areas = Areas(),
) -> None:
    """Segment all sites of a plate, with intensities held to what is usual on it.

    Parameters
    ----------
    engine : Engine
        What finds objects.
    store : path
        The plate store.
    quality : pandas.DataFrame or None
        Of its sites, see `typical_sites.TypicalSites`.
    labels : path
        Gets a store of label images, see `label_store.write_labels`.
    channels : sequence of str
        Channels that the engine sees, in its order.
    objects : str
        What they are called.
    clear_border : bool
        Leave out objects that touch the border of a site.
    areas : Areas
        Limits of the area of an object.
    """
    with PlateStore(store) as plate:
        missing = [channel for channel in channels if channel not in plate.channels]
        if missing:
            raise InputError(
                f"{os.fspath(store)}: has no channel {', '.join(missing)}, which the engine needs; "
                f"it has {', '.join(plate.channels)}. Correct segmentation.channels."
            )
        seen = [plate.channels.index(channel) for channel in channels]

        def images() -> Iterator[tuple[int, NDArray[np.generic]]]:
            for indices, batch in plate.batches():
                yield from zip(indices.tolist(), batch[:, seen], strict=True)
                logger.info("%d of %d sites", indices[-1] + 1, len(plate))

        if len(plate):
            engine.hold_to(TypicalSites(plate, seen, quality))
        found = segmented(
            engine, images(), lambda _, found: found, clear_border=clear_border, areas=areas
        )
        write_labels(labels, plate, objects, found)
