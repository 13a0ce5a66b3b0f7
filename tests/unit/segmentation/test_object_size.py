"""Sizes of objects, and segmentation at the magnification that an engine knows."""

import numpy as np
import pytest
from disc_pictures import draw_discs
from scipy import ndimage

from moascope.segmentation.implementations.base import OneStep
from moascope.segmentation.object_size import (
    Rescaled,
    at_scale,
    diameter_of_foreground,
    find_factor,
    resized,
)

LEARNT = 16.0


def _tops(image):
    """Areas and peaks of blobs, highest at the trained size (LoG, Lindeberg 1998)."""
    sigma = LEARNT / 2 / np.sqrt(2)
    response = -(sigma**2) * ndimage.gaussian_laplace(image[0] / 400, sigma)
    labels, n = ndimage.label(response > 0.2)
    index = np.arange(1, n + 1)
    return ndimage.sum_labels(labels > 0, labels, index), ndimage.maximum(response, labels, index)


@pytest.mark.parametrize("diameter", [8, 20, 60])
def test_the_foreground_tells_the_diameter_of_touching_ellipses(diameter):
    y, x = np.mgrid[:256, :256]
    length, width = diameter * 1.19, diameter / 1.19
    mask = np.zeros((256, 256), bool)
    for centre in (60, 60 + 0.95 * width):  # side by side, touching
        mask |= ((y - 128) / (length / 2)) ** 2 + ((x - centre) / (width / 2)) ** 2 <= 1
    assert diameter_of_foreground(mask) == pytest.approx(diameter, rel=0.3)


def test_debris_of_few_pixels_does_not_count_as_much_as_objects():
    _, labels = draw_discs(40.0, 256, 4, 0)
    mask = labels > 0
    mask[::24, ::24] = True
    assert diameter_of_foreground(mask) == pytest.approx(40.0 * 1.19, rel=0.1)


def test_without_foreground_there_is_no_diameter():
    assert diameter_of_foreground(np.zeros((16, 16), bool)) is None


def test_a_rescaled_engine_sees_the_trained_size_and_answers_in_that_of_the_image():
    shapes = []

    def segment(image):
        shapes.append(image.shape)
        return ndimage.label(image[0] > 300)[0].astype(np.int32)

    image, truth = draw_discs(64.0, 256, 4, 1)
    engine = Rescaled(OneStep(segment), LEARNT / 64)
    found = engine.label(engine.predict(image))
    assert shapes == [(1, 64, 64)]
    assert found.shape == truth.shape
    assert found.max() == 4
    assert ((found > 0) == (truth > 0)).mean() > 0.98


def test_images_of_the_trained_size_are_left_alone():
    engine = OneStep(lambda image: image[0].astype(np.int32))
    assert at_scale(engine, 1.03) is engine
    assert at_scale(engine, 0.97) is engine
    assert isinstance(at_scale(engine, 1.2), Rescaled)


def test_resizing_keeps_the_mean_intensity():
    image, _ = draw_discs(20.0, 128, 4, 0)
    assert resized(image, 0.25).shape == (1, 32, 32)
    assert resized(image, 0.25).mean() == pytest.approx(image.mean(), rel=0.02)


@pytest.mark.parametrize("diameter", [8.0, 16.0, 48.0])
def test_the_factor_brings_objects_to_the_trained_size(diameter):
    images = [draw_discs(diameter, 160, 4, seed)[0] for seed in range(3)]
    factor, scores = find_factor(_tops, images)
    assert factor * diameter == pytest.approx(LEARNT, rel=0.3)
    assert max(scores, key=scores.get) == factor


def test_a_given_start_is_kept_where_it_is_as_good():
    images = [draw_discs(64.0, 160, 4, seed)[0] for seed in range(3)]
    assert find_factor(_tops, images, start=0.25)[0] == 0.25


def test_the_start_is_kept_where_no_factor_is_surely_better():
    rng = np.random.default_rng(0)

    def by_chance(image):
        return np.full(3, 100.0), rng.uniform(0, 1, 3)

    images = [np.zeros((1, 40, 40), np.float32)] * 20
    kept = [find_factor(by_chance, images)[0] == 1.0 for _ in range(20)]
    assert np.mean(kept) >= 0.8


def test_the_start_is_kept_without_any_object():
    images = [np.zeros((1, 128, 128), np.float32)] * 3
    factor, scores = find_factor(lambda image: (np.zeros(0), np.zeros(0)), images)
    assert factor == 1.0
    assert all(np.isnan(score) for score in scores.values())


def test_images_are_not_shrunk_to_nothing_nor_enlarged_without_end():
    sides = []

    def tops(image):
        sides.append(max(image.shape[1:]))
        return np.ones(1), np.ones(1)

    find_factor(tops, [np.zeros((1, 64, 400), np.uint16)] * 2)
    assert min(sides) >= 32
    assert max(sides) <= 520
