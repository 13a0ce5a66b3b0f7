"""From the maps that a network predicts to objects: seeds, a watershed, and tidying up.

Every step works on all objects at once. Images larger than a block are flooded block by block from
seeds that are numbered once for the whole image, so that memory stays bounded and an object that
lies across blocks is one object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

Maps = Mapping[str, NDArray[np.floating[Any]]]
"""What a network predicts for one image: "classes" (Y, X, 3), probabilities of background, interior
and boundary; "distance" (Y, X), from 0 at the border of an object to 1 at its centre; or both. Or
what objects are cut out by, "foreground" and "height" (Y, X), which is all a large image needs."""

BLOCK = 2048
"""Pixels along the side of a block; images up to this size are flooded in one piece."""
MARGIN = 128
"""Pixels around a block that are flooded with it, more than objects are usually wide."""


@dataclass(frozen=True)
class InstanceParameters:
    """Parameters to cut objects out of maps; `dataclasses.asdict` makes it ready for JSON."""

    prominence: float = 0.16
    """An object is a peak of the height (see `height`) that stands this far above the saddle
    towards any higher peak, in [0, 1]."""
    seed_threshold: float = 0.5
    """The top of an object is above this, in [0, 1]."""
    mask_threshold: float = 0.6
    """A pixel can belong to an object where the foreground is above this, in [0, 1]."""
    smoothing: float = 1.0
    """Standard deviation of the Gaussian that smoothes the height, in px; 0: none."""
    min_area: int = 10
    """Objects with fewer pixels are removed."""
    fill_holes: bool = True
    """Return background that one object encloses to this object."""
    clear_border: bool = False
    """Remove objects that touch the border of the image."""


_TOO_SMALL = 0.02  # the share of reference objects that are removed where nothing is tuned


def as_maps(output: NDArray[np.floating[Any]]) -> Maps:
    """Split the output of a network into named maps.

    Parameters
    ----------
    output : (Y, X, K) float
        K = 3: classes, K = 1: distance, K = 4: classes, then distance. Classes are probabilities.
        K = 2: foreground and height, what `architecture.predictor` gives.

    Returns
    -------
    Maps
        Views of `output`.
    """
    channels = output.shape[-1]
    if channels == 2:
        return {"foreground": output[..., 0], "height": output[..., 1]}
    maps = {"classes": output[..., :3]} if channels >= 3 else {}
    return maps if channels == 3 else maps | {"distance": output[..., -1]}


def foreground(maps: Maps) -> NDArray[np.float32]:
    """Compute how surely each pixel belongs to any object.

    Parameters
    ----------
    maps : Maps
        Of one image.

    Returns
    -------
    (Y, X) float32
        The probability not to be background; without classes, the distance.
    """
    if "foreground" in maps:
        return maps["foreground"].astype(np.float32)
    if "classes" in maps:
        return 1 - maps["classes"][..., 0].astype(np.float32)
    return maps["distance"].astype(np.float32)


def height(maps: Maps) -> NDArray[np.float32]:
    """Compute how central each pixel is in its object: the relief that is flooded from its tops.

    Parameters
    ----------
    maps : Maps
        Of one image.

    Returns
    -------
    (Y, X) float32
        The probability of the interior, the distance, or the mean of both.
    """
    if "height" in maps:
        return maps["height"].astype(np.float32)
    parts = []
    if "classes" in maps:
        parts.append(maps["classes"][..., 1].astype(np.float32))
    if "distance" in maps:
        parts.append(maps["distance"].astype(np.float32))
    return sum(parts[1:], start=parts[0]) / np.float32(len(parts))


def label_objects(
    maps: Maps, parameters: InstanceParameters, block: int = BLOCK, margin: int = MARGIN
) -> NDArray[np.int32]:
    """Cut objects out of maps.

    Parameters
    ----------
    maps : Maps
        Of one image, of any size.
    parameters : InstanceParameters
        How.
    block : int
        Side of the blocks in px that are flooded at a time.
    margin : int
        Pixels around a block that are flooded with it. Where the border between two objects in a
        block depends on what lies beyond, it can differ there from that in one piece.

    Returns
    -------
    (Y, X) int32
        0 is background, objects are 1 .. n; n may be 0. Each object is connected by edges.
    """
    size = next(iter(maps.values())).shape[:2]
    windows = list(_windows(size, block, margin))
    if len(windows) == 1:
        found = _Peaks(maps, parameters)
        labels = found.peak_of[found.basins]
        if parameters.fill_holes:
            labels = fill_holes(labels)
        return tidied(labels, parameters.min_area, parameters.clear_border)
    seeds = np.zeros(size, bool)
    for window in windows:
        seeds[window.core] = _Peaks(window.of(maps), parameters).tops()[window.inner]
    labels = np.empty(size, np.int32)
    # Numbered once for all blocks. Each block then continues what earlier ones have flooded.
    if ndimage.label(seeds, output=labels) == 0:
        return labels
    del seeds
    for window in windows:
        relief, mask = _ground(window.of(maps), parameters)
        flooded = watershed(-relief, labels[window.outer], mask=mask)
        if parameters.fill_holes:
            flooded = fill_holes(flooded)
        labels[window.core] = flooded[window.inner]
    return tidied(labels, parameters.min_area, parameters.clear_border)


@dataclass(frozen=True)
class _Window:
    """A block of an image and its margin."""

    core: tuple[slice, slice]
    """The block, in the image."""
    outer: tuple[slice, slice]
    """The block with its margin, in the image."""
    inner: tuple[slice, slice]
    """The block, in the block with its margin."""

    def of(self, maps: Maps) -> Maps:
        return {name: values[self.outer] for name, values in maps.items()}


def _windows(size: tuple[int, ...], block: int, margin: int) -> Iterator[_Window]:
    for y in range(0, size[0], block):
        for x in range(0, size[1], block):
            axes = [
                _axis_slices(start, length, block, margin)
                for start, length in zip((y, x), size, strict=True)
            ]
            (core_y, outer_y, inner_y), (core_x, outer_x, inner_x) = axes
            yield _Window((core_y, core_x), (outer_y, outer_x), (inner_y, inner_x))


def _axis_slices(start: int, length: int, block: int, margin: int) -> tuple[slice, slice, slice]:
    stop = min(start + block, length)
    first = max(start - margin, 0)
    outer = slice(first, min(stop + margin, length))
    return slice(start, stop), outer, slice(start - first, stop - first)


class _Peaks:
    """The peaks of the height that are objects: its h-maxima (Soille 2003).

    Peaks that stand out less than the prominence belong to a higher one (by their dynamics, Grimaud
    1992).

    Parameters
    ----------
    maps : Maps
        Of an image or a block of one.
    parameters : InstanceParameters
        How objects are cut out.

    Attributes
    ----------
    basins : (Y, X) int32
        What every peak, from 1, is the highest point of; 0 is outside of the mask.
    peak_of : (n + 1,) int32
        The peak that every peak belongs to.
    """

    def __init__(self, maps: Maps, parameters: InstanceParameters) -> None:
        self._relief, mask = _ground(maps, parameters)
        # Framed by low ground, so that an image without any is one top.
        framed = np.pad(np.where(mask, self._relief, -1), 1, constant_values=-1)
        self._summits = local_maxima(framed, connectivity=1)[1:-1, 1:-1] & mask
        self._summits &= self._relief > parameters.seed_threshold
        peaks, n_peaks = ndimage.label(self._summits)
        self._heights = np.zeros(n_peaks + 1)
        self._heights[peaks[self._summits]] = self._relief[self._summits]
        self._prominence = parameters.prominence
        self.basins: NDArray[np.int32] = watershed(-self._relief, peaks, mask=mask)
        self.peak_of = _joined(self._relief, self.basins, self._heights, self._prominence)

    def tops(self) -> NDArray[np.bool_]:
        """Mark what reaches down from the highest points of the objects by the prominence.

        So two blocks that see parts of one peak mark tops that meet.
        """
        levels = self._heights[self.peak_of] - self._prominence
        levels[0] = np.inf
        parts, n_parts = ndimage.label(self._relief >= levels[self.basins])
        is_top = np.zeros(n_parts + 1, bool)
        own = self.peak_of[self.basins] == self.basins
        is_top[parts[self._summits & own]] = True
        return is_top[parts]


def _joined(
    relief: NDArray[np.float32],
    basins: NDArray[np.int32],
    heights: NDArray[np.float64],
    prominence: float,
) -> NDArray[np.int32]:
    """Return the peak that every peak belongs to: itself, or one that it hardly stands out from.

    Passes are gone over from the highest down, a loop over neighbouring basins. Those of a spanning
    tree are enough: what is told apart at one pass is told apart at every lower one.
    """
    n = len(heights)
    sides, levels = [], []
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        a, b = basins[here], basins[there]
        meet = (a != b) & (a > 0) & (b > 0)
        a, b = a[meet].astype(np.int64), b[meet]
        sides.append(np.minimum(a, b) * n + np.maximum(a, b))
        levels.append(np.minimum(relief[here][meet], relief[there][meet]))
    pairs, passes = np.concatenate(sides), np.concatenate(levels).astype(np.float64)
    downwards = np.argsort(-passes, kind="stable")
    _, first = np.unique(pairs[downwards], return_index=True)
    highest = downwards[np.sort(first)]  # the highest pass of every pair
    ranks = np.arange(1, len(highest) + 1)
    graph = coo_array((ranks, np.divmod(pairs[highest], n)), shape=(n, n))
    tree = np.sort(minimum_spanning_tree(graph.tocsr()).data).astype(np.int64) - 1
    one_side, other_side = np.divmod(pairs[highest][tree], n)
    tops = heights.tolist()
    higher = list(range(n))

    def summit(peak: int) -> int:
        while higher[peak] != peak:
            higher[peak] = higher[higher[peak]]
            peak = higher[peak]
        return peak

    levels_of_tree = passes[highest][tree].tolist()
    for a, b, level in zip(one_side.tolist(), other_side.tolist(), levels_of_tree, strict=True):
        lower, upper = summit(a), summit(b)
        if tops[lower] > tops[upper]:
            lower, upper = upper, lower
        if tops[lower] - level < prominence:
            higher[lower] = upper
    return np.array([summit(peak) for peak in range(n)], np.int32)


def _ground(
    maps: Maps, parameters: InstanceParameters
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the smoothed height, and where objects can be."""
    mask = foreground(maps) > parameters.mask_threshold
    # What is not a number is no object: a top made of it would never be cut off.
    relief = np.nan_to_num(height(maps))
    if parameters.smoothing > 0:
        relief = ndimage.gaussian_filter(relief, parameters.smoothing)
    return relief, mask


