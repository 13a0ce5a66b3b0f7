"""Engines behind one interface: scaled functions, and Cellpose."""

import numpy as np
import pytest

from moascope.segmentation.implementations.base import OneStep, Scaled


def test_a_scaled_engine_sees_intensities_of_its_image_until_it_is_held_to_a_plate():
    ramp = np.linspace(0, 1000, 10_000).reshape(1, 100, 100)
    seen = []
    engine = Scaled(lambda image: seen.append(float(image.max())) or np.zeros((100, 100), np.int32))
    engine(ramp / 10)
    engine.hold_to([ramp, ramp, 9 * ramp])
    engine(ramp / 10)
    engine(ramp)
    engine(10 * ramp)
    assert seen == pytest.approx([1, 0.2, 1, 1], rel=0.02)  # the last is brighter as a whole


def test_a_function_without_a_scale_is_not_changed_by_a_plate():
    engine = OneStep(lambda image: image[0].astype(np.int32))
    image = np.arange(12).reshape(1, 3, 4)
    engine.hold_to([9 * image])
    np.testing.assert_array_equal(engine(image), image[0])
