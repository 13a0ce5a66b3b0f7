"""Channels that are the red, green and blue of colour images."""

from __future__ import annotations

from collections.abc import Sequence

RGB_NAMES = ["red", "green", "blue"]
_COLOURS = ("ff0000", "00ff00", "0000ff")


def rgb_colours(channels: Sequence[str]) -> dict[str, str] | None:
    """Return the own colours of channels that together are a colour image.

    Parameters
    ----------
    channels : sequence of str
        Channel names in any order.

    Returns
    -------
    dict of str to str
        RRGGBB by channel. None unless the channels are red, green and blue, or r, g and b, in
        capitals or not, and no others.
    """
    for names in (RGB_NAMES, [name[0] for name in RGB_NAMES]):
        colour_of = dict(zip(names, _COLOURS, strict=True))
        if sorted(channel.casefold() for channel in channels) == sorted(names):
            return {channel: colour_of[channel.casefold()] for channel in channels}
    return None
