"""Engines run over annotated images and plates; what they found is scored, counted and shown."""

import json
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
from report_contexts import context_of

from moascope.core.errors import ImageError, InputError
from moascope.images.ingest import ingest_plate
from moascope.images.label_store import join_labels
from moascope.images.plate_store import PlateStore
from moascope.preprocessing import cell_units
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import CellUnits
from moascope.profiling import cell_counts, measure_plate
from moascope.report import checks as findings
from moascope.report import segmentation as report_segmentation
from moascope.report.figures import segmentation as pictures
from moascope.report.segmentation import EngineFiles, SegmentationFiles
from moascope.segmentation import predict as segmenting
from moascope.segmentation.data import from_screen
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask
from moascope.segmentation.engines.registry import method_named
from moascope.segmentation.implementations.base import OneStep
from moascope.segmentation.scores import score


def squares(n, size=64, shift=0):
    """Label n squares of 8 px in a row."""
    labels = np.zeros((size, size), np.int32)
    for k in range(n):
        labels[8:16, 4 + 12 * k + shift : 12 + 12 * k + shift] = k + 1
    return labels


def picture(labels, value=1000):
    return ((labels > 0) * value + 100).astype(np.uint16)[None]


def truth_engine(image):
    """Find what is bright, which is what is known."""
    from scipy import ndimage

    return ndimage.label(image[0] > 500)[0].astype(np.int32)


def nothing_engine(image):
    return np.zeros(image.shape[1:], np.int32)


@pytest.fixture
def packed(tmp_path):
    return pack(tmp_path, [1, 2, 3, 4, 5])


def pack(folder, numbers):
    """Pack images with so many squares: to train, to validate, and all others to test."""
    labels = [squares(n) for n in numbers]
    rows = pd.DataFrame(
        {
            "name": [f"i{k}" for k in range(len(numbers))],
            "set": ["train", "validation", *["test"] * (len(numbers) - 2)],
            "group": [f"g{k}" for k in range(len(numbers))],
            "image": range(len(numbers)),
            "mask": range(len(numbers)),
        }
    )
    files = folder / "set.h5", folder / "set.parquet"
    write(
        rows,
        ["DNA"],
        *files,
        read_image=lambda k: picture(labels[k]),
        read_labels=lambda k: Mask(labels[k], ()),
    )
    return files


def segmented(packed, engine, folder):
    out = folder / "labels.h5", folder / "times.parquet"
    segmenting.segment_test(OneStep(engine), *packed, *out)
    return score(*packed, *out)


# --- scores -----------------------------------------------------------------------------------


def test_an_engine_that_knows_the_truth_scores_one(packed, tmp_path):
    summary, by_image = segmented(packed, truth_engine, tmp_path)
    assert summary["ap"]["0.5"] == summary["mean_ap"] == summary["by_image"]["mean_ap"] == 1
    assert summary["n_images"] == 3
    assert summary["n_objects"] == summary["n_predicted"] == 3 + 4 + 5
    assert summary["seconds_per_image"] > 0
    assert by_image["name"].tolist() == ["i2", "i3", "i4"]
    json.dumps(summary, allow_nan=False)


def test_finding_nothing_goes_on_and_is_said(packed, tmp_path):
    summary, by_image = segmented(packed, nothing_engine, tmp_path)
    assert summary["ap"]["0.5"] == summary["n_predicted"] == 0
    assert by_image["n_predicted"].tolist() == [0, 0, 0]


def test_images_without_objects_have_no_interval_and_a_reason(packed, tmp_path):
    with h5py.File(packed[0], "r+") as file:
        for row in (3, 4):
            labels = file[f"labels/{row:06d}"]
            labels[...] = np.zeros(labels.shape, labels.dtype)
    summary, _ = segmented(packed, nothing_engine, tmp_path)
    assert summary["ci"]["ap_50"] is summary["ci"]["mean_ap"] is None
    assert "are of 1 independent group, and an interval needs" in summary["ci"]["reason"]


def test_half_of_the_objects_moved_away_are_half_as_good(packed, tmp_path):
    def engine(image):
        labels = truth_engine(image)
        return np.where(labels == 1, 0, labels)

    summary, _ = segmented(packed, engine, tmp_path)
    assert summary["ap"]["0.5"] == pytest.approx(9 / 12)


