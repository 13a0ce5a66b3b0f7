"""Sizes of the objects in label images."""

import numpy as np
import pytest
from disc_pictures import draw_discs

from moascope.segmentation.data.object_sizes import diameters, typical_diameter


def test_a_disc_has_its_diameter():
    _, labels = draw_discs(30.0, 128, 4, 0)
    assert diameters(labels) == pytest.approx([30.0] * 4, abs=0.3)


def test_numbers_without_pixels_are_no_objects():
    labels = np.zeros((8, 8), np.int32)
    labels[:2, :2] = 5
    assert diameters(labels) == pytest.approx([2 * np.sqrt(4 / np.pi)])


def test_the_typical_diameter_is_the_median_over_objects_of_all_images():
    small, large = draw_discs(10.0, 64, 9, 0)[1], draw_discs(30.0, 64, 1, 0)[1]
    assert typical_diameter([small, large]) == pytest.approx(10.0, abs=0.3)
    assert typical_diameter([np.zeros((4, 4), int)]) is None
    assert typical_diameter([]) is None
