"""Single cells as units."""

import numpy as np
import pandas as pd
import pytest
from irregular_objects import blobs
from skimage.measure import regionprops
from squares import (
    ingest_squares,
    segment_plate,
)

from moascope.images.plate_store import PlateStore
from moascope.preprocessing import cell_units
from moascope.preprocessing.cell_units import crops
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import CellUnits

IMAGE, LABELS = blobs(0)
REGIONS = regionprops(LABELS, IMAGE.transpose(1, 2, 0))


@pytest.fixture
def plate(tmp_path):
    return ingest_squares(tmp_path)


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


def test_crops_show_the_surroundings_of_each_object():
    cut, numbers = crops(IMAGE, LABELS, 24)
    assert cut.shape == (len(numbers), 2, 24, 24)
    assert cut.dtype == np.uint16
    for crop, number in zip(cut, numbers, strict=True):
        top, left, bottom, right = REGIONS[number - 1].bbox
        y, x = (top + bottom - 24) // 2, (left + right - 24) // 2
        np.testing.assert_array_equal(crop, IMAGE[:, y : y + 24, x : x + 24])


def test_crops_beyond_the_border_are_dropped_or_padded():
    _, dropped = crops(IMAGE, LABELS, 24)
    padded, numbers = crops(IMAGE, LABELS, 24, border="pad")
    assert numbers.tolist() == list(range(1, LABELS.max() + 1))
    assert 0 < len(dropped) < len(numbers)
    outside = np.setdiff1d(numbers, dropped)
    assert (padded[outside - 1] == 0).any(axis=(1, 2, 3)).all()


def test_neighbours_are_masked_where_asked():
    shown, numbers = crops(IMAGE, LABELS, 40, border="pad", mask_neighbours=True)
    owner, _ = crops(LABELS[np.newaxis], LABELS, 40, border="pad")
    plain, _ = crops(IMAGE, LABELS, 40, border="pad")
    other = (owner > 0) & (owner != numbers[:, None, None, None])
    np.testing.assert_array_equal(shown, np.where(other, 0, plain))
    assert other.any()


def test_no_objects_give_no_crops():
    cut, numbers = crops(IMAGE, np.zeros_like(LABELS), 16)
    assert cut.shape == (0, 2, 16, 16)
    assert len(numbers) == 0


def test_a_crop_may_be_larger_than_the_image():
    cut, _ = crops(IMAGE[:, :10, :10], np.ones((10, 10), np.int32), 32, border="pad")
    np.testing.assert_array_equal(cut[0, :, 11:21, 11:21], IMAGE[:, :10, :10])
    assert cut.sum() == IMAGE[:, :10, :10].sum()


def test_an_unknown_border_is_refused():
    with pytest.raises(ValueError, match="border is 'mirror'; it can be drop or pad"):
        crops(IMAGE, LABELS, 16, border="mirror")
