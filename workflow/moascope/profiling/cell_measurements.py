"""Measuring objects, all of an image at once, and cutting them out.

Names are those of CellProfiler, such as `Nuclei_AreaShape_Area`, where the definition is its own or
that of scikit-image. Lengths are in px and intensities as in the image; CellProfiler divides the
latter by 255 or 65,535. Textures have names of their own, such as
`Nuclei_Texture_Contrast_DNA_3_pooled_16`: pairs of pixels in four directions are pooled, and there
are 16 grey levels between fixed intensities. CellProfiler's `..._3_00_256` is of one direction and
of 256 levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from moascope.images.intensities import Range, percentiles, scaled
from moascope.images.label_images import Objects, bounding_boxes, find_objects

TEXTURE_SCALES = (1, 3)
"""Distances in px at which grey levels are compared."""
GREY_LEVELS = 16
"""Between the typical percentiles 1 and 99.8 of the plate."""
NEIGHBOUR_DISTANCE = 5
"""Objects with pixels at most so many px apart are neighbours."""

_DIRECTIONS = 64  # in which the width of objects is measured
_STEPS = ((0, 1), (1, 1), (1, 0), (1, -1))  # to the neighbours at 0, 45, 90 and 135 degrees

# Benkrid & Crookes (2000), as in skimage.measure.perimeter: what a border pixel adds to the
# perimeter, by 1 + 2 * edge neighbours + 10 * corner neighbours in the border.
_PERIMETER = np.zeros(50)
_PERIMETER[[5, 7, 15, 17, 25, 27]] = 1
_PERIMETER[[21, 33]] = np.sqrt(2)
_PERIMETER[[13, 23]] = (1 + np.sqrt(2)) / 2

Columns = dict[str, NDArray[Any]]


def measure(
    image: NDArray[np.generic],
    labels: NDArray[np.int32],
    channels: Sequence[str],
    objects: str = "Cells",
    texture_scales: Sequence[int] = TEXTURE_SCALES,
    limits: Range | None = None,
) -> pd.DataFrame:
    """Measure the objects of one image.

    Parameters
    ----------
    image : (C, Y, X) array
        Raw intensities.
    labels : (Y, X) int32
        0 is background, objects are 1 .. n without gaps; n may be 0.
    channels : sequence of str
        Names of the channels.
    objects : str
        What the objects are called, for example Nuclei: the beginning of the names of columns.
    texture_scales : sequence of int
        Distances in px for the texture; none: no texture, which takes most of the time.
    limits : ((C,) float, (C,) float) or None
        Intensities between which grey levels are spread, those of the plate, so that the texture of
        a cell does not depend on what else is in its image; None: those of the image.

    Returns
    -------
    pandas.DataFrame
        One row per object: ObjectNumber (int32), then float32 columns in the groups Location,
        AreaShape, Neighbors, Intensity and Texture. NaN where a value is not defined, such as the
        distance to the closest of no other objects.
    """
    found = find_objects(labels)
    perimeter, border = _perimeter(found)
    columns = {
        "Location": _location(found),
        "AreaShape": _shape(found, perimeter, border),
        "Neighbors": _neighbours(found, border),
    }
    intensity: Columns = {}
    texture: Columns = {}
    levels = _grey_levels(image, limits or percentiles(image)) if texture_scales else image
    for plane, grey, channel in zip(image, levels, channels, strict=True):
        intensity |= _suffixed(_intensity(found, plane), channel)
        for scale in texture_scales:
            suffix = f"{channel}_{scale}_pooled_{GREY_LEVELS}"
            texture |= _suffixed(_haralick(found, grey, scale), suffix)
    columns |= {"Intensity": intensity, "Texture": texture}
    values = {
        f"{objects}_{group}_{name}": column.astype(np.float32)
        for group, named in columns.items()
        for name, column in named.items()
    }
    numbers = np.arange(1, len(found.area) + 1, dtype=np.int32)
    return pd.DataFrame({"ObjectNumber": numbers} | values)


def _suffixed(columns: Mapping[str, NDArray[Any]], suffix: str) -> Columns:
    return {f"{name}_{suffix}": column for name, column in columns.items()}


def _location(found: Objects) -> Columns:
    return {"Center_X": found.mean(found.x), "Center_Y": found.mean(found.y)}


# --- Shape ---------------------------------------------------------------------------------------


def _shape(found: Objects, perimeter: NDArray[np.float64], border: NDArray[np.bool_]) -> Columns:
    area = found.area.astype(np.float64)
    box = bounding_boxes(found)
    height, width = box[:, 1] - box[:, 0], box[:, 3] - box[:, 2]
    hull_area, widths = _hulls(found, border)
    return {
        "Area": area,
        "Perimeter": perimeter,
        "FormFactor": _ratio(4 * np.pi * area, perimeter**2),
        "Compactness": _ratio(perimeter**2, 4 * np.pi * area),
        "EquivalentDiameter": np.sqrt(4 * area / np.pi),
        "Extent": _ratio(area, height * width),
        "Solidity": np.minimum(_ratio(area, hull_area), 1),
        "ConvexArea": hull_area,
        "MaxFeretDiameter": widths.max(axis=1, initial=0),
        "MinFeretDiameter": widths.min(axis=1, initial=np.inf),
        **_ellipse(found),
        "BoundingBoxMinimum_X": box[:, 2],
        "BoundingBoxMaximum_X": box[:, 3],
        "BoundingBoxMinimum_Y": box[:, 0],
        "BoundingBoxMaximum_Y": box[:, 1],
    }


def _ellipse(found: Objects) -> Columns:
    """Axes of the ellipse with the same second moments, as skimage.measure.regionprops has them."""
    y = found.y - found.mean(found.y)[found.owner]
    x = found.x - found.mean(found.x)[found.owner]
    yy, xx, xy = found.mean(y * y), found.mean(x * x), found.mean(x * y)
    spread = np.sqrt((yy - xx) ** 2 + 4 * xy**2)
    large, small = (yy + xx + spread) / 2, np.maximum((yy + xx - spread) / 2, 0)
    return {
        "MajorAxisLength": 4 * np.sqrt(large),
        "MinorAxisLength": 4 * np.sqrt(small),
        "Eccentricity": np.sqrt(
            1 - np.divide(small, large, out=np.ones_like(large), where=large > 0)
        ),
        # Degrees from the y axis, as CellProfiler gives it.
        "Orientation": np.degrees(0.5 * np.arctan2(2 * xy, yy - xx)),
    }


def _perimeter(found: Objects) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Perimeter of each object, and which of its pixels are at the border, (pixels,)."""
    padded = np.pad(found.labels, 1)
    y, x, own = found.y + 1, found.x + 1, found.owner + 1
    edges, corners = ((-1, 0), (1, 0), (0, -1), (0, 1)), ((-1, -1), (-1, 1), (1, -1), (1, 1))
    border = np.zeros(len(own), bool)
    for dy, dx in edges:
        border |= padded[y + dy, x + dx] != own
    y, x, own = y[border], x[border], own[border]
    rim = np.zeros_like(padded)
    rim[y, x] = own
    code = np.ones(len(own), np.intp)
    for weight, steps in ((2, edges), (10, corners)):
        for dy, dx in steps:
            code += weight * (rim[y + dy, x + dx] == own)
    lengths = np.bincount(own - 1, _PERIMETER[code], len(found.area))
    return lengths.astype(np.float64), border


