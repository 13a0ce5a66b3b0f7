"""Occlusion maps peak where covering a part changes the prediction."""

import numpy as np
import planted_task
import pytest

from moascope.classification.explanation.occlusion import draw_occlusion, place_squares
from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.subject import Subject
from moascope.networks.keras_defaults import keras, layers


def spot_reader(row, column):
    """A network whose second probability is the brightness of one pixel."""
    image = keras.Input((16, 16, 1))
    spot = layers.Flatten()(layers.Cropping2D(((row, 15 - row), (column, 15 - column)))(image))
    return keras.Model(image, layers.Concatenate()([1 - spot, spot]))


def test_the_map_peaks_at_the_planted_spot():
    subject = Subject("m", spot_reader(11, 4), ("a",), np.zeros(1))
    units = np.ones((2, 16, 16, 1), np.float32)
    found = draw_occlusion(subject, units, np.array([1, 1]), Explain(occlusion_side=0.25))
    assert found.shape == (2, 16, 16)
    assert np.unravel_index(found[0].argmax(), (16, 16)) == pytest.approx((11, 4), abs=1)
    assert found[0, 11, 4] == pytest.approx(1.0)
    assert found[0, :6].max() == 0


def test_most_of_the_mass_lies_near_the_discs():
    units, masks, labels = planted_task.make_units(4, seed=7)
    means = units.mean(axis=(0, 1, 2))
    subject = Subject("m", planted_task.trained(), planted_task.CHANNELS, means)
    found = draw_occlusion(subject, units, labels, Explain())
    for drawn, mask in zip(found, masks, strict=True):
        assert drawn[mask].mean() > 3 * drawn[~mask].mean()


@pytest.mark.parametrize(("length", "side"), [(16, 4), (17, 4), (5, 5), (7, 1), (10, 3)])
def test_squares_cover_the_whole_axis(length, side):
    places = place_squares(length, side)
    covered = {pixel for place in places for pixel in range(place, place + side)}
    assert covered == set(range(length))
