"""Pairs of unit images that show the same picture, or adjacent crops of one field."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from moascope.core.errors import InputError
from moascope.core.files import read_array
from moascope.splits.image_overlaps import area_weights, grow_leaves, reduce_to_details

log = logging.getLogger(__name__)

THUMBNAIL_SIDE = 16
EDGE_LENGTH = 48
# Depth of a border strip: averages out noise, but still shows structures that continue.
EDGE_DEPTH = 6 / 256
RIGHT, LEFT, BOTTOM, TOP = range(4)

# Channels that vary less than this (range 0 to 1) over a thumbnail or edge are ignored.
_FLAT = 1e-4
# Smooth backgrounds correlate by chance, so the fine structure must correlate as well.
_MIN_FINE_CORRELATION = 0.9
_MIN_EDGE_CORRELATION = 0.5
# Expected number of false adjacent pairs per audit.
_FALSE_PAIRS = 0.01
_N_REFERENCES = 512
MIN_UNITS = 8
_CHUNK = 1024
MAX_PAIRS = 100_000
# More units than this are compared within random trees.
_MAX_ALL_PAIRS = 20_000
_TREES = 4


@dataclass(frozen=True)
class UnitImages:
    """Reduced images of all units, as the audit compares them.

    `thumbnails` is float16 (n, 16, 16, channels), the image averaged over a coarse grid; `edges`
    is float16 (n, 4, 48, channels), the profile along a thin strip at the right, left, bottom and
    top border. Both in the range of the units, nominally 0 to 1. `details` is int8 (n, 48, 48,
    channels), see `overlaps.reduce_to_details`. About 10 kB per unit of three channels.
    """

    thumbnails: np.ndarray
    edges: np.ndarray
    details: np.ndarray


def reduce_images(
    stores: Iterable[str | os.PathLike[str] | np.ndarray], chunk: int = 128
) -> UnitImages:
    """Compute thumbnails, border profiles and details of unit images, a chunk at a time.

    Parameters
    ----------
    stores : iterable of path or array
        Arrays (n, height, width, channels) in the order of the units table, or paths of `.npy`
        files with such arrays, which are memory-mapped.
    chunk : int
        How many images are in memory at once.

    Returns
    -------
    UnitImages
        For all units of all stores, in order.

    Raises
    ------
    InputError
        If there is no store, or stores differ in their number of channels.
    """
    thumbnails, edges, details = [], [], []
    for store in stores:
        array = store if isinstance(store, np.ndarray) else read_array(store, mapped=True)
        for start in range(0, len(array), chunk):
            images = np.asarray(array[start : start + chunk], dtype=np.float32)
            thumbnails.append(_thumbnails(images))
            edges.append(_edges(images))
            details.append(reduce_to_details(images))
    if not thumbnails:
        raise InputError("leakage audit: there are no unit images to look at")
    channels = sorted({part.shape[-1] for part in thumbnails})
    if len(channels) > 1:
        raise InputError(f"leakage audit: unit images have differing channel counts, {channels}")
    return UnitImages(
        thumbnails=np.concatenate(thumbnails),
        edges=np.concatenate(edges),
        details=np.concatenate(details),
    )


def near_duplicates(
    thumbnails: np.ndarray, min_correlation: float, orientations: bool = False
) -> pd.DataFrame:
    """Find pairs of units that show the same picture.

    Parameters
    ----------
    thumbnails : float array (n, side, side, channels)
        See `UnitImages`.
    min_correlation : float
        Pearson correlation over all pixels, averaged over the channels, from which on two
        thumbnails count as the same picture.
    orientations : bool
        Whether one of them may be turned by quarter turns or mirrored.

    Returns
    -------
    pandas.DataFrame
        Columns a, b (row numbers, a < b), correlation; at most 100,000 rows. `attrs["stopped"]`
        tells whether there may be more.

    Notes
    -----
    Up to 20,000 units are all compared with each other. More are compared within the leaves of
    four random trees and upright only, so that the cost grows as n log n; a pair at the limit may
    then be missed. `overlaps.find_overlaps` finds copies too, also turned ones.
    """
    shape = thumbnails.shape[1:]
    vectors = np.concatenate(
        [
            _standardize(thumbnails[start : start + _CHUNK].astype(np.float32), (1, 2))
            for start in range(0, len(thumbnails), _CHUNK)
        ]
    ).reshape(len(thumbnails), -1)
    shown = np.flatnonzero(vectors.any(axis=1))
    vectors = vectors[shown]
    # For unit vectors r = 1 - |x - y|^2 / 2, and a projection P never lengthens x - y. So
    # Px.Py - |Px|^2 / 2 - |Py|^2 / 2 >= r - 1: this fast filter keeps all pairs.
    basis = _main_directions(vectors)
    small = vectors @ basis
    half = (small**2).sum(axis=1) / 2
    all_pairs = len(vectors) <= _MAX_ALL_PAIRS
    parts, n_found = [_no_pairs()], 0
    for rows, others in _all_chunks(len(vectors)) if all_pairs else _leaves(small):
        for turn in range(8 if orientations and all_pairs else 1):
            turned = _turn(vectors[rows].reshape(-1, *shape), turn).reshape(len(rows), -1)
            near = turned @ basis
            bound = min_correlation - 1 - 1e-4 + (near**2).sum(axis=1, keepdims=True) / 2
            for columns in others:
                i, j = np.nonzero(near @ small[columns].T >= bound + half[columns])
                later = columns[j] > rows[i]
                i, j, r = _confirm(
                    turned, vectors[columns], i[later], j[later], min_correlation, shape
                )
                parts.append(_pairs(shown[rows[i]], shown[columns[j]], r))
                n_found += len(r)
                if n_found > MAX_PAIRS:
                    log.warning("near-duplicates: stopped looking after %d pairs", n_found)
                    return _distinct(parts, stopped=True)
    return _distinct(parts, stopped=False)


def _all_chunks(n: int) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield chunks of row numbers and all chunks from there on."""
    chunks = [np.arange(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
    for number, rows in enumerate(chunks):
        yield rows, chunks[number:]


def _leaves(vectors: np.ndarray) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield leaves of random trees, each to be compared with itself."""
    generator = np.random.default_rng(0)
    for _ in range(_TREES):
        for leaf in grow_leaves(vectors, generator, _CHUNK):
            yield leaf, [leaf]


def adjacent_crops(edges: np.ndarray, plate: np.ndarray) -> pd.DataFrame:
    """Find pairs of units whose borders continue each other.

    A pair is reported if, among all units of its plate, each border is the other one's best match,
    and if it matches clearly better than borders that cannot be neighbours (the references): those
    of a sample of other units, as they are and reversed, from this side and from the opposite one.
    How much better is needed follows from how far the best reference stands above the second best,
    since the spacing of the best values of a sample is exponential: 0.01 false pairs are to be
    expected in all. Fewer than 8 units are too few references, so nothing is reported.

    Parameters
    ----------
    edges : float array (n, 4, length, channels)
        See `UnitImages`.
    plate : int array (n,)
        Plate number of every unit; neighbours are looked for within a plate.

    Returns
    -------
    pandas.DataFrame
        Columns a, b (row numbers), correlation, direction ("right" if b continues a to the right,
        "below" if downwards).
    """
    n_units = len(edges)
    parts = [_no_pairs().assign(direction="")]
    n_references = 4 * (min(n_units, _N_REFERENCES) - 2)
    for first, second, direction in ((RIGHT, LEFT, "right"), (BOTTOM, TOP, "below")):
        if n_units < MIN_UNITS:
            break
        ends = _edge_features(edges[:, first]), _edge_features(edges[:, second])
        a, b, correlation = _mutual_best(*ends, plate)
        best, runner_up = _best_references(edges, first, second, ends, (a, b))
        spacing = max(float(np.median(best - runner_up)) / np.log(2), 0.01) if len(a) else 1.0
        margin = np.arctanh(np.minimum(correlation, 0.9999)) - best.max(axis=0)
        # Probability that a border without a neighbour exceeds all references by chance.
        n_candidates = np.bincount(plate)[plate[a]] - 1
        chance = n_candidates / (n_candidates + n_references) * np.exp(-margin / spacing)
        keep = (2 * n_units * chance <= _FALSE_PAIRS) & (correlation >= _MIN_EDGE_CORRELATION)
        parts.append(_pairs(a[keep], b[keep], correlation[keep]).assign(direction=direction))
    return pd.concat(parts, ignore_index=True)


def _pairs(a: np.ndarray, b: np.ndarray, correlation: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"a": a, "b": b, "correlation": correlation.astype(np.float64)})


def _no_pairs() -> pd.DataFrame:
    return _pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _thumbnails(images: np.ndarray) -> np.ndarray:
    n, height, width, channels = images.shape
    by_row = area_weights(height, THUMBNAIL_SIDE) @ images.reshape(n, height, width * channels)
    # Interleaved channels allow one large matrix product instead of many narrow ones.
    across = np.kron(area_weights(width, THUMBNAIL_SIDE).T, np.eye(channels, dtype=np.float32))
    small = by_row.reshape(-1, width * channels) @ across
    return small.reshape(n, THUMBNAIL_SIDE, THUMBNAIL_SIDE, channels).astype(np.float16)


def _edges(images: np.ndarray) -> np.ndarray:
    _, height, width, _ = images.shape
    deep, wide = (max(1, round(side * EDGE_DEPTH)) for side in (height, width))
    along_y, along_x = area_weights(height, EDGE_LENGTH), area_weights(width, EDGE_LENGTH)
    profiles = [
        along_y @ images[:, :, -wide:].mean(axis=2),
        along_y @ images[:, :, :wide].mean(axis=2),
        along_x @ images[:, -deep:].mean(axis=1),
        along_x @ images[:, :deep].mean(axis=1),
    ]
    return np.stack(profiles, axis=1).astype(np.float16)


def _standardize(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Scale so that a product summed over one item is the mean correlation of its channels.

    Channels without contrast become zero and do not count. Returns float32.
    """
    centred = values - values.mean(axis=axes, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=axes, keepdims=True))
    informative = spread > _FLAT
    count = np.maximum(informative.sum(axis=-1, keepdims=True), 1)
    size = np.prod([values.shape[axis] for axis in axes])
    scale = np.where(informative, 1 / (np.maximum(spread, _FLAT) * np.sqrt(count * size)), 0)
    return (centred * scale).astype(np.float32)


def _turn(images: np.ndarray, turn: int) -> np.ndarray:
    """Turn (n, side, side, channels) by `turn` quarter turns; from 4 on mirrored too."""
    mirrored = images[:, :, ::-1] if turn >= 4 else images
    return np.rot90(mirrored, turn % 4, axes=(1, 2))


def _main_directions(vectors: np.ndarray, n_directions: int = 64) -> np.ndarray:
    """Compute the main orthonormal directions (d, n_directions) of a sample of the vectors."""
    sample = vectors[:: max(1, len(vectors) // 4096)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    return directions[:, -n_directions:]


def _confirm(
    a: np.ndarray,
    b: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    min_correlation: float,
    shape: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep those candidates (rows i of a, j of b) that correlate, also in fine structure."""
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start in range(0, len(i), _CHUNK):
        part_i, part_j = i[start : start + _CHUNK], j[start : start + _CHUNK]
        r = (a[part_i] * b[part_j]).sum(axis=1)
        high = np.flatnonzero(r >= min_correlation)
        fine = _fine_correlation(a[part_i[high]], b[part_j[high]], shape)
        high = high[fine >= _MIN_FINE_CORRELATION]
        kept.append((part_i[high], part_j[high], r[high]))
    if not kept:
        return i, j, np.zeros(0, np.float32)
    kept_i, kept_j, kept_r = (np.concatenate(part) for part in zip(*kept, strict=True))
    return kept_i, kept_j, kept_r


def _distinct(parts: list[pd.DataFrame], stopped: bool) -> pd.DataFrame:
    """Join pairs; one that was found several times is kept once, at its best."""
    pairs = pd.concat(parts, ignore_index=True).sort_values("correlation", ascending=False)
    pairs = pairs.drop_duplicates(["a", "b"]).head(MAX_PAIRS)
    pairs = pairs.sort_values(["a", "b"], ignore_index=True)
    pairs.attrs["stopped"] = stopped
    return pairs


def _fine_correlation(a: np.ndarray, b: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Compute the correlation without smooth illumination, (n,)."""
    smooth = _polynomials(shape[0])
    fine = []
    for vectors in (a, b):
        pixels = vectors.reshape(len(vectors), shape[0] * shape[1], shape[2])
        channels = pixels.swapaxes(1, 2).reshape(-1, len(smooth))
        rest = channels - channels @ smooth @ smooth.T
        norm = np.linalg.norm(rest, axis=1, keepdims=True)
        informative = norm > 1e-2 * np.linalg.norm(channels, axis=1, keepdims=True)
        scaled = np.where(informative, rest / np.maximum(norm, 1e-9), 0)
        count = informative.reshape(len(vectors), shape[2]).sum(axis=1, keepdims=True)
        fine.append(scaled.reshape(vectors.shape) / np.sqrt(np.maximum(count, 1)))
    return (fine[0] * fine[1]).sum(axis=1)


@cache
def _polynomials(side: int, degree: int = 4) -> np.ndarray:
    """Compute orthonormal polynomials in x and y over a square grid, float32 (side^2, n_terms)."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].reshape(2, -1)
    terms = [y**i * x**j for i in range(degree + 1) for j in range(degree + 1 - i)]
    return np.linalg.qr(np.stack(terms, axis=1))[0].astype(np.float32)


def _edge_features(profiles: np.ndarray) -> np.ndarray:
    """Describe border profiles so that a dot product is a robust correlation, float32 (n, d).

    Ranks, so that one bright cell at the border does not decide; of the values and of their
    differences, since differences are hardly correlated from one place to the next.
    """
    parts = []
    for start in range(0, len(profiles), _CHUNK):
        values = profiles[start : start + _CHUNK].astype(np.float32)
        flat = np.ptp(values, axis=1, keepdims=True) < _FLAT
        level, step = (
            np.where(flat, 0, rankdata(part, axis=1)) for part in (values, np.diff(values, axis=1))
        )
        both = np.concatenate([level[:, 1:], step], axis=-1)
        parts.append(_standardize(both, (1,)).reshape(len(values), -1))
    return np.concatenate(parts)


def _mutual_best(
    ends: np.ndarray, starts: np.ndarray, plate: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find pairs of an end and a start that are each other's best match within a plate.

    Returns the units of the ends, those of the starts, and their correlation.
    """
    n = len(ends)
    start_of_end, value_of_end = np.full(n, -1), np.full(n, -1, np.float32)
    end_of_start, value_of_start = np.full(n, -1), np.full(n, -1, np.float32)
    for row, column in _edge_blocks(ends, starts, plate):
        similar = ends[row] @ starts[column].T
        similar[row[:, None] == column] = -1
        best, value = column[similar.argmax(axis=1)], similar.max(axis=1)
        better = value > value_of_end[row]
        start_of_end[row[better]], value_of_end[row[better]] = best[better], value[better]
        best, value = row[similar.argmax(axis=0)], similar.max(axis=0)
        better = value > value_of_start[column]
        end_of_start[column[better]], value_of_start[column[better]] = best[better], value[better]
    mutual = np.flatnonzero((start_of_end >= 0) & (end_of_start[start_of_end] == np.arange(n)))
    return mutual, start_of_end[mutual], value_of_end[mutual]


def _edge_blocks(
    ends: np.ndarray, starts: np.ndarray, plate: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield units whose ends are to be compared with the starts of other ones.

    They are of one plate. On a plate of more than 20,000 units only those are compared that random
    trees bring together.
    """
    order = np.argsort(plate, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(plate[order])) + 1):
        if 2 <= len(rows) <= _MAX_ALL_PAIRS:
            for begin in range(0, len(rows), _CHUNK):
                yield rows[begin : begin + _CHUNK], rows
        elif len(rows) > _MAX_ALL_PAIRS:
            for leaf, _ in _leaves(np.concatenate([ends[rows], starts[rows]])):
                is_end = leaf < len(rows)
                if is_end.any() and not is_end.all():
                    yield rows[leaf[is_end]], rows[leaf[~is_end] - len(rows)]


def _best_references(
    edges: np.ndarray,
    first: int,
    second: int,
    ends: tuple[np.ndarray, np.ndarray],
    pair: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Find the two best matches of both borders of every pair among impossible neighbours.

    Returns two float32 arrays (2, n_pairs), correlations as Fisher's z.
    """
    n_units = len(edges)
    generator = np.random.default_rng(0)
    sample = np.sort(generator.permutation(n_units)[:_N_REFERENCES])
    references = np.stack(
        [
            _edge_features(edges[sample, side][:, ::step])
            for side in (first, second)
            for step in (1, -1)
        ],
        axis=1,
    )
    best = np.zeros((2, len(pair[0])), np.float32)
    runner_up = np.zeros_like(best)
    for which, (features, rows) in enumerate(zip(ends, pair, strict=True)):
        for begin in range(0, len(rows), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            similar = features[rows[part]] @ references.reshape(-1, features.shape[1]).T
            similar = similar.reshape(-1, len(sample), references.shape[1])
            own = (sample == pair[0][part, None]) | (sample == pair[1][part, None])
            similar[own] = -1
            top = np.partition(similar.reshape(len(similar), -1), (-2, -1), axis=1)[:, -2:]
            top = np.arctanh(np.clip(top, -0.9999, 0.9999))
            runner_up[which, part], best[which, part] = top.T
    return best, runner_up
