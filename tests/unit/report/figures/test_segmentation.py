"""Figures and pictures of segmentations."""

import numpy as np
import pytest

from moascope.report.figures import segmentation


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (8, 20_000, [10, 100, 1000, 10_000]),
        (15, 600, [20, 50, 100, 200, 500]),
        (110, 480, [200, 300, 400]),
        (300.5, 312.5, [301, 312]),
    ],
)
def test_an_axis_of_sizes_has_at_least_two_round_ticks(low, high, ticks):
    assert segmentation.round_ticks(low, high) == ticks


def test_sizes_within_a_power_of_ten_are_labelled():
    areas = {"reference": np.array([120.0, 240, 470]), "unet": np.array([130.0, 260])}
    svg = segmentation.size_distribution(areas, "Sizes")
    assert ">200<" in svg
    assert ">300<" in svg


def test_sizes_without_objects_are_drawn():
    areas = {"reference": np.empty(0), "unet": np.empty(0)}
    assert "reference (0)" in segmentation.size_distribution(areas, "Sizes")


def test_an_overlay_outlines_objects_in_the_colour_of_predictions():
    labels = np.zeros((20, 20), int)
    labels[5:15, 5:15] = 1
    picture = segmentation.overlay(np.zeros((20, 20)), labels, (0.0, 1.0), 20)
    assert picture.shape == (20, 20, 3)
    assert (picture[5, 5] == [242, 225, 76]).all()
    assert (picture[10, 10] == 0).all()
