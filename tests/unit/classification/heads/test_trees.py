"""Boosted trees as arrays."""

import numpy as np

from moascope.classification.heads import trees


def test_thresholds_are_rounded_down():
    for value in np.random.default_rng(0).normal(size=100):
        rounded = trees._floor(value)
        assert rounded <= value < np.nextafter(rounded, np.float32(np.inf))
