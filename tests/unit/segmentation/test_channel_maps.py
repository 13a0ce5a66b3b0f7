"""Channels of a model and of the images, by name."""

import pytest

from moascope.core.errors import InputError
from moascope.segmentation.channel_maps import matched_channels


def matched(trained, channels, channel_map):
    return matched_channels(trained, channels, channel_map, "unet.keras")


@pytest.mark.parametrize(
    ("trained", "channels", "channel_map", "found"),
    [
        (["DNA"], ["DNA"], {}, ["DNA"]),
        (["DNA"], ["Actin", "DNA"], {}, ["DNA"]),
        (["DNA"], ["Hoechst"], {"DNA": "Hoechst"}, ["Hoechst"]),
        (["DNA", "Actin"], ["Actin", "Hoechst"], {"DNA": "Hoechst"}, ["Hoechst", "Actin"]),
        (["A", "B"], ["A", "B"], {"A": "B", "B": "A"}, ["B", "A"]),
    ],
)
def test_channels_are_found_in_the_order_of_the_model(trained, channels, channel_map, found):
    assert matched(trained, channels, channel_map) == found


@pytest.mark.parametrize(
    ("trained", "channels", "channel_map", "message"),
    [
        (["DNA"], ["Hoechst"], {}, r"the images have no channel for DNA .*\{DNA: Hoechst\}"),
        (["DNA", "Actin"], ["X", "Y"], {}, r"\{DNA: X, Actin: Y\}"),
        (["DNA"], ["Hoechst"], {"Hoechst": "DNA"}, "Hoechst is no channel of the model"),
        (["DNA"], ["Hoechst"], {"DNA": "DAPI"}, "the images have no channel for DNA"),
        (["A", "B"], ["A"], {"B": "A"}, "one channel of the images is used for two of the model"),
    ],
)
def test_channels_that_are_not_there_are_refused_with_the_key(
    trained, channels, channel_map, message
):
    with pytest.raises(InputError, match=message):
        matched(trained, channels, channel_map)