def without_first(image):
    """Find all squares but the first of images with more than three."""
    labels = truth_engine(image)
    return labels if labels.max() <= 3 else np.where(labels == 1, 0, labels)


def test_intervals_are_over_groups(tmp_path):
    packed = pack(tmp_path, [1, 2, 3, 4, 5, 3, 4, 5, 3, 4])

    def in_groups(*groups):
        table = pd.read_parquet(packed[1]).assign(group=["a", "b", *groups])
        table.to_parquet(packed[1])
        return segmented(packed, without_first, tmp_path)[0]

    each = in_groups(*"cdefghij")["ci"]
    low, high = each["ap_50"]
    assert each["ap"]["0.5"] == each["ap_50"]
    assert len(each["ap"]) == 9
    fewer = in_groups(*"cdefghcd")
    assert fewer["n_groups"] == 6
    # Six groups say less than eight images.
    assert fewer["ci"]["ap_50"][0] < low < fewer["ap"]["0.5"] < high <= 1


def test_all_objects_of_eight_images_do_not_prove_that_every_object_is_found(tmp_path):
    summary, _ = segmented(pack(tmp_path, [1, 2, *[3, 4, 5, 2] * 2]), truth_engine, tmp_path)
    low, high = summary["ci"]["mean_ap"]
    assert 0.2 < low < high == 1


def test_fewer_than_six_groups_have_no_interval_but_a_reason(packed, tmp_path):
    ci = segmented(packed, without_first, tmp_path)[0]["ci"]
    assert ci["ap_50"] is ci["mean_ap"] is None
    assert ci["reason"].startswith(
        "the test images with objects are of 3 independent groups, and an interval needs at least 6"
    )
    table = pd.read_parquet(packed[1]).assign(group=["a", "b", "c", "c", "c"])
    table.to_parquet(packed[1])
    assert "of 1 independent group," in segmented(packed, truth_engine, tmp_path)[0]["ci"]["reason"]


def test_images_without_objects_are_no_groups_that_intervals_need(tmp_path):
    packed = pack(tmp_path, [1, 2, 3, 4, 5, 3, 4, 0, 0, 0])
    ci = segmented(packed, truth_engine, tmp_path)[0]["ci"]
    assert "of 5 independent groups" in ci["reason"]


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


# --- plates -----------------------------------------------------------------------------------


@pytest.fixture
def plate(tmp_path):
    import tifffile

    rows = []
    for k in range(4):
        labels = squares(k)
        row = {"site_id": f"P1/A0{k + 1}/1", "plate": "P1", "well": f"A0{k + 1}"}
        for channel, value in (("DNA", 1000), ("Actin", 3000)):
            path = tmp_path / f"{k}_{channel}.tif"
            tifffile.imwrite(path, picture(labels, value)[0])
            row |= {f"path:{channel}": str(path), f"index:{channel}": -1}
        rows.append(row)
    sites = pd.DataFrame(rows)
    store = tmp_path / "P1.ozx"
    ingest_plate(sites, ["DNA", "Actin"], store, pixel_size_um=0.5)
    positions = {"site": "1", "row": 0, "col": range(4)}
    return store, sites[["site_id", "plate", "well"]].assign(**positions)


def segment_plate(plate, folder, engine=truth_engine, channels=("DNA",), *, clear_border=False):
    labels, cells = folder / "labels.ozx", folder / "cells.parquet"
    options = {"channels": channels, "objects": "Nuclei", "clear_border": clear_border}
    segmenting.segment_plate(OneStep(engine), plate[0], None, labels, **options)
    measure_plate.measure_plate(plate[0], labels, quality_of(plate), cells, objects="Nuclei")
    return labels, cells


def quality_of(plate, flagged=()):
    sites = plate[1]["site_id"]
    return pd.DataFrame({"site_id": sites, "flagged": sites.isin(flagged), "foreground:DNA": 0.1})


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


