"""Robust statistics."""

import numpy as np
from scipy import stats

from moascope.core.statistics.robust import robust_z


def test_it_is_the_deviation_from_the_median_in_scaled_mads():
    values = np.random.default_rng(0).normal(5, 2, (41, 3))
    spread = stats.median_abs_deviation(values, scale="normal", axis=0)
    np.testing.assert_allclose(
        robust_z(values), (values - np.median(values, axis=0)) / spread, 1e-4
    )


def test_values_that_are_alike_have_zero():
    np.testing.assert_array_equal(robust_z([3.0, 3.0, 3.0]), 0)


def test_the_deviation_has_a_least_value():
    np.testing.assert_allclose(robust_z([1.0, 1.0, 1.0, 3.0], 0.5), [0, 0, 0, 4])


def test_a_value_is_compared_with_a_reference():
    # median 3, MAD 1
    np.testing.assert_allclose(robust_z([6.0], reference=[1, 2, 3, 4, 5]), [3 / 1.4826])
