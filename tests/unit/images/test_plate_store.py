"""Reading of plate stores."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr
from plate_images import CHANNELS, WELLS, image, write_sites
from zarr.storage import ZipStore

from moascope.core.errors import InputError
from moascope.images.ingest import ingest_plate
from moascope.images.plate_store import PlateStore


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("workers", [1, 3])
def test_store_holds_the_pixels_of_the_files(tmp_path, dtype, workers):
    images = [[image(i, c, dtype=dtype) for c in range(3)] for i in range(3)]
    sites = write_sites(tmp_path, images, WELLS)
    table = ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", workers=workers)
    with PlateStore(tmp_path / "P.ozx", workers=workers) as store:
        assert store.site_ids == sites["site_id"].tolist()
        assert store.channels == CHANNELS
        assert store.shape == (3, 24, 32)
        assert store.dtype == dtype
        assert len(store) == 3
        np.testing.assert_array_equal(store.read([2, 0]), [images[2], images[0]])
    assert table["site_id"].tolist() == sites["site_id"].tolist()
    assert table["status"].tolist() == ["ok"] * 3
    assert set(table["dtype"]) == {np.dtype(dtype).name}
    size = sum(Path(sites[f"path:{channel}"].iloc[0]).stat().st_size for channel in CHANNELS)
    assert table["bytes_read"].iloc[0] == size


def test_batches_cover_all_sites_in_order(store, images):
    with PlateStore(store) as opened:
        for batches in (opened.batches(2), opened.batches(batch_bytes=3 * 24 * 32 * 2 * 2 + 1)):
            indices, planes = zip(*batches, strict=True)
            assert [len(part) for part in indices] == [2, 1]
            np.testing.assert_array_equal(np.concatenate(indices), [0, 1, 2])
            np.testing.assert_array_equal(np.concatenate(planes), images)
        assert [len(part) for part, _ in opened.batches(batch_bytes=1)] == [1, 1, 1]


def test_threads_share_an_open_store(store, images):
    with PlateStore(store) as opened, ThreadPoolExecutor(4) as pool:
        for i, planes in zip(
            [0, 1, 2] * 20, pool.map(lambda i: opened.read([i]), [0, 1, 2] * 20), strict=True
        ):
            np.testing.assert_array_equal(planes[0], images[i])


def test_truncated_store_is_refused(store):
    store.write_bytes(store.read_bytes()[:-100])
    with pytest.raises(
        InputError, match=r"P\.ozx: is damaged, or was not written by MoAscope \(BadZipFile"
    ):
        PlateStore(store)


@pytest.mark.parametrize("content", [b"", b"not a zip"])
def test_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "P.ozx").write_bytes(content)
    with pytest.raises(InputError, match="is damaged, or was not written by MoAscope"):
        PlateStore(tmp_path / "P.ozx")


def test_foreign_zarr_is_refused(tmp_path):
    with ZipStore(tmp_path / "P.ozx", mode="w") as zipped:
        zarr.create_group(zipped)
    with pytest.raises(InputError, match="is damaged, or was not written by MoAscope"):
        PlateStore(tmp_path / "P.ozx")


def test_missing_store_is_named(tmp_path):
    with pytest.raises(InputError, match=r"P\.ozx: there is no such file"):
        PlateStore(tmp_path / "P.ozx")


def test_damaged_pixels_are_noticed(store):
    content = bytearray(store.read_bytes())
    with zipfile.ZipFile(store) as archive:
        entry = archive.getinfo("A/01/1/0/c/0/0/0")
    content[entry.header_offset + 200] ^= 1
    store.write_bytes(content)
    with PlateStore(store) as opened:
        opened.read([0, 2])
        with pytest.raises(InputError, match=r"P\.ozx: is damaged.* of P 1/A01/1\)"):
            opened.read([1])
