"""Plate stores: all sites of a plate in one zipped OME-Zarr file.

A store is an OME-NGFF 0.5 high-content-screening plate (Zarr v3) in a ZIP archive that follows
OME-NGFF RFC-9 (`.ozx`): nothing is compressed twice, the metadata come first, and each site is one
shard with one chunk per channel. Any Zarr v3 reader opens it. It is written and read here without
zarr-python, which takes milliseconds per site for what are a few bytes of JSON and one codec call.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import zipfile
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path
from typing import Any, TypeVar

import google_crc32c
import imagecodecs
import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from moascope.core.errors import ImageError, InputError, MissingImageError
from moascope.core.files import Closing, atomic_path, damaged, reading
from moascope.core.image_limits import MAX_GIGABYTES
from moascope.core.zip_files import StoredZip, content_offset, crc32
from moascope.images.ome_zarr import (
    ARCHIVE_COMMENT,
    BIT_SHUFFLE,
    COMPRESSOR,
    LEVEL,
    METADATA,
    Plan,
    display_windows,
    image_paths,
    plate_documents,
    shard_name,
)
from moascope.images.readers import check_axes, plane_of, read_pixel_size, read_pixels
from moascope.images.sizes import Size, check_rule, fit
from moascope.screen.plates import plate_words

logger = logging.getLogger(__name__)

_SITES_AHEAD = 2  # so many later comes the one whose files the kernel is asked for

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Shard:
    """The compressed pixels of a site, in pieces that are written one after the other."""

    parts: Sequence[bytes | bytearray]
    crc: int


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
    """What became of one site: its shape and type in the store, or why it could not be read.

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
        The order of the axes in files whose metadata do not say, for example ``"CYX"``.
    on_size_mismatch : {"error", "crop", "resize", "pad"}
        What to do with sites of different sizes, see `image_sizes.fit`.
    size : (int, int), optional
        Height and width that every site gets, of the whole screen (`image_sizes.target_size`).
        Without it all sites must have one size.
    on_bad_image : {"error", "quarantine"}
        With error, all missing and unreadable images of the plate are named in one error. With
        quarantine, their sites are left out of the store and reported in the table.
    max_image_gigabytes : float
        See `images.read_planes`.
    pixel_size_um : float, optional
        Micrometres per pixel; by default what the OME metadata of the first image say, if they do.
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

    def fitted(plane: NDArray[np.generic]) -> NDArray[np.generic]:
        return plane if size is None else fit(plane[np.newaxis], on_size_mismatch, size)[0]

    with atomic_path(out) as temporary:
        encoded = _encoded_sites(sites, channels, axes, max_image_gigabytes, fitted, workers)
        outcomes = _write_as_read(temporary, encoded, fields, plan)
        _check_outcomes(outcomes, plate, on_bad_image)
        if any(outcome.message for outcome in outcomes):
            # The metadata were written for the plate as planned, and they come first in the file.
            with atomic_path(temporary) as repacked:
                _repack(temporary, repacked, outcomes, fields, plan)
    logger.info("%s: wrote %s", plate_words(plate), out)
    return _outcome_table(outcomes)


def write_labels(
    out: str | os.PathLike[str],
    store: PlateStore,
    objects: str,
    images: Iterable[NDArray[np.int32]],
) -> None:
    """Write the label images of a plate as OME-Zarr labels, in a store laid out like the plate's.

    They are not added to the plate's store, since a file is written by one job, once. Unpacked into
    the same folder, or joined by `join_labels`, they are the labels of its images.

    Parameters
    ----------
    out : path
        The store to write, by convention ending in ``.ozx``. It appears when it is complete.
    store : PlateStore
        What was segmented.
    objects : str
        What they are called; the name of the only channel.
    images : iterable of (Y, X) int32
        For every site of `store`, in its order.
    """
    shape = (1, *store.shape[1:])

    def plan(shard: Shard) -> Plan:
        return Plan(
            plate=store.plate,
            fields=store.fields,
            site_ids=store.site_ids,
            channels=[objects],
            shape=shape,
            dtype="uint32",
            windows=display_windows(decode_shard(b"".join(shard.parts), shape, "uint32")),
            pixel_size_um=store.pixel_size_um,
            labels=objects,
        )

    with atomic_path(out) as temporary, StoredZip(temporary, ARCHIVE_COMMENT) as archive:
        for place, image in zip(image_paths(store.fields, objects), images, strict=True):
            shard = join_chunks([encode_chunk(image.astype(np.uint32))])
            if len(archive) == 0:
                _write_metadata(archive, plan(shard))
            archive.add(shard_name(place), shard.parts, shard.crc)


