"""Shares of foreground."""

import numpy as np
import pytest
from pictures import cells
from quality_tables import measured


def test_foreground_is_the_area_of_cells_and_nothing_on_an_empty_field(rng):
    images = cells(rng, n=20, side=128, count=15, blur=0.5)
    images[3] = cells(rng, side=128, count=0)[0]
    share = measured(images)["foreground:DNA"]
    # A disc's edge is where its signal has fallen to half: 100 + 60 + 750 counts.
    discs = (images[:, 0] > 910).mean(axis=(1, 2))
    assert discs[3] == 0
    assert share[3] < 0.005
    np.testing.assert_allclose(share, discs, atol=0.05)


def test_a_plate_without_cells_has_no_foreground(rng):
    assert (measured(cells(rng, n=12, count=0))["foreground:DNA"] < 0.01).all()


def test_the_threshold_follows_gain_and_offset(rng):
    images = cells(rng, n=12).astype(np.float32)
    table, other = measured(images), measured(images * 4 + 500)
    assert other["threshold:DNA"][0] == pytest.approx(table["threshold:DNA"][0] * 4 + 500, rel=0.01)
    np.testing.assert_allclose(other["foreground:DNA"], table["foreground:DNA"], atol=0.005)
