"""Display colours of channels, in plate stores and in the report."""

from __future__ import annotations

import re
from collections.abc import Sequence

STAINS: dict[str, tuple[str, ...]] = {
    "2b4dff": ("dna", "dapi", "hoechst", "nuc", "draq", "blue"),
    "ff5400": ("actin", "phalloidin", "agp", "wga", "membrane", "red"),
    "00b868": ("tub", "microtub", "er", "conca", "gfp", "fitc", "green"),
    "d94bd6": ("mito", "golgi", "magenta"),
    "f2e14c": ("rna", "syto", "nucleol", "yellow"),
    "49d3f2": ("cyan",),
    "ffffff": (),
}
"""Stains, as words of channel names begin with them, by colour (RRGGBB).

Orange, bluish green and blue stay apart for colour-blind readers, unlike red, green and blue.
"""
SINGLE = "ffffff"
"""Colour of the only channel of a screen."""
RGB_NAMES = ["red", "green", "blue"]
"""Channels of colour images."""
_RGB = ("ff0000", "00ff00", "0000ff")


def channel_colours(channels: Sequence[str]) -> dict[str, str]:
    """Choose a display colour for each channel, by its stain where its name says it.

    Parameters
    ----------
    channels : sequence of str
        Channel names in order.

    Returns
    -------
    dict of str to str
        RRGGBB by channel, in the order of `channels`. A single channel is white. Red, green and
        blue keep their own colours. Other channels get the unused colours of `STAINS` in order,
        and colours repeat from the eighth channel.
    """
    if len(channels) == 1:
        return {channels[0]: SINGLE}
    own = rgb_colours(channels)
    if own is not None:
        return own
    free = list(STAINS)
    chosen: dict[str, str] = {}
    for channel in channels:
        colour = _stain_colour(channel, free)
        if colour is not None:
            chosen[channel] = colour
            free.remove(colour)
    palette = free or list(STAINS)
    others = [channel for channel in channels if channel not in chosen]
    chosen |= {channel: palette[i % len(palette)] for i, channel in enumerate(others)}
    return {channel: chosen[channel] for channel in channels}


def _stain_colour(channel: str, free: Sequence[str]) -> str | None:
    """Return the free colour whose stain matches most letters of a channel name."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", channel).lower()
    matches = [
        (len(stain), colour)
        for colour in free
        for stain in STAINS[colour]
        if re.search(rf"(?<![a-z]){stain}", words)
    ]
    return max(matches, key=lambda match: match[0])[1] if matches else None


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
        colour_of = dict(zip(names, _RGB, strict=True))
        if sorted(channel.casefold() for channel in channels) == sorted(names):
            return {channel: colour_of[channel.casefold()] for channel in channels}
    return None