def join_labels(
    store: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
) -> None:
    """Write one store that holds the images of a plate and, as OME-Zarr labels, its objects.

    What is in both stores is taken from the images'. Nothing is decompressed.

    Parameters
    ----------
    store, labels : path
        Files written by `ingest_plate` and `write_labels`.
    out : path
        The store to write, by convention ending in ``.ozx``. It appears when it is complete.

    Raises
    ------
    InputError
        If the label images are not those of the plate.
    """
    with PlateStore(store) as images, PlateStore(labels) as objects:
        if (images.plate, images.site_ids) != (objects.plate, objects.site_ids):
            raise InputError(
                f"{os.fspath(labels)}: its label images are not those of {os.fspath(store)}. "
                "Segment the plate again."
            )
    with ExitStack() as stack:
        sources = [stack.enter_context(zipfile.ZipFile(path)) for path in (labels, store)]
        new = stack.enter_context(StoredZip(stack.enter_context(atomic_path(out)), ARCHIVE_COMMENT))
        source_of = {name: source for source in sources for name in source.namelist()}
        documents = [name for name in source_of if name.endswith(METADATA)]
        documents.sort(key=lambda name: name.count("/"))  # breadth first, as RFC-9 recommends
        for name in dict.fromkeys([*documents, *source_of]):
            source = source_of[name]
            with reading(labels if source is sources[0] else store):
                content = source.read(name)
            new.add(name, [content], source.getinfo(name).CRC)


