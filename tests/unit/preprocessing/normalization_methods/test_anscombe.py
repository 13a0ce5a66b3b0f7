"""The Anscombe transform."""

import numpy as np
import pytest

from moascope.preprocessing.normalization_methods.anscombe import anscombe


def test_anscombe_is_its_formula_and_has_unit_variance_for_counts():
    assert anscombe(np.array([0.625, 5.625])) == pytest.approx([2, 24**0.5])
    counts = np.random.default_rng(0).poisson([[20], [200], [2000]], (3, 20000))
    np.testing.assert_allclose(anscombe(counts).std(axis=1), 1, rtol=0.02)
