"""Ways to segment besides the own network, all with the same interface: image in, labels out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import remove_small_holes
from skimage.segmentation import watershed

from moascope.errors import InputError
from moascope.instances import fill_holes, search, tidied

Segment = Callable[[NDArray[np.generic]], NDArray[np.int32]]
"""Takes one image (C, Y, X) of raw intensities and gives its objects (Y, X): 0 is background."""


class Engine(Protocol):
    """Segments images in two steps, so that one can be predicted while another is labelled."""

    def predict(self, image: NDArray[np.generic]) -> Any:
        """Take an image (C, Y, X) of raw intensities, in the thread that loaded the network."""

    def label(self, predicted: Any) -> NDArray[np.int32]:
        """Give the objects (Y, X) of what was predicted, in any thread: 0 is background."""


@dataclass(frozen=True)
class OneStep:
    """An engine that is a single function."""

    segment: Segment

    def predict(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Segment the image."""
        return self.segment(image)

    def label(self, predicted: NDArray[np.int32]) -> NDArray[np.int32]:
        """Leave the objects as they are."""
        return predicted

    def __call__(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Find the objects of an image, see `Segment`."""
        return self.segment(image)


# --- Classical -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassicalParameters:
    """How `segment_classical` tells bright objects from the background and from each other."""

    channel: int = 0
    """Which channel shows the objects, from 0."""
    smoothing: float = 1.0
    """Standard deviation in px of the Gaussian that smoothes the image; 0: none."""
    correction: float = 0.8
    """Otsu's threshold, counted from the darkest percent of the pixels, is multiplied by this."""
    local_weight: float = 1.0
    """An object is also this many times as bright as its surroundings; 0: no such condition."""
    local_radius: float = 30.0
    """Standard deviation in px of the Gaussian that averages the surroundings, about the diameter
    of an object."""
    separation: int = 6
    """Smallest distance in px between the centres of two objects, to each side."""
    relief_smoothing: float = 1.0
    """Standard deviation in px of the Gaussian that smoothes the distance to the background."""
    min_area: int = 20
    """Objects with fewer pixels are removed, and smaller holes filled."""
    clear_border: bool = False
    """Remove objects that touch the border of the image."""


CLASSICAL_GRID: dict[str, Sequence[float]] = {
    "correction": (0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2),
    "local_weight": (0.0, 0.8, 1.0, 1.2),
    "local_radius": (15.0, 30.0, 60.0),
    "separation": (3, 5, 8, 12, 20),
    "relief_smoothing": (0.5, 1.0, 2.0),
    "smoothing": (0.5, 1.0, 2.0),
    "min_area": (10, 20, 40, 80),
}
"""Values that `tune_classical` tries."""


def segment_classical(
    image: NDArray[np.generic], parameters: ClassicalParameters
) -> NDArray[np.int32]:
    """Find bright objects: a threshold, then a watershed on the distance to the background.

    Parameters
    ----------
    image : (C, Y, X) array
        Raw intensities.
    parameters : ClassicalParameters
        How.

    Returns
    -------
    (Y, X) int32
        0 is background, objects are 1 .. n; n is 0 in a constant image.

    Raises
    ------
    InputError
        If the image has no such channel.
    """
    mask = _bright(_channel(image, parameters.channel), parameters)
    distance = ndimage.distance_transform_edt(mask).astype(np.float32)
    distance = ndimage.gaussian_filter(distance, parameters.relief_smoothing)
    highest_around = ndimage.maximum_filter(distance, 2 * parameters.separation + 1)
    # Centres that touch by a corner are one plateau.
    centres, _ = ndimage.label((distance == highest_around) & mask, np.ones((3, 3)))
    labels = watershed(-distance, centres.astype(np.int32), mask=mask)
    return tidied(fill_holes(labels), parameters.min_area, parameters.clear_border)


def _bright(plane: NDArray[np.float32], parameters: ClassicalParameters) -> NDArray[np.bool_]:
    above = ndimage.gaussian_filter(plane, parameters.smoothing)
    above -= np.percentile(above, 1)
    if above.max() <= above.min():
        return np.zeros(above.shape, bool)
    mask = above > threshold_otsu(above) * parameters.correction
    if parameters.local_weight:
        around = _blur(above, parameters.local_radius)
        mask &= above > around * parameters.local_weight
    return remove_small_holes(mask, max_size=parameters.min_area)


def _blur(plane: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Smooth by a Gaussian, as `ndimage.gaussian_filter` does but for rounding.

    A filter with mirrored borders scales cosines, so that its width costs no time (Martucci 1994).

    Parameters
    ----------
    plane : (Y, X) float32
        Intensities.
    deviation : float
        Standard deviation in px of the Gaussian.

    Returns
    -------
    (Y, X) float32
        Smoothed intensities.
    """
    cosines = fft.dctn(plane)
    for axis, size in enumerate(plane.shape):
        impulse = np.eye(1, size)[0]
        gains = fft.dct(ndimage.gaussian_filter1d(impulse, deviation)) / fft.dct(impulse)
        cosines *= np.expand_dims(gains.astype(np.float32), 1 - axis)
    return fft.idctn(cosines, overwrite_x=True)


def _channel(image: NDArray[np.generic], channel: int) -> NDArray[np.float32]:
    if not 0 <= channel < len(image):
        raise InputError(
            f"channel {channel} is to be segmented, but the image has {len(image)} channels, "
            "counted from 0. Choose another channel."
        )
    return image[channel].astype(np.float32)


def classical(parameters: ClassicalParameters) -> OneStep:
    """Make the classical engine: see `segment_classical`."""
    return OneStep(lambda image: segment_classical(image, parameters))


def tune_classical(
    samples: Iterable[tuple[NDArray[np.generic], NDArray[np.integer[Any]]]],
    grid: Mapping[str, Sequence[Any]] = CLASSICAL_GRID,
    start: ClassicalParameters | None = None,
    *,
    groups: Sequence[str] | None = None,
) -> tuple[ClassicalParameters, pd.DataFrame]:
    """Choose the parameters of the classical engine on images with known objects.

    Parameters
    ----------
    samples : iterable of ((C, Y, X) array, (Y, X) int)
        Images and their true labels; see `moascope.instances.search`.
    grid : mapping of str to sequence
        Values to try for parameters.
    start : ClassicalParameters or None
        Where to begin; None: the defaults.
    groups : sequence or None
        What each image belongs to, see `instances.search`.

    Returns
    -------
    best : ClassicalParameters
        What was chosen, see `instances.search`.
    tried : pandas.DataFrame
        One row per set of parameters, the chosen first.
    """
    start = start or ClassicalParameters()
    return search(segment_classical, samples, grid, start, groups=groups)


# --- Cellpose ------------------------------------------------------------------------------------


def cellpose(
    model: str | Path | None = None,
    channels: Sequence[int] = (0,),
    diameter: float | None = None,
    *,
    gpu: bool = False,
) -> OneStep:
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
    gpu : bool
        Compute on the GPU.

    Returns
    -------
    OneStep
        Cellpose scales intensities itself.

    Raises
    ------
    InputError
        If Cellpose is not installed, or the model cannot be found, fetched or read.
    """
    models = imported("cellpose.models", "cellpose", "cellpose")
    network = _cellpose_model(models, model or models.MODEL_NAMES[0], gpu)

    def segment(image: NDArray[np.generic]) -> NDArray[np.int32]:
        shown = np.stack([_channel(image, channel) for channel in channels], axis=-1)
        labels = network.eval(shown, channel_axis=-1, diameter=diameter)[0]
        return labels.astype(np.int32)

    return OneStep(segment)


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
