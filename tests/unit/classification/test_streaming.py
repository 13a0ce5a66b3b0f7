import time

import numpy as np
import pytest

from moascope.classification import streaming
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping

CHANNELS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def model():
    mapping = ChannelMapping("rgb", CHANNELS)
    return backbones.build("efficientnet-lite0", "none", None, CHANNELS, mapping, ["stem_relu"])


@pytest.mark.parametrize(
    ("side", "expected"), [(64, 256), (256, 16), (512, 4), (1024, 1), (2048, 1)]
)
def test_calls_of_a_network_are_counted_in_pixels(model, side, expected):
    assert streaming.images_per_call(model, (side, side)) == expected


def test_units_that_a_network_resizes_count_with_the_size_they_get():
    mapping = ChannelMapping("rgb", CHANNELS)
    resizing = backbones.build("efficientnet-lite0", "none", 256, CHANNELS, mapping, ["stem_relu"])
    assert streaming.images_per_call(resizing, (1024, 1024)) == 16
    assert streaming.images_per_call(resizing, (32, 32)) == 16


def test_reading_runs_ahead_of_the_model():
    stack = np.zeros((6, 2, 2, 1), "float16")
    batches = streaming.read_batches([stack], streaming.unit_places([stack]), 4)
    shapes = []
    for batch in batches:
        time.sleep(0.01)
        shapes.append(batch.shape)
    assert shapes == [(4, 2, 2, 1), (4, 2, 2, 1)]


def test_units_are_gathered_in_the_order_of_their_places():
    stacks = [np.arange(3).reshape(3, 1, 1, 1), np.arange(10, 14).reshape(4, 1, 1, 1)]
    places = streaming.unit_places(stacks, [np.array([2, 0]), None])
    assert streaming.gather(stacks, places[::-1]).ravel().tolist() == [13, 12, 11, 10, 0, 2]
    assert streaming.gather(stacks, places[:1], n=3).ravel().tolist() == [2, 0, 0]
