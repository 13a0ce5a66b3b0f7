"""Runs an engine over annotated test images, or over a plate, whatever the engine is.

What an engine does after its network, and measuring, is done in a thread, while the network
predicts the next image.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.annotated import AnnotatedSet
from moascope.cells import measure
from moascope.engines import Engine
from moascope.errors import InputError
from moascope.files import atomic_path, write_parquet
from moascope.instances import tidied
from moascope.stores import PlateStore, write_labels

Source = TypeVar("Source")
Result = TypeVar("Result")

_SIZES = 8
_LARGE = 1 << 24  # px; one such image at a time is enough for the memory

logger = logging.getLogger(__name__)


def run(
    engine: Engine,
    given: Mapping[str, str],
    out: Mapping[str, str],
    params: Mapping[str, Any],
) -> None:
    """Segment a plate if one is given, and otherwise the test images of an annotated set.

    Parameters
    ----------
    engine : Engine
        What finds objects.
    given : mapping of str to path
        `store`, or `images` and `table`.
    out : mapping of str to path
        `labels` and `cells`, or `labels` and `times`.
    params : mapping
        `channels` that the engine sees, and for a plate `objects` and `clear_border`, see
        `segment_plate`.
    """
    if "store" in given:
        options = {key: params[key] for key in ("channels", "objects", "clear_border")}
        segment_plate(engine, given["store"], out["labels"], out["cells"], **options)
    else:
        files = given["images"], given["table"], out["labels"], out["times"]
        segment_test(engine, *files, channels=params["channels"])


def segment_test(
    engine: Engine,
    images: str | os.PathLike[str],
    table: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    times: str | os.PathLike[str],
    *,
    channels: Sequence[str] | None = None,
) -> None:
    """Segment the test images of an annotated set, as a plate would be.

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
    """
    finished = []
    with AnnotatedSet(images, table, channels) as annotated, atomic_path(labels) as temporary:
        rows = annotated.rows("test")
        sizes = annotated.table.loc[rows, ["height", "width"]].drop_duplicates()
        for row in sizes.index[:_SIZES]:
            engine.label(engine.predict(annotated.image(row)))
        with h5py.File(temporary, "w") as file:
            started = time.perf_counter()
            pixels = ((row, annotated.image(row)) for row in rows)
            found = segmented(engine, pixels, lambda *labelled: labelled, clear_border=False)
            for number, (row, objects) in enumerate(found, start=1):
                place = f"labels/{row:06d}"
                file.create_dataset(
                    place, data=objects, chunks=True, compression="lzf", fletcher32=True
                )
                finished.append(time.perf_counter())
                if number % 10 == 0 or number == len(rows):
                    logger.info("%d of %d test images", number, len(rows))
        names = annotated.table["name"].iloc[rows].to_numpy()
    seconds = np.diff(finished, prepend=started)
    write_parquet(pd.DataFrame({"name": names, "seconds": seconds}), times)


def segmented(
    engine: Engine,
    images: Iterable[tuple[Source, NDArray[np.generic]]],
    then: Callable[[Source, NDArray[np.int32]], Result],
    *,
    clear_border: bool,
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

    Yields
    ------
    What `then` gives, in the order of the images.
    """

    def finish(source: Source, predicted: Any) -> Result:
        return then(source, tidied(engine.label(predicted), 1, clear_border))

    with ThreadPoolExecutor(1) as worker:
        waiting: deque[Future[Result]] = deque()
        for source, image in images:
            if image[0].size > _LARGE:
                while waiting:
                    yield waiting.popleft().result()
                yield finish(source, engine.predict(image))
                continue
            waiting.append(worker.submit(finish, source, engine.predict(image)))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def segment_plate(
    engine: Engine,
    store: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    cells: str | os.PathLike[str],
    *,
    channels: Sequence[str],
    objects: str,
    clear_border: bool,
) -> None:
    """Segment all sites of a plate and measure their objects.

    Parameters
    ----------
    engine : Engine
        What finds objects.
    store : path
        The plate store.
    labels : path
        Gets a store of label images, see `stores.write_labels`.
    cells : path
        Gets a parquet table with one row per object: site_id, plate, well, site,
        ObjectNumber and the measurements of `cells.measure` in all channels of the store.
    channels : sequence of str
        Channels that the engine sees, in its order.
    objects : str
        What they are called.
    clear_border : bool
        Leave out objects that touch the border of a site.
    """
    tables: list[pd.DataFrame] = []
    with PlateStore(store) as plate:
        missing = [channel for channel in channels if channel not in plate.channels]
        if missing:
            raise InputError(
                f"{os.fspath(store)}: has no channel {', '.join(missing)}, which the engine needs; "
                f"it has {', '.join(plate.channels)}. Mend segmentation.channels."
            )
        seen = [plate.channels.index(channel) for channel in channels]

        def images() -> Iterator[tuple[tuple[str, NDArray[np.generic]], NDArray[np.generic]]]:
            for indices, batch in plate.batches():
                for index, image in zip(indices, batch, strict=True):
                    yield (plate.site_ids[index], image), image[seen]
                logger.info("%d of %d sites", indices[-1] + 1, len(plate))

        def measured(
            source: tuple[str, NDArray[np.generic]], found: NDArray[np.int32]
        ) -> tuple[NDArray[np.int32], pd.DataFrame]:
            site_id, image = source
            table = measure(image, found, plate.channels, objects)
            _, well, site = site_id.split("/", 2)
            keys = {"site_id": site_id, "plate": plate.plate, "well": well, "site": site}
            for place, (key, value) in enumerate(keys.items()):
                table.insert(place, key, pd.Series(value, table.index, dtype="str"))
            return found, table

        def found() -> Iterator[NDArray[np.int32]]:
            for labelled, table in segmented(engine, images(), measured, clear_border=clear_border):
                tables.append(table)
                yield labelled

        write_labels(labels, plate, objects, found())
    write_parquet(pd.concat(tables, ignore_index=True), cells)
