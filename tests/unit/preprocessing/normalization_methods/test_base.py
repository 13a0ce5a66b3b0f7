"""Arithmetic that normalization methods share."""

import numpy as np
import pytest
from pydantic import ValidationError

from moascope.preprocessing.normalization_methods import base

STEP = base.StepKeys(method="any")
VALUES = np.array([0, 100, 200, 300], np.uint16).reshape(1, 2, 1, 2)


def column(*numbers):
    return np.array(numbers, np.float64).reshape(1, 2, 1, 1)


def test_values_are_shifted_then_divided_channel_by_channel():
    found = base.rescale(VALUES, offset=column(50, 200), spread=column(50, 200))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), [-1, 1, 0, 0.5])


def test_without_spread_all_is_0():
    found = base.rescale(VALUES, offset=column(50, 200), spread=column(0, 200))
    np.testing.assert_allclose(found.ravel(), [0, 0, 0, 0.5])


def test_values_between_two_become_0_to_1_and_others_are_clipped():
    found = base.rescale_between(VALUES, (column(50, 200), column(150, 250)), STEP)
    np.testing.assert_allclose(found.ravel(), [0, 0.5, 0, 1])


def test_clipping_is_in_place():
    values = np.array([-0.5, 0.25, 1.5], np.float32)
    assert base.clip_to_unit_range(values, STEP) is values
    assert values.tolist() == [0, 0.25, 1]


def test_methods_estimate_nothing_unless_they_say_so():
    method = base.Method(name="any", keys=(), apply=base.rescale_between)
    assert method.estimate_from_images(VALUES, STEP) == ()
    assert method.estimate_from_plate(base.PlateImages(0, (2, 1, 2), list), STEP) == ()
    assert method.to_unit_range is None


@pytest.mark.parametrize("keys", [{"low": -1}, {"low": 100}, {"high": 0}, {"high": 101}])
def test_percentiles_lie_between_0_and_100(keys):
    with pytest.raises(ValidationError, match=next(iter(keys))):
        base.StepKeys(method="any", **keys)
