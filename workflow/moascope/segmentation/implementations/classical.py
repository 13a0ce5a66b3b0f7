"""The classical engine: a threshold, then a watershed on the distance to the background."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage.filters import threshold_otsu, threshold_triangle
from skimage.morphology import remove_small_holes
from skimage.segmentation import watershed

from moascope.core.errors import InputError
from moascope.core.files import read_json, write_json
from moascope.core.options import restore
from moascope.images.intensities import (
    HELD,
    PERCENTILES,
    Intensities,
    PlateIntensities,
    is_brighter,
    measure,
    noise,
)
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.object_sizes import typical_diameter
from moascope.segmentation.engines.options.classical import USUAL_DIAMETER, ClassicalOptions
from moascope.segmentation.image_scale import diameter_of_job, sample
from moascope.segmentation.implementations.base import Job, Loaded
from moascope.segmentation.instances import fill_holes, tidied
from moascope.segmentation.object_size import diameter_of_foreground, told_diameter
from moascope.segmentation.parameter_search import search

POLARITIES = ("bright", "dark")
THRESHOLDS: dict[str, Callable[[NDArray[np.float32]], float]] = {
    "otsu": threshold_otsu,
    "triangle": threshold_triangle,
    "local": threshold_otsu,  # of the image less its surroundings
}
"""How a threshold is found, by the value of the key `threshold`."""

_TUNED_ON = 24  # validation images; more change nothing but the time that it takes

_NOISE_FLOOR = 5.0
"""Objects rise above the background by so many standard deviations of its smoothed noise."""
_BACKGROUND = 2.33
"""Standard deviations from the percentile 1 of noise to its mean."""


@dataclass(frozen=True)
class ClassicalParameters:
    """Parameters of `segment_classical`.

    Lengths are in diameters of an object, areas in areas of a disc of this diameter.
    """

    channel: int = 0
    """Which channel shows the objects, from 0."""
    diameter: float = USUAL_DIAMETER
    """Usual diameter of an object in px."""
    polarity: str = "bright"
    """`bright` objects on a dark background, or `dark` ones on a bright background."""
    threshold: str = "otsu"
    """`otsu` or `triangle`, of the intensities above the darkest percent of the pixels; or `local`,
    Otsu's of how much brighter pixels are than their surroundings."""
    smoothing: float = 0.05
    """Standard deviation of the Gaussian that smoothes the image; 0: none."""
    threshold_correction: float = 0.8
    """The threshold is multiplied by this."""
    local_weight: float = 1.0
    """An object is also this many times as bright as its surroundings; 0: no such condition."""
    local_radius: float = 1.5
    """Standard deviation of the Gaussian that averages the surroundings."""
    min_distance: float = 0.3
    """Smallest distance between the centres of two objects, to each side."""
    relief_smoothing: float = 0.05
    """Standard deviation of the Gaussian that smoothes the distance to the background."""
    min_area: float = 0.064
    """Smaller objects are removed, and smaller holes filled."""
    clear_border: bool = False
    """Remove objects that touch the border of the image."""
    pixel_size_um: float | None = None
    """Width in micrometres of the pixels in which the diameter is given; None: not known."""

    def px(self, length: float) -> float:
        """Convert diameters to px."""
        return length * self.diameter

    def pixels(self, area: float) -> int:
        """Convert discs to whole px, at least 1."""
        return max(1, round(area * math.pi / 4 * self.diameter**2))


CLASSICAL_GRID: dict[str, Sequence[float]] = {
    "threshold_correction": (0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2),
    "local_weight": (0.0, 0.8, 1.0, 1.2),
    "local_radius": (0.75, 1.5, 3.0),
    "min_distance": (0.15, 0.25, 0.4, 0.6, 1.0),
    "relief_smoothing": (0.025, 0.05, 0.1),
    "smoothing": (0.025, 0.05, 0.1),
    "min_area": (0.032, 0.064, 0.128, 0.256),
}
"""Values that `tune_classical` tries."""


