"""Targets of segmentation networks, and their losses.

Targets travel as one array `(Y, X, 3)` float32: the class (0 background, 1 interior, 2 boundary),
the distance and the weight of every pixel. Predictions are `(Y, X, K)`: three class logits,
then one distance, as far as the network has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import ops

CLASSES = ("background", "interior", "boundary")
OUTPUTS = ("classes", "distance", "both")
LOSSES = ("cross-entropy", "dice", "cross-entropy+dice", "tversky", "focal")

_FOCUS = 2.0  # gamma of the focal loss (Lin et al. 2017)
_MISSED = 0.7  # what the Tversky loss charges for a missed pixel; a wrong one costs the rest
_HALF = 0.05  # a distance error counts squared below it, and as it is above


def n_maps(outputs: str) -> int:
    """Count the maps of a network.

    Parameters
    ----------
    outputs : {"classes", "distance", "both"}
        What it predicts.

    Returns
    -------
    int
        3, 1 or 4.

    Raises
    ------
    InputError
        For anything else.
    """
    if outputs not in OUTPUTS:
        raise InputError(f"outputs: {outputs!r} is none of {', '.join(OUTPUTS)}.")
    return {"classes": len(CLASSES), "distance": 1, "both": len(CLASSES) + 1}[outputs]


def targets(
    labels: NDArray[np.integer[Any]], touching_weight: float = 5.0, gap: float = 3.0
) -> NDArray[np.float32]:
    """Convert labels into the maps that a network predicts.

    Parameters
    ----------
    labels : (Y, X) int
        0 is background; a label stands for one object. Pixels below 0 are ignored.
    touching_weight : float
        What pixels between touching objects weigh more than the others.
    gap : float
        Width in pixels of the gap between two objects at which that extra weight has fallen to
        0.6 of it; the `sigma` of Ronneberger et al. 2015.

    Returns
    -------
    (Y, X, 3) float32
        Class, distance in [0, 1], weight of at least 1; ignored pixels weigh 0.
    """
    is_ignored, labels = labels < 0, np.maximum(labels, 0)
    edge = boundaries(labels)
    classes = np.where(labels > 0, np.where(edge, 2, 1), 0)
    weight = np.where(is_ignored, 0, weights(labels, touching_weight, gap))
    result = [classes, distances(labels, edge), weight]
    return np.stack(result, axis=-1).astype(np.float32)


def boundaries(labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Mark the pixels of objects that have a neighbour, of four, outside the object.

    Parameters
    ----------
    labels : (Y, X) int
        0 is background.

    Returns
    -------
    (Y, X) bool
        The border of the image is not a boundary: the object goes on behind it.
    """
    edge = np.zeros(labels.shape, dtype=bool)
    differs = labels[1:] != labels[:-1]
    edge[1:] |= differs
    edge[:-1] |= differs
    differs = labels[:, 1:] != labels[:, :-1]
    edge[:, 1:] |= differs
    edge[:, :-1] |= differs
    return edge & (labels > 0)


