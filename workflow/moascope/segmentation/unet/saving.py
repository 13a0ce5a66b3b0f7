"""Files of segmentation networks, which hold what the network expects of its input."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moascope.core.files import damaged
from moascope.images.intensities import PERCENTILES
from moascope.networks.keras_defaults import keras
from moascope.networks.saving import load_model, save_model
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.unet import architecture

FORMAT = 1
"""Version of what a saved segmentation model expects of its input."""


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
) -> tuple[keras.Model, dict[str, Any]]:
    """Read a segmentation network, and refuse it where it is not for these images.

    Parameters
    ----------
    path : path
        Written by `save`.
    channels : sequence of str or None
        Of the images that it is to segment, in its order; None: whatever it was trained on.

    Returns
    -------
    (keras.Model, dict)
        The network and what `save` was given.

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
    return model, about


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Compute the SHA-256 of a file, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
