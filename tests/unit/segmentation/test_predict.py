"""Engines run over annotated images and plates; what they found is scored, counted and shown."""

import threading
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v05 import HCS, ImageLabel
from squares import (
    ingest_squares,
    pack,
    picture,
    segment_plate,
    segmented,
    squares,
    truth_engine,
)

from moascope.core.errors import ImageError, InputError
from moascope.images.ingest import ingest_plate
from moascope.images.label_store import join_labels
from moascope.images.plate_store import PlateStore
from moascope.report.figures import segmentation as pictures
from moascope.segmentation import predict as segmenting
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask
from moascope.segmentation.implementations.base import OneStep
from moascope.segmentation.scores import score


@pytest.fixture
def packed(tmp_path):
    return pack(tmp_path, [1, 2, 3, 4, 5])


class TwoSteps:
    """Labels an image only once the next is predicted, or waits in vain."""

    def __init__(self, n):
        self.predicted = [threading.Event() for _ in range(n)]
        self.threads = set()

    def predict(self, image):
        number = int(image[0, 0, 0])
        self.predicted[number].set()
        return number

    def label(self, predicted):
        self.threads.add(threading.current_thread())
        if predicted + 1 < len(self.predicted):
            assert self.predicted[predicted + 1].wait(30)
        if predicted == 7:
            raise ImageError("the eighth image is odd")
        return np.full((4, 4), 5 + predicted, np.int32)


def test_an_image_is_labelled_while_the_next_is_predicted():
    engine = TwoSteps(4)
    images = ((f"i{k}", np.full((1, 4, 4), k)) for k in range(4))
    found = segmenting.segmented(engine, images, lambda *pair: pair, clear_border=False)
    names, labels = zip(*found, strict=True)
    assert names == ("i0", "i1", "i2", "i3")
    assert [np.unique(image).tolist() for image in labels] == [[1]] * 4
    assert len(engine.threads) == 1
    assert threading.current_thread() not in engine.threads


def test_an_error_in_a_label_stops_what_asks_for_it():
    engine = TwoSteps(9)
    images = ((k, np.full((1, 4, 4), k)) for k in range(9))
    found = segmenting.segmented(engine, images, lambda k, _: k, clear_border=True)
    assert [next(found) for _ in range(7)] == list(range(7))
    with pytest.raises(ImageError, match="the eighth image is odd"):
        next(found)


def test_what_a_network_cannot_predict_stops_what_asks_for_it():
    def images():
        yield 0, np.full((1, 4, 4), 0)
        yield 1, np.full((1, 4, 4), 12)

    engine = TwoSteps(1)
    found = segmenting.segmented(engine, images(), lambda k, _: k, clear_border=True)
    with pytest.raises(IndexError):
        next(found)
    assert not any(thread.is_alive() for thread in engine.threads)


def test_who_stops_early_leaves_no_thread_behind():
    engine = TwoSteps(4)
    images = ((k, np.full((1, 4, 4), k)) for k in range(4))
    found = segmenting.segmented(engine, images, lambda k, _: k, clear_border=True)
    assert next(found) == 0
    engine.predicted[3].set()
    found.close()
    assert not any(thread.is_alive() for thread in engine.threads)


def test_a_large_image_is_alone_in_memory(monkeypatch):
    monkeypatch.setattr(segmenting, "_LARGE", 15)
    order = []

    class Noted(OneStep):
        def predict(self, image):
            order.append(("predict", int(image[0, 0, 0])))
            return image[0]

    sides = (3, 4, 4, 3)
    images = ((k, np.full((1, side, 4), k, np.int32)) for k, side in enumerate(sides))
    note = lambda k, _: order.append(("label", k))  # noqa: E731
    list(segmenting.segmented(Noted(None), images, note, clear_border=False))
    assert order == [(step, k) for k in range(4) for step in ("predict", "label")]