def _check_choice(key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(f"{key}: '{value}' is not known. Use one of: {', '.join(choices)}.")


def _check_one_plate(sites: pd.DataFrame) -> None:
    plates = sites["plate"].unique()
    if len(plates) != 1:
        raise InputError(
            f"a plate store is made from the sites of one plate, not of {len(plates)} "
            f"({', '.join(map(str, plates[:5]))}). Give the rows of one plate."
        )


def field_paths(sites: pd.DataFrame) -> list[str]:
    """Where each site lies in a plate store.

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
    """Micrometres per pixel in the first image that can be opened; None where it does not say."""
    for path in sites[f"path:{channels[0]}"]:
        try:
            return read_pixel_size(path)
        except ImageError:
            continue  # reported with its site when its pixels are read
    return None


# --- Reading and compressing ---------------------------------------------------------------------


def _encoded_sites(
    sites: pd.DataFrame,
    channels: Sequence[str],
    axes: str | None,
    max_gigabytes: float,
    fitted: Callable[[NDArray[np.generic]], NDArray[np.generic]],
    workers: int,
) -> Iterator[tuple[SiteOutcome, Shard]]:
    """Read and compress sites in threads; yield them in the order of the table."""
    paths, indices = (
        list(zip(*(sites[f"{kind}:{channel}"].tolist() for channel in channels), strict=True))
        for kind in ("path", "index")
    )
    site_ids = sites["site_id"].astype(str).tolist()

    def encoded_site(i: int) -> tuple[SiteOutcome, Shard]:
        try:
            site = encode_site(paths[i], indices[i], channels, axes, max_gigabytes, fitted)
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

    def announced() -> Iterator[int]:
        for i in range(len(sites)):
            for soon in paths[i + _SITES_AHEAD : i + _SITES_AHEAD + 1]:
                _read_ahead(soon)
            yield i

    step = max(1, len(sites) // 10)
    for i, result in enumerate(_in_order(encoded_site, announced(), workers), start=1):
        if i % step == 0 or i == len(sites):
            name = plate_words(str(sites["plate"].iloc[0]))
            logger.info("%s: %d of %d sites", name, i, len(sites))
        yield result


def _read_ahead(paths: Iterable[str]) -> None:
    """Ask the kernel to fetch files while others are decoded, where it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in dict.fromkeys(paths):
        # What is wrong with a file is said where it is read.
        with suppress(OSError), Path(path).open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Map in threads, in order, with a bounded number of results waiting."""
    if workers <= 1:  # waiting for one other thread costs small images a quarter of their time
        for item in items:
            yield function(item)
        return
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def encode_site(
    paths: Sequence[str],
    indices: Sequence[int],
    channels: Sequence[str],
    axes: str | None = None,
    max_gigabytes: float = MAX_GIGABYTES,
    fitted: Callable[[NDArray[np.generic]], NDArray[np.generic]] = lambda plane: plane,
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
    axes, max_gigabytes
        See `moascope.images.readers.read_planes`.
    fitted : callable
        Brings a plane (Y, X) to the size of the store.

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
            planes = read_pixels(path, axes, max_gigabytes)
            dtype = planes.dtype.name
            for channel in (i for i, other in enumerate(paths) if other == path):
                plane = plane_of(planes, indices[channel], path, channels[channel])
                kinds[channel] = (*plane.shape, dtype)
                plane = fitted(plane)
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


def encode_chunk(plane: NDArray[np.generic]) -> bytes | bytearray:
    """Compress one plane.

    Parameters
    ----------
    plane : ndarray, (Y, X)
        Of uint8, uint16 or float32.

    Returns
    -------
    bytes
        A Blosc frame.
    """
    return imagecodecs.blosc_encode(
        np.ascontiguousarray(plane),  # type: ignore[arg-type]
        level=LEVEL,
        compressor=COMPRESSOR,
        shuffle=BIT_SHUFFLE,
        typesize=plane.dtype.itemsize,
        numthreads=1,
    )


def join_chunks(chunks: Sequence[bytes | bytearray]) -> Shard:
    """Make one Zarr shard of the chunks of a site.

    Parameters
    ----------
    chunks : sequence of bytes
        One per channel, from `encode_chunk`.

    Returns
    -------
    Shard
        The chunks, then where each begins and how long it is (little-endian 64-bit integers), then
        the CRC-32C of these numbers: the codec ``sharding_indexed`` of the Zarr v3 specification.
    """
    lengths = [len(chunk) for chunk in chunks]
    begins = accumulate(lengths, initial=0)
    places = [number for place in zip(begins, lengths, strict=False) for number in place]
    index = struct.pack(f"<{len(places)}Q", *places)
    parts = [*chunks, index, struct.pack("<I", google_crc32c.value(index))]
    return Shard(parts, crc32(parts))


def decode_shard(
    shard: bytes | memoryview,
    shape: tuple[int, int, int],
    dtype: DTypeLike,
    out: NDArray[np.generic] | None = None,
) -> NDArray[np.generic]:
    """Decompress one shard made by `join_chunks`.

    Parameters
    ----------
    shard : bytes
        The shard.
    shape : tuple of int
        (C, Y, X) of the site.
    dtype : dtype
        Of the pixels.
    out : ndarray, (C, Y, X), optional
        Where to put the pixels (C-contiguous).

    Returns
    -------
    ndarray, (C, Y, X)
        The pixels.
    """
    planes = np.empty(shape, dtype) if out is None else out
    view = memoryview(shard)
    index = np.frombuffer(view[-16 * shape[0] - 4 : -4], dtype="<u8").reshape(-1, 2).tolist()
    for plane, (start, length) in zip(planes, index, strict=True):
        imagecodecs.blosc_decode(
            view[start : start + length],  # type: ignore[arg-type]
            numthreads=1,
            out=plane.reshape(-1).view(np.uint8),
        )
    return planes


# --- Writing -------------------------------------------------------------------------------------


def _write_as_read(
    path: Path,
    encoded: Iterable[tuple[SiteOutcome, Shard]],
    fields: Sequence[str],
    plan: Callable[[Sequence[int], tuple[int, int, int], Shard, str], Plan],
) -> list[SiteOutcome]:
    """Write sites as they come, with metadata as if all were like the first that can be read."""
    outcomes: list[SiteOutcome] = []
    with StoredZip(path, ARCHIVE_COMMENT) as archive:
        for i, (outcome, shard) in enumerate(encoded):
            outcomes.append(outcome)
            if outcome.message:
                continue
            if len(archive) == 0:
                _write_metadata(
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
                _write_metadata(new, plan(kept, shape, shard, dtype))
            new.add(shard_name(fields[i]), shard.parts, shard.crc)


def _write_metadata(archive: StoredZip, plan: Plan) -> None:
    for name, document in plate_documents(plan):
        archive.add(name, [document])


def _check_outcomes(outcomes: Sequence[SiteOutcome], plate: str, on_bad_image: str) -> None:
    """Raise one error with everything that keeps these sites from becoming a store."""
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
    """One sentence for each value that is not the most frequent one."""
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


# --- Reading -------------------------------------------------------------------------------------


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
        Where each lies: row/column/field, for label images `/labels/` and their name as well.
    channels : list of str
        Channel names.
    shape : tuple of int
        (C, Y, X) of every site.
    dtype : numpy.dtype
        Of the pixels: uint8, uint16 or float32; of label images uint32.
    pixel_size_um : float or None
        Micrometres per pixel, where they are known.

    Raises
    ------
    InputError
        If the file is missing, truncated or no plate store.
    """

    def __init__(self, path: str | os.PathLike[str], workers: int = 1) -> None:
        self.path = Path(path)
        try:
            with reading(self.path), zipfile.ZipFile(self.path) as archive:
                own = json.loads(archive.read(METADATA))["attributes"]["moascope"]
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