def parameters_of(
    options: ClassicalOptions,
    stored: ClassicalParameters | None = None,
    *,
    diameter: float | None = None,
) -> ClassicalParameters:
    """Return parameters: those that the user set, then stored ones, then the defaults.

    Parameters
    ----------
    options : ClassicalOptions
        Of the engine; `min_area` is in px. None: not set.
    stored : ClassicalParameters or None
        Chosen by `tune_classical`.
    diameter : float or None
        Usual diameter in px that was measured in the images to segment; None: the one that the user
        told, then the stored one, then the default.

    Returns
    -------
    ClassicalParameters
        Ready to segment.
    """
    parameters = stored or ClassicalParameters()
    keys = ("polarity", "threshold", "smoothing", "threshold_correction", "min_distance")
    values = options.model_dump(include=set(keys))
    given = {key: value for key, value in values.items() if value is not None}
    if diameter is None:
        diameter = told_diameter(options)
    if diameter is not None:
        given["diameter"] = diameter
    parameters = replace(parameters, **given)
    if options.min_area is not None:
        discs = options.min_area / (math.pi / 4 * parameters.diameter**2)
        parameters = replace(parameters, min_area=discs)
    return parameters


def load(job: Job) -> Loaded:
    """Fit the parameters of a job to the size of the objects in its images.

    Parameters
    ----------
    job : Job
        With `ClassicalOptions`; `given` as of `image_scale.diameter_of_job`.

    Returns
    -------
    Loaded
        Ready to segment.
    """
    options = restore(ClassicalOptions, job.options)
    diameter = diameter_of_job(job.given, options)
    parameters = parameters_of(options, _stored(job), diameter=diameter)
    return Loaded(Classical(parameters), job.channels)


def measure_size(job: Job) -> dict[str, Any]:
    """Estimate the usual diameter of objects in some images of a job, ready for JSON."""
    images, _ = sample(job.given, job.channels)
    parameters = parameters_of(restore(ClassicalOptions, job.options), _stored(job))
    return {"diameter": estimate_diameter(images, parameters), "n_images": len(images)}


def tune_job(job: Job, annotated: AnnotatedSet) -> None:
    """Tune the parameters on validation images, and write them as JSON."""
    rows = annotated.spread("validation", _TUNED_ON)
    samples = [(annotated.image(row), annotated.labels(row)) for row in rows]
    options = restore(ClassicalOptions, job.options)
    parameters = tune_with(options, samples, groups=annotated.groups(rows))
    write_json(asdict(parameters), job.out["model"])


def _stored(job: Job) -> ClassicalParameters | None:
    """Read tuned parameters; None where the engine was not tuned."""
    if "model" not in job.given:
        return None
    values: dict[str, Any] = read_json(job.given["model"])
    return ClassicalParameters(**values)