def fill_holes(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Fill background that is enclosed by one object.

    Parameters
    ----------
    labels : (Y, X) int32
        0 is background.

    Returns
    -------
    (Y, X) int32
        Background between several objects, or at the border of the image, stays background.
    """
    pieces, n_pieces = ndimage.label(labels == 0)
    is_inside = np.ones(n_pieces + 1, bool)
    is_inside[_at_border(pieces)] = is_inside[0] = False
    if not is_inside.any():
        return labels
    pieces *= is_inside[pieces]
    lowest = np.full(n_pieces + 1, np.iinfo(np.int32).max, np.int32)
    highest = np.zeros(n_pieces + 1, np.int32)
    towards_top, towards_bottom = (slice(None, -1), slice(None)), (slice(1, None), slice(None))
    for here, there in (
        (towards_top, towards_bottom),
        (towards_bottom, towards_top),
        (towards_top[::-1], towards_bottom[::-1]),
        (towards_bottom[::-1], towards_top[::-1]),
    ):
        neighbours = (pieces[here] > 0) & (labels[there] > 0)
        piece, label = pieces[here][neighbours], labels[there][neighbours]
        np.minimum.at(lowest, piece, label)
        np.maximum.at(highest, piece, label)
    enclosing = np.where(lowest == highest, highest, 0).astype(np.int32)
    return labels + enclosing[pieces]


def _at_border(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return np.unique(np.concatenate(edges))


def tidied(
    labels: NDArray[np.int32], min_area: int, clear_border: bool, max_area: int | None = None
) -> NDArray[np.int32]:
    """Drop objects and number the others.

    Parameters
    ----------
    labels : (Y, X) int32
        0 is background; changed in place.
    min_area : int
        Objects with fewer pixels are dropped.
    clear_border : bool
        Drop objects that touch the border of the image.
    max_area : int or None
        Objects with more pixels are dropped.

    Returns
    -------
    (Y, X) int32
        `labels`, with objects 1 .. n.
    """
    # In bands of rows, since counting needs 8 bytes per pixel.
    bands = [slice(y, y + BLOCK) for y in range(0, len(labels), BLOCK)]
    n = max(int(labels[band].max()) for band in bands)
    counts = (np.bincount(labels[band].ravel(), minlength=n + 1) for band in bands)
    areas = sum(counts, start=np.zeros(n + 1, np.int64))
    is_kept = areas >= max(min_area, 1)
    if max_area is not None:
        is_kept &= areas <= max_area
    if clear_border:
        is_kept[_at_border(labels)] = False
    is_kept[0] = False
    numbers = (np.cumsum(is_kept) * is_kept).astype(np.int32)
    for band in bands:
        labels[band] = numbers[labels[band]]
    return labels


def parameters_for(labels: Iterable[NDArray[np.integer[Any]]]) -> InstanceParameters:
    """Return parameters for objects like those of the reference masks where none are tuned.

    Parameters
    ----------
    labels : iterable of (Y, X) int
        Label images with reference masks.

    Returns
    -------
    InstanceParameters
        The defaults, but that objects smaller than 98 % of the known ones are removed.
    """
    areas = object_areas(labels)
    smallest = int(np.quantile(areas, _TOO_SMALL, method="lower")) if len(areas) else 0
    return InstanceParameters(min_area=max(InstanceParameters.min_area, smallest))


def object_areas(labels: Iterable[NDArray[np.integer[Any]]]) -> NDArray[np.int64]:
    """Count the pixels of every object of some label images, (objects,)."""
    counts = [np.bincount(image[image > 0])[1:] for image in labels]
    areas = np.concatenate(counts or [np.zeros(0, np.int64)])
    return areas[areas > 0]
