"""Interface of engines: image in, label image out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.images.intensities import PERCENTILES, PlateIntensities, range_of, scaled

Segment = Callable[[NDArray[np.generic]], NDArray[np.int32]]
"""Takes one image (C, Y, X) and gives its objects (Y, X): 0 is background."""

Tops = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Areas in px and peaks of the predicted distance map (or object scores) of all objects, (n,)."""


class Engine(Protocol):
    """Segments images in two steps, so that one can be predicted while another is labelled."""

    def predict(self, image: NDArray[np.generic]) -> Any:
        """Predict from a raw image (C, Y, X), in the thread that loaded the network."""

    def label(self, predicted: Any) -> NDArray[np.int32]:
        """Return the objects (Y, X) of what was predicted, in any thread: 0 is background."""

    def hold_to(self, images: Iterable[NDArray[np.generic]]) -> None:
        """Restrict intensities of later images to those of a plate, given some of its images."""


class JobFiles(TypedDict, total=False):
    """Paths of the input files of a job with an engine; those that it does not need are missing."""

    model: str
    networks: list[str]
    """Trained networks of an ensemble."""
    start: str
    """Model that is trained further."""
    images: str
    """Annotated images."""
    table: str
    """Their table."""
    store: str
    """Plate store of the images to segment."""
    stores: list[str]
    """Plate stores in which the size of objects is measured."""
    ingested: Any
    """Table of the sites in the plate store; a list for several stores."""
    measured: str
    """Size of the objects."""


@dataclass(frozen=True)
class Job:
    """Inputs and options of a job with an engine."""

    given: JobFiles
    """Paths of input files."""
    out: Mapping[str, str]
    """Paths of output files by name."""
    channels: Sequence[str]
    """Channels of the images."""
    options: Mapping[str, Any]
    """Keys of the engine that decide the result, as plain values."""
    uses_gpu: bool = False
    """The library of the engine computes on a GPU."""


@dataclass(frozen=True)
class Loaded:
    """An engine that is ready to segment."""

    engine: Engine
    channels: Sequence[str]
    """Channels of the images that the engine sees, in its order."""
    factor: float = 1.0
    """Images are resized by this first, see `object_size.at_scale`."""


@dataclass(frozen=True)
class Training:
    """Circumstances of a training, besides its options."""

    seed: int
    """Seed of everything random."""
    checkpoint: str | None = None
    """File from which a killed training continues; None: it starts again."""
    code: str = ""
    """Digest of the code that trains."""


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
        """Return the objects as they are."""
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
        """Restrict the scale to that of raw images (C, Y, X) of a plate, at least one."""
        self.plate = PlateIntensities.of(images, self.top)

    def predict(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Scale an image (C, Y, X) of raw intensities, and segment it."""
        return self.segment(scaled(image, *range_of(image, self.plate, self.top)))


# --- Cellpose ------------------------------------------------------------------------------------


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
