"""Cameras blur, shade and count electrons."""

import numpy as np
import pytest

from moascope.simulation.camera import Camera, draw_camera, photograph


def camera(**changes):
    plain = {"gain": np.full(1, 500.0), "background": np.full(1, 50.0), "focus": 0.7}
    plain |= {"vignetting": np.zeros(1), "centre": np.full(2, 0.5), "read_noise": 0.0}
    return Camera(**(plain | changes))


def photographed(stain, **changes):
    image = photograph(stain[None], camera(**changes), np.random.default_rng(0))[0]
    return (image.astype(float) - 100) / 4  # electrons


def test_the_camera_counts_with_shot_and_read_noise():
    even = np.ones((128, 128), np.float32)
    assert photographed(even).mean() == pytest.approx(550, rel=0.01)
    assert photographed(even).var() == pytest.approx(550, rel=0.05)  # Poisson
    assert photographed(even, read_noise=20.0).var() == pytest.approx(550 + 400, rel=0.05)


def test_corners_are_darker_and_blur_takes_fine_structure_away():
    even = np.ones((128, 128), np.float32)
    shaded = photographed(even, vignetting=np.full(1, 0.3))
    assert shaded[:4, :4].mean() == pytest.approx(0.7 * shaded[60:68, 60:68].mean(), rel=0.06)
    lines = (np.arange(128)[None] // 3 % 2 * np.ones((128, 1))).astype(np.float32)
    assert photographed(lines, focus=4.0).std() < 0.3 * photographed(lines).std()


def test_plates_and_batches_differ_in_light_and_background():
    def conditions(batch, plate):
        made = draw_camera(3, batch, np.random.default_rng(plate))
        return np.log([*made.gain, *made.background])

    within = np.std([conditions(1, plate) for plate in range(40)], axis=0)
    across = np.std([conditions(batch, batch) for batch in range(40)], axis=0)
    assert within.min() > 0.1
    assert (across > 1.3 * within).all()
