"""Smooth noise."""

import numpy as np
import pytest

from moascope.simulation.noise import draw_smooth_noise


def test_smooth_noise_has_unit_variance():
    rng = np.random.default_rng(0)
    fields = np.stack([draw_smooth_noise(128, 2.0, rng) for _ in range(20)])
    assert fields.std() == pytest.approx(1, abs=0.03)
