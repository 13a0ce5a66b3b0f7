"""Figures and pictures of segmentations."""

import numpy as np
import pandas as pd
import pytest
from squares import (
    picture,
    squares,
)

from moascope.report.figures import segmentation
from moascope.report.figures import segmentation as pictures


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
