"""Hand-crafted features of images, a baseline for features of networks.

Channel means and standard deviations say how bright an image is; the rest are the classic texture
measures that image-based profiling used before networks.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.core.errors import InputError
from moascope.core.files import atomic_path, read_array, read_parquet, write_array_header

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.floating[Any]]

HAND_CRAFTED = "hand-crafted"
"""The kind of the hand-crafted features, in the columns of tables and among the baselines."""

_PERCENTILES = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)
_SCALES = 4
_GRADIENT_PERCENTILES = (50.0, 90.0, 99.0)
# Values of one chunk of images: 3 MB as float32, so that intermediates stay in the cache.
_VALUES_PER_CHUNK = 800_000
# The eight neighbours of a pixel in circular order.
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def image_features(images: FloatArray, kind: str) -> npt.NDArray[np.float32]:
    """Compute simple features of every image.

    Parameters
    ----------
    images : (n, H, W, C) float16 or float32
        Units, nominal range [0, 1]; may be memory-mapped, is read in chunks.
    kind : {"channel-mean-sd", "hand-crafted"}
        Which features.

    Returns
    -------
    (n, d) float32
        ``channel-mean-sd``: d = 2 C. ``hand-crafted``: intensity percentiles, gradient magnitudes
        and local contrast at up to four scales, local binary patterns, correlations of channels;
        see `texture_features`.

    Raises
    ------
    InputError
        For another kind.
    """
    if kind not in FEATURES:
        raise InputError(
            f"baseline {kind!r} has no image features; there are {', '.join(FEATURES)}"
        )
    if len(images) == 0:
        # A plate may have lost all its images; the number of features stays the same.
        return image_features(np.zeros((1, *images.shape[1:]), np.float32), kind)[:0]
    per_image = int(np.prod(images.shape[1:]))
    chunk = max(1, _VALUES_PER_CHUNK // per_image)
    parts = [
        FEATURES[kind](np.asarray(images[start : start + chunk], dtype=np.float32))
        for start in range(0, len(images), chunk)
    ]
    features = np.concatenate(parts).astype(np.float32)
    logger.info("%s: %d features of %d images", kind, features.shape[1], len(features))
    return features


def as_columns(features: Mapping[str, npt.NDArray[np.float32]]) -> pd.DataFrame:
    """Return features as columns of a table, which `read_columns` reads.

    Parameters
    ----------
    features : mapping of str to (n, d) float32
        By kind, from `image_features`.

    Returns
    -------
    pandas.DataFrame
        n rows; columns `hand-crafted:0`, `hand-crafted:1` and so on.
    """
    columns = {
        f"{kind}:{number}": column
        for kind, values in features.items()
        for number, column in enumerate(values.T)
    }
    return pd.DataFrame(columns)


def read_columns(
    paths: Sequence[str | os.PathLike[str]],
) -> dict[str, npt.NDArray[np.float32]]:
    """Read features from tables that have the columns of `as_columns`.

    Parameters
    ----------
    paths : sequence of path
        Parquet files, at least one.

    Returns
    -------
    dict of str to (n, d) float32
        By kind, the rows of all tables one after the other.

    Raises
    ------
    InputError
        If a table has no such columns.
    """
    parts = [_features_of(path) for path in paths]
    return {kind: np.concatenate([part[kind] for part in parts]) for kind in FEATURES}


def join(
    network: str | os.PathLike[str] | None,
    tables: Sequence[str | os.PathLike[str]],
    out_npy: str | os.PathLike[str],
) -> tuple[int, int]:
    """Write the features of a network and the hand-crafted ones as one array, plate by plate.

    Parameters
    ----------
    network : path or None
        `.npy` array (n, d), float32; None where only hand-crafted features are wanted.
    tables : sequence of path
        Parquet files with the columns of `as_columns`, at least one; n rows in all.
    out_npy : path
        Gets float32 (n, d + number of hand-crafted features). Written atomically.

    Returns
    -------
    (int, int)
        The shape of what was written.

    Raises
    ------
    InputError
        If the number of rows differs, or a table has no hand-crafted features.
    """
    lengths = [_features_of(path)[HAND_CRAFTED].shape for path in tables]
    n_units, n_crafted = sum(length for length, _ in lengths), lengths[0][1]
    before = np.empty((n_units, 0)) if network is None else read_array(network, mapped=True)
    if len(before) != n_units:
        raise InputError(
            f"{os.fspath(network or '')}: features of {len(before)} units, but the tables have "
            f"{n_units}. Delete the file and run again."
        )
    shape, start = (n_units, before.shape[1] + n_crafted), 0
    with atomic_path(out_npy) as temporary, temporary.open("wb") as file:
        write_array_header(file, np.float32, shape)
        for path, (length, _) in zip(tables, lengths, strict=True):
            parts = [before[start : start + length], _features_of(path)[HAND_CRAFTED]]
            file.write(np.concatenate(parts, axis=1).astype(np.float32, order="C").data)
            start += length
    return shape


def _features_of(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[np.float32]]:
    table, features = read_parquet(path), {}
    for kind in FEATURES:
        names = [name for name in table.columns if name.startswith(f"{kind}:")]
        if not names:
            raise InputError(
                f"{os.fspath(path)}: has no {kind} features; another version of the workflow wrote "
                "it. Delete it and run again."
            )
        features[kind] = table[names].to_numpy(np.float32)
    return features


def channel_mean_sd(images: FloatArray) -> FloatArray:
    """Compute mean and standard deviation of each channel, (n, 2 C), of images (n, H, W, C)."""
    return _moments(_planes(images))


def texture_features(images: FloatArray) -> FloatArray:
    """Compute classic texture features of images (n, H, W, C), (n, d).

    - intensity: mean, SD and percentiles per channel;
    - per scale (halving the image each time while its side stays at least 16 px): mean, SD and
      percentiles of the gradient magnitude, mean and SD of the Laplacian's magnitude (how much
      structure there is at that size, a granularity spectrum), and the correlation of each pair
      of channels in intensity and in gradient magnitude;
    - uniform rotation-invariant local binary patterns (Ojala et al., 2002) per channel at the
      first two scales.
    """
    planes = _planes(images)
    parts = [_intensity(planes)]
    for scale in range(_SCALES):
        if scale > 0:
            planes = _halve(planes)
        if min(planes.shape[2:]) < 8:
            break
        gradient = _gradient_magnitude(planes)
        laplacian = np.abs(_laplacian(planes))
        parts += [
            _moments(gradient),
            _percentiles(gradient, _GRADIENT_PERCENTILES),
            _moments(laplacian),
            _channel_correlations(planes),
            _channel_correlations(gradient),
        ]
        if scale < 2:
            parts.append(_binary_patterns(planes))
    return np.concatenate(parts, axis=1)


FEATURES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "channel-mean-sd": channel_mean_sd,
    HAND_CRAFTED: texture_features,
}
"""Image features by the name of their baseline."""


def _flat(planes: FloatArray) -> FloatArray:
    """Return the pixels on the last axis: (n, C, H * W)."""
    return planes.reshape(*planes.shape[:2], -1)


def _per_image(values: FloatArray) -> FloatArray:
    """Return all values of an image in one row: (n, ...) to (n, d)."""
    return values.reshape(len(values), -1)


def _moments(planes: FloatArray) -> FloatArray:
    """Compute mean and standard deviation per channel, (n, 2 C)."""
    pixels = _flat(planes)
    return np.concatenate([pixels.mean(axis=2), pixels.std(axis=2)], axis=1)


def _percentiles(planes: FloatArray, which: Sequence[float]) -> FloatArray:
    """Compute percentiles per channel (nearest lower rank), (n, C * len(which))."""
    pixels = _flat(planes)
    ranks = (np.asarray(which) / 100 * (pixels.shape[2] - 1)).astype(int)
    return _per_image(np.sort(pixels, axis=2)[:, :, ranks])


def _intensity(planes: FloatArray) -> FloatArray:
    """Compute moments and percentiles of the pixel values per channel."""
    return np.concatenate([_moments(planes), _percentiles(planes, _PERCENTILES)], axis=1)


def _halve(planes: FloatArray) -> FloatArray:
    """Compute means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = planes.shape[2] // 2 * 2, planes.shape[3] // 2 * 2
    rows = planes[:, :, 0:height:2, :width] + planes[:, :, 1:height:2, :width]
    return (rows[..., 0::2] + rows[..., 1::2]) / 4


