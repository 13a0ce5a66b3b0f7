"""Format of plate stores: shards and metadata that other programs read."""

import json
import zipfile

import numpy as np
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v05 import HCS
from plate_images import CHANNELS
from zarr.storage import ZipStore

from moascope.core.digests import crc32
from moascope.images.ome_zarr import (
    decode_shard,
    display_windows,
    encode_chunk,
    join_chunks,
)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([np.uint8, np.uint16, np.float32]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=3, max_dims=3, max_side=40))
    )
)
def test_shard_round_trip(planes):
    shard = join_chunks([encode_chunk(plane) for plane in planes])
    content = b"".join(shard.parts)
    decoded = decode_shard(content, planes.shape, planes.dtype)
    assert decoded.dtype == planes.dtype
    np.testing.assert_array_equal(decoded, planes)
    assert shard.crc == crc32([content])


def test_zarr_reads_every_array(store, images):
    with ZipStore(store, mode="r") as zipped:
        root = zarr.open_group(zipped, mode="r")
        fields = [site["path"] for site in root.attrs["moascope"]["sites"]]
        assert fields == ["A/01/0", "A/01/1", "B/12/0"]
        for field, planes in zip(fields, images, strict=True):
            array = root[f"{field}/0"]
            assert array.shards == (3, 24, 32)
            assert array.chunks == (1, 24, 32)
            np.testing.assert_array_equal(array[:], planes)
            np.testing.assert_array_equal(array[1, 3:5], planes[1][3:5])


def test_metadata_are_valid_ome_ngff(store):
    with ZipStore(store, mode="r") as zipped:
        plate = HCS.from_zarr(zarr.open_group(zipped, mode="r"))
        meta = plate.ome_attributes.plate
        assert meta.name == "P 1"
        assert [(well.path, well.rowIndex, well.columnIndex) for well in meta.wells] == [
            ("A/01", 0, 0),
            ("B/12", 1, 1),
        ]
        assert meta.field_count == 2
        groups = list(plate.well_groups)
        assert len(groups) == 2
        assert [image.path for image in groups[0].ome_attributes.well.images] == ["0", "1"]


def test_ome_zarr_reads_plate_and_wells(store, images, tmp_path):
    """ome-zarr does not open ZIP archives yet, so the archive is unpacked for it."""
    with zipfile.ZipFile(store) as archive:
        archive.extractall(tmp_path / "unpacked")
    (plate,) = Reader(parse_url(tmp_path / "unpacked"))()
    overview = plate.data[0].compute()  # the first field of each well
    assert overview.shape == (3, 2 * 24, 2 * 32)
    np.testing.assert_array_equal(overview[:, :24, :32], images[0])
    np.testing.assert_array_equal(overview[:, 24:, 32:], images[2])
    assert plate.metadata["channel_names"] == CHANNELS

    (well,) = Reader(parse_url(tmp_path / "unpacked" / "A" / "01"))()
    np.testing.assert_array_equal(well.data[0].compute(), np.concatenate(images[:2], axis=2))


def test_archive_follows_rfc_9(store):
    with zipfile.ZipFile(store) as archive:
        entries = archive.infolist()
        assert archive.testzip() is None
        comment = json.loads(archive.comment)
    assert comment["ome"]["version"] == "0.5"
    assert comment["ome"]["zipFile"]["centralDirectory"]["jsonFirst"] is True
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert [entry.header_offset for entry in entries] == sorted(e.header_offset for e in entries)
    assert entries[0].filename == "zarr.json"
    are_json = [entry.filename.endswith("zarr.json") for entry in entries]
    assert are_json == sorted(are_json, reverse=True)
    depths = [e.filename.count("/") for e in entries if e.filename.endswith("zarr.json")]
    assert depths == sorted(depths)


def test_channel_names_colours_and_pixel_size(store):
    with zipfile.ZipFile(store) as archive:
        ome = json.loads(archive.read("A/01/0/zarr.json"))["attributes"]["ome"]
    (multiscale,) = ome["multiscales"]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [None, "micrometer", "micrometer"]
    assert multiscale["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 0.65, 0.65]}
    ]
    shown = [(channel["label"], channel["color"]) for channel in ome["omero"]["channels"]]
    assert shown == [("DNA", "2b4dff"), ("actin", "ff5400"), ("tubulin", "00b868")]


def test_display_window_is_never_empty():
    ((low, high),) = display_windows(np.full((1, 8, 8), 7, np.uint16))
    assert low == 7 < high
