"""Measurements of the objects of a plate."""

import numpy as np
import pandas as pd
import pytest
from squares import (
    ingest_squares,
    quality_of,
    segment_plate,
)

from moascope.profiling import measure_plate


@pytest.fixture
def plate(tmp_path):
    return ingest_squares(tmp_path)


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("P1/B02/s/1", ("B02", "s/1")),
        ("large/00.tif", ("", "large/00.tif")),
        ("0.png", ("", "0.png")),
    ],
)
def test_images_without_plates_have_no_well(name, expected):
    assert measure_plate._well_and_site(name, "P1") == expected
