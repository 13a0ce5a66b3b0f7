"""Sweeps alter units as they say, and count what stays correct."""

import numpy as np
import pytest

from moascope.classification.explanation import robustness
from moascope.classification.explanation.halving import find_halving
from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.subject import Subject
from moascope.networks.keras_defaults import keras, layers


def threshold_reader(limit):
    """A network that calls a unit bright where its mean is above a limit."""
    image = keras.Input((8, 8, 1))
    excess = layers.GlobalAveragePooling2D()(image) - limit
    return keras.Model(image, layers.Softmax()(layers.Concatenate()([1e3 * excess, -1e3 * excess])))


def test_the_strength_at_which_accuracy_halves_is_that_of_the_threshold():
    # All units are bright (0.5); they count as dark once darker by more than half: 0.25 / 0.5.
    subject = Subject("m", threshold_reader(0.25), ("a",), np.zeros(1))
    units = np.full((10, 8, 8, 1), 0.5, np.float32)
    rows = robustness.sweep_strengths(subject, units, np.zeros(10, int), Explain())
    darker = rows[rows["target"] == "darker, share"]
    accuracy = darker["correct"] / darker["n"]
    assert accuracy.tolist() == [1, 1, 1, 0, 0, 0]
    assert find_halving(1.0, darker["strength"], accuracy) == pytest.approx(0.5)
    for target in ("blur, px", "rotation, degrees"):
        assert (rows.loc[rows["target"] == target, "correct"] == 10).all()


def test_alterations_do_what_they_say():
    rng = np.random.default_rng(0)
    units = rng.random((3, 9, 9, 2)).astype(np.float32)
    np.testing.assert_allclose(robustness.dim(units, 0.25), 0.75 * units, rtol=1e-6)
    turned = robustness.rotate(units, 90)
    np.testing.assert_allclose(turned, np.rot90(units, 1, axes=(1, 2)), atol=1e-5)
    noise = robustness.add_noise(np.zeros((4, 50, 50, 1), np.float32), 0.2)
    assert noise.std() == pytest.approx(0.2, rel=0.05)
    blurred = robustness.blur(units, 2.0)
    assert blurred.std(axis=(1, 2)).max() < units.std(axis=(1, 2)).min()
    for sweep in robustness.SWEEPS:
        altered = sweep.alter(units, sweep.strengths[0])
        assert altered.shape == units.shape
        assert altered.dtype == np.float32