def test_every_object_has_a_row_with_its_place(plate, tmp_path):
    _, cells = segment_plate(plate, tmp_path)
    table = pd.read_parquet(cells)
    assert len(table) == 0 + 1 + 2 + 3
    assert table.columns.tolist()[:5] == ["site_id", "plate", "well", "site", "flagged"]
    assert set(table["plate"]) == {"P1"}
    assert table["well"].tolist() == ["A02"] + ["A03"] * 2 + ["A04"] * 3
    assert set(table["Nuclei_AreaShape_Area"]) == {64}
    assert table["Nuclei_Intensity_MeanIntensity_Actin"].tolist() == [3100] * 6


def test_objects_carry_the_flag_of_their_site(plate, tmp_path):
    labels, cells = segment_plate(plate, tmp_path)
    quality = quality_of(plate, ["P1/A03/1"])
    measure_plate.measure_plate(plate[0], labels, quality, cells, objects="Nuclei")
    assert pd.read_parquet(cells)["flagged"].tolist() == [False, True, True] + [False] * 3


def test_textures_are_those_of_the_plate(plate, tmp_path, monkeypatch):
    limits = []

    def measure(*given, **options):
        limits.append(np.concatenate(options["limits"]).tolist())
        return cells_measure(*given, **options)

    cells_measure = measure_plate.measure
    monkeypatch.setattr(measure_plate, "measure", measure)
    segment_plate(plate, tmp_path)
    assert limits == [[100, 100, 1100, 3100]] * 4