def distances(
    labels: NDArray[np.integer[Any]], edge: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Measure how deep in its object every pixel lies, relative to the object's deepest pixel.

    Parameters
    ----------
    labels : (Y, X) int
        0 is background.
    edge : (Y, X) bool or None
        `boundaries(labels)`, where it is known.

    Returns
    -------
    (Y, X) float32
        0 outside objects, at most 1, which every object reaches.
    """
    edge = boundaries(labels) if edge is None else edge
    inside = labels > 0
    if not inside.any():
        return np.zeros(labels.shape, dtype=np.float32)
    core = inside & ~edge
    # A boundary pixel is one pixel from the outside. Without any (one object covers the image),
    # nothing is known about depth.
    depth = ndimage.distance_transform_edt(core) + 1 if edge.any() else np.ones(labels.shape)
    depth = np.where(inside, depth, 0)
    flat = labels.ravel()
    deepest = np.zeros(int(flat.max()) + 1)
    np.maximum.at(deepest, flat, depth.ravel())
    return (depth / np.maximum(deepest, 1)[labels]).astype(np.float32)


def weights(
    labels: NDArray[np.integer[Any]], touching_weight: float = 5.0, gap: float = 3.0
) -> NDArray[np.float32]:
    """Weight pixels near two objects more, as in the U-Net paper.

    The weight is `1 + touching_weight * exp(-(d1 + d2)**2 / (2 * gap**2))`, d1 and d2 being the
    distances to the nearest and the second nearest object (Ronneberger et al. 2015, eq. 2). It is
    computed from the line half-way between objects, which is exact straight across a gap.

    Parameters
    ----------
    labels : (Y, X) int
        0 is background.
    touching_weight, gap : float
        As for `targets`.

    Returns
    -------
    (Y, X) float32
        1 far from any such line.
    """
    one = np.ones(labels.shape, dtype=np.float32)
    if touching_weight == 0 or not labels.any():
        return one
    to_object, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    widths = _widths(labels[tuple(nearest)], to_object)
    # Only objects close by matter, and most images have few of them.
    between = widths < 4 * gap
    if not between.any():
        return one
    to_line, line = ndimage.distance_transform_edt(~between, return_indices=True)
    line = tuple(line)
    # Across the gap d1 + d2 is its width; within an object d2 grows with the depth.
    span = widths[line] + np.maximum(to_line - to_object[line], 0)
    return (one + touching_weight * np.exp(-(span**2) / (2 * gap**2))).astype(np.float32)


def _widths(
    territory: NDArray[np.integer[Any]], to_object: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Measure the gap between two objects where their territories meet; elsewhere it is inf."""
    widths = np.full(territory.shape, np.inf)
    for before, after in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        meet = territory[before] != territory[after]
        width = np.where(meet, to_object[before] + to_object[after] + 1, np.inf)
        widths[before] = np.minimum(widths[before], width)
        widths[after] = np.minimum(widths[after], width)
    return widths


def loss(outputs: str, name: str) -> Callable[[Any, Any], Any]:
    """Return the loss of a network.

    Parameters
    ----------
    outputs : {"classes", "distance", "both"}
        What the network predicts.
    name : {"cross-entropy", "dice", "cross-entropy+dice", "tversky", "focal"}
        The loss of the classes. The distance has its own: the weighted Huber loss.

    Returns
    -------
    callable
        `(targets (B, Y, X, 3), predictions (B, Y, X, K))` to one number per image, `(B,)`.

    Raises
    ------
    InputError
        For another name.
    """
    n_maps(outputs)
    if name not in LOSSES:
        raise InputError(f"loss: {name!r} is none of {', '.join(LOSSES)}.")

    def total(truth: Any, predicted: Any) -> Any:
        predicted = ops.cast(predicted, "float32")
        weight = truth[..., 2]
        parts = []
        if outputs != "distance":
            parts.append(_class_loss(name, truth[..., 0], predicted[..., :3], weight))
        if outputs != "classes":
            parts.append(_distance_loss(truth[..., 1], predicted[..., -1], weight))
        return sum(parts[1:], start=parts[0])

    return total


def _class_loss(name: str, truth: Any, logits: Any, weight: Any) -> Any:
    one_hot = ops.one_hot(ops.cast(truth, "int32"), len(CLASSES))
    log_probability = ops.log_softmax(logits, axis=-1)
    probability = ops.exp(log_probability)
    is_known = ops.cast(weight > 0, probability.dtype)[..., None]
    known = one_hot * is_known, probability * is_known
    if name == "dice":
        return _overlap_loss(*known, 0.5)
    if name == "tversky":
        return _overlap_loss(*known, _MISSED)
    of_true = ops.sum(one_hot * log_probability, axis=-1)
    if name == "focal":
        return _mean(-of_true * ops.power(1 - ops.exp(of_true), _FOCUS), weight)
    entropy = _mean(-of_true, weight)
    if name == "cross-entropy":
        return entropy
    return entropy + _overlap_loss(*known, 0.5)


def _overlap_loss(one_hot: Any, probability: Any, missed: float) -> Any:
    """Return the Tversky loss of the object classes; with `missed` one half it is the Dice loss."""
    # Added to both sides, one pixel keeps the ratio of an image without objects defined.
    both = ops.sum(one_hot * probability, axis=(1, 2))
    only_true = ops.sum(one_hot, axis=(1, 2)) - both
    only_predicted = ops.sum(probability, axis=(1, 2)) - both
    index = (both + 1) / (both + missed * only_true + (1 - missed) * only_predicted + 1)
    return 1 - ops.mean(index[:, 1:], axis=-1)


def _distance_loss(truth: Any, predicted: Any, weight: Any) -> Any:
    error = ops.abs(predicted - truth)
    bent = ops.where(error < _HALF, error * error / (2 * _HALF), error - _HALF / 2)
    return _mean(bent, weight)


def _mean(values: Any, weight: Any) -> Any:
    # Of a patch that is ignored whole, the mean is 0.
    total = ops.maximum(ops.sum(weight, axis=(1, 2)), 1)
    return ops.sum(values * weight, axis=(1, 2)) / total