def test_pixels_that_are_ignored_do_not_count(tmp_path):
    labels = squares(3)
    labels[labels == 3] = -1
    files = tmp_path / "set.h5", tmp_path / "set.parquet"
    rows = pd.DataFrame({"name": ["a"], "set": ["test"], "group": ["a"], "image": [0], "mask": [0]})
    image = picture(squares(3))
    options = {"read_image": lambda _: image, "read_labels": lambda _: Mask(labels)}
    write(rows, ["DNA"], *files, **options)
    summary, by_image = segmented(files, truth_engine, tmp_path)
    assert summary["ap"]["0.5"] == summary["foreground_iou"] == 1
    assert (summary["n_objects"], summary["n_predicted"]) == (2, 2)
    assert by_image["found_areas"][0].tolist() == by_image["true_areas"][0].tolist() == [64, 64]
    drawn = pictures.panels(image[0], labels, squares(3), 64)
    colours = {tuple(pixel) for pixel in drawn["disagreement"].reshape(-1, 3)}
    assert (154, 164, 173) in colours  # found rightly
    assert (217, 75, 214) not in colours  # found wrongly


def test_test_images_of_a_screen_are_held_to_their_plate(packed, tmp_path):
    class Noted(OneStep):
        def hold_to(self, images):
            held.append(len(list(images)))

    held = []
    out = tmp_path / "labels.h5", tmp_path / "times.parquet"
    segmenting.segment_test(Noted(truth_engine), *packed, *out)
    assert held == []
    pd.read_parquet(packed[1]).assign(plate=[*"PPABA"]).to_parquet(packed[1])
    segmenting.segment_test(Noted(truth_engine), *packed, *out)
    assert held == [2, 1]
    assert score(*packed, *out)[0]["ap"]["0.5"] == 1
    assert pd.read_parquet(out[1])["name"].tolist() == ["i2", "i4", "i3"]


def test_labels_are_those_of_the_test_images(packed, tmp_path):
    segmented(packed, truth_engine, tmp_path)
    with h5py.File(tmp_path / "labels.h5") as found, AnnotatedSet(*packed) as known:
        assert sorted(found["labels"]) == ["000002", "000003", "000004"]
        np.testing.assert_array_equal(found["labels/000003"][:], known.labels(3))


@pytest.fixture
def plate(tmp_path):
    return ingest_squares(tmp_path)


