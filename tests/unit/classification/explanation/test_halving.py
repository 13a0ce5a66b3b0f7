"""The strength at which accuracy halves."""

import math

import numpy as np
import pytest

from moascope.classification.explanation.halving import find_halving


def test_accuracy_that_falls_linearly_halves_in_the_middle():
    strengths = np.linspace(0.1, 2, 20)
    assert find_halving(0.8, strengths, 0.8 * (1 - strengths / 2)) == pytest.approx(1.0)


def test_the_first_crossing_counts():
    assert find_halving(1.0, [1, 2, 3, 4], [0.8, 0.2, 0.9, 0.1]) == pytest.approx(1.5)
    assert find_halving(1.0, [2], [0.0]) == pytest.approx(1.0)


def test_there_is_none_where_accuracy_stays():
    assert math.isnan(find_halving(0.9, [1, 2], [0.9, 0.5]))
    assert math.isnan(find_halving(0.0, [1], [0.0]))
