"""Fixtures of the tests of preprocessing: a store of two channels, and random numbers."""

import numpy as np
import pytest
from control_plates import CHANNELS
from fake_store import FakeStore


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def store():
    """Return eight sites of gamma noise, uint16 (8, 2, 20, 24), of different brightness."""
    rng = np.random.default_rng(3)
    scale = rng.uniform(100, 900, (8, 2, 1, 1))
    return FakeStore(rng.gamma(3, scale, (8, 2, 20, 24)).astype(np.uint16), CHANNELS)
