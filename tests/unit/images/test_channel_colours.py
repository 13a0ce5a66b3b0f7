"""Every channel has one display colour, the same in the plate store and in the report."""

import numpy as np
import pytest

from moascope.images.channel_colours import STAINS, channel_colours, rgb_colours
from moascope.report.figures import pictures

BLUE, ORANGE, GREEN, MAGENTA, YELLOW, CYAN, WHITE = STAINS


def test_known_stains_have_their_colours():
    assert channel_colours(["DNA", "ER", "RNA", "AGP", "Mito"]) == {
        "DNA": BLUE,
        "ER": GREEN,
        "RNA": YELLOW,
        "AGP": ORANGE,
        "Mito": MAGENTA,
    }


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("Hoechst 33342", BLUE),
        ("ch1_DAPI", BLUE),
        ("anti-tubulin", GREEN),
        ("MitoTracker", MAGENTA),
        ("AlexaPhalloidin", ORANGE),
        ("nucleoli", YELLOW),
        ("nuclei", BLUE),
    ],
)
def test_a_stain_is_found_where_a_word_begins_with_it(name, colour):
    assert channel_colours(["unknown", name])[name] == colour


def test_a_stain_within_a_word_is_not_one():
    # "er" within "filter"
    assert channel_colours(["filter", "x"]) == {"filter": BLUE, "x": ORANGE}


def test_no_two_of_the_first_seven_channels_look_the_same():
    names = ["Tubulin", "DAPI", "Actin", "mito", "other", "more", "Hoechst"]
    colours = channel_colours(names)
    assert list(colours) == names
    assert len(set(colours.values())) == 7


def test_a_single_channel_is_white():
    assert channel_colours(["DNA"]) == {"DNA": WHITE}


def test_red_green_and_blue_are_themselves():
    assert list(channel_colours(["R", "G", "B"]).values()) == ["ff0000", "00ff00", "0000ff"]


def test_more_channels_than_colours_are_coloured():
    assert len(channel_colours([f"c{i}" for i in range(12)])) == 12


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
