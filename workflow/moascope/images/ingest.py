"""Ingest of the images of a plate into its store."""

from __future__ import annotations

import logging
import os
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.errors import ImageError, InputError, MissingImageError
from moascope.core.files import atomic_path
from moascope.core.image_limits import MAX_GIGABYTES
from moascope.core.read_ahead import map_ahead
from moascope.core.text.plate_words import plate_words
from moascope.core.zip_files import StoredZip
from moascope.images.ome_zarr import (
    ARCHIVE_COMMENT,
    Plan,
    Shard,
    decode_shard,
    display_windows,
    encode_chunk,
    join_chunks,
    shard_name,
    write_metadata,
)
from moascope.images.readers import check_axes, plane_of, read_pixel_size, read_pixels
from moascope.images.sizes import Size, check_rule, fit

logger = logging.getLogger(__name__)

_SITES_AHEAD = 2  # the kernel fetches the files of the site that comes so much later


Item = TypeVar("Item")


Result = TypeVar("Result")


@dataclass(frozen=True)
class EncodedSite:
    """One site, read and compressed: its shape in the store, and its size as read."""

    shard: Shard
    shape: tuple[int, int, int]
    size_read: tuple[int, int]
    dtype: str
    bytes_read: int


@dataclass(frozen=True)
class SiteOutcome:
    """Outcome of reading one site: its shape and type in the store, or an error message.

    The reason is `missing` where files are not there, `unreadable` otherwise.
    """

    site_id: str
    message: str = ""
    reason: str = ""
    shape: tuple[int, int, int] = (0, 0, 0)
    dtype: str = ""
    bytes_read: int = 0
    size_read: tuple[int, int] = (0, 0)


