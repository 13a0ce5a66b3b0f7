"""Format of plate stores: OME-NGFF 0.5 for high-content screening, on Zarr v3.

A store is a plate in a ZIP archive that follows OME-NGFF RFC-9 (`.ozx`): nothing is compressed
twice, the metadata come first, and each site is one shard with one chunk per channel. Any Zarr v3
reader opens it. It is written and read here without zarr-python, which takes milliseconds per site
for a few bytes of JSON and one codec call.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypedDict

import google_crc32c
import imagecodecs
import numpy as np
from numpy.typing import DTypeLike, NDArray

from moascope.core.digests import crc32
from moascope.core.zip_files import StoredZip
from moascope.images.channel_colours import channel_colours

NGFF_VERSION = "0.5"
ARCHIVE_COMMENT = json.dumps(
    {"ome": {"version": NGFF_VERSION, "zipFile": {"centralDirectory": {"jsonFirst": True}}}}
).encode()
METADATA = "zarr.json"

# LZ4 after a bit shuffle: of the codecs measured, the one that is both the fastest on noisy 16-bit
# planes and close to zstd in size; the store must not be slower to write than images are to read.
COMPRESSOR = "lz4"
LEVEL = 1
BIT_SHUFFLE = 2

OmeGroup = TypedDict(
    "OmeGroup",
    {
        "plate": dict[str, Any],
        "well": dict[str, Any],
        "multiscales": list[dict[str, Any]],
        "omero": dict[str, Any],
        "labels": list[str],
        "image-label": dict[str, Any],
    },
    total=False,
)
"""Metadata of a group, by their keys in OME-NGFF; each group has some of them."""


class IndexedSite(TypedDict):
    """Site of a plate, and the place of its image in the store."""

    site_id: str
    path: str


class PlateIndex(TypedDict):
    """Metadata of the whole plate, so that a reader opens one document."""

    plate: str
    pixel_size_um: float | None
    sites: list[IndexedSite]
    channels: list[str]
    shape: list[int]
    """Of an image: channels, y and x."""
    dtype: str


@dataclass(frozen=True)
class Plan:
    """Content of the metadata of a store; fields run parallel to site_ids."""

    plate: str
    fields: Sequence[str]
    site_ids: Sequence[str]
    channels: Sequence[str]
    shape: tuple[int, int, int]
    dtype: str
    windows: Sequence[tuple[float, float]]
    pixel_size_um: float | None
    labels: str | None = None
    """Name of the objects, for a store of label images."""

    @property
    def images(self) -> list[str]:
        """Return the place of the image of each field."""
        return image_paths(self.fields, self.labels)


def image_paths(fields: Sequence[str], labels: str | None) -> list[str]:
    """Return the places of the images of fields in a store.

    Parameters
    ----------
    fields : sequence of str
        "row/column/field".
    labels : str or None
        Name of the objects, for label images, which lie among the labels of their field.

    Returns
    -------
    list of str
        One path per field.
    """
    below = "" if labels is None else f"/labels/{labels}"
    return [f"{field}{below}" for field in fields]


def shard_name(image: str) -> str:
    """Return the name of the ZIP entry that holds the pixels of an image.

    Parameters
    ----------
    image : str
        Place from `image_paths`.

    Returns
    -------
    str
        Its only shard, at full resolution.
    """
    return f"{image}/0/c/0/0/0"


def plate_documents(plan: Plan) -> Iterator[tuple[str, bytes]]:
    """Build every zarr.json of a plate store, breadth first as RFC-9 recommends.

    Label images are OME-Zarr labels of the fields (`labels/Nuclei`), so that they become those of
    the images once both stores are unpacked into one folder. Until then they are also the images of
    the fields themselves.

    Parameters
    ----------
    plan : Plan
        Content of the metadata.

    Yields
    ------
    name : str
        The ZIP entry.
    document : bytes
        Its content, as JSON.
    """
    wells: dict[str, list[str]] = {}
    for field in plan.fields:
        well, number = field.rsplit("/", 1)
        wells.setdefault(well, []).append(number)
    rows = list(dict.fromkeys(well.split("/")[0] for well in wells))
    yield METADATA, _group({"plate": _plate_metadata(plan, wells, rows)}, _index(plan))
    for row in rows:
        yield f"{row}/{METADATA}", _group({})
    for well, numbers in wells.items():
        images = [{"path": number} for number in numbers]
        yield f"{well}/{METADATA}", _group({"well": {"version": NGFF_VERSION, "images": images}})
    omero = _channel_metadata(plan)
    for field, image, site_id in zip(plan.fields, plan.images, plan.site_ids, strict=True):
        array = f"{image}/0".removeprefix(f"{field}/")
        multiscales = [_multiscale(site_id, plan.pixel_size_um, array)]
        yield f"{field}/{METADATA}", _group({"multiscales": multiscales, "omero": omero})
    if plan.labels is not None:
        yield from _label_documents(plan, plan.labels)
    array_document = _array(plan.shape, plan.dtype)
    for image in plan.images:
        yield f"{image}/0/{METADATA}", array_document


def _label_documents(plan: Plan, labels: str) -> Iterator[tuple[str, bytes]]:
    for field in plan.fields:
        yield f"{field}/labels/{METADATA}", _group({"labels": [labels]})
    about: OmeGroup = {
        "multiscales": [_multiscale(labels, plan.pixel_size_um, "0")],
        "image-label": {"source": {"image": "../../"}},
    }
    for image in plan.images:
        yield f"{image}/{METADATA}", _group(about)


def _group(ome: OmeGroup, own: PlateIndex | None = None) -> bytes:
    attributes: dict[str, Any] = {"ome": {"version": NGFF_VERSION, **ome}} if ome else {}
    if own is not None:
        attributes["moascope"] = own
    return _json({"zarr_format": 3, "node_type": "group", "attributes": attributes})


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _index(plan: Plan) -> PlateIndex:
    """Build the metadata that describe the whole plate."""
    pairs = zip(plan.site_ids, plan.images, strict=True)
    return {
        "plate": plan.plate,
        "pixel_size_um": plan.pixel_size_um,
        "sites": [{"site_id": site_id, "path": image} for site_id, image in pairs],
        "channels": list(plan.channels),
        "shape": list(plan.shape),
        "dtype": plan.dtype,
    }


def _plate_metadata(
    plan: Plan, wells: Mapping[str, Sequence[str]], rows: Sequence[str]
) -> dict[str, Any]:
    columns = sorted({well.split("/")[1] for well in wells})
    return {
        "version": NGFF_VERSION,
        "name": plan.plate,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {
                "path": well,
                "rowIndex": rows.index(well.split("/")[0]),
                "columnIndex": columns.index(well.split("/")[1]),
            }
            for well in wells
        ],
        "field_count": max(len(numbers) for numbers in wells.values()),
    }


def _multiscale(name: str, pixel_size_um: float | None, array: str) -> dict[str, Any]:
    unit = {} if pixel_size_um is None else {"unit": "micrometer"}
    size = 1.0 if pixel_size_um is None else float(pixel_size_um)
    return {
        "name": name,
        "axes": [
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", **unit},
            {"name": "x", "type": "space", **unit},
        ],
        "datasets": [
            {
                "path": array,
                "coordinateTransformations": [{"type": "scale", "scale": [1.0, size, size]}],
            }
        ],
    }


def _channel_metadata(plan: Plan) -> dict[str, Any]:
    limits = (0.0, 1.0) if plan.dtype == "float32" else (0, int(np.iinfo(plan.dtype).max))
    colours = channel_colours(plan.channels).values()
    return {
        "version": NGFF_VERSION,
        "channels": [
            {
                "label": channel,
                "color": colour,
                "active": True,
                "window": {"min": limits[0], "max": limits[1], "start": start, "end": end},
            }
            for channel, colour, (start, end) in zip(
                plan.channels, colours, plan.windows, strict=True
            )
        ],
        "rdefs": {"model": "color"},
    }


def display_windows(planes: NDArray[np.generic]) -> list[tuple[float, float]]:
    """Compute the intensities that viewers show as black and as full colour.

    Parameters
    ----------
    planes : ndarray, (C, Y, X)
        One site of the plate.

    Returns
    -------
    list of (float, float)
        The 0.1 and 99.9 percentiles of each channel, from every fourth pixel each way.
    """
    sample = planes[:, ::4, ::4].astype(np.float64)
    low, high = np.percentile(sample, [0.1, 99.9], axis=(1, 2))
    return [(float(a), float(max(b, a + 1e-6))) for a, b in zip(low, high, strict=True)]


def _array(shape: tuple[int, int, int], dtype: str) -> bytes:
    """Describe the pixels of a site in a zarr.json: one shard, one chunk per channel."""
    itemsize = np.dtype(dtype).itemsize
    as_bytes: dict[str, Any] = {"name": "bytes", "configuration": {"endian": "little"}}
    blosc = {
        "name": "blosc",
        "configuration": {
            "cname": COMPRESSOR,
            "clevel": LEVEL,
            "shuffle": "bitshuffle",
            "typesize": itemsize,
            "blocksize": 0,
        },
    }
    sharding = {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [1, *shape[1:]],
            "codecs": [as_bytes, blosc],
            "index_codecs": [as_bytes, {"name": "crc32c"}],
            "index_location": "end",
        },
    }
    return _json(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(shape),
            "data_type": dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shape)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0.0 if dtype == "float32" else 0,
            "codecs": [sharding],
            "attributes": {},
            "dimension_names": ["c", "y", "x"],
        }
    )


@dataclass(frozen=True)
class Shard:
    """The compressed pixels of a site, in pieces that are written one after the other."""

    parts: Sequence[bytes | bytearray]
    crc: int


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
    """Build one Zarr shard from the chunks of a site.

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
        Array that takes the pixels (C-contiguous).

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


def write_metadata(archive: StoredZip, plan: Plan) -> None:
    """Write every zarr.json of a plate store."""
    for name, document in plate_documents(plan):
        archive.add(name, [document])
