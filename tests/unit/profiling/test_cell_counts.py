"""Counts of objects by site."""

import numpy as np
import pytest
from squares import (
    ingest_squares,
    nothing_engine,
    quality_of,
    segment_plate,
)

from moascope.profiling import cell_counts


@pytest.fixture
def plate(tmp_path):
    return ingest_squares(tmp_path)


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
