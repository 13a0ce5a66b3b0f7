"""Shares of clipped pixels."""

import numpy as np
import pytest
from pictures import cells
from quality_tables import OPTIONS, measured, reasons

from moascope.preprocessing import quality
from moascope.preprocessing.quality_measures import saturation


def test_shares_at_the_maximum_are_counted():
    ordered = np.array([[0, 1, 2, 5, 5, 5, 9, 9], [3] * 8])
    at, below = saturation.share_at_maximum(ordered)
    assert list(at) == [2 / 8, 1.0]
    assert list(below) == [3 / 8, 0.0]


@pytest.mark.parametrize("ceiling", [1023, 4095, 16383, 65535])
def test_clipping_is_found_at_the_level_of_the_camera(ceiling, rng):
    pixels = np.minimum(rng.gamma(4, ceiling / 40, (6, 1, 64, 64)), ceiling)
    pixels[2, 0, :8] = ceiling * 1.5
    clipped = np.minimum(pixels, ceiling).astype(np.uint16)
    saturated = measured(clipped)["saturated:DNA"]
    assert saturated[2] == pytest.approx(8 / 64, abs=0.01)
    assert saturated.drop(2).max() < 1e-3


def test_the_brightest_pixel_of_an_unclipped_plate_is_not_saturation(rng):
    table = measured(rng.gamma(4, 100, (10, 1, 64, 64)).astype(np.uint16))
    assert (table["saturated:DNA"] == 0).all()


def test_a_black_channel_is_not_saturated(rng):
    images = cells(rng, n=5, side=48)
    pixels = np.concatenate([images, np.zeros_like(images)], axis=1)
    table = measured(pixels, ["DNA", "unused"])
    assert (table["saturated:unused"] == 0).all()
    assert np.isfinite(table.drop(columns="site_id").to_numpy(float)).all()
    assert set(quality.flag(table, OPTIONS)["reasons"]) == {""}


def test_saturation_is_compared_with_the_plates_usual_share(rng):
    images = cells(rng, n=12, gain=1000)
    clipped = np.minimum(images, 700)  # every cell of every site clips
    assert (measured(clipped)["saturated:DNA"] > 0.03).all()
    assert reasons(clipped, max_saturated=0.2) == [""] * 12
