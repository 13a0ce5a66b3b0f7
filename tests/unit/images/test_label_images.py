"""Objects in label images."""

import numpy as np
import pytest
from scipy import ndimage

from moascope.images.label_images import bounding_boxes, find_objects

LABELS = np.array(
    [
        [0, 2, 2, 0, 0],
        [0, 0, 2, 0, 1],
        [3, 0, 0, 0, 1],
    ],
    np.int32,
)


def test_pixels_come_object_by_object():
    found = find_objects(LABELS)
    assert found.area.tolist() == [2, 3, 1]
    assert found.owner.tolist() == [0, 0, 1, 1, 1, 2]
    assert found.y.tolist() == [1, 2, 0, 0, 1, 2]
    assert found.x.tolist() == [4, 4, 1, 2, 2, 0]
    assert found.starts.tolist() == [0, 2, 5]


def test_means_are_those_of_the_pixels_of_each_object():
    found = find_objects(LABELS)
    values = np.arange(15.0).reshape(3, 5)[found.y, found.x]
    assert found.mean(values) == pytest.approx([(9 + 14) / 2, (1 + 2 + 7) / 3, 10])


def test_boxes_are_half_open():
    assert bounding_boxes(find_objects(LABELS)).tolist() == [
        [1, 3, 4, 5],
        [0, 2, 1, 3],
        [2, 3, 0, 1],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_boxes_are_those_of_scipy(seed):
    noise = np.random.default_rng(seed).normal(size=(40, 50))
    labels = ndimage.label(ndimage.gaussian_filter(noise, 2) > 0.03)[0].astype(np.int32)
    expected = [[s.start, s.stop, t.start, t.stop] for s, t in ndimage.find_objects(labels)]
    assert bounding_boxes(find_objects(labels)).tolist() == expected


def test_an_image_without_objects_has_none():
    found = find_objects(np.zeros((4, 5), np.int32))
    assert len(found.area) == len(found.y) == 0
    assert bounding_boxes(found).shape == (0, 4)
