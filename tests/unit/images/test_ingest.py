"""Ingest of plates: stores hold the pixels of the files, and failures leave nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from ome_zarr_models.v05 import HCS
from plate_images import CHANNELS, WELLS, image, write_sites
from zarr.storage import ZipStore

from moascope.core.errors import InputError
from moascope.core.zip_files import StoredZip
from moascope.images import ingest
from moascope.images import ome_zarr as images_ome_zarr
from moascope.images.ingest import field_paths, ingest_plate
from moascope.images.plate_store import PlateStore
from moascope.images.readers import centre_crop, read_pixels
from moascope.images.sizes import fit


def test_a_file_with_several_channels_is_decoded_once(tmp_path, monkeypatch):
    planes = np.stack([image(0, c) for c in range(3)])
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, planes, metadata={"axes": "CYX"}, photometric="minisblack")
    reads = []
    monkeypatch.setattr(ingest, "read_pixels", lambda *a: reads.append(a) or read_pixels(*a))
    sites = pd.DataFrame([{"site_id": "P/A01/1", "plate": "P", "well": "A01"}])
    for channel, index in zip(CHANNELS, (2, 0, 1), strict=True):
        sites[f"path:{channel}"], sites[f"index:{channel}"] = str(path), index
    ingest_plate(sites, CHANNELS, tmp_path / "P.ozx")
    assert len(reads) == 1
    with PlateStore(tmp_path / "P.ozx") as store:
        np.testing.assert_array_equal(store.read([0])[0], planes[[2, 0, 1]])


def test_rgb_files_become_named_channels(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (8, 9, 3)).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    sites = pd.DataFrame([{"site_id": "P/A01/1", "plate": "P", "well": "A01"}])
    for i, channel in enumerate(CHANNELS):
        sites[f"path:{channel}"], sites[f"index:{channel}"] = str(tmp_path / "a.png"), i
    ingest_plate(sites, CHANNELS, tmp_path / "P.ozx")
    with PlateStore(tmp_path / "P.ozx") as store:
        np.testing.assert_array_equal(store.read([0])[0], array.transpose(2, 0, 1))


def test_equal_plates_give_equal_bytes(tmp_path, sites):
    ingest_plate(sites, CHANNELS, tmp_path / "1.ozx", workers=1)
    ingest_plate(sites, CHANNELS, tmp_path / "2.ozx", workers=3)
    assert (tmp_path / "1.ozx").read_bytes() == (tmp_path / "2.ozx").read_bytes()


def test_real_16_bit_cells(tmp_path, shared_data):
    paths = sorted((shared_data / "bbbc021-cells16" / "images").iterdir())[:40]
    sites = pd.DataFrame(
        {
            "site_id": [f"P/{path.stem.split('_')[2]}/{path.stem}" for path in paths],
            "plate": "P",
            "well": [path.stem.split("_")[2] for path in paths],
        }
    )
    for i, channel in enumerate(CHANNELS):
        sites[f"path:{channel}"], sites[f"index:{channel}"] = [str(path) for path in paths], i
    ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", workers=2)
    with PlateStore(tmp_path / "P.ozx") as store:
        expected = [tifffile.imread(path) for path in paths]
        np.testing.assert_array_equal(store.read(range(40)), expected)


def test_pixel_size_comes_from_ome_metadata(tmp_path, sites, images):
    metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(sites["path:DNA"].iloc[0], images[0][0], ome=True, metadata=metadata)
    ingest_plate(sites, CHANNELS, tmp_path / "P.ozx")
    with zipfile.ZipFile(tmp_path / "P.ozx") as archive:
        multiscale = json.loads(archive.read("A/01/0/zarr.json"))["attributes"]["ome"]
    (transform,) = multiscale["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert transform["scale"] == [1.0, 0.5, 0.5]


@pytest.mark.parametrize("length", [9, 12, 50])
def test_a_damaged_first_image_is_left_out_and_the_next_tells_the_pixel_size(
    tmp_path, sites, images, length
):
    metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
    for path, planes in zip(sites["path:DNA"], images, strict=True):
        tifffile.imwrite(path, planes[0], ome=True, metadata=metadata)
    first = Path(sites["path:DNA"].iloc[0])
    first.write_bytes(first.read_bytes()[:length])
    table = ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", on_bad_image="quarantine")
    assert table["status"].tolist() == ["quarantined", "ok", "ok"]
    assert "damaged or truncated TIFF" in table["message"].iloc[0]
    with PlateStore(tmp_path / "P.ozx") as store:
        assert store.pixel_size_um == 0.5


def test_unknown_pixel_size_has_no_unit(tmp_path, sites):
    ingest_plate(sites, CHANNELS, tmp_path / "P.ozx")
    with zipfile.ZipFile(tmp_path / "P.ozx") as archive:
        ome = json.loads(archive.read("A/01/0/zarr.json"))["attributes"]["ome"]
    assert not any("unit" in axis for axis in ome["multiscales"][0]["axes"])


def test_field_paths_number_the_sites_of_a_well():
    wells = pd.DataFrame({"well": ["AA01", "B02", "AA01", "B48"]})
    assert field_paths(wells) == ["AA/01/0", "B/02/0", "AA/01/1", "B/48/0"]


def test_different_sizes_are_refused(tmp_path, images):
    images[1] = [image(1, c, (20, 32)) for c in range(3)]
    sites = write_sites(tmp_path, images, WELLS)
    message = (
        r"(?s)plate P 1: .*1 site\(s\), such as P 1/A01/1, have 32x20 pixels \(width x height\), "
        r"while 2 have 32x24.*set input.on_size_mismatch to resize"
    )
    with pytest.raises(InputError, match=message):
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx")
    assert not list(tmp_path.glob("*.ozx"))


def test_crop_cuts_every_site_around_its_centre(tmp_path, images):
    images[1] = [image(1, c, (20, 40)) for c in range(3)]
    images[2] = [image(2, c, (27, 31)) for c in range(3)]
    sites = write_sites(tmp_path, images, WELLS)
    table = ingest_plate(
        sites, CHANNELS, tmp_path / "P.ozx", on_size_mismatch="crop", size=(20, 31)
    )
    assert table["height"].tolist() == [24, 20, 27]
    with PlateStore(tmp_path / "P.ozx") as store:
        assert store.shape == (3, 20, 31)
        read = store.read([0, 1, 2])
    np.testing.assert_array_equal(read[0], np.array(images[0])[:, 2:22, :31])
    np.testing.assert_array_equal(read[1], np.array(images[1])[:, :, 4:35])
    np.testing.assert_array_equal(read[2], np.array(images[2])[:, 3:23])
    with ZipStore(tmp_path / "P.ozx", mode="r") as zipped:
        np.testing.assert_array_equal(zarr.open_group(zipped, mode="r")["B/12/0/0"][:], read[2])


@pytest.mark.parametrize(("rule", "size"), [("pad", (30, 40)), ("resize", (12, 16))])
def test_sites_get_the_size_of_the_screen(tmp_path, images, rule, size):
    images[1] = [image(1, c, (20, 32)) for c in range(3)]
    sites = write_sites(tmp_path, images, WELLS)
    options = {"on_size_mismatch": rule, "size": size, "pixel_size_um": 0.5}
    table = ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", **options)
    assert table["height"].tolist() == [24, 20, 24]
    with PlateStore(tmp_path / "P.ozx") as store:
        assert store.shape == (3, *size)
        read = store.read([0, 1, 2])
        assert store.pixel_size_um == (0.5 if rule == "pad" else None)
    for number, planes in enumerate(images):
        np.testing.assert_array_equal(read[number], fit(np.array(planes), rule, size))


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_centre_crop_leaves_equal_margins(height, width, data):
    planes = np.zeros((2, height, width))
    h, w = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    assert centre_crop(planes, h, w).shape == (2, h, w)
    rows = np.broadcast_to(np.arange(height)[:, None], (height, width))
    kept = centre_crop(rows, h, w)[:, 0]
    assert (height - 1 - kept[-1]) - kept[0] in {0, 1}


def test_channels_of_different_size_are_not_one_field(tmp_path, images):
    images[1][2] = image(1, 2, (20, 32))
    sites = write_sites(tmp_path, images, WELLS)
    message = "channels of this site differ in size or pixel type .*DNA 24x32 uint16.*tubulin 20x32"
    with pytest.raises(InputError, match=message):
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", on_size_mismatch="crop")


def test_mixed_pixel_types_are_refused(tmp_path, images):
    images[1] = [image(1, c, dtype=np.uint8) for c in range(3)]
    sites = write_sites(tmp_path, images, WELLS)
    message = r"1 site\(s\), such as P 1/A01/1, have uint8 pixels, while 2 have uint16"
    with pytest.raises(InputError, match=message):
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", on_size_mismatch="crop")


def damage(sites: pd.DataFrame) -> None:
    """Truncate one file of the first site and empty two of the last."""
    path = Path(sites["path:actin"].iloc[0])
    path.write_bytes(path.read_bytes()[:700])
    for channel in ("DNA", "tubulin"):
        Path(sites[f"path:{channel}"].iloc[2]).write_bytes(b"")


def test_all_bad_images_are_named_in_one_error(tmp_path, sites):
    damage(sites)
    with pytest.raises(InputError) as caught:
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", workers=2)
    message = str(caught.value)
    assert message.startswith("plate P 1: cannot ingest images (input.on_bad_image: ")
    assert "2 problems" in message
    assert f"site P 1/A01/0: {sites['path:actin'].iloc[0]}: truncated TIFF" in message
    for channel in ("DNA", "tubulin"):
        assert f"{sites[f'path:{channel}'].iloc[2]}: the file is empty (0 bytes)" in message
    assert not list(tmp_path.glob("*.ozx"))
    assert not list(tmp_path.glob(".*"))


def test_quarantine_leaves_bad_sites_out_and_reports_them(tmp_path, sites, images):
    damage(sites)
    table = ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", on_bad_image="quarantine")
    assert table["status"].tolist() == ["quarantined", "ok", "quarantined"]
    assert "truncated TIFF" in table["message"].iloc[0]
    assert table["message"].iloc[1] == ""
    assert table["height"].tolist() == [0, 24, 0]
    with PlateStore(tmp_path / "P.ozx") as store:
        assert store.site_ids == ["P 1/A01/1"]
        np.testing.assert_array_equal(store.read([0])[0], images[1])
    with ZipStore(tmp_path / "P.ozx", mode="r") as zipped:
        root = zarr.open_group(zipped, mode="r")
        HCS.from_zarr(root)
        assert [well["path"] for well in root.attrs["ome"]["plate"]["wells"]] == ["A/01"]
        np.testing.assert_array_equal(root["A/01/1/0"][:], images[1])
    assert sorted(path.name for path in tmp_path.glob("*.ozx")) == ["P.ozx"]
    assert not list(tmp_path.glob(".*"))


def test_a_plate_of_bad_images_only_is_an_error(tmp_path, sites):
    for path in sites[[f"path:{channel}" for channel in CHANNELS]].to_numpy().ravel():
        Path(path).write_bytes(b"")
    with pytest.raises(InputError, match="3 problems"):
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", on_bad_image="quarantine")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (
            -1,
            "holds 3 planes, but the plane of channel DNA is unknown. Set input.path_column",
        ),
        (3, r"has no plane 3 for the channel DNA; it holds 3 \(counted from 0\)"),
    ],
)
def test_a_plane_that_is_not_there_is_named(tmp_path, sites, index, message):
    planes = np.stack([image(0, c) for c in range(3)])
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, planes, metadata={"axes": "CYX"}, photometric="minisblack")
    sites["path:DNA"], sites["index:DNA"] = str(path), index
    with pytest.raises(InputError, match=message):
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx")


def test_sites_of_two_plates_are_refused(tmp_path, sites):
    sites["plate"] = ["P", "Q", "Q"]
    with pytest.raises(InputError, match=r"the sites of one plate, not of 2 \(P, Q\)"):
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx")


@pytest.mark.parametrize("key", ["on_size_mismatch", "on_bad_image"])
def test_unknown_choices_are_refused(tmp_path, sites, key):
    with pytest.raises(InputError, match=rf"input\.{key}: 'ignore' is not known. Use one of: err"):
        ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", **{key: "ignore"})


def test_full_disk_is_named_and_nothing_is_left(tmp_path):
    sites = write_sites(tmp_path, [[image(0, c, (200, 200)) for c in range(3)]], ["A01"])
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"cannot mount a small tmpfs: {mounted.stderr.strip()}")
    try:
        with pytest.raises(InputError) as caught:
            ingest_plate(sites, CHANNELS, disk / "P.ozx")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert str(disk / "P.ozx") in str(caught.value)
    assert "No space left on device" in str(caught.value)
    assert "Free space on that disk" in str(caught.value)


def test_a_killed_ingest_leaves_no_store_and_can_run_again(tmp_path, sites, images):
    many = pd.concat([sites] * 1000, ignore_index=True)
    many["site_id"] = [f"P 1/{well}/{i}" for i, well in enumerate(many["well"])]
    many.to_pickle(tmp_path / "sites.pkl")
    out = tmp_path / "out" / "P.ozx"
    code = (
        "import sys, pandas as pd; from moascope.images.ingest import ingest_plate\n"
        f"ingest_plate(pd.read_pickle({str(tmp_path / 'sites.pkl')!r}), {CHANNELS}, {str(out)!r})"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(ingest.__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 60
    while not list(out.parent.glob(".*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(out.parent.glob(".*")), "the ingest never began to write"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    ingest_plate(sites, CHANNELS, out)
    with PlateStore(out) as opened:
        np.testing.assert_array_equal(opened.read([0, 1, 2]), images)


def test_an_interrupted_ingest_keeps_the_store_that_was_there(store, sites):
    before = store.read_bytes()
    Path(sites["path:DNA"].iloc[2]).write_bytes(b"")
    with pytest.raises(InputError):
        ingest_plate(sites, CHANNELS, store)
    assert store.read_bytes() == before


def test_few_sites_are_in_memory_at_once(tmp_path, sites, monkeypatch):
    many = pd.concat([sites] * 30, ignore_index=True)
    waiting, most, lock = 0, 0, threading.Lock()
    join, add = images_ome_zarr.join_chunks, StoredZip.add

    def counting_join(chunks):
        nonlocal waiting, most
        with lock:
            waiting += 1
            most = max(most, waiting)
        return join(chunks)

    def counting_add(self, name, parts, crc=None):
        nonlocal waiting
        add(self, name, parts, crc)
        if "/c/" in name:
            with lock:
                waiting -= 1

    monkeypatch.setattr(ingest, "join_chunks", counting_join)
    monkeypatch.setattr(StoredZip, "add", counting_add)
    ingest_plate(many, CHANNELS, tmp_path / "P.ozx", workers=3)
    assert waiting == 0
    assert most <= 2 * 3 + 1
