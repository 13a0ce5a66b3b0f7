"""Thresholds of StarDist, chosen on validation images."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from moascope.segmentation.stardist import thresholds

LABELS = np.zeros((40, 40), np.int32)
LABELS[2:10, 2:10], LABELS[20:30, 20:30] = 1, 2
IMAGE = np.where(LABELS > 0, 900, 100).astype(np.uint16)[None]


class Network:
    """A stand-in that keeps what it is tuned with."""

    def __init__(self, n_rays=32, grid=(2, 2), error=None):
        self.config = SimpleNamespace(n_rays=n_rays, grid=grid)
        self.thresholds = None
        self.error = error

    def optimize_thresholds(self, images, labels, **options):
        if self.error is not None:
            raise self.error
        self.images, self.labels, self.thresholds = images, labels, "tuned"


class Annotated:
    """A stand-in for an annotated set of equal images."""

    def __init__(self, n, side=40):
        self.table = pd.DataFrame({"height": [side] * n, "width": [side] * n})
        self.asked = []

    def rows(self, name):
        return np.arange(len(self.table)) if name == "validation" else np.arange(0)

    def spread(self, name, count):
        self.asked.append((name, count))
        return self.rows(name)[:count]


def test_every_image_is_compared_with_its_reference():
    found = np.where(LABELS == 2, 1, 0)
    (first, second) = thresholds.tallies(lambda image: found, [(IMAGE, LABELS), (IMAGE, found)])
    assert (first.n_objects, first.n_predicted) == (2, 1)
    assert (second.n_objects, second.n_predicted) == (1, 1)


def test_without_validation_images_nothing_is_tuned():
    network = Network()
    thresholds.tune_thresholds(network, Annotated(0), lambda row: (IMAGE, LABELS))
    assert network.thresholds is None


def test_images_are_scaled_and_what_is_ignored_is_background():
    network, ignored = Network(), np.where(LABELS == 2, -1, LABELS)
    thresholds.tune_thresholds(network, Annotated(2), lambda row: (IMAGE, ignored))
    assert network.thresholds == "tuned"
    assert network.images[0].shape == (40, 40, 1)
    assert network.images[0].min() == 0
    assert [labels.min() for labels in network.labels] == [0, 0]


def test_no_more_predictions_are_kept_than_fit_in_memory():
    annotated = Annotated(60)
    thresholds.tune_thresholds(Network(), annotated, lambda row: (IMAGE, LABELS))
    # A pixel of 4000 x 4000 at a grid of 1 has 33 values of 4 bytes: 2.1 GB an image.
    large = Annotated(60, side=4000)
    thresholds.tune_thresholds(Network(grid=(1, 1)), large, lambda row: (IMAGE, LABELS))
    assert annotated.asked == [("validation", 50)]
    assert large.asked == [("validation", 1)]


def test_images_without_a_found_object_are_warned_of(caplog):
    network = Network(error=RuntimeError("no candidates"))
    thresholds.tune_thresholds(network, Annotated(1), lambda row: (IMAGE, LABELS))
    assert network.thresholds is None
    assert "no object of the validation images is found" in caplog.text
