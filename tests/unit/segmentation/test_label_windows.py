"""Parts of an image that show its objects."""

import numpy as np
import pytest

from moascope.segmentation import label_windows


def labels_with(*boxes, shape=(12, 20)):
    labels = np.zeros(shape, np.int32)
    for number, (top, bottom, left, right) in enumerate(boxes, 1):
        labels[top:bottom, left:right] = number
    return labels


def test_the_side_is_that_of_the_median_object():
    labels = labels_with((0, 2, 0, 2), (0, 3, 5, 8), (0, 10, 10, 20))
    assert label_windows.median_side(labels) == 3  # of areas 4, 9 and 100
    assert label_windows.median_side(labels_with()) == 0


def test_numbers_that_are_not_used_are_no_objects():
    labels = labels_with((0, 2, 0, 2))
    assert label_windows.median_side(labels * 50) == 2


def test_the_busiest_part_holds_most_foreground():
    labels = labels_with((0, 2, 0, 2), (6, 10, 12, 16))
    assert label_windows.busiest(labels, 4) == (slice(6, 10), slice(12, 16))


def test_a_part_is_never_larger_than_the_image():
    rows, columns = label_windows.busiest(labels_with((0, 2, 0, 2)), 15)
    assert rows == slice(0, 12)
    assert columns.stop - columns.start == 15


def test_shrinking_averages_squares_and_cuts_off_the_rest():
    plane = np.arange(20.0).reshape(4, 5)
    found = label_windows.shrink(plane, 2)
    assert found.tolist() == [[(0 + 1 + 5 + 6) / 4, (2 + 3 + 7 + 8) / 4],
                              [(10 + 11 + 15 + 16) / 4, (12 + 13 + 17 + 18) / 4]]  # fmt: skip


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_thin_labels_fit_the_shrunken_image(step):
    labels = labels_with((0, 6, 3, 9))
    assert label_windows.thin(labels, step).shape == label_windows.shrink(labels, step).shape
    assert set(np.unique(label_windows.thin(labels, step))) <= {0, 1}
    assert label_windows.thin(labels, step)[0, 0] == labels[0, 0]
