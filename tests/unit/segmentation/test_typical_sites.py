"""Sites that are typical of a plate."""

import pytest
from squares import (
    ingest_squares,
    quality_of,
    truth_engine,
)

from moascope.segmentation import predict as segmenting
from moascope.segmentation.implementations.base import OneStep


@pytest.fixture
def plate(tmp_path):
    return ingest_squares(tmp_path)


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
