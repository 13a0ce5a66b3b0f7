"""Intensity ranges of images: percentiles, camera noise, and the typical range of a plate.

Engines and textures scale intensities. A range that follows each image alone turns the noise of an
empty well into contrast, and debris darkens all cells next to it. So the range of an image is at
least some camera noise wide, and on a plate it is held to that of the plate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Range = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Intensities (C,), (C,) that become 0 and 1."""

PERCENTILES = (1.0, 99.8)
"""Intensities that become 0 and 1."""
NOISE_SPAN = 15.0
"""Standard deviations of the camera noise that a range spans at least. Noise alone spans 5 between
`PERCENTILES`; images with objects that were looked at span 18 and more."""
HELD = (0.5, 2.0)
"""Limits of the span of an image on a plate, in spans of the plate."""

_DEBRIS = 0.08  # share of the pixels; debris hardly ever covers more, overexposed cells do
_NOISE_PIXELS = 1 << 20  # px; as many are enough to estimate the noise from
_BAND = 64  # px: rows of an image that are looked at together
_QUANTIZATION = 1 / np.sqrt(12)  # SD of rounding to whole numbers


def scaled(
    image: NDArray[np.generic], low: NDArray[np.floating[Any]], high: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Scale every channel from its range to 0 .. 1, without a limit above or below.

    Parameters
    ----------
    image : (C, Y, X) array
        Raw intensities.
    low, high : (C,) float
        From `range_of` the whole image.

    Returns
    -------
    (C, Y, X) float32
        A channel with an empty range, such as a constant one, is all 0.
    """
    span = np.asarray(high, np.float64) - low
    gain = np.divide(1, span, out=np.zeros_like(span), where=span > 0).astype(np.float32)
    shifted = image.astype(np.float32) - np.asarray(low, np.float32)[:, None, None]
    shifted *= gain[:, None, None]
    return shifted


def percentiles(image: NDArray[Any]) -> Range:
    """Compute the intensities of an image of no plate that become 0 and 1, see `range_of`."""
    return range_of(image, None)


def noise(plane: NDArray[np.generic]) -> float:
    """Compute an estimate of the standard deviation of the camera noise of a plane.

    The Laplacian of Immerkaer (1996, doi:10.1006/cviu.1996.0060) cancels slopes and edges; the
    median of its magnitude leaves out objects.

    Parameters
    ----------
    plane : (Y, X) array
        Raw intensities.

    Returns
    -------
    float
        In units of the plane, at least that of rounding in a plane of whole numbers; 0 in a
        constant plane and below 3 px a side.
    """
    if min(plane.shape) < 3 or plane.min() == plane.max():
        return 0.0
    step = _BAND * max(1, -(-plane.size // _NOISE_PIXELS))
    bands = (plane[y : y + _BAND] for y in range(0, len(plane), step))
    curvature = [_laplacian(band.astype(np.float32)).ravel() for band in bands if len(band) > 2]
    spread = float(np.median(np.abs(np.concatenate(curvature)))) / (0.6745 * 6)
    return max(spread, _QUANTIZATION) if plane.dtype.kind in "iu" else spread


def _laplacian(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute second differences along one axis, then the other; white noise of SD 1 has SD 6."""
    return np.diff(np.diff(plane, 2, axis=0), 2, axis=1)


@dataclass(frozen=True)
class Intensities:
    """Typical intensities of every channel of an image or a plate, each (C,) float64."""

    low: NDArray[np.float64]
    """Percentile 1: the background."""
    span: NDArray[np.float64]
    """From there to the percentile 99.8, or to the brightest pixel where both are equal. Cellpose
    takes the percentile 99."""
    noise: NDArray[np.float64]
    """Standard deviation of the camera noise."""

    def floored_span(self) -> NDArray[np.float64]:
        """Return the span, or that of the noise where this is wider; 0 in a constant channel."""
        return np.maximum(self.span, NOISE_SPAN * self.noise)


def measure(image: NDArray[Any], top: float = PERCENTILES[1]) -> Intensities:
    """Measure the intensities of an image (C, Y, X) between the percentiles 1 and `top`."""
    # Channel by channel, since each is copied.
    limits = [np.percentile(plane, (PERCENTILES[0], top)) for plane in image]
    low, high = np.array(limits, np.float64).T
    high = np.where(high > low, high, image.max(axis=(1, 2)))
    return Intensities(low, high - low, np.array([noise(plane) for plane in image]))


@dataclass(frozen=True)
class PlateIntensities:
    """The range of intensities of a plate, to which those of its images are held."""

    typical: Intensities
    """Medians over images of the plate."""

    @classmethod
    def of(cls, images: Iterable[NDArray[Any]], top: float = PERCENTILES[1]) -> PlateIntensities:
        """Measure images (C, Y, X) of a plate, at least one; they are read one after the other."""
        return cls.typical_of([measure(image, top) for image in images])

    @classmethod
    def typical_of(cls, measured: Sequence[Intensities]) -> PlateIntensities:
        """Compute the medians of images that were measured, at least one."""
        medians = {
            field.name: np.median([getattr(image, field.name) for image in measured], axis=0)
            for field in fields(Intensities)
        }
        return cls(Intensities(**medians))

    def held(
        self, image: NDArray[Any], own: Intensities, top: float = PERCENTILES[1]
    ) -> NDArray[np.float64]:
        """Return the spans (C,) of an image (C, Y, X), whose own are given, held to the plate's."""
        least, most = (factor * self.typical.floored_span() for factor in HELD)
        spans = np.clip(own.span, least, most)
        for channel in np.flatnonzero((own.span > most) & (most > 0)):
            limits = image[channel], float(own.low[channel]), float(most[channel])
            if is_brighter(*limits):
                spans[channel] = own.span[channel]
            else:
                spans[channel] = max(_usual_span(*limits, top), least[channel])
        return spans

    def whole(self) -> Range:
        """Return the range of the plate, the same for all of its images."""
        return self.typical.low, self.typical.low + self.typical.floored_span()


def range_of(
    image: NDArray[Any], plate: PlateIntensities | None, top: float = PERCENTILES[1]
) -> Range:
    """Compute the intensities of an image that become 0 and 1, on a plate or alone.

    Parameters
    ----------
    image : (C, Y, X) array
        Raw intensities.
    plate : PlateIntensities or None
        Of the plate that the image is on.
    top : float
        The percentile that becomes 1.

    Returns
    -------
    low, high : (C,) float64
        The percentiles 1 and `top` of every channel. Where so few pixels are bright that both are
        equal, `high` is the brightest pixel. On a plate their span is held to between half and
        twice that of the plate, and pixels beyond that, such as debris, do not count. Where they
        are more than 8 % of the image, it is brighter as a whole and keeps its span. `low` is the
        image's own, since debris does not reach it, and medium or compounds may shine. In any case
        the span is at least `NOISE_SPAN` standard deviations of the noise.
    """
    own = measure(image, top)
    span = own.span
    if plate is not None:
        span = plate.held(image, own, top)
    return own.low, own.low + np.maximum(span, NOISE_SPAN * own.noise)


def is_brighter(plane: NDArray[Any], low: float, limit: float) -> bool:
    """Return whether an image as a whole, not just debris in it, reaches `limit` above `low`."""
    return float((plane > low + limit).mean()) > _DEBRIS


def _usual_span(plane: NDArray[Any], low: float, limit: float, top: float) -> float:
    """Return the span of pixels that are at most `limit` above `low`, which leaves out debris."""
    return float(np.percentile(plane[plane <= low + limit], top) - low)