def test_a_plate_gets_labels_laid_out_like_its_store(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    with PlateStore(plate[0]) as store, PlateStore(labels) as found:
        assert found.site_ids == store.site_ids
        assert found.fields == [f"{field}/labels/Nuclei" for field in store.fields]
        assert found.channels == ["Nuclei"]
        assert found.pixel_size_um == 0.5
        assert found.dtype == np.uint32
        images = found.read(range(4))
    np.testing.assert_array_equal(images[3, 0], squares(3))


def test_metadata_of_labels_come_first_and_breadth_first(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    with zipfile.ZipFile(labels) as archive:
        names = archive.namelist()
    depths = [name.count("/") for name in names if name.endswith("zarr.json")]
    assert all(name.endswith("zarr.json") for name in names[: len(depths)])
    assert depths == sorted(depths)
    assert max(depths) == 6


def test_labels_alone_are_a_plate_that_shows_them(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    with zarr.storage.ZipStore(labels, mode="r") as zipped:
        found = HCS.from_zarr(zarr.open_group(zipped, mode="r"))
        wells = found.ome_attributes.plate.wells
        assert [well.path for well in wells] == [f"A/0{k + 1}" for k in range(4)]
    with zipfile.ZipFile(labels) as archive:
        archive.extractall(tmp_path / "alone")
    (node,) = Reader(parse_url(tmp_path / "alone"))()
    overview = node.data[0].compute()
    np.testing.assert_array_equal(overview[0, :, -64:], squares(3))


def test_labels_become_those_of_the_images_when_both_are_unpacked(plate, tmp_path):
    """As `unzip -n` does: what is there already stays."""
    labels, _ = segment_plate(plate, tmp_path)
    folder = tmp_path / "both"
    for store in (plate[0], labels):
        with zipfile.ZipFile(store) as archive:
            archive.extractall(
                folder, [name for name in archive.namelist() if not (folder / name).exists()]
            )
    image, _, nuclei = Reader(parse_url(folder / "A/04/0"))()
    np.testing.assert_array_equal(image.data[0].compute()[0], picture(squares(3))[0])
    assert image.metadata["channel_names"] == ["DNA", "Actin"]
    np.testing.assert_array_equal(nuclei.data[0].compute()[0], squares(3))
    assert nuclei.metadata["name"] == "Nuclei"
    HCS.from_zarr(zarr.open_group(folder, mode="r"))
    checked = ImageLabel.from_zarr(zarr.open_group(folder / "A/04/0/labels/Nuclei", mode="r"))
    assert checked.ome_attributes.image_label.source.image == "../../"


def test_images_and_labels_are_joined_in_one_plate(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    join_labels(plate[0], labels, tmp_path / "joined.ozx")
    with PlateStore(tmp_path / "joined.ozx") as joined, PlateStore(plate[0]) as store:
        assert joined.channels == ["DNA", "Actin"]
        np.testing.assert_array_equal(joined.read(range(4)), store.read(range(4)))
    with zipfile.ZipFile(tmp_path / "joined.ozx") as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        archive.extractall(tmp_path / "joined")
    depths = [name.count("/") for name in names if name.endswith("zarr.json")]
    assert all(name.endswith("zarr.json") for name in names[: len(depths)])
    assert depths == sorted(depths)
    assert len(names) == len(set(names))
    HCS.from_zarr(zarr.open_group(tmp_path / "joined", mode="r"))
    image, _, nuclei = Reader(parse_url(tmp_path / "joined/A/04/0"))()
    assert image.metadata["channel_names"] == ["DNA", "Actin"]
    np.testing.assert_array_equal(nuclei.data[0].compute()[0], squares(3))


def test_labels_of_another_plate_are_refused(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    sites = pd.DataFrame(
        {"site_id": ["P2/A01/1"], "plate": ["P2"], "well": ["A01"]}
        | {"path:DNA": [str(tmp_path / "0_DNA.tif")], "index:DNA": [-1]}
    )
    ingest_plate(sites, ["DNA"], tmp_path / "P2.ozx")
    message = r"labels\.ozx: its label images are not those of .*P2\.ozx. Segment the plate again"
    with pytest.raises(InputError, match=message):
        join_labels(tmp_path / "P2.ozx", labels, tmp_path / "joined.ozx")
    assert not (tmp_path / "joined.ozx").exists()


def test_objects_beyond_the_limits_of_area_are_left_out(plate, tmp_path):
    def engine(image):
        labels = truth_engine(image)
        return np.where(labels == 2, 2 * (np.indices(labels.shape)[0] < 12), labels)

    def areas(smallest, largest):
        options = {"channels": ["DNA"], "objects": "Nuclei", "clear_border": False}
        limits = segmenting.Areas(smallest, largest)
        labels = tmp_path / "labels.ozx"
        step = OneStep(lambda image: engine(image).astype(np.int32))
        segmenting.segment_plate(step, plate[0], None, labels, areas=limits, **options)
        with PlateStore(labels) as store:
            return sorted(np.bincount(store.read([3])[0, 0].ravel())[1:].tolist())

    assert areas(None, None) == [32, 64, 64]
    assert areas(40, None) == [64, 64]
    assert areas(None, 40) == [32]


def test_labels_with_gaps_are_numbered_anew(plate, tmp_path):
    _, cells = segment_plate(plate, tmp_path, lambda image: 3 * truth_engine(image))
    assert pd.read_parquet(cells)["ObjectNumber"].tolist() == [1, 1, 2, 1, 2, 3]


def test_objects_at_the_border_can_be_left_out_of_a_plate(plate, tmp_path):
    def engine(image):
        return np.pad(truth_engine(image)[8:], ((0, 8), (0, 0)))  # moved to the upper border

    _, cells = segment_plate(plate, tmp_path, engine, clear_border=True)
    assert pd.read_parquet(cells).empty


def test_a_channel_that_the_store_lacks_is_named(plate, tmp_path):
    with pytest.raises(InputError, match="has no channel RNA, which the engine needs; it has DNA"):
        segment_plate(plate, tmp_path, channels=("RNA",))
