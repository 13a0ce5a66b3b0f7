"""Annotated sets: images and the objects in them, in one HDF5 file with a table next to it.

The file holds `images/000000` (C, Y, X) as read, `labels/000000` (Y, X) int32, -1 where pixels are
ignored, and the percentiles `low` and `high` (n, C) that images are scaled by. Images may differ in
size.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.errors import ImageError, InputError
from moascope.core.files import atomic_path, write_parquet
from moascope.core.image_limits import MAX_GIGABYTES
from moascope.images.intensities import percentiles
from moascope.images.readers import read_planes
from moascope.images.sizes import fit_labels
from moascope.segmentation.data.binary_masks import Values, check_handling, problem_of
from moascope.segmentation.data.masks import Mask, check_size, consecutive, read_mask

logger = logging.getLogger(__name__)

SETS = ("train", "validation", "test")

_CHUNK = 256  # px: about a training patch


@dataclass(frozen=True)
class _Pair:
    """One image with its objects, as read."""

    image: NDArray[np.generic]
    mask: Mask


def write(
    rows: pd.DataFrame,
    channels: Sequence[str],
    out: str | os.PathLike[str],
    table: str | os.PathLike[str],
    *,
    read_image: Callable[[Any], NDArray[np.generic]] | None = None,
    read_labels: Callable[[Any], Mask] | None = None,
    axes: str | None = None,
    split_parts: bool = False,
    ignored: int | None = None,
    binary_masks: str = "error",
    max_gigabytes: float = MAX_GIGABYTES,
    as_read: Mapping[Any, tuple[int, int]] | None = None,
    size_rule: str = "error",
    pixel_size_um: float | None = None,
    source: str | os.PathLike[str] | None = None,
    workers: int = 2,
) -> pd.DataFrame:
    """Read images and masks, check them, and write them as an annotated set.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per image: name, set (train, validation or test), group (equal for images that
        belong together), image, mask. Other columns, such as plate, well and site, go into the
        table as they are.
    channels : sequence of str
        Names of the channels of the images, in order.
    out : path
        The HDF5 file to write.
    table : path
        The parquet file to write next to it.
    read_image : callable or None
        Gives the image (C, Y, X) for the content of the column image; None: it is a file, or a
        tuple with a file per channel.
    read_labels : callable or None
        Gives the objects for the content of the column mask; None: it is a file or a folder.
    axes : str or None
        The order of the axes in image files that do not say, for example "CYX".
    split_parts : bool
        Make one object of each part of a label in a file, see `masks.checked`.
    ignored : int or None
        Value in the files of pixels that are neither objects nor background.
    binary_masks : {"error", "components", "labels"}
        What is done with masks that only tell objects from background, see `binary_masks`.
    max_gigabytes : float
        Largest size of the decompressed pixels of an image or mask that is read.
    as_read : mapping or None
        Height and width that images had before all were made one size, by the content of the
        column image. Masks of that size are treated likewise.
    size_rule : str
        How that was done, see `sizes.fit`.
    pixel_size_um : float or None
        Width of a pixel in micrometres; None: not known.
    source : path or None
        Sheet of the user that lists the images, for messages; None: `table`.
    workers : int
        Threads that read; four images per thread are in memory at most.

    Returns
    -------
    pandas.DataFrame
        The table, one row per image in the order of `rows`: name, set, group, height and width
        (px), n_objects, warnings (sentences, empty if none), then the other columns of `rows`.

    Raises
    ------
    InputError
        If images or masks cannot be read or do not fit each other or `channels` (all are named),
        there are training images but none has an object, or the masks are binary.
    """
    check_handling(binary_masks)

    def image_of(place: Any) -> NDArray[np.generic]:
        if isinstance(place, tuple):
            return _stacked(place, axes, max_gigabytes)
        return read_planes(place, axes, max_gigabytes)[0]

    def mask_of(place: Any) -> Mask:
        return read_mask(
            Path(place),
            split_parts,
            ignored=ignored,
            max_gigabytes=max_gigabytes,
            components=binary_masks == "components",
        )

    def pair(places: tuple[Any, Any]) -> _Pair | str:
        try:
            image = (read_image or image_of)(places[0])
            mask = (read_labels or mask_of)(places[1])
            if as_read and mask.labels.shape == as_read.get(places[0]):
                labels = fit_labels(mask.labels, size_rule, image.shape[-2:])
                mask = replace(mask, labels=consecutive(labels))
            return _checked_pair(image, mask, channels, places)
        except ImageError as error:
            return str(error)

    facts: list[dict[str, Any]] = []
    problems: list[str] = []
    dtypes: set[np.dtype[Any]] = set()
    values: list[Values | None] = []
    lows, highs = [], []
    with atomic_path(out) as temporary, h5py.File(temporary, "w") as file:
        for found in _in_threads(
            pair, list(zip(rows["image"], rows["mask"], strict=True)), workers
        ):
            if isinstance(found, str):
                problems.append(found)
                continue
            values.append(Values.of(found.mask))
            if problems:  # nothing will be written, but the other images are checked too
                continue
            low, high = percentiles(found.image)
            lows.append(low)
            highs.append(high)
            dtypes.add(found.image.dtype)
            _write_pair(file, len(facts), found)
            facts.append(_facts(found))
        binary = problem_of(values) if binary_masks == "error" else None
        problems += [binary] if binary else []
        if binary_masks == "labels":
            _warn_of_single_objects(values)
        if binary is None:  # whose parts are said already
            for entry in facts:
                for warning in entry["warnings"]:
                    logger.warning("%s", warning)
        if problems:
            place = table if source is None else source
            raise InputError.collect(problems, f"{place}: images or masks cannot be used")
        shape = (len(facts), len(channels))
        file.create_dataset("low", data=np.reshape(lows, shape).astype(np.float64))
        file.create_dataset("high", data=np.reshape(highs, shape).astype(np.float64))
        file.attrs["channels"] = json.dumps(list(channels))
        if pixel_size_um is not None:
            file.attrs["pixel_size_um"] = float(pixel_size_um)
        file.attrs["dtype"] = np.result_type(*dtypes).name if dtypes else "uint8"
        written = _table(rows, facts)
        _check_objects(written, table if source is None else source)
    write_parquet(written, table)
    return written


def _stacked(places: Sequence[str], axes: str | None, max_gigabytes: float) -> NDArray[np.generic]:
    """Read an image (C, Y, X) from a file per channel."""
    planes: list[NDArray[np.generic]] = []
    for place in places:
        plane = read_planes(place, axes, max_gigabytes)[0]
        if len(plane) == 3 and (plane == plane[:1]).all():
            plane = plane[:1]  # grey saved as RGB
        if len(plane) != 1:
            raise ImageError(
                f"{place}: holds {len(plane)} channels, but segmentation.annotated.channels names "
                "it for one. Export one channel per file, or name the file as "
                "segmentation.annotated.image."
            )
        if planes and plane.shape != planes[0].shape:
            sizes = (f"{part.shape[1]} x {part.shape[2]} px" for part in (plane, planes[0]))
            raise ImageError(
                f"{place}: is {next(sizes)}, but {places[0]}, another channel of the image, is "
                f"{next(sizes)} (height x width). Give files of one image."
            )
        planes.append(plane)
    return np.concatenate(planes)


def _checked_pair(
    image: NDArray[np.generic], mask: Mask, channels: Sequence[str], places: tuple[Any, Any]
) -> _Pair:
    if len(channels) == 1 and len(image) == 3 and (image == image[:1]).all():
        image = image[:1]  # grey saved as RGB
    if len(image) != len(channels):
        raise ImageError(
            f"{places[0]}: holds {len(image)} channels, but {len(channels)} are expected "
            f"({', '.join(channels)}). Name all channels of the images, or export only these."
        )
    check_size(mask.labels.shape, places[1], image.shape[1:], places[0])
    return _Pair(image, mask)


def _in_threads(
    function: Callable[[tuple[Any, Any]], _Pair | str], places: list[tuple[Any, Any]], workers: int
) -> Iterator[_Pair | str]:
    """Map in threads, in order, some images at a time."""
    step = 4 * max(1, workers)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for start in range(0, len(places), step):
            yield from pool.map(function, places[start : start + step])
            logger.info("%d of %d images", min(start + step, len(places)), len(places))


def _write_pair(file: h5py.File, number: int, pair: _Pair) -> None:
    height, width = pair.mask.labels.shape
    chunk = (min(_CHUNK, height), min(_CHUNK, width))
    options = {"compression": "lzf", "shuffle": True, "fletcher32": True}
    file.create_dataset(f"images/{number:06d}", data=pair.image, chunks=(1, *chunk), **options)
    file.create_dataset(f"labels/{number:06d}", data=pair.mask.labels, chunks=chunk, **options)


def _facts(pair: _Pair) -> dict[str, Any]:
    height, width = pair.mask.labels.shape
    return {
        "height": height,
        "width": width,
        "n_objects": max(0, int(pair.mask.labels.max())),
        "warnings": list(pair.mask.warnings),
    }


def _warn_of_single_objects(values: Sequence[Values | None]) -> None:
    """Warn where every mask that is taken as a label image has one value."""
    single = [mask.single for mask in values if mask is not None]
    if len(single) > 1 and all(single):
        logger.warning(
            "segmentation.binary_masks is labels, and none of %d masks has more than one value, "
            "so every image has one object",
            len(single),
        )


def _table(rows: pd.DataFrame, facts: list[dict[str, Any]]) -> pd.DataFrame:
    columns = ["height", "width", "n_objects", "warnings"]
    found = pd.DataFrame(facts, columns=columns, index=rows.index)
    found["warnings"] = found["warnings"].map(" ".join).astype("str")
    keys = ["name", "set", "group"]
    others = rows.drop(columns=[*keys, "image", "mask"])
    return pd.concat([rows[keys], found, others], axis=1).reset_index(drop=True)


def _check_objects(table: pd.DataFrame, place: str | os.PathLike[str]) -> None:
    training = table[table["set"] == "train"]
    if len(training) and not training["n_objects"].any():
        raise InputError(
            f"{os.fspath(place)}: none of the {len(training)} training images has an object. Check "
            "that the masks belong to these images, or put images with objects into the training "
            "set."
        )
    empty = table.loc[table["n_objects"] == 0, "name"]
    if len(empty):
        examples = ", ".join(empty[:5])
        logger.warning(
            "%d of %d masks are empty, such as those of %s", len(empty), len(table), examples
        )