class Classical:
    """The classical engine, see `segment_classical`.

    Parameters
    ----------
    parameters : ClassicalParameters
        How objects are told from the background and from each other.
    """

    def __init__(self, parameters: ClassicalParameters) -> None:
        self.parameters = parameters
        self._plate: PlateThreshold | None = None

    def hold_to(self, images: Iterable[NDArray[np.generic]]) -> None:
        """Restrict thresholds to those of raw images (C, Y, X) of a plate, at least one."""
        self._plate = PlateThreshold.of(images, self.parameters)

    def predict(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Segment an image (C, Y, X) of raw intensities."""
        return segment_classical(image, self.parameters, self._plate)

    def label(self, predicted: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the objects as they are."""
        return predicted

    def __call__(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Find the objects (Y, X) of an image (C, Y, X) of raw intensities; 0 is background."""
        return self.predict(image)


@dataclass(frozen=True)
class PlateThreshold:
    """Intensities and threshold of a plate, to which those of its images are held."""

    span: float
    """See `Intensities`."""
    threshold: float
    """Median over images, before it is corrected."""

    @classmethod
    def of(
        cls, images: Iterable[NDArray[np.generic]], parameters: ClassicalParameters
    ) -> PlateThreshold:
        """Measure images (C, Y, X) of raw intensities, read one after the other."""
        measured: list[Intensities] = []
        thresholds: list[float] = []
        for image in images:
            plane = _plane(image, parameters)
            measured.append(measure(plane[None]))
            thresholds.append(
                _threshold(_relief(_smoothed(plane, parameters), parameters), parameters)
            )
        typical = PlateIntensities.typical_of(measured).typical
        return cls(float(typical.floored_span()[0]), float(np.median(thresholds)))

    def hold(self, plane: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[float, float]]:
        """Return a plane without the shine of debris, and limits of its threshold."""
        least, most = (factor * self.threshold for factor in HELD)
        low, limit = float(np.percentile(plane, PERCENTILES[0])), HELD[1] * self.span
        if is_brighter(plane, low, limit):
            return plane, (least, math.inf)
        if plane.max() > low + limit:
            # Debris would raise the threshold, and darken what is around it.
            plane = np.minimum(plane, np.float32(low + self.span))
        return plane, (least, most)


def segment_classical(
    image: NDArray[np.generic],
    parameters: ClassicalParameters,
    plate: PlateThreshold | None = None,
) -> NDArray[np.int32]:
    """Find objects: a threshold, then a watershed on the distance to the background.

    Parameters
    ----------
    image : (C, Y, X) array
        Raw intensities.
    parameters : ClassicalParameters
        How.
    plate : PlateThreshold or None
        Of the plate that the image is on: debris counts as the brightest of its intensities, and
        the threshold is between half and twice that of the plate, unless the image is brighter as a
        whole.

    Returns
    -------
    (Y, X) int32
        0 is background, objects are 1 .. n. They rise above the background by five standard
        deviations of the noise, so that n is 0 in an image of noise alone, or a constant one.

    Raises
    ------
    InputError
        If the image has no such channel, or an option is unknown.
    """
    mask = _foreground(image, parameters, plate)
    distance = ndimage.distance_transform_edt(mask).astype(np.float32)
    distance = ndimage.gaussian_filter(distance, parameters.px(parameters.relief_smoothing))
    reach = max(1, round(parameters.px(parameters.min_distance)))
    highest_around = ndimage.maximum_filter(distance, 2 * reach + 1)
    # Centres that touch by a corner are one plateau.
    centres, _ = ndimage.label((distance == highest_around) & mask, np.ones((3, 3)))
    labels = watershed(-distance, centres.astype(np.int32), mask=mask)
    smallest = parameters.pixels(parameters.min_area)
    return tidied(fill_holes(labels), smallest, parameters.clear_border)


def tune_classical(
    samples: Iterable[tuple[NDArray[np.generic], NDArray[np.integer[Any]]]],
    grid: Mapping[str, Sequence[Any]] = CLASSICAL_GRID,
    start: ClassicalParameters | None = None,
    *,
    groups: Sequence[str] | None = None,
) -> tuple[ClassicalParameters, pd.DataFrame]:
    """Choose the parameters of the classical engine on images with reference masks.

    Parameters
    ----------
    samples : iterable of ((C, Y, X) array, (Y, X) int)
        Images and their true labels; see `moascope.segmentation.parameter_search.search`.
    grid : mapping of str to sequence
        Values to try for parameters.
    start : ClassicalParameters or None
        Where to begin; None: the defaults.
    groups : sequence or None
        What each image belongs to, see `parameter_search.search`.

    Returns
    -------
    best : ClassicalParameters
        What was chosen, see `parameter_search.search`.
    tried : pandas.DataFrame
        One row per set of parameters, the chosen first.
    """
    start = start or ClassicalParameters()
    return search(segment_classical, samples, grid, start, groups=groups)


def tune_with(
    options: ClassicalOptions,
    samples: Sequence[tuple[NDArray[np.generic], NDArray[np.integer[Any]]]],
    *,
    groups: Sequence[str] | None = None,
) -> ClassicalParameters:
    """Tune all parameters that the user did not set, for objects of the size of the known ones.

    Parameters
    ----------
    options : ClassicalOptions
        Of the engine, see `parameters_of`.
    samples : sequence of ((C, Y, X) array, (Y, X) int)
        Images and their true labels.
    groups : sequence or None
        What each image belongs to, see `parameter_search.search`.

    Returns
    -------
    ClassicalParameters
        What was chosen.
    """
    known = told_diameter(options) or typical_diameter(labels for _, labels in samples)
    start = parameters_of(options, diameter=known)
    grid = {
        key: values for key, values in CLASSICAL_GRID.items() if getattr(options, key, None) is None
    }
    return tune_classical(samples, grid, start, groups=groups)[0]


def estimate_diameter(
    images: Iterable[NDArray[np.generic]], parameters: ClassicalParameters
) -> float | None:
    """Estimate the usual diameter of the objects in some images, whatever was expected.

    Parameters
    ----------
    images : iterable of (C, Y, X) array
        Raw intensities.
    parameters : ClassicalParameters
        How objects are told from the background. Conditions that depend on their size are left out.

    Returns
    -------
    float or None
        Pixels: the median over images, see `object_size.diameter_of_foreground`; None without any
        foreground.
    """
    free = replace(parameters, diameter=USUAL_DIAMETER, local_weight=0.0, min_area=0.0)
    found = [diameter_of_foreground(_foreground(image, free, None)) for image in images]
    known = [diameter for diameter in found if diameter is not None]
    return float(np.median(known)) if known else None


# --- foreground -------------------------------------------------------------------------------


def _plane(image: NDArray[np.generic], parameters: ClassicalParameters) -> NDArray[np.float32]:
    """Return the channel of an image, with objects brighter than the background."""
    if not 0 <= parameters.channel < len(image):
        raise InputError(
            f"channel {parameters.channel} is to be segmented, but the image has {len(image)} "
            "channels, counted from 0. Choose another channel."
        )
    for name, choices in {"polarity": POLARITIES, "threshold": THRESHOLDS}.items():
        if getattr(parameters, name) not in choices:
            raise InputError(
                f"{name}: {getattr(parameters, name)!r} is none of {', '.join(choices)}"
            )
    plane = image[parameters.channel].astype(np.float32)
    return -plane if parameters.polarity == "dark" else plane


def _foreground(
    image: NDArray[np.generic], parameters: ClassicalParameters, plate: PlateThreshold | None
) -> NDArray[np.bool_]:
    plane = _plane(image, parameters)
    floor = _noise_floor(image[parameters.channel], parameters)
    limits = (0.0, math.inf)
    if plate is not None:
        plane, limits = plate.hold(plane)
    above = _smoothed(plane, parameters)
    if above.max() <= above.min():
        return np.zeros(above.shape, bool)
    relief = _relief(above, parameters)
    threshold = min(max(_threshold(relief, parameters), limits[0]), limits[1])
    mask = relief > max(threshold * parameters.threshold_correction, floor)
    if parameters.threshold != "local" and parameters.local_weight:
        around = _blur(above, parameters.px(parameters.local_radius))
        mask &= above > around * parameters.local_weight
    return remove_small_holes(mask, max_size=parameters.pixels(parameters.min_area))


def _smoothed(plane: NDArray[np.float32], parameters: ClassicalParameters) -> NDArray[np.float32]:
    """Smooth a plane, and count its intensities from the percentile 1."""
    above = ndimage.gaussian_filter(plane, parameters.px(parameters.smoothing))
    return above - np.float32(np.percentile(above, 1))


def _relief(above: NDArray[np.float32], parameters: ClassicalParameters) -> NDArray[np.float32]:
    """Return what the threshold is found in: a smoothed plane, or this less its surroundings."""
    if parameters.threshold != "local":
        return above
    return above - _blur(above, parameters.px(parameters.local_radius))


def _threshold(relief: NDArray[np.float32], parameters: ClassicalParameters) -> float:
    if relief.max() <= relief.min():
        return 0.0
    return float(THRESHOLDS[parameters.threshold](relief))


def _noise_floor(plane: NDArray[np.generic], parameters: ClassicalParameters) -> float:
    """Compute the smallest threshold that noise hardly ever exceeds."""
    deviation = parameters.px(parameters.smoothing)
    impulse = np.eye(1, 2 * math.ceil(4 * deviation) + 1, math.ceil(4 * deviation))[0]
    # White noise shrinks by the norm of the kernel, which is the product of that of both axes.
    kernel = ndimage.gaussian_filter1d(impulse, deviation) if deviation else impulse
    spread = noise(plane) * float((kernel**2).sum())
    offset = 0.0 if parameters.threshold == "local" else _BACKGROUND
    return (offset + _NOISE_FLOOR) * spread


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