def test_an_engine_is_held_to_sites_of_the_plate_that_have_something_in_them(plate, tmp_path):
    class Noted(OneStep):
        def hold_to(self, images):
            held.extend(int((image > 500).sum()) // 64 for image in images)

    held = []
    engine, options = Noted(truth_engine), {"objects": "Nuclei", "clear_border": False}
    quality = quality_of(plate).assign(**{"foreground:DNA": [0.0, 0.2, 0.001, 0.2]})
    out = tmp_path / "labels.ozx"
    segmenting.segment_plate(engine, plate[0], quality, out, channels=["DNA"], **options)
    assert held == [1, 3]
    held.clear()
    sparse = quality.assign(**{"foreground:DNA": [0.0, 0.002, 0.004, 0.004]})
    segmenting.segment_plate(engine, plate[0], sparse, out, channels=["DNA"], **options)
    assert held == [2, 3]
    held.clear()
    none = quality.assign(**{"foreground:DNA": 0.0})
    segmenting.segment_plate(engine, plate[0], none, out, channels=["DNA"], **options)
    assert held == [0, 1, 2, 3]


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


def test_sites_without_objects_count_zero(plate, tmp_path):
    _, cells = segment_plate(plate, tmp_path)
    counts = cell_counts.summarise([cells], plate[1], quality_of(plate))
    assert counts["count"].tolist() == [0, 1, 2, 3]
    assert np.isnan(counts["Nuclei_AreaShape_Area"][0])
    assert counts["Nuclei_AreaShape_Area"][1:].tolist() == [64, 64, 64]


def test_a_plate_without_any_object_is_counted_too(plate, tmp_path):
    _, cells = segment_plate(plate, tmp_path, nothing_engine)
    counts = cell_counts.summarise([cells], plate[1], quality_of(plate))
    assert counts["count"].tolist() == [0, 0, 0, 0]


def test_a_channel_that_the_store_lacks_is_named(plate, tmp_path):
    with pytest.raises(InputError, match="has no channel RNA, which the engine needs; it has DNA"):
        segment_plate(plate, tmp_path, channels=("RNA",))


# --- cells as units ---------------------------------------------------------------------------


def cell_table(plate, folder, labels, **changes):
    size, seed = changes.pop("size", None), changes.pop("seed", 1)
    options = CellUnits(**{"crop": 16, "border": "pad", **changes})
    roles = plate[1][["site_id", "plate"]].assign(role="treated")
    quality = roles[["site_id"]].assign(flagged=[False, False, True, False])
    steps = Normalization(steps=[{"method": "minmax", "scope": "image"}])
    with PlateStore(plate[0]) as store, PlateStore(labels) as found:
        statistics = pd.DataFrame()
        return cell_units.prepare_plate(
            store,
            found,
            roles,
            quality,
            statistics,
            normalization=steps,
            options=options,
            out_npy=folder / "cells.npy",
            size=size,
            seed=seed,
        )


def test_cells_become_units_in_the_order_of_the_array(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    table = cell_table(plate, tmp_path, labels)
    pixels = np.load(tmp_path / "cells.npy")
    assert pixels.shape == (6, 16, 16, 2)
    assert pixels.dtype == np.float16
    assert table["unit_id"].tolist()[:3] == ["P1/A02/1#c1", "P1/A03/1#c1", "P1/A03/1#c2"]
    assert table["flagged"].tolist() == [False, True, True, False, False, False]
    assert pixels[:, 8, 8].min() == 1  # a cell is in the middle of its square


def test_cells_at_the_rim_are_left_out_or_filled_up(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    dropped = cell_table(plate, tmp_path, labels, crop=20, border="drop")
    padded = cell_table(plate, tmp_path, labels, crop=20)
    assert len(dropped) < len(padded) == 6
    assert len(np.load(tmp_path / "cells.npy")) == 6


def test_neighbours_can_be_masked_and_squares_resized(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    cell_table(plate, tmp_path, labels, crop=32, mask_neighbours=True, size=8)
    pixels = np.load(tmp_path / "cells.npy")
    assert pixels.shape[1:3] == (8, 8)


def test_at_most_so_many_cells_of_a_site_are_drawn(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    table = cell_table(plate, tmp_path, labels, per_site=2)
    assert table["site_id"].value_counts().max() == 2
    assert table.equals(cell_table(plate, tmp_path, labels, per_site=2))


def test_a_plate_without_cells_gives_no_units(plate, tmp_path):
    labels, _ = segment_plate(plate, tmp_path)
    table = cell_table(plate, tmp_path, labels, crop=60, border="drop")
    assert len(table) == 0
    assert {"unit_id", "tile", "flagged", "usable"} <= set(table)
    assert np.load(tmp_path / "cells.npy").shape == (0, 60, 60, 2)


# --- sites with reference objects -----------------------------------------------------------------


PLATES = ["P1", "P2", "P3", "P4"]


def masks():
    sites = [f"{plate}/A0{k}/1" for plate in PLATES for k in range(1, 5)]
    return pd.DataFrame(
        {
            "site_id": sites,
            "plate": [site[:2] for site in sites],
            "well": [site[3:6] for site in sites],
            "site": "1",
            "path": [site.replace("/", "_") for site in sites],
        }
    )


def places():
    return set(zip(masks()["plate"], masks()["site_id"], strict=True))


def test_sites_that_could_not_be_read_are_left_out_and_said(caplog):
    sets = {"train": ["P1"], "validation": ["P3"], "test": ["P4"]}
    readable = places() - {("P1", "P1/A02/1"), ("P2", "P2/A01/1")}
    rows = from_screen.choose(masks(), sets, None, readable)
    assert "P1/A02/1" not in set(rows["name"])
    assert len(rows) == 11
    assert "could not be read: P1/A02/1" in caplog.text


def test_annotated_sites_are_spread_over_their_plates():
    sets = {"train": ["P1", "P2"], "validation": ["P3"], "test": ["P4"]}
    rows = from_screen.choose(masks(), sets, 2, places())
    assert rows["set"].value_counts().to_dict() == {"train": 2, "validation": 2, "test": 2}
    assert rows["name"].tolist()[:2] == ["P1/A01/1", "P2/A04/1"]
    assert rows["image"][0] == ("P1", "P1/A01/1")


def test_sizes_as_read_are_told_by_plate_and_site():
    ingested = pd.DataFrame({"site_id": ["P1/A01/1", "P2/B02/s 1"], "height": [9, 8], "width": 7})
    expected = {("P1", "P1/A01/1"): (9, 7), ("P2", "P2/B02/s 1"): (8, 7)}
    assert from_screen.sizes_as_read(ingested) == expected


def test_a_plate_without_label_images_is_named():
    sets = {"train": ["P1"], "validation": ["P9"], "test": ["P4"]}
    with pytest.raises(InputError, match="validation_plates: no site of P9 has a label image"):
        from_screen.choose(masks(), sets, None, places())


def test_sites_are_read_from_the_store_of_their_plate(plate):
    with from_screen.StoreReader({"P1": plate[0]}, ["Actin"]) as reader:
        image = reader.read(("P1", "P1/A04/1"))
        assert image.shape == (1, 64, 64)
        assert image.max() == 3100
        with pytest.raises(ImageError, match="site P1/H12/1: is not in the store"):
            reader.read(("P1", "P1/H12/1"))


# --- report -----------------------------------------------------------------------------------


def test_missed_and_invented_objects_have_their_colours():
    truth, found = squares(2), squares(2, shift=24)
    drawn = pictures.panels(picture(truth)[0], truth, found, 64)
    assert set(drawn) == {"image", "reference", "predicted", "disagreement"}
    colours = {tuple(pixel) for pixel in drawn["disagreement"].reshape(-1, 3)}
    missed, invented = ((255, 122, 47), (217, 75, 214))
    assert missed in colours
    assert invented in colours
    assert missed not in {tuple(pixel) for pixel in drawn["reference"].reshape(-1, 3)}


def test_every_network_of_an_ensemble_has_a_learning_curve():
    curve = pd.DataFrame({"step": [1, 2], "loss": [2.0, 1.0], "ap_50": 0.5, "mean_ap": 0.4})
    both = pd.concat([curve.assign(member=0), curve.assign(member=1, loss=3.0)])
    lines = [pictures.learning_curve(one, "x").count("stroke-width: 1.8") for one in (curve, both)]
    assert lines[1] == lines[0] + 3  # loss and two AP


def test_large_objects_are_shown_smaller():
    truth = np.zeros((300, 400), np.int32)
    truth[20:220, 30:230], truth[20:220, 240:390] = 1, 2
    drawn = pictures.panels(np.where(truth > 0, 200, 20), truth, truth, 128)
    assert pictures.shrinkage(truth, 128) == 6
    assert drawn["reference"].shape == (50, 66, 3)
    assert pictures.shrinkage(squares(2), 64) == 1


def test_the_report_of_a_segmentation_has_its_tables_and_pictures(packed, tmp_path):
    table = pd.read_parquet(packed[1])
    table.assign(warnings=["", "odd", "", "", "odd too"]).to_parquet(packed[1])
    files = {}
    for name, engine in (("good", truth_engine), ("blind", nothing_engine)):
        folder = tmp_path / name
        folder.mkdir()
        summary, by_image = segmented(packed, engine, folder)
        (folder / "scores.json").write_text(json.dumps(summary))
        by_image.to_parquet(folder / "scores.parquet")
        files[name] = EngineFiles(
            scores=folder / "scores.json",
            by_image=folder / "scores.parquet",
            labels=folder / "labels.h5",
            history=None,
        )
    engines = {name: {"method": "classical"} for name in files}
    config = {"segmentation": {"objects": "Nuclei", "engines": engines, "measure_with": None}}
    paths = {
        "annotated": packed[0],
        "annotated_table": packed[1],
        "counts": None,
        "cell_doubts": None,
    }
    context = report_segmentation.load(SegmentationFiles(**paths, engines=files), config)
    section = report_segmentation.section(context, 96, 12)
    assert [row["ap"] for row in section["rows"]] == [1, 0]
    assert section["given"] == []
    assert (section["n_doubts"], section["doubts"]) == (2, ["odd", "odd too"])
    assert len(section["engines"][0]["pictures"]) == 3
    assert "good" in section["curves"]
    assert set(report_segmentation.standalone_figures(context)) == {
        *("segmentation.ap.svg", "segmentation.sizes.svg")
    }
    checks = said_of(context)
    assert checks["Engine “blind” found nothing"]["status"] == "warn"
    assert "Engine “good” found nothing" not in checks


def said_of(segmentation, config=None):
    context = context_of(config, segmentation=segmentation, has_screen=False)
    return {check["title"]: check for check in findings.collect_checks(context)}


def test_the_worst_images_are_shown_first(packed, tmp_path):
    def engine(image):
        labels = truth_engine(image)
        return labels if labels.max() == 4 else np.where(labels <= 5 - labels.max(), 0, labels)

    summary, by_image = segmented(packed, engine, tmp_path)
    (tmp_path / "scores.json").write_text(json.dumps(summary))
    by_image.to_parquet(tmp_path / "scores.parquet")
    files = {"labels": tmp_path / "labels.h5", "history": None}
    files |= {"scores": tmp_path / "scores.json", "by_image": tmp_path / "scores.parquet"}
    section = {"objects": "Nuclei", "engines": {"e": {}}, "measure_with": None}
    paths = {
        "annotated": packed[0],
        "annotated_table": packed[1],
        "counts": None,
        "cell_doubts": None,
    }
    context = report_segmentation.load(
        SegmentationFiles(**paths, engines={"e": EngineFiles(**files)}), {"segmentation": section}
    )
    shown = context.engines["e"].pictures
    assert [picture["name"] for picture in shown] == ["i2", "i3", "i4"]
    assert [picture["ap_50"] for picture in shown] == pytest.approx([1 / 3, 1, 1])


def counted(plate, tmp_path, engine, *, flagged=(), seen=truth_engine):
    """Segment a plate, and load what the report shows of it."""
    _, cells = segment_plate(plate, tmp_path, seen)
    counts = cell_counts.summarise([cells], plate[1], quality_of(plate, flagged))
    counts.to_parquet(tmp_path / "counts.parquet")
    section = {"objects": "Nuclei", "engines": {"c": engine}, "measure_with": "c"}
    advice = method_named(engine.get("method", "unet")).advice
    doubts = {"doubts": cell_counts.doubts(counts, "Nuclei", engine.get("diameter"), advice)}
    (tmp_path / "doubts.json").write_text(json.dumps(doubts))
    config = {"segmentation": section, "quality": {"exclude_flagged": True}}
    paths = {
        "annotated": None,
        "annotated_table": None,
        "counts": tmp_path / "counts.parquet",
        "cell_doubts": tmp_path / "doubts.json",
    }
    context = report_segmentation.load(SegmentationFiles(**paths, engines={}), config)
    return context, said_of(context, config)


def test_counted_plates_get_maps_and_sites_without_objects_are_said(plate, tmp_path):
    context, said = counted(plate, tmp_path, {})
    found = report_segmentation.section(context, 96, 12)["counts"]
    assert (found["total"], found["sites"], found["empty"], found["flagged"]) == (6, 4, 1, 0)
    (one,) = found["maps"]
    assert one["name"] == "P1"
    assert "Objects per site in the wells of P1, median 2" in one["svg"]
    assert report_segmentation.section(context, 96, 0)["counts"]["not_drawn"] == 1
    assert list(said) == ["No nuclei in 1 site"]
    said = said["No nuclei in 1 site"]
    assert said["status"] == "warn"
    assert said["text"] == "c found none in P1/A01/1. 0 of 1 site is flagged by quality."


def test_flagged_sites_without_objects_are_expected_and_their_counts_are_not_used(plate, tmp_path):
    context, said = counted(plate, tmp_path, {}, flagged=["P1/A01/1"])
    assert said["No nuclei in 1 site"]["status"] == "note"
    assert "Counts of 1 flagged site are not used" in said
    assert context.counts["flagged"].tolist() == [True, False, False, False]
    assert report_segmentation.section(context, 96, 12)["counts"]["flagged"] == 1


def test_objects_of_an_unexpected_size_are_said_with_the_keys_to_change(plate, tmp_path):
    _, said = counted(plate, tmp_path, {"method": "classical", "diameter": 30.0})
    assert said["Implausible nuclei"]["status"] == "warn"
    assert "the nuclei is 9 px wide, but 30 px are expected" in said["Implausible nuclei"]["text"]
    assert "raise min_area, smoothing or separation" in said["Implausible nuclei"]["text"]
    _, said = counted(plate, tmp_path, {"method": "cellpose", "diameter": 4})
    assert "They may be clumps or background" in said["Implausible nuclei"]["text"]
    assert "Implausible nuclei" not in counted(plate, tmp_path, {"method": "unet"})[1]


def test_crumbs_around_large_objects_are_said(plate, tmp_path):
    def crumbs(image):
        labels = np.zeros(image.shape[1:], np.int32)
        labels[:30, :30] = 1
        labels[40:60:2, 40:60:2] = np.arange(2, 102).reshape(10, 10)
        return labels

    _, said = counted(plate, tmp_path, {"method": "unet"}, seen=crumbs)
    text = said["Implausible nuclei"]["text"]
    assert "Half of the nuclei have less than 1 px, but most of their area is in objects" in text
    assert "set min_area of the engine" in text
