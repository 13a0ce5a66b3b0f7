"""Scores of an instance segmentation: which predicted objects are which true ones.

The definitions are those of `stardist.matching` (Schmidt et al. 2018), so that numbers compare. A
ratio without anything in its denominator is 0 there and here: an image without true and without
predicted objects has an AP of 0 when scores are averaged by image; pooled, it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from moascope.core.errors import InputError

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
"""The IoU from which two objects are the same one; the mean AP is over these."""


class MatchScores(TypedDict):
    """Scores of a segmentation, in [0, 1]; those by threshold have the keys "0.5" and so on."""

    ap: dict[str, float]
    """Average precision: TP / (TP + FP + FN)."""
    precision: dict[str, float]
    recall: dict[str, float]
    f1: dict[str, float]
    matched_iou: dict[str, float]
    """Mean IoU of the matches."""
    panoptic_quality: dict[str, float]
    """Of Kirillov et al. 2019."""
    mean_ap: float
    """Mean of `ap`."""
    seg: float
    """Cell Tracking Challenge: mean over true objects of the IoU with the object that covers more
    than half of each, else 0."""
    foreground_iou: float
    """Of pixels; the same below."""
    foreground_dice: float
    count_error: float
    """Miscounted objects divided by true objects."""


class PooledScores(MatchScores):
    """Scores pooled over objects, with their numbers."""

    n_images: int
    n_objects: int
    n_predicted: int


@dataclass(frozen=True)
class Overlaps:
    """Pairs of a true and a predicted object that share pixels."""

    true: NDArray[np.int64]
    """(n,) position of the true object, counted from 0 over the labels that occur."""
    predicted: NDArray[np.int64]
    """(n,) position of the predicted object."""
    shared: NDArray[np.int64]
    """(n,) pixels that both have."""
    true_areas: NDArray[np.int64]
    """(n_true,) pixels of every true object."""
    predicted_areas: NDArray[np.int64]
    """(n_predicted,) pixels of every predicted object."""

    @property
    def iou(self) -> NDArray[np.float32]:
        """(n,) pixels that both have, divided by pixels that either has.

        In single precision, as in stardist: an IoU of 7/10 reaches a threshold of 0.7 however the
        threshold was computed.
        """
        either = self.true_areas[self.true] + self.predicted_areas[self.predicted] - self.shared
        return (self.shared / either).astype(np.float32)


@dataclass(frozen=True)
class Tally:
    """Counts on images; tallies add up, which pools their images."""

    thresholds: tuple[float, ...]
    matched: NDArray[np.int64]
    """(thresholds,) true objects that a predicted one matches: the true positives."""
    matched_iou: NDArray[np.float64]
    """(thresholds,) sum of the IoU of the matches."""
    n_images: int
    n_objects: int
    n_predicted: int
    covered_iou: float
    """Sum over true objects of the IoU with the object that covers more than half of it."""
    miscounted: int
    """Sum over images of the difference between the numbers of objects."""
    foreground: int
    """Pixels of true objects."""
    foreground_predicted: int
    """Pixels of predicted objects."""
    foreground_shared: int
    """Pixels of both."""

    def __add__(self, other: Tally) -> Tally:
        """Pool with the images of another tally."""
        if self.thresholds != other.thresholds:
            raise ValueError(f"thresholds differ: {self.thresholds} and {other.thresholds}")
        sums = {name: value + getattr(other, name) for name, value in vars(self).items()}
        return Tally(**{**sums, "thresholds": self.thresholds})


def overlaps(truth: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]]) -> Overlaps:
    """Find the pairs of objects that share pixels.

    Parameters
    ----------
    truth, predicted : (Y, X) int
        Label images, 0 is background. Labels need not be consecutive. Pixels below 0 in `truth` are
        left out, see `without_ignored`.

    Returns
    -------
    Overlaps
        Ordered by true, then by predicted object.

    Raises
    ------
    InputError
        If the images differ in size.
    """
    if truth.shape != predicted.shape:
        raise InputError(
            f"labels: the true ones are {_size(truth)}, the predicted ones {_size(predicted)} px. "
            "Compare labels of the same image."
        )
    truth, predicted = without_ignored(truth, predicted)
    # Only pixels of objects in both images can be shared.
    both = (truth > 0) & (predicted > 0)
    rows, columns = truth[both].astype(np.int64), predicted[both].astype(np.int64)
    true_areas, predicted_areas = _areas(truth), _areas(predicted)
    shape = (len(true_areas), len(predicted_areas))
    counts = coo_array((np.ones(len(rows), np.int64), (rows, columns)), shape=shape)
    pairs = counts.tocsr().sorted_indices().tocoo()
    # Labels may have gaps; positions do not.
    true_positions = np.cumsum(true_areas > 0) - 1
    predicted_positions = np.cumsum(predicted_areas > 0) - 1
    return Overlaps(
        true=true_positions[pairs.row],
        predicted=predicted_positions[pairs.col],
        shared=pairs.data,
        true_areas=true_areas[true_areas > 0],
        predicted_areas=predicted_areas[predicted_areas > 0],
    )


def without_ignored(
    truth: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """Remove the pixels that are ignored in the truth.

    Parameters
    ----------
    truth : (Y, X) int
        0 is background, and pixels below 0 are ignored.
    predicted : (Y, X) int
        0 is background.

    Returns
    -------
    truth, predicted : (Y, X) int
        Both 0 where pixels are ignored. A predicted object of which more than half is ignored is
        left out whole, so that it is no false positive.
    """
    is_ignored = truth < 0
    if not is_ignored.any():
        return truth, predicted
    areas = _areas(predicted)
    lost = np.bincount(predicted[is_ignored].astype(np.int64), minlength=len(areas))
    is_left_out = (2 * lost > areas)[predicted] | is_ignored
    return np.maximum(truth, 0), np.where(is_left_out, 0, predicted)


def _areas(labels: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    areas = np.bincount(labels.ravel().astype(np.int64, copy=False), minlength=1)
    areas[0] = 0
    return areas


def _size(labels: NDArray[Any]) -> str:
    return " x ".join(map(str, labels.shape))


def match(pairs: Overlaps, threshold: float) -> NDArray[np.intp]:
    """Choose which predicted object is which true one, each at most once.

    As many pairs as possible have an IoU of at least the threshold; among such choices the sum of
    the IoU is largest.

    Parameters
    ----------
    pairs : Overlaps
        From `overlaps`.
    threshold : float
        Smallest IoU of a match, above 0.

    Returns
    -------
    (n,) int
        Positions of the matches in `pairs`.
    """
    iou = pairs.iou
    is_enough = iou >= np.float32(threshold)
    # An IoU above 0.5 is possible with one object only. Then nothing is left to be chosen.
    if _all_differ(pairs.true[is_enough]) and _all_differ(pairs.predicted[is_enough]):
        return np.flatnonzero(is_enough)
    contested = _in_contested_parts(pairs, is_enough)
    chosen = _assigned(pairs.true[contested], pairs.predicted[contested], iou[contested], threshold)
    is_match = is_enough
    is_match[contested] &= chosen
    return np.flatnonzero(is_match)


def _in_contested_parts(pairs: Overlaps, is_enough: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Find the pairs in those parts of the overlap graph where one match excludes another.

    Objects are the nodes of the graph and pairs its edges. Connected parts do not influence each
    other, and where no match excludes another, all are taken.
    """
    n_true = len(pairs.true_areas)
    n = n_true + len(pairs.predicted_areas)
    ends = np.stack([pairs.true, n_true + pairs.predicted])
    graph = coo_array((np.ones(len(pairs.true), bool), tuple(ends)), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    matches = np.bincount(ends[:, is_enough].ravel(), minlength=n)
    return np.flatnonzero(np.isin(part[ends[0]], part[matches > 1]))


def _assigned(
    true: NDArray[np.int64],
    predicted: NDArray[np.int64],
    iou: NDArray[np.float32],
    threshold: float,
) -> NDArray[np.bool_]:
    """Solve the assignment of `match` for pairs (n,); return which are chosen.

    Only pairs that share pixels have an entry in the matrix of gains. Every true object also has a
    column of its own, without gain: choosing it leaves the object alone.
    """
    rows, columns = (np.unique(ends, return_inverse=True)[1] for ends in (true, predicted))
    n_rows, n_columns = rows.max() + 1, columns.max() + 1
    # The second term is below 1 in sum, so that it decides between equally many matches only.
    gains = (iou >= np.float32(threshold)) + iou.astype(float) / (2 * min(n_rows, n_columns))
    alone = np.arange(n_rows)
    # An entry of 0 would count as none. A constant changes nothing: every row has one choice.
    matrix = coo_array(
        (
            np.concatenate([gains, np.zeros(n_rows)]) + 1,
            (np.concatenate([rows, alone]), np.concatenate([columns, n_columns + alone])),
        ),
        shape=(n_rows, n_columns + n_rows),
    ).tocsr()
    order, chosen = min_weight_full_bipartite_matching(matrix, maximize=True)
    column_of = np.empty(n_rows, np.int64)
    column_of[order] = chosen
    is_chosen: NDArray[np.bool_] = column_of[rows] == columns
    return is_chosen


def _all_differ(positions: NDArray[np.int64]) -> bool:
    return len(positions) == 0 or int(np.bincount(positions).max()) < 2


def tally(
    truth: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    thresholds: Sequence[float] = THRESHOLDS,
) -> Tally:
    """Count what the scores of one image are made of.

    Parameters
    ----------
    truth, predicted : (Y, X) int
        Label images of the same size, 0 is background; pixels below 0 in `truth` are left out.
    thresholds : sequence of float
        IoU from which objects match, in (0, 1].

    Returns
    -------
    Tally
        Of one image.

    Raises
    ------
    InputError
        If the images differ in size.
    """
    pairs = overlaps(truth, predicted)
    iou = pairs.iou.astype(np.float64)
    matches = [match(pairs, threshold) for threshold in thresholds]
    covered = 2 * pairs.shared > pairs.true_areas[pairs.true]
    n_objects, n_predicted = len(pairs.true_areas), len(pairs.predicted_areas)
    return Tally(
        thresholds=tuple(thresholds),
        matched=np.array([len(chosen) for chosen in matches], dtype=np.int64),
        matched_iou=np.array([iou[chosen].sum() for chosen in matches], dtype=np.float64),
        n_images=1,
        n_objects=n_objects,
        n_predicted=n_predicted,
        covered_iou=float(iou[covered].sum()),
        miscounted=abs(n_predicted - n_objects),
        foreground=int(pairs.true_areas.sum()),
        foreground_predicted=int(pairs.predicted_areas.sum()),
        foreground_shared=int(pairs.shared.sum()),
    )


def pooled(tallies: Iterable[Tally], thresholds: Sequence[float] = THRESHOLDS) -> Tally:
    """Add up the tallies of images, one after the other.

    Parameters
    ----------
    tallies : iterable of Tally
        May be a generator; only the sum is kept.
    thresholds : sequence of float
        Those of the tallies.

    Returns
    -------
    Tally
        Of all images together.
    """
    nothing = np.zeros(len(thresholds))
    return sum(
        tallies,
        start=Tally(tuple(thresholds), nothing.astype(np.int64), nothing, 0, 0, 0, 0.0, 0, 0, 0, 0),
    )


def average_precision(counts: Tally) -> NDArray[np.float64]:
    """Compute AP at every threshold: TP / (TP + FP + FN).

    Parameters
    ----------
    counts : Tally
        Of one or more images.

    Returns
    -------
    (thresholds,) float64
        In [0, 1].
    """
    return ap_of_sums(counts.matched, counts.n_objects + counts.n_predicted)


def sums_by_group(
    tallies: Sequence[Tally], groups: Sequence[str] | Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Add up what AP is computed from over the images of every group.

    Parameters
    ----------
    tallies : sequence of Tally
        One per image; at least one.
    groups : sequence of str or int
        What each image belongs to.

    Returns
    -------
    matched : (groups, thresholds) int64
        True objects that a predicted one matches.
    objects : (groups,) int64
        True and predicted objects.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    matched = np.zeros((len(names), len(tallies[0].matched)), np.int64)
    objects = np.zeros(len(names), np.int64)
    np.add.at(matched, codes, [counts.matched for counts in tallies])
    np.add.at(objects, codes, [counts.n_objects + counts.n_predicted for counts in tallies])
    return matched, objects


def ap_of_sums(
    matched: NDArray[np.integer[Any]], objects: NDArray[np.integer[Any]] | int
) -> NDArray[np.float64]:
    """Compute AP at every threshold, from sums over images.

    Parameters
    ----------
    matched : (..., thresholds) int
        True objects that a predicted one matches: TP.
    objects : (...) int
        True and predicted objects: 2 TP + FP + FN.

    Returns
    -------
    (..., thresholds) float64
        TP / (TP + FP + FN), in [0, 1]; 0 where there are no objects.
    """
    return _ratio(matched, np.asarray(objects)[..., np.newaxis] - matched)


def scores(counts: Tally) -> PooledScores:
    """Return all scores of the images of a tally, pooled over their objects.

    Parameters
    ----------
    counts : Tally
        Of one or more images.

    Returns
    -------
    PooledScores
        Ready for JSON.
    """
    matched, total = counts.matched, counts.n_objects + counts.n_predicted
    ap = average_precision(counts)
    in_either = counts.foreground + counts.foreground_predicted - counts.foreground_shared
    in_both_twice = counts.foreground + counts.foreground_predicted

    def by_threshold(values: NDArray[np.float64]) -> dict[str, float]:
        pairs = zip(counts.thresholds, values.tolist(), strict=True)
        return {f"{threshold:g}": value for threshold, value in pairs}

    return {
        "n_images": counts.n_images,
        "n_objects": counts.n_objects,
        "n_predicted": counts.n_predicted,
        "ap": by_threshold(ap),
        "precision": by_threshold(_ratio(matched, counts.n_predicted)),
        "recall": by_threshold(_ratio(matched, counts.n_objects)),
        "f1": by_threshold(_ratio(2 * matched, total)),
        "matched_iou": by_threshold(_ratio(counts.matched_iou, matched)),
        "panoptic_quality": by_threshold(_ratio(2 * counts.matched_iou, total)),
        "mean_ap": float(ap.mean()),
        "seg": float(_ratio(counts.covered_iou, counts.n_objects)),
        "foreground_iou": float(_ratio(counts.foreground_shared, in_either)),
        "foreground_dice": float(_ratio(2 * counts.foreground_shared, in_both_twice)),
        "count_error": float(_ratio(counts.miscounted, counts.n_objects)),
    }


def scores_by_image(tallies: Sequence[Tally]) -> MatchScores:
    """Return the scores of single images, averaged over images.

    Parameters
    ----------
    tallies : sequence of Tally
        One per image, at least one.

    Returns
    -------
    MatchScores
        The scores of `scores`, without the numbers of images and objects.
    """
    single = [scores(counts) for counts in tallies]

    def by_threshold(values: Sequence[dict[str, float]]) -> dict[str, float]:
        return {key: float(np.mean([one[key] for one in values])) for key in values[0]}

    return {
        "ap": by_threshold([one["ap"] for one in single]),
        "precision": by_threshold([one["precision"] for one in single]),
        "recall": by_threshold([one["recall"] for one in single]),
        "f1": by_threshold([one["f1"] for one in single]),
        "matched_iou": by_threshold([one["matched_iou"] for one in single]),
        "panoptic_quality": by_threshold([one["panoptic_quality"] for one in single]),
        "mean_ap": float(np.mean([one["mean_ap"] for one in single])),
        "seg": float(np.mean([one["seg"] for one in single])),
        "foreground_iou": float(np.mean([one["foreground_iou"] for one in single])),
        "foreground_dice": float(np.mean([one["foreground_dice"] for one in single])),
        "count_error": float(np.mean([one["count_error"] for one in single])),
    }


def _ratio(numerator: Any, denominator: Any) -> NDArray[np.float64]:
    """Divide; 0 where the denominator is 0."""
    above, below = np.broadcast_arrays(np.float64(numerator), np.float64(denominator))
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
