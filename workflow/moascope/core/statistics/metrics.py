"""Scores of a classification.

Classes are integer codes ``0 .. n_classes - 1``.
Accuracy, balanced accuracy and F1 depend on three counts per class only (`ClassCounts`), so the
same few lines score one set of predictions or thousands of permutations at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]


class ClassCounts(NamedTuple):
    """Counts of a confusion matrix per class; each array is (..., n_classes)."""

    hits: npt.NDArray[Any]
    """Units of the class that were called so (the diagonal)."""
    actual: npt.NDArray[Any]
    """Units of the class (row sums)."""
    called: npt.NDArray[Any]
    """Units that were called so (column sums)."""


class Reliability(NamedTuple):
    """Confidence against accuracy in equal-width bins; each array is (n_bins,)."""

    lower: FloatArray
    upper: FloatArray
    n: IntArray
    confidence: FloatArray
    """Mean probability of the called class, NaN in an empty bin."""
    accuracy: FloatArray
    """Share of right calls, NaN in an empty bin."""


def confusion_matrix(truth: IntArray, predicted: IntArray, n_classes: int) -> IntArray:
    """Count units by true (rows) and predicted (columns) class.

    Parameters
    ----------
    truth, predicted : (n,) int
        Class codes in ``0 .. n_classes - 1``.
    n_classes : int
        Number of classes, at least 1.

    Returns
    -------
    (n_classes, n_classes) int64
    """
    cells = np.bincount(truth * n_classes + predicted, minlength=n_classes * n_classes)
    return cells.reshape(n_classes, n_classes)


def accuracy(counts: ClassCounts) -> FloatArray:
    """Compute the share of right calls, (...) float64; NaN where there are no units."""
    return ratio(counts.hits.sum(axis=-1), counts.actual.sum(axis=-1))


def balanced_accuracy(counts: ClassCounts) -> FloatArray:
    """Compute the mean recall over the classes that have units, (...) float64."""
    return mean_where(ratio(counts.hits, counts.actual), counts.actual > 0)


def macro_f1(counts: ClassCounts) -> FloatArray:
    """Compute the mean F1 over the classes that have units, (...) float64.

    A class that is called but has no units does not count as an F1 of zero. Its wrong calls still
    cost the recall of the other classes.
    """
    f1 = ratio(2 * counts.hits, counts.actual + counts.called)
    return mean_where(f1, counts.actual > 0)


SCORES: dict[str, Callable[[ClassCounts], FloatArray]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
}
"""The scores that depend on counts only, by their name in summary.json."""


def per_class_scores(counts: ClassCounts) -> dict[str, FloatArray]:
    """Compute precision, recall and F1 of every class.

    Parameters
    ----------
    counts : ClassCounts
        Arrays (..., n_classes).

    Returns
    -------
    dict of str to (..., n_classes) float64
        ``precision``, ``recall`` and ``f1``; NaN where the denominator is zero: recall of a class
        without units, precision of a class never called, F1 of a class that is neither.
    """
    return {
        "precision": ratio(counts.hits, counts.called),
        "recall": ratio(counts.hits, counts.actual),
        "f1": ratio(2 * counts.hits, counts.actual + counts.called),
    }


def reliability(confidence: FloatArray, correct: npt.NDArray[np.bool_], bins: int) -> Reliability:
    """Compute the accuracy of calls in bins of their confidence.

    Parameters
    ----------
    confidence : (n,) float
        Probability given to the called class, in [0, 1].
    correct : (n,) bool
        Whether the call was right.
    bins : int
        Number of equal-width bins ``(lower, upper]``; zero belongs to the first.

    Returns
    -------
    Reliability
        One entry per bin, empty bins included.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    # `side="left"` closes each bin at its upper edge, as Guo et al. (2017) do.
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    n = np.bincount(index, minlength=bins)
    return Reliability(
        lower=edges[:-1],
        upper=edges[1:],
        n=n,
        confidence=ratio(np.bincount(index, weights=confidence, minlength=bins), n),
        accuracy=ratio(np.bincount(index, weights=correct, minlength=bins), n),
    )


def expected_calibration_error(bins: Reliability) -> float | None:
    """Compute the mean distance of confidence and accuracy over bins, weighted by their units.

    Parameters
    ----------
    bins : Reliability
        From `reliability`.

    Returns
    -------
    float or None
        In [0, 1]; None without units. Naeini et al. (2015), Guo et al. (2017).
    """
    total = bins.n.sum()
    if total == 0:
        return None
    gaps = np.abs(bins.confidence - bins.accuracy)
    return float(np.nansum(gaps * bins.n) / total)


def group_counts(
    truth: IntArray,
    predicted: IntArray,
    groups: IntArray,
    n_classes: int,
    repeats: IntArray | None = None,
) -> ClassCounts:
    """Count hits, true and called units per group, repeat and class.

    Parameters
    ----------
    truth, predicted, groups : (n,) int
        Codes from 0 of the class, the call and the group of each prediction.
    n_classes : int
        Number of classes.
    repeats : (n,) int, optional
        Codes from 0 of the repetition that a prediction belongs to; one repetition if not given.

    Returns
    -------
    ClassCounts
        Arrays (n_groups, n_repeats, n_classes), int32.
    """
    repeats = np.zeros_like(truth) if repeats is None else repeats
    n_groups, n_repeats = int(groups.max()) + 1, int(repeats.max()) + 1
    shape = (n_groups, n_repeats, n_classes)
    block = (groups.astype(np.int64) * n_repeats + repeats) * n_classes

    def counted(classes: IntArray, where: npt.NDArray[np.bool_] | slice) -> IntArray:
        cells = np.bincount((block + classes)[where], minlength=n_groups * n_repeats * n_classes)
        return cells.astype(np.int32).reshape(shape)

    everything = slice(None)
    return ClassCounts(
        hits=counted(truth, truth == predicted),
        actual=counted(truth, everything),
        called=counted(predicted, everything),
    )


def ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> FloatArray:
    """Compute a quotient as float64, NaN where the denominator is zero."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)


def mean_where(values: FloatArray, where: npt.NDArray[np.bool_]) -> FloatArray:
    """Compute the mean of the chosen values over the last axis, NaN where none is chosen."""
    return ratio(np.where(where, values, 0.0).sum(axis=-1), where.sum(axis=-1))


def mean_over(values: Sequence[float | None]) -> float | None:
    """Compute the mean of the values that are defined; None when none is."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