def _gradient_magnitude(planes: FloatArray) -> FloatArray:
    """Compute the length of the gradient (central differences), (n, C, H - 2, W - 2)."""
    dy = planes[:, :, 2:, 1:-1] - planes[:, :, :-2, 1:-1]
    dx = planes[:, :, 1:-1, 2:] - planes[:, :, 1:-1, :-2]
    return np.sqrt(dx * dx + dy * dy) / 2


def _laplacian(planes: FloatArray) -> FloatArray:
    """Compute the five-point Laplacian of inner pixels, (n, C, H - 2, W - 2)."""
    neighbours = planes[:, :, 2:, 1:-1] + planes[:, :, :-2, 1:-1]
    neighbours += planes[:, :, 1:-1, 2:]
    neighbours += planes[:, :, 1:-1, :-2]
    return neighbours - 4 * planes[:, :, 1:-1, 1:-1]


def _channel_correlations(planes: FloatArray) -> FloatArray:
    """Compute the Pearson correlation of each pair of channels, (n, C (C - 1) / 2).

    It is 0 where a channel is constant.
    """
    pixels = _flat(planes)
    pixels = pixels - pixels.mean(axis=2, keepdims=True)
    products = pixels @ pixels.transpose(0, 2, 1)
    sd = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    norms = sd[:, :, None] * sd[:, None, :]
    correlations = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    first, second = np.triu_indices(pixels.shape[1], k=1)
    return correlations[:, first, second]


def _binary_patterns(planes: FloatArray) -> FloatArray:
    """Compute the shares of the ten uniform rotation-invariant local binary patterns, (n, 10 C)."""
    height, width = planes.shape[2:]
    inner = planes[:, :, 1:-1, 1:-1]
    code = np.zeros(inner.shape, dtype=np.uint8)
    for bit, (dy, dx) in enumerate(_NEIGHBOURS):
        shifted = planes[:, :, 1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]
        code |= (shifted >= inner).view(np.uint8) << bit
    n_planes = planes.shape[0] * planes.shape[1]
    offsets = 256 * np.arange(n_planes)[:, None]
    codes = code.reshape(n_planes, -1) + offsets
    shares = np.bincount(codes.ravel(), minlength=256 * n_planes) / codes.shape[1]
    return (shares.reshape(n_planes, 256) @ _PATTERN_OF_CODE).reshape(len(planes), -1)


def _pattern_of_code() -> npt.NDArray[np.float64]:
    """Which pattern a code is, one-hot, (256, 10).

    0-8, the number of brighter neighbours, where these lie side by side; 9 for all others.
    """
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.eye(10)[np.where(changes <= 2, bits.sum(axis=1), 9)]


_PATTERN_OF_CODE = _pattern_of_code()


def _planes(images: FloatArray) -> FloatArray:
    """Return images channel-first: (n, H, W, C) to (n, C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))