def ingest_plate(
    sites: pd.DataFrame,
    channels: Sequence[str],
    out: str | os.PathLike[str],
    *,
    axes: str | None = None,
    on_size_mismatch: str = "error",
    size: Size | None = None,
    on_bad_image: str = "error",
    max_image_gigabytes: float = MAX_GIGABYTES,
    pixel_size_um: float | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Read the images of a plate and write them as one plate store.

    Parameters
    ----------
    sites : pandas.DataFrame
        Rows of one plate of the sites table: site_id, plate, well, and for each channel
        ``path:{channel}`` and ``index:{channel}`` (plane in the file, -1: its only plane).
    channels : sequence of str
        Channel names in the order of the store.
    out : path
        The store to write, by convention ending in ``.ozx``. It appears when it is complete.
    axes : str, optional
        The order of the axes in files whose metadata do not name it, for example ``"CYX"``.
    on_size_mismatch : {"error", "crop", "resize", "pad"}
        Treatment of sites of different sizes, see `sizes.fit`.
    size : (int, int), optional
        Height and width that every site gets, of the whole screen (`sizes.target_size`).
        Without it all sites must have one size.
    on_bad_image : {"error", "quarantine"}
        With error, one error names all missing and unreadable images of the plate. With quarantine,
        their sites are left out of the store and reported in the table.
    max_image_gigabytes : float
        See `readers.read_planes`.
    pixel_size_um : float, optional
        Micrometres per pixel; by default from the OME metadata of the first image, if they have it.
        It is not kept where images are resized.
    workers : int
        Threads that read and compress; two sites per thread are in memory at most.

    Returns
    -------
    pandas.DataFrame
        One row per row of `sites`, in the same order: site_id, status (ok or quarantined), reason
        (missing or unreadable, empty where ok), message, height and width as read (pixels), dtype,
        bytes_read. A quarantined site has height and width 0 and an empty dtype.

    Raises
    ------
    InputError
        If images cannot be read, or differ in size or pixel type, or nothing can be written. A
        `MachineError`, also with quarantine, if the machine could not read a file that may be
        whole.
    """
    check_axes(axes)
    check_rule(on_size_mismatch)
    _check_choice("input.on_bad_image", on_bad_image, ("error", "quarantine"))
    _check_one_plate(sites)
    plate, fields = str(sites["plate"].iloc[0]), field_paths(sites)
    site_ids = sites["site_id"].astype(str).tolist()

    def plan(kept: Sequence[int], shape: tuple[int, int, int], shard: Shard, dtype: str) -> Plan:
        return Plan(
            plate=plate,
            fields=[fields[i] for i in kept],
            site_ids=[site_ids[i] for i in kept],
            channels=list(channels),
            shape=shape,
            dtype=dtype,
            windows=display_windows(decode_shard(b"".join(shard.parts), shape, dtype)),
            pixel_size_um=pixel_size_um,
        )

    if pixel_size_um is None:
        pixel_size_um = _pixel_size_of_first(sites, channels)
    if size is not None and on_size_mismatch == "resize":
        pixel_size_um = None

    def fit_plane(plane: NDArray[np.generic]) -> NDArray[np.generic]:
        return plane if size is None else fit(plane[np.newaxis], on_size_mismatch, size)[0]

    with atomic_path(out) as temporary:
        encoded = _encode_sites(sites, channels, axes, max_image_gigabytes, fit_plane, workers)
        outcomes = _write_sites(temporary, encoded, fields, plan)
        _check_outcomes(outcomes, plate, on_bad_image)
        if any(outcome.message for outcome in outcomes):
            # The metadata were written for the plate as planned, and they come first in the file.
            with atomic_path(temporary) as repacked:
                _repack(temporary, repacked, outcomes, fields, plan)
    logger.info("%s: wrote %s", plate_words(plate), out)
    return _outcome_table(outcomes)


def _check_choice(key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(f"{key}: '{value}' is not known. Use one of: {', '.join(choices)}.")


def _check_one_plate(sites: pd.DataFrame) -> None:
    plates = sites["plate"].unique()
    if len(plates) != 1:
        raise InputError(
            f"a plate store holds the sites of one plate, not of {len(plates)} "
            f"({', '.join(map(str, plates[:5]))}). Give the rows of one plate."
        )


def field_paths(sites: pd.DataFrame) -> list[str]:
    """Return the place of each site in a plate store.

    Parameters
    ----------
    sites : pandas.DataFrame
        With a column well (A01, AA01); the sites of a well keep their order.

    Returns
    -------
    list of str
        "row/column/field" for each row, for example "A/01/0" for the first site in well A01.
    """
    numbers: dict[str, Iterator[int]] = defaultdict(count)
    wells = sites["well"].astype(str).tolist()
    rows = [well.rstrip("0123456789") for well in wells]
    return [
        f"{row}/{well.removeprefix(row)}/{next(numbers[well])}"
        for row, well in zip(rows, wells, strict=True)
    ]


def _pixel_size_of_first(sites: pd.DataFrame, channels: Sequence[str]) -> float | None:
    """Read the micrometres per pixel of the first image that opens; None where it has none."""
    for path in sites[f"path:{channels[0]}"]:
        try:
            return read_pixel_size(path)
        except ImageError:
            continue  # reported with its site when its pixels are read
    return None


class SharedFiles:
    """Image files of a plate, of which those that several sites share are decoded once.

    One decoded file is kept at a time, since sites that share a file follow each other.

    Parameters
    ----------
    paths : sequence of sequences of str
        The files of every site.
    axes, max_gigabytes
        See `moascope.images.readers.read_planes`.
    """

    def __init__(
        self, paths: Sequence[Sequence[str]], axes: str | None, max_gigabytes: float
    ) -> None:
        self._options = (axes, max_gigabytes)
        counts = Counter(path for of_site in paths for path in dict.fromkeys(of_site))
        self._shared = {path for path, n in counts.items() if n > 1 and path}
        self._lock = Lock()
        self._kept: tuple[str, NDArray[np.generic] | ImageError] | None = None

    def holds(self, paths: Iterable[str]) -> bool:
        """Return whether other sites have one of these files too."""
        return not self._shared.isdisjoint(paths)

    def read(self, path: str) -> NDArray[np.generic]:
        """Read the planes (C, Y, X) of a file, as `readers.read_pixels`."""
        if path not in self._shared:
            return read_pixels(path, *self._options)
        with self._lock:
            if self._kept is None or self._kept[0] != path:
                self._kept = (path, self._try(path))
            result = self._kept[1]
        if isinstance(result, ImageError):
            raise result
        return result

    def _try(self, path: str) -> NDArray[np.generic] | ImageError:
        try:
            return read_pixels(path, *self._options)
        except ImageError as error:
            return error


def _encode_sites(
    sites: pd.DataFrame,
    channels: Sequence[str],
    axes: str | None,
    max_gigabytes: float,
    fit_plane: Callable[[NDArray[np.generic]], NDArray[np.generic]],
    workers: int,
) -> Iterator[tuple[SiteOutcome, Shard]]:
    """Read and compress sites in threads; yield them in the order of the table."""
    paths, indices = (
        list(zip(*(sites[f"{kind}:{channel}"].tolist() for channel in channels), strict=True))
        for kind in ("path", "index")
    )
    site_ids = sites["site_id"].astype(str).tolist()
    shared = SharedFiles(paths, axes, max_gigabytes)

    def encode(i: int) -> tuple[SiteOutcome, Shard]:
        try:
            site = encode_site(paths[i], indices[i], channels, shared.read, fit_plane)
        except ImageError as error:
            reason = "missing" if isinstance(error, MissingImageError) else "unreadable"
            return SiteOutcome(site_ids[i], message=str(error), reason=reason), Shard([], 0)
        outcome = SiteOutcome(
            site_ids[i],
            shape=site.shape,
            dtype=site.dtype,
            bytes_read=site.bytes_read,
            size_read=site.size_read,
        )
        return outcome, site.shard

    def rows() -> Iterator[int]:
        for i in range(len(sites)):
            if shared.holds(paths[i]):
                yield i
                continue
            for later in paths[i + _SITES_AHEAD : i + _SITES_AHEAD + 1]:
                _read_ahead(later)
            yield i

    step = max(1, len(sites) // 10)
    for i, result in enumerate(_map_in_order(encode, rows(), workers), start=1):
        if i % step == 0 or i == len(sites):
            name = plate_words(str(sites["plate"].iloc[0]))
            logger.info("%s: %d of %d sites", name, i, len(sites))
        yield result


def _read_ahead(paths: Iterable[str]) -> None:
    """Let the kernel fetch files while others are decoded, on systems that can."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in dict.fromkeys(paths):
        # Errors of a file are raised where it is read.
        with suppress(OSError), Path(path).open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Map in threads, in order, with at most two results per thread waiting."""
    if workers <= 1:  # one thread more would cost small images a quarter of their time
        return map(function, items)
    return map_ahead(function, items, ahead=2 * workers, threads=workers)


def encode_site(
    paths: Sequence[str],
    indices: Sequence[int],
    channels: Sequence[str],
    read: Callable[[str], NDArray[np.generic]] = read_pixels,
    fit_plane: Callable[[NDArray[np.generic]], NDArray[np.generic]] = lambda plane: plane,
) -> EncodedSite:
    """Read and compress the channels of one site, file by file.

    Each file is decoded once, and compressed while its pixels are still in the processor's cache.

    Parameters
    ----------
    paths : sequence of str
        The file of each channel.
    indices : sequence of int
        The plane of each channel in its file; -1 where the file holds exactly one.
    channels : sequence of str
        Channel names, for messages.
    read : callable
        Reads the planes (C, Y, X) of a file.
    fit_plane : callable
        Fits a plane (Y, X) to the size of the store.

    Returns
    -------
    EncodedSite
        The compressed pixels and what they are.

    Raises
    ------
    ImageError
        If files cannot be read (all are named), lack a plane, or differ in size or type.
    """
    chunks: dict[int, bytes | bytearray] = {}
    kinds: dict[int, tuple[int, int, str]] = {}
    shape: tuple[int, ...] = (0, 0)
    problems: list[ImageError] = []
    for path in dict.fromkeys(paths):
        try:
            if not path:
                raise MissingImageError(
                    f"no image file is named for channel {channels[paths.index(path)]!r}."
                )
            planes = read(path)
            dtype = planes.dtype.name
            for channel in (i for i, other in enumerate(paths) if other == path):
                plane = plane_of(planes, indices[channel], path, channels[channel])
                kinds[channel] = (*plane.shape, dtype)
                plane = fit_plane(plane)
                shape = plane.shape
                chunks[channel] = encode_chunk(plane)
        except ImageError as error:
            problems.append(error)
    if problems:
        kinds_of_error = {type(error) for error in problems}
        kind = kinds_of_error.pop() if len(kinds_of_error) == 1 else ImageError
        raise kind(" ".join(map(str, problems)))
    if len(set(kinds.values())) > 1:
        listed = ", ".join(
            f"{channel} {kinds[i][0]}x{kinds[i][1]} {kinds[i][2]}"
            for i, channel in enumerate(channels)
        )
        raise ImageError(
            f"{paths[0]}: the channels of this site differ in size or pixel type ({listed}), so "
            "they are not one field of view. Export them alike, or correct the paths."
        )
    height, width, dtype = kinds[0]
    return EncodedSite(
        shard=join_chunks([chunks[i] for i in range(len(channels))]),
        shape=(len(channels), shape[0], shape[1]),
        size_read=(height, width),
        dtype=dtype,
        bytes_read=sum(map(os.path.getsize, dict.fromkeys(paths))),
    )


def _write_sites(
    path: Path,
    encoded: Iterable[tuple[SiteOutcome, Shard]],
    fields: Sequence[str],
    plan: Callable[[Sequence[int], tuple[int, int, int], Shard, str], Plan],
) -> list[SiteOutcome]:
    """Write sites in turn, with metadata as if all were like the first that can be read."""
    outcomes: list[SiteOutcome] = []
    with StoredZip(path, ARCHIVE_COMMENT) as archive:
        for i, (outcome, shard) in enumerate(encoded):
            outcomes.append(outcome)
            if outcome.message:
                continue
            if len(archive) == 0:
                write_metadata(
                    archive, plan(range(len(fields)), outcome.shape, shard, outcome.dtype)
                )
            archive.add(shard_name(fields[i]), shard.parts, shard.crc)
    return outcomes


def _repack(
    source: Path,
    target: Path,
    outcomes: Sequence[SiteOutcome],
    fields: Sequence[str],
    plan: Callable[[Sequence[int], tuple[int, int, int], Shard, str], Plan],
) -> None:
    """Copy a store without the sites that could not be read."""
    kept = [i for i, outcome in enumerate(outcomes) if not outcome.message]
    dtype, shape = outcomes[kept[0]].dtype, outcomes[kept[0]].shape
    with zipfile.ZipFile(source) as old, StoredZip(target, ARCHIVE_COMMENT) as new:
        for i in kept:
            content = old.read(shard_name(fields[i]))
            shard = Shard([content], old.getinfo(shard_name(fields[i])).CRC)
            if len(new) == 0:
                write_metadata(new, plan(kept, shape, shard, dtype))
            new.add(shard_name(fields[i]), shard.parts, shard.crc)


def _check_outcomes(outcomes: Sequence[SiteOutcome], plate: str, on_bad_image: str) -> None:
    """Raise one error with all problems of these sites."""
    problems = []
    good = [outcome for outcome in outcomes if not outcome.message]
    if on_bad_image == "error" or not good:
        problems += [f"site {bad.site_id}: {bad.message}" for bad in outcomes if bad.message]
    sizes = {good_one.site_id: f"{good_one.shape[2]}x{good_one.shape[1]}" for good_one in good}
    fix = "set input.on_size_mismatch to resize, pad or crop"
    problems += _odd_ones(sizes, "pixels (width x height)", fix)
    types = {good_one.site_id: good_one.dtype for good_one in good}
    problems += _odd_ones(types, "pixels", "export all images of a plate with the same pixel type")
    if problems:
        heading = f"{plate_words(plate)}: cannot ingest images"
        if good and len(good) < len(outcomes) and on_bad_image == "error":
            heading += " (input.on_bad_image: quarantine goes on without them)"
        raise InputError.collect(problems, heading)


def _odd_ones(values: Mapping[str, str], what: str, fix: str) -> list[str]:
    """Return one sentence for each value that is not the most frequent one."""
    counts = Counter(values.values()).most_common()
    return [
        f"{sites} site(s), such as {next(site for site, v in values.items() if v == value)}, "
        f"have {value} {what}, while {counts[0][1]} have {counts[0][0]}; leave them out, or {fix}"
        for value, sites in counts[1:]
    ]


def _outcome_table(outcomes: Sequence[SiteOutcome]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": [outcome.site_id for outcome in outcomes],
            "status": ["quarantined" if outcome.message else "ok" for outcome in outcomes],
            "reason": [outcome.reason for outcome in outcomes],
            "message": [outcome.message for outcome in outcomes],
            "height": [outcome.size_read[0] for outcome in outcomes],
            "width": [outcome.size_read[1] for outcome in outcomes],
            "dtype": [outcome.dtype for outcome in outcomes],
            "bytes_read": [outcome.bytes_read for outcome in outcomes],
        }
    )
