"""Files of segmentation networks, which hold what the network expects of its input."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast

from moascope.core.files import damaged
from moascope.images.intensities import PERCENTILES
from moascope.networks.keras_defaults import keras
from moascope.networks.saving import load_model, save_model
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.unet import architecture

FORMAT = 1
"""Version of what a saved segmentation model expects of its input."""


class NetworkDescription(TypedDict):
    """Description that is saved with a network. Other keys tell how it was trained."""

    channels: list[str]
    """In the order of the last axis of the image."""
    outputs: Literal["classes", "distance", "both"]
    """Kinds of the maps."""
    multiple: int
    """Sides of images are multiples of this, in px."""
    instances: dict[str, Any]
    """Fields of `InstanceParameters`."""
    options: dict[str, Any]
    """Options that it was trained with, as plain values."""
    ensemble: NotRequired[int]
    """Number of networks, where there are several."""
    validation: NotRequired[dict[str, float]]
    """Scores on validation images, where it was tuned."""
    test_time_augmentation: NotRequired[bool]
    """Whether it was tuned with test-time augmentation, where it was tuned."""
    turns: NotRequired[bool]
    """The same, before version 0.2."""


def save(
    model: keras.Model,
    path: str | os.PathLike[str],
    channels: Sequence[str],
    network: Network,
    parameters: InstanceParameters,
    about: Mapping[str, Any],
) -> None:
    """Write a network as one `.keras` file that knows what it expects and how to cut out objects.

    Parameters
    ----------
    model : keras.Model
        From `train`.
    path : path
        Ends in `.keras`.
    channels : sequence of str
        Channel names, in the order of the image's last axis.
    network : Network
        Of the model.
    parameters : InstanceParameters
        How objects are cut out of its maps.
    about : mapping
        What else is to be kept, ready for JSON: the training set, options, scores.
    """
    metadata = {
        **about,
        "kind": "segmentation",
        "format": FORMAT,
        "channels": list(channels),
        "outputs": network.outputs,
        "multiple": architecture.multiple(network),
        "normalization": {"percentiles": list(PERCENTILES)},
        "instances": asdict(parameters),
    }
    save_model(model, path, metadata)


def load(
    path: str | os.PathLike[str], channels: Sequence[str] | None = None
) -> tuple[keras.Model, NetworkDescription]:
    """Read a segmentation network, and refuse it where it is not for these images.

    Parameters
    ----------
    path : path
        Written by `save`.
    channels : sequence of str or None
        Of the images that it is to segment, in its order; None: whatever it was trained on.

    Returns
    -------
    (keras.Model, NetworkDescription)
        The network and its description.

    Raises
    ------
    InputError
        If the file is no such network, is of another version, or wants other channels.
    """
    expected: dict[str, Any] = {"kind": "segmentation", "format": FORMAT}
    if channels is not None:
        expected["channels"] = list(channels)
    model, about = load_model(path, expected)
    missing = [key for key in ("channels", "instances", "multiple", "outputs") if key not in about]
    if missing:
        raise damaged(path, f"its description lacks {', '.join(missing)}")
    return model, cast(NetworkDescription, about)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Compute the SHA-256 of a file, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
