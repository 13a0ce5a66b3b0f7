"""Sizes of objects, and segmentation at the magnification that an engine knows.

A network finds objects of the size that it was trained on. Images with larger or smaller objects
are resized to that size first, and the label images are resized back.
"""

from __future__ import annotations

import json
import logging
import math
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from moascope.core.errors import InputError
from moascope.core.files import reading
from moascope.images.resampling import resize, resize_labels
from moascope.segmentation.data.object_sizes import ABOUT, Size
from moascope.segmentation.engines.options.base import MethodOptions
from moascope.segmentation.implementations.base import Engine, Tops

logger = logging.getLogger(__name__)

OCTAVES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Factors that are tried first, as powers of 2; then half an octave around the best."""

_FIRST = 8  # images that all factors are tried on; the others see those around the best only
_LARGEST = 512  # px; side of the network's input while factors are tried
_SMALLEST = 32  # px; smaller images show a network nothing
_ROUNDING = 0.05  # factors this close to 1 change nothing
_LENGTH_TO_WIDTH = 1.19
_SURE = 3.0  # standard errors; the best of ten factors is above two by chance


AUTO = "auto"
"""Value of the key `diameter` that has it measured."""


class Judge(Protocol):
    """An engine that says how sure it is of its objects."""

    def tops(self, image: NDArray[np.generic]) -> Tops:
        """Return areas in px and peaks of the objects of an image (C, Y, X)."""


def trained_size(path: str | os.PathLike[str]) -> Size:
    """Read the object size that a saved engine was trained on, without loading its network.

    Parameters
    ----------
    path : path
        A `.keras` file of a U-Net, a zip file or folder of a StarDist model, or the parameters of
        the classical engine (`.json`).

    Returns
    -------
    Size
        What is not stored with the engine is None.
    """
    path = Path(path)
    content = "{}"
    with reading(path):
        if path.is_dir():
            content = (path / ABOUT).read_text() if (path / ABOUT).is_file() else content
        elif path.suffix == ".json":
            content = path.read_text()
        else:
            with zipfile.ZipFile(path) as archive:
                if ABOUT in archive.namelist():
                    content = archive.read(ABOUT).decode()
        about = json.loads(content)
        return Size(about.get("diameter"), about.get("pixel_size_um"))


def told_diameter(options: MethodOptions) -> float | None:
    """Return the diameter in px in the options of an engine; None where none, or auto, is set."""
    told = options.diameter
    return None if told is None or told == AUTO else float(told)


class MeasuredSize(TypedDict):
    """Size of the objects of a screen or set, as it was measured."""

    factor: float
    """Images are resized by this."""
    diameter: float | None
    """Of the objects in px of the images; None where the trained one is not known."""
    peaks: dict[str, float | None]
    """By factor, None where nothing was found."""
    n_images: int


def factor_for(
    trained: Size, shown: Size, name: str, measured: MeasuredSize | None = None
) -> float:
    """Compute the factor that gives objects the size of the training images.

    Parameters
    ----------
    trained : Size
        Of the images that the engine was trained on.
    shown : Size
        Of the images that it is to segment; the diameter as the user told it.
    name : str
        What messages call the engine.
    measured : MeasuredSize or None
        From `measure`. It counts before all others.

    Returns
    -------
    float
        The measured factor; or that of the diameters, if the user told one; or that of the sizes
        of pixels, if both are known; or 1.

    Raises
    ------
    InputError
        If the user told a diameter, but that of the engine is not known.
    """
    if measured is not None:
        return float(measured["factor"])
    if shown.diameter is not None:
        if trained.diameter is None:
            raise InputError(
                f"{name}: diameter: the model lacks the diameter of its training objects. Remove "
                "diameter, or set it to auto."
            )
        return trained.diameter / shown.diameter
    if shown.pixel_size_um is not None and trained.pixel_size_um is not None:
        return shown.pixel_size_um / trained.pixel_size_um
    return 1.0


def measure(
    engine: Judge, images: Sequence[NDArray[np.generic]], trained: Size, shown: Size, name: str
) -> dict[str, Any]:
    """Measure what images are to be resized by, see `find_factor`.

    Parameters
    ----------
    engine : Judge
        What is to segment them.
    images : sequence of (C, Y, X) array
        Some 20 of them, raw intensities.
    trained, shown : Size
        See `factor_for`; the search starts from the sizes of pixels, if both are known.
    name : str
        What messages call the engine.

    Returns
    -------
    dict
        The content of `MeasuredSize`, ready for JSON.
    """
    start = factor_for(trained, Size(None, shown.pixel_size_um), name)
    factor, peaks = find_factor(engine.tops, images, start)
    diameter = None if trained.diameter is None else trained.diameter / factor
    means = {f"{key:.4g}": None if math.isnan(value) else value for key, value in peaks.items()}
    return {"factor": factor, "diameter": diameter, "peaks": means, "n_images": len(images)}


def diameter_of_foreground(mask: NDArray[np.bool_]) -> float | None:
    """Estimate the usual diameter of objects, touching ones included, from the foreground.

    Twice the distance to the background, at its local maxima, is the width of an object. The
    median of the widths counts every maximum by its area. Nuclei are longer than wide: on 70
    training images of BBBC038, the median diameter was 1.19 times this width.

    Parameters
    ----------
    mask : (Y, X) bool
        Where objects are.

    Returns
    -------
    float or None
        Pixels; None without any foreground.
    """
    distance = ndimage.distance_transform_edt(mask)
    relief = ndimage.gaussian_filter(distance, 1)
    tops = mask & (relief == ndimage.maximum_filter(relief, 5))
    radii = np.sort(distance[tops])
    if not len(radii):
        return None
    covered = np.cumsum(radii**2)
    middle = radii[np.searchsorted(covered, covered[-1] / 2)]
    return float(2 * middle * _LENGTH_TO_WIDTH)


@dataclass(frozen=True)
class Rescaled:
    """An engine that sees images at another magnification; see `implementations.base.Engine`.

    Parameters
    ----------
    engine : Engine
        What finds objects.
    factor : float
        Images are resized by this, above 0; 2 doubles height and width.
    """

    engine: Engine
    factor: float

    def hold_to(self, images: Iterable[NDArray[np.generic]]) -> None:
        """Restrict intensities to those of images (C, Y, X) of a plate, after resizing."""
        self.engine.hold_to(resized(image, self.factor) for image in images)

    def predict(self, image: NDArray[np.generic]) -> tuple[tuple[int, int], Any]:
        """Resize an image (C, Y, X) of raw intensities, and predict."""
        return image.shape[1:], self.engine.predict(resized(image, self.factor))

    def label(self, predicted: tuple[tuple[int, int], Any]) -> NDArray[np.int32]:
        """Cut out the objects, and resize the label image (Y, X) to that of the image."""
        shape, maps = predicted
        return resize_labels(self.engine.label(maps), shape)


def at_scale(engine: Engine, factor: float) -> Engine:
    """Return an engine that resizes images first, or the engine itself where nothing changes.

    Parameters
    ----------
    engine : Engine
        What finds objects.
    factor : float
        Of the resizing. Within 5 % of 1 images stay as they are.

    Returns
    -------
    Engine
        See `Rescaled`.
    """
    return engine if _changes_nothing(factor) else Rescaled(engine, factor)


def pair_at_scale(
    image: NDArray[np.generic], labels: NDArray[np.int32], factor: float
) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
    """Resize an image as `at_scale` does, and its label image with it.

    Parameters
    ----------
    image : (C, Y, X) array
        Raw intensities.
    labels : (Y, X) int32
        Its objects.
    factor : float
        See `at_scale`.

    Returns
    -------
    ((C, Y', X') array, (Y', X') int32)
        At the magnification that the engine sees.
    """
    if _changes_nothing(factor):
        return image, labels
    image = resized(image, factor)
    return image, resize_labels(labels, image.shape[1:])


def _changes_nothing(factor: float) -> bool:
    return abs(math.log(factor)) <= math.log(1 + _ROUNDING)


def resized(image: NDArray[np.generic], factor: float) -> NDArray[np.float32]:
    """Resize an image by linear interpolation, with anti-aliasing where it shrinks.

    Parameters
    ----------
    image : (C, Y, X) array
        Raw intensities.
    factor : float
        Of height and width.

    Returns
    -------
    (C, Y', X') float32
        At least one pixel in each direction.
    """
    shape = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[2] * factor)))
    return resize(image[None].astype(np.float32), shape)[0]


def find_factor(
    tops: Callable[[NDArray[np.float32]], Tops],
    images: Sequence[NDArray[np.generic]],
    start: float = 1.0,
) -> tuple[float, dict[float, float]]:
    """Find the factor that gives objects the size of the training images.

    It is the factor at which the peaks of the predicted distance map are highest, averaged over
    objects by their area. Another factor than `start` is chosen only if its gain is above three
    standard errors, by the jackknife over images, since the best of ten factors gains by chance.

    Parameters
    ----------
    tops : callable
        Takes an image (C, Y, X) float32 of raw intensities, gives areas and peaks of its objects.
    images : sequence of (C, Y, X) array
        Some 20 images; of large ones the centre is looked at.
    start : float
        The factor that is taken where none is better.

    Returns
    -------
    factor : float
        What images are to be resized by.
    scores : dict of float to float
        The mean peak for each factor that was tried on all images, NaN where nothing was found.
    """
    first = images[:_FIRST]
    tried: dict[float, list[Tops]] = {}
    for octave in OCTAVES:
        factor = start * 2.0**octave
        if seen := _tops_of_all(tops, first, factor):
            tried[factor] = seen
    best = _best({factor: _sums(seen) for factor, seen in tried.items()}, start)
    scores: dict[float, NDArray[np.float64]] = {}
    for factor in sorted({start, best, best / math.sqrt(2), best * math.sqrt(2)}):
        if factor in tried:
            seen = [*tried[factor], *_tops_of_all(tops, images[_FIRST:], factor)]
        else:
            seen = _tops_of_all(tops, images, factor)
        if seen:
            scores[factor] = _sums(seen)
    best = _best(scores, start)
    means = {factor: float(_mean(sums)) for factor, sums in scores.items()}
    if best != start and not _is_sure(scores, best, start):
        best = start
    logger.info("images are resized by %.3g (peaks by factor: %s)", best, means)
    return best, means


def _tops_of_all(
    tops: Callable[[NDArray[np.float32]], Tops],
    images: Sequence[NDArray[np.generic]],
    factor: float,
) -> list[Tops]:
    """Predict every image at one magnification; nothing where they become too small."""
    if not images or min(min(image.shape[1:]) for image in images) * factor < _SMALLEST:
        return []
    side = math.ceil(_LARGEST / factor)
    return [tops(resized(_centre(image, side), factor)) for image in images]


def _centre(image: NDArray[np.generic], side: int) -> NDArray[np.generic]:
    y, x = (max(0, (length - side) // 2) for length in image.shape[1:])
    return image[:, y : y + side, x : x + side]


def _sums(seen: Sequence[Tops]) -> NDArray[np.float64]:
    """Sum areas times peaks, and areas, of every image: (images, 2)."""
    return np.array([[np.dot(areas, peaks), areas.sum()] for areas, peaks in seen], np.float64)


def _mean(sums: NDArray[np.float64]) -> np.float64:
    total, area = sums.sum(axis=0)
    return np.float64(total / area) if area > 0 else np.float64(np.nan)


def _best(scores: dict[float, NDArray[np.float64]], start: float) -> float:
    means = {factor: _mean(sums) for factor, sums in scores.items()}
    known = {factor: mean for factor, mean in means.items() if not np.isnan(mean)}
    return max(known, key=lambda factor: known[factor], default=start)


def _is_sure(scores: dict[float, NDArray[np.float64]], best: float, start: float) -> bool:
    """Return whether the best factor is better than the start beyond the chance of a search."""
    if start not in scores or np.isnan(_mean(scores[start])):
        return True
    one, other = scores[best], scores[start]
    gain = _mean(one) - _mean(other)
    n = len(one)
    if n < 2:
        return False
    gains = np.array(
        [_mean(np.delete(one, i, axis=0)) - _mean(np.delete(other, i, axis=0)) for i in range(n)]
    )
    gains = gains[~np.isnan(gains)]
    return bool(gain > _SURE * math.sqrt((len(gains) - 1) * gains.var()))
