"""Channels of the images that a given model sees, matched by name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from moascope.core.errors import InputError


def matched_channels(
    trained: Sequence[str],
    channels: Sequence[str],
    channel_map: Mapping[str, str],
    model: str | os.PathLike[str],
) -> list[str]:
    """Find the channels of the images that stand for those of a model.

    Parameters
    ----------
    trained : sequence of str
        Channels that the model was trained on, in its order.
    channels : sequence of str
        Channels of the images.
    channel_map : mapping of str to str
        Channels of the model, and those of the images that they are; others keep their names.
    model : path
        For messages.

    Returns
    -------
    list of str
        A channel of the images for each of the model, in the order of the model.

    Raises
    ------
    InputError
        If a channel is not there, stands for two, or the map names one that the model lacks.
    """
    place = f"{os.fspath(model)}: channel_map"
    names = f"the model was trained on {', '.join(trained)}; the images have {', '.join(channels)}"
    unknown = [name for name in channel_map if name not in trained]
    if unknown:
        raise InputError(
            f"{place}: {', '.join(unknown)} is no channel of the model ({names}). Write a channel "
            "of the model before the colon, and one of the images after it."
        )
    found = [channel_map.get(name, name) for name in trained]
    missing = [
        name for name, channel in zip(trained, found, strict=True) if channel not in channels
    ]
    if missing:
        free = [channel for channel in channels if channel not in found] or list(channels)
        pairs = zip(missing, free * len(missing), strict=False)
        example = ", ".join(f"{name}: {channel}" for name, channel in pairs)
        raise InputError(
            f"{place}: the images have no channel for {', '.join(missing)} ({names}). Set "
            f"channel_map of the engine, such as channel_map: {{{example}}}, or correct "
            "segmentation.channels."
        )
    if len(set(found)) < len(found):
        raise InputError(
            f"{place}: one channel of the images is used for two of the model ({names}). Set a "
            "different one for each."
        )
    return found
