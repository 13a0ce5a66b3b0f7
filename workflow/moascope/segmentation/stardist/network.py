"""Networks of StarDist, as engines."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.images.intensities import range_of, scaled
from moascope.networks.keras_settings import pin
from moascope.segmentation.implementations.base import Scaled, Tops, imported

_TILE = 1024  # px; larger images go through the network in several tiles


@dataclass
class StarDist(Scaled):
    """A StarDist model that finds objects, and says how sure it is of each."""

    instances: Callable[[NDArray[np.generic]], tuple[NDArray[np.int32], NDArray[np.float64]]] = (
        field(kw_only=True)
    )
    """Takes a scaled image (C, Y, X); returns labels (Y, X) and the probabilities of objects."""

    def tops(self, image: NDArray[np.generic]) -> Tops:
        """Return areas in px of the objects of an image (C, Y, X), and their probabilities."""
        labels, sure = self.instances(scaled(image, *range_of(image, self.plate, self.top)))
        areas = np.bincount(labels.ravel(), minlength=len(sure) + 1)[1:].astype(np.float64)
        return areas, sure


def import_stardist() -> tuple[Any, Any]:
    """Import the models of StarDist, and the Keras that they are made with."""
    # StarDist 0.9 is written for Keras 2, which TensorFlow only looks for when it is imported.
    if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
        raise InputError(
            "engine stardist: TensorFlow runs with Keras 3 in this process, but StarDist needs "
            "Keras 2. Start it in a process of its own."
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    packages = "stardist tf-keras"
    models = imported("stardist.models", "stardist", packages)
    keras = imported("tf_keras", "stardist", packages)
    pin(keras.backend)  # it reads ~/.keras/keras.json as well
    return models, keras


def segmenter(
    network: Any,
    name: str | os.PathLike[str],
    channels: Sequence[str] = (),
    prob_threshold: float | None = None,
    nms_threshold: float | None = None,
) -> StarDist:
    """Build an engine of a network of StarDist.

    Parameters
    ----------
    network : stardist.models.StarDist2D
        What predicts; its thresholds count where none are given.
    name : str or path
        What messages call the model.
    channels : sequence of str
        Of the images, for messages.
    prob_threshold, nms_threshold : float or None
        See `implementations.stardist.stardist`.

    Returns
    -------
    StarDist
        Ready to segment images with as many channels as the network takes; others raise an
        `InputError`.
    """
    n_channels: int = network.config.n_channel_in

    def instances(image: NDArray[np.generic]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        if len(image) != n_channels:
            named = f" ({', '.join(channels)})" if channels else ""
            taken = "1 channel" if n_channels == 1 else f"{n_channels} channels"
            raise InputError(
                f"engine stardist: the model {os.fspath(name)} takes {taken}, but the image has "
                f"{len(image)}{named}. Name {n_channels} in segmentation.channels, or use a model "
                "that was trained on such images."
            )
        shown = np.moveaxis(image, 0, -1)
        rows, columns = (math.ceil(side / _TILE) for side in shown.shape[:2])
        tiles = (rows, columns, 1)
        labels, found = network.predict_instances(
            shown,
            axes="YXC",
            prob_thresh=prob_threshold,  # None: its own
            nms_thresh=nms_threshold,
            n_tiles=tiles,
            show_tile_progress=False,
        )
        return np.asarray(labels, np.int32), np.asarray(found["prob"], np.float64)

    return StarDist(lambda image: instances(image)[0], instances=instances)


@contextmanager
def silence() -> Iterator[None]:
    """Keep the progress bars of StarDist and Keras, which cannot be switched off, to themselves."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield
