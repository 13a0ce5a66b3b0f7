"""Pairs of images that share content: shifted, cropped, turned, resized or partly replaced.

Images are compared by small patches around their strongest spots, one channel at a time. So a
common part is found anywhere, even if the rest was changed. The search has three steps; each one
limits the work of the next:

1. Describe: at most 24 patches per image and channel, each in an orientation of its own, so rotated
   and mirrored copies need no further search.
2. Match: random trees bring similar patches together in small leaves, and every patch keeps its
   four best matches there. Two images are candidates if two matches agree on how one image lies on
   the other one, and an image keeps its best candidates. The cost grows as n log n.
3. Confirm: one image of each candidate pair is laid over the other one, the position, angle and
   scale are refined, and the details have to correlate everywhere in the common area.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter

SIDE = 48
CENTRE = np.float32((SIDE - 1) / 2)

# Largest number of patches of an image, over all its channels.
_PATCHES = 60
_PATCH_SIDE = 15
_RADIUS = _PATCH_SIDE // 2
_DIRECTIONS = 32
_TREES = 3
_LEAF = 1024
_MATCHES = 4
_MIN_SIMILARITY = 0.7
# Matches agree if their shifts fall into one cell of this size, in pixels of details.
_AGREEMENT = 6
# Candidates of an image, with few and with many agreeing matches.
_MAX_CANDIDATES = 4
_MAX_SURE_CANDIDATES = 32
_SCALES = (0.85, 1 / 0.85)
_CHUNK = 256
# Number of vectors or matches that are copied at a time.
_GATHER = 200_000
# Channels that vary less than this (range 0 to 1) are ignored.
_FLAT = 1e-4

# Smallest correlation of a candidate on a coarse grid, before and after a first refinement.
_FIRST_GATE = 0.4
_SECOND_GATE = 0.55
_BLOCK = 6
# Smallest common area (share of an image): smaller ones correlate by chance.
_MIN_OVERLAP = 0.25
_MIN_WHOLE_CORRELATION = 0.7
# A pair with fewer agreeing matches needs details in at least this number of pixels.
_SURE_VOTES = 4
_MIN_DETAILS = 30
# Round cells are similar. Two images that correlate less than copies (_SAME) must correlate
# clearly better (Fisher's z) with each other than with rotations of themselves.
_SAME = 0.975
_MIN_ASYMMETRY = 0.4
# A pair slightly below the required correlation counts if many matches agree. With fewer matches,
# or if three or more channels all correlate, both images must differ from their own rotations.
_LENIENCE = 0.12
_LENIENT_VOTES = 5
_LENIENT_CHANNELS = 3
_LENIENT_ASYMMETRY = 0.6

# Rotations and mirror images as matrices that act on (y, x). The first is the identity.
_TURNS = np.array(
    [
        np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), turn) @ mirror
        for mirror in (np.eye(2, dtype=int), np.diag([1, -1]))
        for turn in range(4)
    ]
)


def reduce_to_details(images: np.ndarray) -> np.ndarray:
    """Compute details of images at 48 x 48 pixels: edges and spots of like contrast.

    Parameters
    ----------
    images : float array (n, height, width, channels)
        Nominal range 0 to 1.

    Returns
    -------
    int8 array (n, 48, 48, channels)
        Differences of two Gaussians, divided by their local contrast. A channel without contrast
        is zero.
    """
    channels_first = np.moveaxis(np.asarray(images, dtype=np.float32), -1, 1)
    down, across = area_weights(images.shape[1], SIDE), area_weights(images.shape[2], SIDE)
    small = down @ channels_first @ across.T
    band = _blur(small, 0.8) - _blur(small, 3.0)
    contrast = np.sqrt(np.maximum(_blur(band**2, 5.0), 0))
    strongest = contrast.max(axis=(2, 3), keepdims=True)
    even = band / np.maximum(contrast + 0.1 * strongest, 1e-9)
    scale = 127 / np.maximum(np.abs(even).max(axis=(2, 3), keepdims=True), 1e-9)
    rounded = np.rint(np.where(strongest > _FLAT, even * scale, 0)).astype(np.int8)
    return np.ascontiguousarray(np.moveaxis(rounded, 1, -1))


def count_flat(details: np.ndarray) -> int:
    """Count the images without details in any channel, which `find_overlaps` cannot compare."""
    chunks = range(0, len(details), _CHUNK)
    return sum(
        int((~details[start : start + _CHUNK].any(axis=(1, 2, 3))).sum()) for start in chunks
    )


def find_overlaps(
    details: np.ndarray, min_correlation: float, orientations: bool = True, threads: int = 1
) -> pd.DataFrame:
    """Find pairs of images that share a good part of their content.

    Parameters
    ----------
    details : int8 array (n, 48, 48, channels)
        See `reduce_to_details`.
    min_correlation : float
        Correlation of details over the common area (0 to 1), from which on a pair is reported. It
        is the mean over blocks of 6 x 6 pixels and over channels. The channel that fits worst is
        left out, since it may have been replaced. A pair up to 0.12 below it is reported if many
        matches or all of three or more channels agree. Images that look much the same when turned,
        as round cells do, have to correlate more.
    orientations : bool
        Whether one image may be turned by quarter turns or mirrored.
    threads : int
        How many threads to use.

    Returns
    -------
    pandas.DataFrame
        Columns a, b (row numbers, a < b), correlation, overlap (common area, share of an image) and
        counts_as: the largest `min_correlation` with which the pair is reported.
    """
    if len(details) < 2:
        return _no_pairs()
    candidates = _find_candidates(details, orientations, threads)
    parts = [candidates.iloc[at : at + _CHUNK] for at in range(0, len(candidates), _CHUNK)]
    with ThreadPoolExecutor(threads) as pool:
        confirmed = list(pool.map(lambda rows: _confirm(details, rows, min_correlation), parts))
    pairs = pd.concat([_no_pairs(), *confirmed], ignore_index=True)
    pairs["counts_as"] = pairs.groupby(["a", "b"])["counts_as"].transform("max")
    pairs = pairs.sort_values("correlation", ascending=False).drop_duplicates(["a", "b"])
    return pairs.sort_values(["a", "b"], ignore_index=True)


def _no_pairs() -> pd.DataFrame:
    none = np.zeros(0)
    rows = none.astype(np.int64)
    columns = {"a": rows, "b": rows, "correlation": none, "overlap": none, "counts_as": none}
    return pd.DataFrame(columns)


@cache
def area_weights(n_in: int, n_out: int) -> np.ndarray:
    """Compute weights (n_out, n_in) that average `n_in` samples over `n_out` equal stretches."""
    bounds = np.linspace(0, n_in, n_out + 1)
    sample = np.arange(n_in)
    overlap = np.minimum(bounds[1:, None], sample + 1) - np.maximum(bounds[:-1, None], sample)
    weights = np.clip(overlap, 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class _Patches:
    """Patches of one channel, in their own orientation: unit vectors and where they come from.

    The first `n_primary` are the patches themselves, the others again in their second most
    likely orientation.
    """

    vectors: np.ndarray
    image: np.ndarray
    place: np.ndarray
    turn: np.ndarray
    n_primary: int


@cache
def _gaussian(sigma: float) -> np.ndarray:
    distance = np.arange(SIDE)[:, None] - np.arange(SIDE)
    weights = np.exp(-(distance**2) / (2 * sigma**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _blur(images: np.ndarray, sigma: float) -> np.ndarray:
    return _gaussian(sigma) @ images @ _gaussian(sigma).T


@cache
def _patch_grid() -> np.ndarray:
    """Return offsets (2, pixels) of the pixels of a patch from its centre, int64."""
    offsets = np.arange(_PATCH_SIDE) - _RADIUS
    return np.stack(np.meshgrid(offsets, offsets, indexing="ij")).reshape(2, -1)


@cache
def _turned_pixels() -> np.ndarray:
    """Return the order of the pixels of a patch after each of the eight turns, (8, pixels)."""
    y, x = np.einsum("tji,jp->itp", _TURNS, _patch_grid())
    return (y + _RADIUS) * _PATCH_SIDE + x + _RADIUS


def _find_candidates(details: np.ndarray, orientations: bool, threads: int) -> pd.DataFrame:
    """Find pairs that are worth a closer look.

    Returns columns a, b, turn, votes, at_y, at_x (a place in image a) and to_y, to_x (the same
    place in image b). Image b is image a turned by `_TURNS[turn]` around that place.
    """
    generator = np.random.default_rng(0)
    n_spots = int(np.clip(_PATCHES // details.shape[-1], 8, 24))
    matches = []
    for channel in range(details.shape[-1]):
        patches = _describe(details[..., channel], n_spots, orientations, threads)
        found = _match(patches, generator, threads)
        matches.append(found.assign(channel=np.int8(channel)))
        del patches
    return _vote(matches, len(details))


def _find_spots(details: np.ndarray, n_spots: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the strongest extremes: image numbers (m,) and places (m, 2) of int8 (n, 48, 48)."""
    strength = np.abs(details.astype(np.int16))
    peak = (strength == maximum_filter(strength, (1, 5, 5))) & (strength > 0)
    peak[:, [0, 1, -2, -1]] = peak[:, :, [0, 1, -2, -1]] = False
    ranked = np.where(peak, strength, 0).reshape(len(details), -1)
    best = np.argpartition(ranked, -n_spots, axis=1)[:, -n_spots:]
    image, which = np.nonzero(np.take_along_axis(ranked, best, axis=1))
    return image, np.stack(np.divmod(best[image, which], SIDE), axis=1)


def _cut_patches(details: np.ndarray, n_spots: int, orientations: bool) -> tuple[np.ndarray, ...]:
    """Cut out and orient patches: pixels, image, place, turn and whether primary."""
    image, place = _find_spots(details, n_spots)
    padded = np.pad(details, ((0, 0), (_RADIUS, _RADIUS), (_RADIUS, _RADIUS)))
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, (_PATCH_SIDE, _PATCH_SIDE), axis=(1, 2)
    )
    grid = _patch_grid().astype(np.float32)
    weight = np.exp(-(grid**2).sum(axis=0) / (2 * (_RADIUS / 1.5) ** 2))
    pixels = windows[image, place[:, 0], place[:, 1]].reshape(len(image), -1) * weight
    pixels /= np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1e-9)
    primary = np.ones(len(image), bool)
    if not orientations:
        return pixels, image, place, np.zeros(len(image), np.int8), primary
    y, x = grid @ pixels.T
    # The moments point into one of eight sectors; noise may move them into a neighbouring one.
    nearest = np.abs(np.stack([y, x, (np.abs(y) - np.abs(x)) / np.sqrt(2)])).argmin(axis=0)
    sign = np.where(y * x < 0, -1, 1)
    second = np.choose(nearest, [-y, y, sign * x]), np.choose(nearest, [x, -x, sign * y])
    turns = [_sector(y, x), _sector(*second)]
    turned = [np.take_along_axis(pixels, _turned_pixels()[turn], axis=1) for turn in turns]
    return (
        np.concatenate(turned),
        np.concatenate([image, image]),
        np.concatenate([place, place]),
        np.concatenate(turns),
        np.concatenate([primary, ~primary]),
    )


def _sector(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the turn that brings (y, x) to 0 <= y <= x, int8."""
    turned_y, turned_x = np.einsum("tij,jn->itn", _TURNS, np.stack([y, x]))
    return ((turned_y >= 0) & (turned_x >= turned_y)).argmax(axis=0).astype(np.int8)


def _describe(details: np.ndarray, n_spots: int, orientations: bool, threads: int) -> _Patches:
    """Describe one channel, int8 (n, 48, 48), by patches projected on their main directions."""
    sample = details[:: max(1, len(details) // 2048)]
    pixels = _cut_patches(sample, n_spots, orientations)[0]
    basis = np.linalg.eigh(pixels.T @ pixels)[1][:, -_DIRECTIONS:]

    def describe_chunk(start: int) -> tuple[np.ndarray, ...]:
        chunk = details[start : start + _CHUNK]
        pixels, image, place, turn, primary = _cut_patches(chunk, n_spots, orientations)
        vectors = pixels @ basis
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        # Half precision saves memory while the chunks wait to be joined.
        return (
            vectors.astype(np.float16),
            (image + start).astype(np.int32),
            place.astype(np.int8),
            turn,
            primary,
        )

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(describe_chunk, range(0, len(details), _CHUNK)))
    # Primary patches come first in every part, and then in the whole.
    n_primary = [int(part[-1].sum()) for part in parts]
    vectors, image, place, turn = (
        np.concatenate(
            [values[:n] for values, n in zip(columns, n_primary, strict=True)]
            + [values[n:] for values, n in zip(columns, n_primary, strict=True)]
        )
        for columns in list(zip(*parts, strict=True))[:-1]
    )
    return _Patches(vectors.astype(np.float32), image, place, turn, sum(n_primary))


def grow_leaves(
    vectors: np.ndarray, generator: np.random.Generator, size: int
) -> Iterator[np.ndarray]:
    """Split vectors (n, d) at medians along random directions: row numbers, `size` at most."""
    waiting = [np.arange(len(vectors), dtype=np.int32)]
    while waiting:
        rows = waiting.pop()
        if len(rows) <= size:
            yield rows
            continue
        one, other = vectors[generator.choice(rows, 2)]
        half = len(rows) // 2
        parts = np.array_split(rows, 1 + len(rows) // _GATHER)
        along = np.concatenate([vectors[part] @ (one - other) for part in parts])
        order = np.argpartition(along, half)
        waiting += [rows[order[:half]], rows[order[half:]]]


def _match(patches: _Patches, generator: np.random.Generator, threads: int) -> pd.DataFrame:
    """Find the best matches of every patch among the primary patches of other images.

    Returns columns a, b, turn, y, x (shift), at_y, at_x, to_y, to_x, worth.
    """
    n = len(patches.vectors)
    found = np.full((n, _MATCHES + 1), -1, np.int32)
    similarity = np.full((n, _MATCHES + 1), -1, np.float32)
    with ThreadPoolExecutor(threads) as pool:
        # Leaves of one tree share no patch, so threads write to different rows.
        for _ in range(_TREES if n > _LEAF else 1):
            leaves = list(grow_leaves(patches.vectors, generator, _LEAF))
            list(
                pool.map(
                    lambda leaf: _match_leaf(patches, np.sort(leaf), found, similarity), leaves
                )
            )
    parts = []
    for start in range(0, max(n, 1), _GATHER):
        best = found[start : start + _GATHER, :_MATCHES]
        value = similarity[start : start + _GATHER]
        # The weight of a match is its similarity above that of the first match that is left out.
        worth = value[:, :_MATCHES] - np.maximum(value[:, _MATCHES:], _MIN_SIMILARITY)
        query, rank = np.nonzero(best >= 0)
        parts.append(_lay_over(patches, query + start, best[query, rank], worth[query, rank]))
    return pd.concat(parts, ignore_index=True)


def _match_leaf(
    patches: _Patches, leaf: np.ndarray, found: np.ndarray, similarity: np.ndarray
) -> None:
    """Compare the patches of a leaf, and enter what is better into `found` and `similarity`."""
    base = leaf[leaf < patches.n_primary]
    if not len(base):
        return
    similar = patches.vectors[leaf] @ patches.vectors[base].T
    own = patches.image[leaf], patches.image[base]
    first, last = (np.searchsorted(own[1], own[0], side) for side in ("left", "right"))
    for step in range(int((last - first).max())):
        rows = np.flatnonzero(first + step < last)
        similar[rows, first[rows] + step] = -1
    rows = np.arange(len(leaf))
    parts = [(found[leaf], similarity[leaf])]
    for _ in range(_MATCHES + 1):
        column = similar.argmax(axis=1)
        largest = similar[rows, column]
        similar[rows, column] = -1
        known = (found[leaf] == base[column][:, None]).any(axis=1)
        largest = np.where(known | (largest < _MIN_SIMILARITY), np.float32(-1), largest)
        parts.append((base[column][:, None], largest[:, None]))
    best, value = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    order = np.argsort(-value, axis=1)[:, : _MATCHES + 1]
    similarity[leaf] = np.take_along_axis(value, order, axis=1)
    found[leaf] = np.where(similarity[leaf] > 0, np.take_along_axis(best, order, axis=1), -1)


def _lay_over(
    patches: _Patches, query: np.ndarray, base: np.ndarray, worth: np.ndarray
) -> pd.DataFrame:
    """Compute how the images of matching patches lie on each other, see `_match`."""
    swap = patches.image[query] > patches.image[base]
    a, b = np.where(swap, base, query), np.where(swap, query, base)
    turn = _turn_between()[patches.turn[a], patches.turn[b]]
    shift = patches.place[b] - _turn_places(patches.place[a], turn)
    places = np.concatenate([shift, patches.place[a], patches.place[b]], axis=1)
    names = ("y", "x", "at_y", "at_x", "to_y", "to_x")
    columns = {name: places[:, column] for column, name in enumerate(names)}
    return pd.DataFrame(
        {"a": patches.image[a], "b": patches.image[b], "turn": turn, **columns, "worth": worth}
    )


@cache
def _turn_between() -> np.ndarray:
    """Return int8 (8, 8): the turn from image a to b, where both are turned to agree."""
    turn = np.einsum("bji,bjk->bik", np.repeat(_TURNS, 8, axis=0), np.tile(_TURNS, (8, 1, 1)))
    number = (turn[:, None] == _TURNS).all(axis=(2, 3)).argmax(axis=1)
    return number.reshape(8, 8).T.astype(np.int8)


def _turn_places(places: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Turn int8 places (n, 2) around the centre of the image."""
    doubled = 2 * places.astype(np.int16) - (SIDE - 1)
    turned = np.empty_like(doubled)
    for which, matrix in enumerate(_TURNS):
        rows = turn == which
        turned[rows] = doubled[rows] @ matrix.T.astype(np.int16)
    return ((turned + SIDE - 1) // 2).astype(np.int8)


def _vote(matches: list[pd.DataFrame], n_images: int) -> pd.DataFrame:
    """Keep pairs at least two of whose matches agree, and of each image only the best ones.

    `matches` has one table per channel, and is emptied to save memory.
    """
    pairs = np.sort(np.concatenate([_number_pairs(part, n_images) for part in matches]))
    repeated = np.unique(pairs[1:][pairs[1:] == pairs[:-1]])
    del pairs
    kept = []
    while matches:
        channel = matches.pop()
        for start in range(0, len(channel), _GATHER):
            part = channel.iloc[start : start + _GATHER]
            pair = _number_pairs(part, n_images)
            again = np.searchsorted(repeated, pair, "right") > np.searchsorted(repeated, pair)
            kept.append(part[again].assign(pair=pair[again]))
    candidates = pd.concat(kept, ignore_index=True)
    del kept
    candidates = candidates.drop_duplicates(["pair", "channel", "y", "x", "at_y", "at_x"])
    found = [_agreeing(candidates, y, x) for y in (0, 1) for x in (0, 1)]
    best = pd.concat(found, ignore_index=True)
    best = best.sort_values(["votes", "score"], ascending=False, kind="stable")
    best = best.drop_duplicates("pair")
    rank = np.minimum(best.groupby("a").cumcount(), best.groupby("b").cumcount())
    limit = np.where(best["votes"] >= _SURE_VOTES, _MAX_SURE_CANDIDATES, _MAX_CANDIDATES)
    return best[rank < limit].reset_index(drop=True)


def _number_pairs(matches: pd.DataFrame, n_images: int) -> np.ndarray:
    """Return one number per pair of images and turn, int64 (n,)."""
    pair = matches["a"].to_numpy(np.int64) * n_images + matches["b"].to_numpy()
    return pair * len(_TURNS) + matches["turn"].to_numpy()


def _agreeing(matches: pd.DataFrame, half_y: int, half_x: int) -> pd.DataFrame:
    """Sum up matches that fall into one cell of a grid of shifts, moved by half a cell or not."""
    y, x = (
        (matches[name].to_numpy(np.int64) + 2 * SIDE + half * _AGREEMENT // 2) // _AGREEMENT
        for name, half in (("y", half_y), ("x", half_x))
    )
    cell = (matches["pair"].to_numpy() * 64 + y) * 64 + x
    sums = (
        matches.assign(cell=cell)
        .groupby("cell", sort=False)
        .agg(
            **{name: (name, "first") for name in ("pair", "a", "b", "turn")},
            votes=("worth", "size"),
            score=("worth", "sum"),
            **{name: (name, "mean") for name in ("at_y", "at_x", "to_y", "to_x")},
        )
    )
    return sums[sums["votes"] > 1]


@cache
def _points(step: int) -> np.ndarray:
    """Return a grid of points (2, m) over an image, measured from its centre, float32."""
    ticks = np.arange((step - 1) / 2, SIDE, step) - (SIDE - 1) / 2
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij")).reshape(2, -1).astype(np.float32)


@dataclass(frozen=True)
class _Pose:
    """Places of the points of images a in images b: q = matrix @ (p - pivot) + place.

    All float32: matrix (n, 2, 2), pivot and place (n, 2), measured from the centres of images.
    """

    matrix: np.ndarray
    pivot: np.ndarray
    place: np.ndarray

    def take(self, rows: np.ndarray) -> _Pose:
        """Return the poses of some of the pairs."""
        return _Pose(self.matrix[rows], self.pivot[rows], self.place[rows])

    def move(self, change: np.ndarray) -> _Pose:
        """Return poses that are shifted, enlarged and turned by float (n, 4), within bounds."""
        shift = np.clip(change[:, :2], -2, 2)
        growth, angle = np.clip(change[:, 2:], -0.1, 0.1).T
        turn = np.stack([1 + growth, -angle, angle, 1 + growth], axis=-1).reshape(-1, 2, 2)
        return _Pose(turn @ self.matrix, self.pivot, self.place + shift)


@dataclass(frozen=True)
class _Overlay:
    """Images b as seen at the points of images a; float32 arrays (n, m, channels).

    `values` and `targets` (images a) are standardised per channel over the common area, `arms`
    (n, m, 2) are the places in b measured from those of the pivots, `inside` is bool (n, m).
    """

    targets: np.ndarray
    values: np.ndarray
    slope_y: np.ndarray
    slope_x: np.ndarray
    arms: np.ndarray
    inside: np.ndarray

    @property
    def correlation(self) -> np.ndarray:
        """Compute the correlation by channel, float32 (n, channels)."""
        return np.einsum("nmc,nmc->nc", self.targets, self.values)


def _lay(details: np.ndarray, a: np.ndarray, b: np.ndarray, pose: _Pose, step: int) -> _Overlay:
    """Look up images b where the points of images a, `step` pixels apart, lie in them."""
    channels = details.shape[-1]
    arms = (_points(step).T - pose.pivot[:, None]) @ pose.matrix.swapaxes(1, 2)
    places = arms + (pose.place[:, None] + CENTRE)
    inside = ((places >= 0) & (places <= SIDE - 1)).all(axis=2)[..., None]
    low = np.clip(places.astype(np.int32), 0, SIDE - 2)
    part_y, part_x = np.split(places - low, 2, axis=2)
    index = low[..., 0] * SIDE + low[..., 1] + b[:, None].astype(np.int64) * SIDE**2
    flat = details.reshape(-1, channels)
    corner, right, below, opposite = (
        flat[index + offset].astype(np.float32) for offset in (0, 1, SIDE, SIDE + 1)
    )
    slope_x = (1 - part_y) * (right - corner) + part_y * (opposite - below)
    slope_y = (1 - part_x) * (below - corner) + part_x * (opposite - right)
    own = details[a].reshape(len(a), SIDE // step, step, SIDE // step, step, channels)
    targets, _ = _standardise(
        own.mean(axis=(2, 4), dtype=np.float32).reshape(slope_x.shape), inside
    )
    interpolated = corner + part_x * (right - corner) + part_y * slope_y
    values, norm = _standardise(interpolated, inside)
    scale = inside / norm
    return _Overlay(targets, values, slope_y * scale, slope_x * scale, arms, inside[..., 0])


def _correlate_coarsely(
    details: np.ndarray, a: np.ndarray, b: np.ndarray, pose: _Pose
) -> np.ndarray:
    """Correlate every third pixel of images a with the nearest one of images b, float32 (n,)."""
    arms = (_points(3).T - pose.pivot[:, None]) @ pose.matrix.swapaxes(1, 2)
    places = np.rint(arms + (pose.place[:, None] + CENTRE)).astype(np.int32)
    inside = ((places >= 0) & (places <= SIDE - 1)).all(axis=2)[..., None]
    y, x = np.clip(places, 0, SIDE - 1).transpose(2, 0, 1)
    values = details[b[:, None], y, x].astype(np.float32)
    targets = details[a][:, 1::3, 1::3].reshape(values.shape).astype(np.float32)
    one, other = (_standardise(part, inside)[0] for part in (targets, values))
    return _combine(np.einsum("nmc,nmc->nc", one, other))


def _standardise(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale (n, m, channels) to unit norm over the points inside; also the norm."""
    weight = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1).astype(np.float32)
    values = (values - np.einsum("nmc,nmk->nkc", values, weight)) * inside
    norm = np.sqrt(np.einsum("nmc,nmc->nc", values, values))[:, None] + np.float32(1e-6)
    return values / norm, norm


def _improve(overlay: _Overlay) -> np.ndarray:
    """Compute the least-squares step of the poses: shift y, x, growth, angle; float32 (n, 4)."""
    # A channel that does not fit may have been replaced, so it has less weight.
    weight = np.maximum(overlay.correlation, 0.02)[:, None]
    slope_y, slope_x = overlay.slope_y * weight, overlay.slope_x * weight
    y, x = overlay.arms[..., :1], overlay.arms[..., 1:]
    n, size = len(weight), slope_y[:1].size if len(weight) else 0
    growth, angle = slope_y * y + slope_x * x, slope_x * y - slope_y * x
    slopes = np.stack([slope_y, slope_x, growth, angle], axis=1).reshape(n, 4, size)
    rest = (weight * (overlay.targets - overlay.values)).reshape(n, size, 1)
    identity = np.eye(4, dtype=np.float32)
    normal = slopes @ slopes.swapaxes(1, 2)
    normal += 1e-3 * normal * identity + 1e-9 * identity
    return np.linalg.solve(normal, slopes @ rest)[..., 0]


def _refine(
    details: np.ndarray, a: np.ndarray, b: np.ndarray, pose: _Pose, step: int, n_steps: int
) -> tuple[_Pose, np.ndarray]:
    """Improve poses step by step: the best ones, and their correlation float32 (n,)."""
    best, best_score = pose, np.full(len(a), -1, np.float32)
    for number in range(n_steps + 1):
        overlay = _lay(details, a, b, pose, step)
        score = _combine(overlay.correlation)
        best = _choose(score > best_score, pose, best)
        best_score = np.maximum(score, best_score)
        if number < n_steps:
            pose = pose.move(_improve(overlay))
    return best, best_score


def _choose(which: np.ndarray, one: _Pose, other: _Pose) -> _Pose:
    matrix = np.where(which[:, None, None], one.matrix, other.matrix)
    return _Pose(matrix, one.pivot, np.where(which[:, None], one.place, other.place))


def _combine(correlation: np.ndarray) -> np.ndarray:
    """Average channels (n, channels), leaving out the worst, which may have been replaced."""
    ordered = np.sort(correlation, axis=1)
    mean: np.ndarray = ordered[:, min(1, ordered.shape[1] - 1) :].mean(axis=1)
    return mean


def _correlate_blocks(overlay: _Overlay) -> np.ndarray:
    """Correlate within blocks of 6 x 6 pixels, weighted by contrast, float32 (n, channels).

    Two cells of like shape correlate as a whole, but not in each of their parts.
    """
    inside = _split_blocks(overlay.inside[..., None])
    weight = inside / np.maximum(inside.sum(axis=2, keepdims=True), 1).astype(np.float32)
    one, other = (
        (block - (block * weight).sum(axis=2, keepdims=True)) * inside
        for block in (_split_blocks(overlay.targets), _split_blocks(overlay.values))
    )
    contrast = np.sqrt((one**2).sum(axis=2) * (other**2).sum(axis=2))
    counts = contrast * (inside.mean(axis=2) > 0.6)
    correlation = (one * other).sum(axis=2) / np.maximum(contrast, 1e-9)
    mean: np.ndarray = (correlation * counts).sum(axis=1) / np.maximum(counts.sum(axis=1), 1e-9)
    return mean


def _split_blocks(values: np.ndarray) -> np.ndarray:
    """Rearrange (n, 48 * 48, channels) to (n, blocks, pixels of a block, channels)."""
    n, count = len(values), SIDE // _BLOCK
    blocks = values.reshape(n, count, _BLOCK, count, _BLOCK, values.shape[-1]).swapaxes(2, 3)
    return blocks.reshape(n, count**2, _BLOCK**2, values.shape[-1])


def _confirm(details: np.ndarray, rows: pd.DataFrame, min_correlation: float) -> pd.DataFrame:
    """Keep the candidates whose details correlate, with the columns of `find_overlaps`."""
    kept, pose = _align(details, rows)
    a, b, votes = (rows[name].to_numpy()[kept] for name in ("a", "b", "votes"))
    overlay = _lay(details, a, b, pose, step=1)
    by_channel = _correlate_blocks(overlay)
    correlation = _combine(by_channel)
    overlap = overlay.inside.mean(axis=1)
    plausible = (
        (overlap >= _MIN_OVERLAP)
        & (_combine(overlay.correlation) >= _MIN_WHOLE_CORRELATION)
        & ((votes >= _SURE_VOTES) | (_count_details(overlay) >= _MIN_DETAILS))
        & (correlation >= min_correlation - _LENIENCE)
    )
    sure = (correlation >= min_correlation) | (votes >= _LENIENT_VOTES)
    mean = by_channel.mean(axis=1)
    all_alike = mean >= min_correlation - _LENIENCE
    all_alike &= by_channel.shape[1] >= _LENIENT_CHANNELS
    accepted = plausible & (sure | all_alike | (votes >= _SURE_VOTES))
    doubtful = np.flatnonzero(accepted & (correlation < _SAME))
    images, which = np.unique(np.stack([a[doubtful], b[doubtful]]), return_inverse=True)
    symmetry = _measure_symmetry(details, images)[which.reshape(2, -1)].max(axis=0)
    excess = np.arctanh(correlation[doubtful]) - np.arctanh(symmetry)
    accepted[doubtful] = excess >= np.where(sure[doubtful], _MIN_ASYMMETRY, _LENIENT_ASYMMETRY)
    lenient = (correlation >= _SAME) | (votes >= _LENIENT_VOTES)
    lenient[doubtful] |= excess >= _LENIENT_ASYMMETRY
    alike = np.minimum(correlation, mean if by_channel.shape[1] >= _LENIENT_CHANNELS else -1)
    allowed = np.where(votes >= _SURE_VOTES, correlation, alike) + _LENIENCE
    counts_as = np.where(lenient, np.maximum(correlation, allowed), correlation)
    pairs = {
        "a": a,
        "b": b,
        "correlation": correlation,
        "overlap": overlap,
        "counts_as": counts_as,
    }
    return pd.DataFrame({name: values[accepted] for name, values in pairs.items()}).astype(
        {"a": np.int64, "b": np.int64, "correlation": np.float64, "counts_as": np.float64}
    )


def _align(details: np.ndarray, rows: pd.DataFrame) -> tuple[np.ndarray, _Pose]:
    """Find the pose of each candidate; returns the rows that correlate at all, and their poses."""
    a, b = rows["a"].to_numpy(), rows["b"].to_numpy()
    turn = _TURNS[rows["turn"].to_numpy()].astype(np.float32)
    pivot = rows[["at_y", "at_x"]].to_numpy(np.float32) - CENTRE
    place = rows[["to_y", "to_x"]].to_numpy(np.float32) - CENTRE
    pose = _Pose(turn, pivot, place)
    score = _correlate_coarsely(details, a, b, pose)
    for scale in _SCALES:
        scaled = _Pose(turn * np.float32(scale), pivot, place)
        scaled_score = _correlate_coarsely(details, a, b, scaled)
        pose = _choose(scaled_score > score, scaled, pose)
        score = np.maximum(scaled_score, score)
    kept = np.flatnonzero(score >= _FIRST_GATE)
    pose, score = _refine(details, a[kept], b[kept], pose.take(kept), step=3, n_steps=2)
    pose, kept = pose.take(score >= _SECOND_GATE), kept[score >= _SECOND_GATE]
    pose, _ = _refine(details, a[kept], b[kept], pose, step=2, n_steps=3)
    return kept, pose


def _count_details(overlay: _Overlay) -> np.ndarray:
    """Return in how many pixels the contrast lies (participation ratio), float32 (n,)."""
    energy = (overlay.targets**2 + overlay.values**2) / 2
    count: np.ndarray = 1 / np.maximum((energy**2).sum(axis=1).mean(axis=1), 1e-9)
    return count


def _measure_symmetry(details: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Correlate images with themselves, turned or mirrored as fits best, float32 (n,)."""
    centre = np.zeros((len(images), 2), np.float32)
    best = _Pose(np.zeros((len(images), 2, 2), np.float32), centre, centre)
    best_score = np.full(len(images), -2, np.float32)
    for matrix in _TURNS[1:].astype(np.float32):
        pose = _Pose(np.broadcast_to(matrix, (len(images), 2, 2)), centre, centre)
        pose, score = _refine(details, images, images, pose, step=3, n_steps=1)
        best = _choose(score > best_score, pose, best)
        best_score = np.maximum(score, best_score)
    correlation = _combine(_correlate_blocks(_lay(details, images, images, best, step=1)))
    return np.clip(correlation, 0, np.float32(0.999))
