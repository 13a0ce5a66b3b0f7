"""Scaling between the extremes."""

import numpy as np
from control_plates import (
    chain,
    control_pixels,
    sites,
    step,
    values,
)

from moascope.preprocessing import normalization


def test_minmax_statistics_are_the_extremes_of_the_controls(store):
    found = values(normalization.fit_plate(store, sites(store), chain(step("minmax", "controls"))))
    np.testing.assert_array_equal(found.loc["low"], control_pixels(store).min(axis=1))
    np.testing.assert_array_equal(found.loc["high"], control_pixels(store).max(axis=1))
