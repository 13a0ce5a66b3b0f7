"""Label images of plate stores, as OME-Zarr labels."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.core.files import atomic_path, reading
from moascope.core.zip_files import StoredZip
from moascope.images.ome_zarr import (
    ARCHIVE_COMMENT,
    METADATA,
    Plan,
    Shard,
    decode_shard,
    display_windows,
    encode_chunk,
    image_paths,
    join_chunks,
    shard_name,
    write_metadata,
)
from moascope.images.plate_store import PlateStore


def write_labels(
    out: str | os.PathLike[str],
    store: PlateStore,
    objects: str,
    images: Iterable[NDArray[np.int32]],
) -> None:
    """Write the label images of a plate as OME-Zarr labels, in a store laid out like the plate's.

    They are not added to the plate's store, since one job writes a file, once. Unpacked into the
    same folder, or joined by `join_labels`, they are the labels of its images.

    Parameters
    ----------
    out : path
        The store to write, by convention ending in ``.ozx``. It appears when it is complete.
    store : PlateStore
        Store of the images.
    objects : str
        Name of the objects and of the only channel.
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
                write_metadata(archive, plan(shard))
            archive.add(shard_name(place), shard.parts, shard.crc)


def join_labels(
    store: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
) -> None:
    """Write one store that holds the images of a plate and, as OME-Zarr labels, its objects.

    Entries of both stores are copied from the store of images. Nothing is decompressed.

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
