"""Foreground of images, by brightness or, in brightfield, by texture.

A pixel is foreground where its signal is above the threshold of the plate and channel. The signal
is the intensity, or for brightfield channels the local standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

_SMOOTHING = 1.0  # px, standard deviation of the Gaussian before texture is measured
_WINDOW = 7  # px, side of the squares whose standard deviation is texture
# White noise keeps 1 / (2 sqrt(pi) s) of its standard deviation after a Gaussian of s px.
_NOISE_LEFT = 1 / (2 * np.sqrt(np.pi) * _SMOOTHING)
_ABOVE_NOISE = 3.0
_ROUNDING = 1 / np.sqrt(12)  # standard deviation of what rounding to whole numbers adds


def signal(images: np.ndarray, is_brightfield: Sequence[bool]) -> np.ndarray:
    """Compute the signal that is compared with the threshold of the foreground.

    Parameters
    ----------
    images : array (n, C, Y, X)
        Raw pixels, any real dtype.
    is_brightfield : sequence of bool
        By channel.

    Returns
    -------
    array (n, C, Y, X)
        `images` itself without brightfield channels; else float32, with the texture of these.
    """
    if not any(is_brightfield):
        return images
    result = images.astype(np.float32)
    for channel in np.flatnonzero(is_brightfield):
        for image, target in zip(images[:, channel], result[:, channel], strict=True):
            target[:] = texture(image)
    return result


def texture(image: np.ndarray) -> np.ndarray:
    """Compute the local standard deviation of a slightly smoothed image.

    Parameters
    ----------
    image : array (Y, X)
        Any real dtype.

    Returns
    -------
    array (Y, X), float64
        In the units of the pixels; the same for an object that is darker than its surroundings as
        for one that is brighter.
    """
    smooth = ndimage.gaussian_filter(image.astype(np.float64) - float(image.mean()), _SMOOTHING)
    mean = ndimage.uniform_filter(smooth, _WINDOW)
    square = ndimage.uniform_filter(smooth**2, _WINDOW)
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)))


def noise_level(image: np.ndarray) -> float:
    """Estimate the standard deviation of the noise of an image.

    The image is filtered with the difference of two Laplacians, which hardly sees structure
    (Immerkaer 1996, doi:10.1006/cviu.1996.0060); the median ignores the edges that are left.

    Parameters
    ----------
    image : array (Y, X)
        Any real dtype.

    Returns
    -------
    float
        In the units of the pixels.
    """
    second = np.array([1.0, -2.0, 1.0])
    residue = ndimage.convolve(image.astype(np.float64), np.outer(second, second))
    # The squared weights sum to 36; the median absolute value of a normal variable is 0.6745.
    return float(np.median(np.abs(residue))) / (6 * 0.6745)


def texture_threshold(sketches: np.ndarray, noise: np.ndarray, *, is_rounded: bool) -> float:
    """Compute the texture above which a pixel of this plate and brightfield channel is foreground.

    Otsu's threshold of the pooled logarithms, and at least three times the texture of noise alone,
    which is what is left on an empty plate.

    Parameters
    ----------
    sketches : array (n, Q)
        Evenly spaced quantiles of the `texture` of each image, ascending.
    noise : array (n,)
        Noise level of each image.
    is_rounded : bool
        Whether pixels are whole numbers.

    Returns
    -------
    float
        In the units of the pixels.
    """
    level = max(float(np.median(noise)), _ROUNDING if is_rounded else 0.0)
    least = _ABOVE_NOISE * _NOISE_LEFT * level
    lowest = max(least / _ABOVE_NOISE, 1e-6 * float(sketches.max()), np.finfo(np.float32).tiny)
    pooled = np.sort(np.log(np.maximum(sketches.astype(np.float64), lowest)), axis=None)
    return max(float(np.exp(_otsu(pooled))), least)


def foreground_threshold(sketches: np.ndarray) -> float:
    """Compute the intensity above which a pixel of this plate and channel is foreground.

    Otsu's threshold of the pooled pixels of the plate, on a scale that is linear within the
    background noise and logarithmic above it so that dim cells count too. Pooling is what makes an
    empty site come out empty: Otsu on that site alone would split its noise. The threshold is at
    least five noise deviations above background, which is what is left on an empty plate.

    Parameters
    ----------
    sketches : array (n, Q)
        Evenly spaced quantiles of each image, ascending.

    Returns
    -------
    float
        In the units of the pixels.
    """
    one, five = (int(q * (sketches.shape[1] - 1)) for q in (0.01, 0.05))
    low = float(np.median(sketches[:, one]))
    # The 5th percentile of a normal distribution is 0.68 SD above the 1st.
    noise = float(np.median(sketches[:, five] - sketches[:, one])) / 0.68
    background = low + 2.33 * noise
    pooled = np.sort(sketches, axis=None).astype(np.float64)
    scale = max(noise, 1e-3 * float(pooled[int(0.99 * len(pooled))] - low), 1e-12)
    levels = np.log1p(np.maximum(pooled - low, 0) / scale)
    otsu = low + scale * np.expm1(_otsu(levels))
    return max(otsu, background + 5 * noise)


def _otsu(ordered: np.ndarray) -> float:
    """Compute the exact threshold of Otsu (1979) of ascending values."""
    count = np.arange(1, len(ordered))
    below = np.cumsum(ordered)[:-1]
    mean = (below[-1] + ordered[-1]) / len(ordered)
    between = (below - mean * count) ** 2 / (count * (len(ordered) - count))
    best = int(np.argmax(between))
    return float((ordered[best] + ordered[best + 1]) / 2)
