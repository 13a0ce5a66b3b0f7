"""Ways to segment besides the own network, all with the same interface: image in, labels out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.images.intensities import PERCENTILES, PlateIntensities, range_of, scaled

Segment = Callable[[NDArray[np.generic]], NDArray[np.int32]]
"""Takes one image (C, Y, X) and gives its objects (Y, X): 0 is background."""

USUAL_DIAMETER = 20.0
"""Diameter of objects in px that is taken where neither the user nor annotated images say it."""

_CELLPOSE_TOP = 99.0  # the percentile that becomes 1 in images that Cellpose was trained on


class Engine(Protocol):
    """Segments images in two steps, so that one can be predicted while another is labelled."""

    def predict(self, image: NDArray[np.generic]) -> Any:
        """Take an image (C, Y, X) of raw intensities, in the thread that loaded the network."""

    def label(self, predicted: Any) -> NDArray[np.int32]:
        """Return the objects (Y, X) of what was predicted, in any thread: 0 is background."""

    def hold_to(self, images: Iterable[NDArray[np.generic]]) -> None:
        """Hold intensities of what follows to those of a plate, some images of which are given."""


@dataclass
class OneStep:
    """An engine that is a single function of the raw intensities of an image."""

    segment: Segment

    def hold_to(self, images: Iterable[NDArray[np.generic]]) -> None:
        """Change nothing: the function has no scale that could follow an image."""

    def predict(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Segment the image."""
        return self.segment(image)

    def label(self, predicted: NDArray[np.int32]) -> NDArray[np.int32]:
        """Leave the objects as they are."""
        return predicted

    def __call__(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Find the objects (Y, X) of an image (C, Y, X) of raw intensities; 0 is background."""
        return self.predict(image)


@dataclass
class Scaled(OneStep):
    """An engine that is a single function of an image with scaled intensities, float32."""

    top: float = PERCENTILES[1]
    """The percentile that becomes 1; the percentile 1 becomes 0."""
    plate: PlateIntensities | None = None
    """What the scale is held to; None: every image has its own."""

    def hold_to(self, images: Iterable[NDArray[np.generic]]) -> None:
        """Hold the scale to images (C, Y, X) of a plate, raw intensities, at least one."""
        self.plate = PlateIntensities.of(images, self.top)

    def predict(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Scale an image (C, Y, X) of raw intensities, and segment it."""
        return self.segment(scaled(image, *range_of(image, self.plate, self.top)))


# --- Cellpose ------------------------------------------------------------------------------------


def cellpose(
    model: str | Path | None = None,
    channels: Sequence[int] = (0,),
    diameter: float | None = None,
    *,
    flow_threshold: float | None = None,
    cellprob_threshold: float | None = None,
    gpu: bool = False,
) -> Scaled:
    """Make an engine of a Cellpose 4 model (Pachitariu et al. 2025).

    Parameters
    ----------
    model : str, path or None
        A file of weights, or the name of a published model, which Cellpose downloads; None: the
        newest that the installed version knows.
    channels : sequence of int
        Up to three channels that the network is shown, from 0.
    diameter : float or None
        Typical diameter of the objects in px. Cellpose scales images by 30 divided by it; with None
        it takes them as they are and estimates nothing.
    flow_threshold : float or None
        Largest error of the flows of an object; None: Cellpose's default.
    cellprob_threshold : float or None
        Pixels with a smaller logit belong to no object; None: Cellpose's default.
    gpu : bool
        Compute on the GPU.

    Returns
    -------
    Scaled
        Images are scaled by their percentiles 1 and 99, as Cellpose does it, but held to those of
        their plate.

    Raises
    ------
    InputError
        If Cellpose is not installed, or the model cannot be found, fetched or read.
    """
    models = imported("cellpose.models", "cellpose", "cellpose")
    network = _cellpose_model(models, model or models.MODEL_NAMES[0], gpu)
    thresholds = {"flow_threshold": flow_threshold, "cellprob_threshold": cellprob_threshold}
    given = {key: value for key, value in thresholds.items() if value is not None}

    def segment(image: NDArray[np.generic]) -> NDArray[np.int32]:
        shown = np.moveaxis(image[list(channels)], 0, -1)
        labels = network.eval(shown, channel_axis=-1, diameter=diameter, normalize=False, **given)[
            0
        ]
        return np.asarray(labels, np.int32)

    return Scaled(segment, _CELLPOSE_TOP)


def sees_gpu() -> bool:
    """Tell whether PyTorch, which Cellpose computes with, sees an NVIDIA GPU."""
    return bool(imported("torch", "cellpose", "cellpose").cuda.is_available())


def _cellpose_model(models: Any, model: str | Path, gpu: bool) -> Any:
    is_file = Path(model).is_file()
    if not is_file and str(model) not in models.MODEL_NAMES:
        raise InputError(
            f"engine cellpose: {str(model)!r} is neither a file nor a published model "
            f"({', '.join(models.MODEL_NAMES)}). Give a file of weights, or one of these names."
        )
    try:
        return models.CellposeModel(gpu=gpu, pretrained_model=str(model))
    except Exception as error:  # a download fails in as many ways as there are networks
        if is_file:
            raise InputError(
                f"{model}: cannot be read as weights of Cellpose 4 ({error}). Models of other "
                "versions of Cellpose do not fit."
            ) from error
        raise InputError(
            f"engine cellpose: the weights {model} cannot be downloaded ({error}). Download them "
            "elsewhere from huggingface.co/mouseland/cellpose-sam, and put them into "
            f"{models.MODEL_DIR} or give their path instead of the name."
        ) from error


def imported(module: str, engine: str, packages: str) -> ModuleType:
    """Import what only the environment of an engine has.

    Parameters
    ----------
    module : str
        What to import.
    engine : str
        What it is for.
    packages : str
        What to install where it is missing.

    Returns
    -------
    module
        The module.

    Raises
    ------
    InputError
        If it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"engine {engine}: cannot be imported here ({error}). Run the workflow with --sdm "
            f"conda, which makes an environment for it, or install it: pip install {packages}"
        ) from error