def _hulls(
    found: Objects, border: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Area of the convex hull of each object, and its width in every direction, (n, directions).

    The hull is the polygon of the lines that touch the object in 64 directions, so that no loop
    over objects is needed; a round one comes out 0.1 % too large.
    """
    n, step = len(found.area), 2 * np.pi / _DIRECTIONS
    if not n:
        return np.zeros(0), np.zeros((0, _DIRECTIONS // 2))
    y, x, owner = found.y[border], found.x[border], found.owner[border]
    counts = np.bincount(owner, minlength=n)
    starts = np.cumsum(counts) - counts
    reach = np.empty((n, _DIRECTIONS))
    for k in range(_DIRECTIONS):
        sine, cosine = np.sin(k * step), np.cos(k * step)
        # Pixels reach half a px to each side of their centre, as in skimage's convex hulls.
        reach[:, k] = np.maximum.reduceat(y * sine + x * cosine, starts)
        reach[:, k] += max(abs(sine), abs(cosine)) / 2
    sides = np.roll(reach, 1, axis=1) + np.roll(reach, -1, axis=1) - 2 * reach * np.cos(step)
    half = _DIRECTIONS // 2
    return (reach * sides).sum(axis=1) / (2 * np.sin(step)), reach[:, :half] + reach[:, half:]


# --- Neighbours ----------------------------------------------------------------------------------


def _neighbours(found: Objects, border: NDArray[np.bool_]) -> Columns:
    n, reach = len(found.area), NEIGHBOUR_DISTANCE
    padded = np.pad(found.labels, reach)
    y, x, own = found.y[border] + reach, found.x[border] + reach, found.owner[border] + 1
    pairs = [np.zeros(0, np.int64)]
    for dy, dx in np.ndindex(reach + 1, 2 * reach + 1):
        if dy * dy + (dx - reach) ** 2 > reach**2:
            continue
        other = padded[y + dy, x + dx - reach].astype(np.int64)
        close = (other > 0) & (other != own)
        a, b = own[close], other[close]
        pairs.append(np.minimum(a, b) * (n + 1) + np.maximum(a, b))
    both = np.divmod(np.unique(np.concatenate(pairs)), n + 1)
    count = np.bincount(np.concatenate(both), minlength=n + 1)[1:]
    centres = np.stack([found.mean(found.y), found.mean(found.x)], axis=1)
    # The nearest centre is its own; missing ones are infinitely far away.
    distances = KDTree(centres).query(centres, k=[2, 3])[0] if n else np.zeros((0, 2))
    distances[np.isinf(distances)] = np.nan
    names = (
        f"FirstClosestDistance_{NEIGHBOUR_DISTANCE}",
        f"SecondClosestDistance_{NEIGHBOUR_DISTANCE}",
    )
    return {f"NumberOfNeighbors_{NEIGHBOUR_DISTANCE}": count} | dict(
        zip(names, distances.T, strict=True)
    )


def _shifted(array: NDArray[Any], dy: int, dx: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two views of an image: pixels, and those (dy, dx) further on; dy is not negative."""
    height, width = array.shape
    y, x, far_y = (
        slice(0, max(height - dy, 0)),
        slice(max(-dx, 0), width - max(dx, 0)),
        slice(dy, None),
    )
    return array[y, x], array[far_y, slice(max(dx, 0), width - max(-dx, 0))]


# --- Intensity and texture -----------------------------------------------------------------------


def _intensity(found: Objects, plane: NDArray[np.generic]) -> Columns:
    values = plane[found.y, found.x].astype(np.float64)
    total = np.bincount(found.owner, values, len(found.area))
    mean = total / found.area
    deviation = values - mean[found.owner]
    ordered = _sort_each(values, found)
    median = _quantile(ordered, found, 0.5)
    away = _sort_each(np.abs(values - median[found.owner]), found)
    spread = _quantile(away, found, 0.5)
    weight = np.where(total > 0, total, np.nan)
    centre_x = np.bincount(found.owner, values * found.x, len(found.area)) / weight
    centre_y = np.bincount(found.owner, values * found.y, len(found.area)) / weight
    displacement = np.hypot(centre_x - found.mean(found.x), centre_y - found.mean(found.y))
    return {
        "IntegratedIntensity": total,
        "MeanIntensity": mean,
        "StdIntensity": np.sqrt(found.mean(deviation**2)),
        "MinIntensity": _quantile(ordered, found, 0),
        "LowerQuartileIntensity": _quantile(ordered, found, 0.25),
        "MedianIntensity": median,
        "UpperQuartileIntensity": _quantile(ordered, found, 0.75),
        "MaxIntensity": _quantile(ordered, found, 1),
        "MADIntensity": spread,
        "MassDisplacement": displacement,
    }


def _sort_each(values: NDArray[np.float64], found: Objects) -> NDArray[np.float64]:
    """Return the values of every object in ascending order, object by object, (pixels,).

    Sorting values is several times as fast as sorting their places by object and value.
    """
    ordered = values.copy()
    for start, area in zip(found.starts.tolist(), found.area.tolist(), strict=True):
        ordered[start : start + area].sort()
    return ordered


def _quantile(ordered: NDArray[np.float64], found: Objects, share: float) -> NDArray[np.float64]:
    """Quantile of values that ascend within each object, linear between two of them."""
    position = share * (found.area - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, found.area - 1)
    low, high = ordered[found.starts + below], ordered[found.starts + above]
    return low + (position - below) * (high - low)


def _grey_levels(image: NDArray[np.generic], limits: Range) -> NDArray[np.intp]:
    """Sort intensities (C, Y, X) into grey levels, from 0."""
    return np.clip(scaled(image, *limits) * GREY_LEVELS, 0, GREY_LEVELS - 1).astype(np.intp)


def _haralick(found: Objects, levels: NDArray[np.intp], scale: int) -> Columns:
    """Texture of each object from how often grey levels meet at a distance (Haralick 1973).

    Pairs of pixels in the four directions are counted together, so that turning an object changes
    little.
    """
    n, size = len(found.area), GREY_LEVELS**2
    counts = np.zeros(n * size)
    for dy, dx in _STEPS:
        here, there = _shifted(found.labels, scale * dy, scale * dx)
        same = (here == there) & (here > 0)
        owner = here[same].astype(np.intp) - 1
        first, second = (view[same] for view in _shifted(levels, scale * dy, scale * dx))
        counts += np.bincount(owner * size + first * GREY_LEVELS + second, minlength=n * size)
    pairs = counts.reshape(n, GREY_LEVELS, GREY_LEVELS)
    pairs = pairs + pairs.transpose(0, 2, 1)
    total = pairs.sum(axis=(1, 2), keepdims=True)
    share = np.divide(pairs, total, out=np.full_like(pairs, np.nan), where=total > 0)
    level = np.arange(GREY_LEVELS)
    apart = (level[:, None] - level) ** 2
    each = share.sum(axis=2)
    mean = each @ level
    variance = each @ level**2 - mean**2
    product = np.einsum("nij,i,j->n", share, level, level)
    logarithm = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return {
        "AngularSecondMoment": (share**2).sum(axis=(1, 2)),
        "Contrast": (share * apart).sum(axis=(1, 2)),
        # Even grey is perfectly correlated with itself.
        "Correlation": np.where(
            variance > 1e-9, (product - mean**2) / np.maximum(variance, 1e-9), 1
        ),
        "Variance": variance,
        "InverseDifferenceMoment": (share / (1 + apart)).sum(axis=(1, 2)),
        "Entropy": -(share * logarithm).sum(axis=(1, 2)),
    }


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    """Divide; NaN where the denominator is 0."""
    above, below = np.broadcast_arrays(np.float64(numerator), np.float64(denominator))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)


# --- Crops ---------------------------------------------------------------------------------------
