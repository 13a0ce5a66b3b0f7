"""Colour images are shown in their own colours."""

import numpy as np
import pytest

from moascope.images.rgb import rgb_colours
from moascope.report.figures import pictures


@pytest.mark.parametrize(
    "channels", [["red", "green", "blue"], ["R", "G", "B"], ["Blue", "Red", "Green"]]
)
def test_red_green_and_blue_have_their_own_colours(channels):
    colours = rgb_colours(channels)
    assert list(colours) == channels
    expected = {"r": "ff0000", "g": "00ff00", "b": "0000ff"}
    assert [colours[name] for name in channels] == [expected[name[0].lower()] for name in channels]


@pytest.mark.parametrize(
    "channels", [["red", "green"], ["red", "g", "blue"], ["red", "green", "blue", "DNA"], ["DNA"]]
)
def test_other_channels_are_no_colour_image(channels):
    assert rgb_colours(channels) is None


def test_a_colour_image_is_shown_as_it_is():
    image = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    channels = ["red", "green", "blue"]
    colours = rgb_colours(channels)
    limits = pictures.display_limits([image], channels)
    np.testing.assert_array_equal(limits, [[0, 1]] * 3)
    shown = pictures.composite(image, limits, [f"#{colour}" for colour in colours.values()])
    np.testing.assert_array_equal(shown, np.round(255 * image).astype(np.uint8))
