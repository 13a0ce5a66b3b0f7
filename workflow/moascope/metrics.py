"""Scores of a classification, and how sure one can be of them.

Classes are integer codes ``0 .. n_classes - 1`` here; names belong to `moascope.evaluation`.
Accuracy, balanced accuracy and F1 depend on three counts per class only (`ClassCounts`), so the
same few lines score one set of predictions or thousands of bootstrap resamples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from moascope.errors import InputError

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]

# Entries of the (resamples x patterns) weight matrix held at a time: 64 MB of float64.
_WEIGHTS_PER_BLOCK = 8_000_000


class ClassCounts(NamedTuple):
    """What a confusion matrix says per class; each array is (..., n_classes)."""

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
    """Share of right calls, (...) float64; NaN where there are no units."""
    return _ratio(counts.hits.sum(axis=-1), counts.actual.sum(axis=-1))


def balanced_accuracy(counts: ClassCounts) -> FloatArray:
    """Mean recall over the classes that have units, (...) float64."""
    return _mean_where(_ratio(counts.hits, counts.actual), counts.actual > 0)


def macro_f1(counts: ClassCounts) -> FloatArray:
    """Mean F1 over the classes that have units, (...) float64.

    A class that is called but has no units does not count as an F1 of zero. Its wrong calls still
    cost the recall of the other classes.
    """
    f1 = _ratio(2 * counts.hits, counts.actual + counts.called)
    return _mean_where(f1, counts.actual > 0)


SCORES: dict[str, Callable[[ClassCounts], FloatArray]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
}
"""The scores that have confidence intervals, by their name in summary.json."""


def per_class_scores(counts: ClassCounts) -> dict[str, FloatArray]:
    """Precision, recall and F1 of every class.

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
        "precision": _ratio(counts.hits, counts.called),
        "recall": _ratio(counts.hits, counts.actual),
        "f1": _ratio(2 * counts.hits, counts.actual + counts.called),
    }


def roc_auc(truth: IntArray, probabilities: FloatArray) -> float | None:
    """Area under the ROC curve, one class against the rest, averaged over classes.

    It is the Mann-Whitney statistic: the chance that a unit of the class has a higher probability
    for it than a unit of another class, ties counting half.

    Parameters
    ----------
    truth : (n,) int
        Class codes.
    probabilities : (n, n_classes) float
        Any scores that grow with the class being likelier.

    Returns
    -------
    float or None
        In [0, 1]. Classes without units take no part; None when fewer than two classes have any.
    """
    is_class = truth[:, None] == np.arange(probabilities.shape[1])
    positives = is_class.sum(axis=0)
    negatives = len(truth) - positives
    defined = (positives > 0) & (negatives > 0)
    if not defined.any():
        return None
    ranks = rankdata(probabilities[:, defined], axis=0)
    positives, negatives = positives[defined], negatives[defined]
    rank_sums = (ranks * is_class[:, defined]).sum(axis=0)
    pairs_won = rank_sums - positives * (positives + 1) / 2
    return float(np.mean(pairs_won / (positives * negatives)))


def reliability(confidence: FloatArray, correct: npt.NDArray[np.bool_], bins: int) -> Reliability:
    """Compare the stated probability of calls with how often they are right.

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
        confidence=_ratio(np.bincount(index, weights=confidence, minlength=bins), n),
        accuracy=_ratio(np.bincount(index, weights=correct, minlength=bins), n),
    )


def expected_calibration_error(bins: Reliability) -> float | None:
    """Mean distance between confidence and accuracy over bins, weighted by their units.

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


def bootstrap_intervals(
    counts: ClassCounts,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, list[float] | None]:
    """Confidence intervals of every score in `SCORES` by resampling whole groups.

    The percentile cluster bootstrap within strata (Davison and Hinkley, 1997, section 3.2): groups
    are drawn with replacement, all predictions of a group come along (and all repetitions of
    them), the scores are computed per repetition and averaged over repetitions. Predictions of one
    group may depend on each other in any way.

    The stratum of a group is the set of classes that it holds, and each stratum keeps its number of
    groups. Otherwise resamples would lose whole classes, and a score that is a mean over classes
    would jump with the number of those left: that of a constant classifier above one over the
    number of classes. So the intervals are those for groups of the same classes as here.

    A group that is alone in its stratum has nothing to be exchanged with and stays in every
    resample once. The intervals then do not show how much another group of these classes (where
    each class has one compound, say, another compound) might differ: they are too narrow, the more
    so the more groups are alone. Where all of them are, there are no intervals.

    Groups with the same counts cannot be told apart, so what is drawn is how often each distinct
    pattern of counts occurs: one multinomial per stratum and resample, exactly the same
    distribution, and cheap even for a million groups of one unit.

    Where all calls are right, or all wrong, every resample looks the same and the bootstrap claims
    certainty; then the Wilson interval of the share of right groups is given instead.

    Parameters
    ----------
    counts : ClassCounts
        Arrays (n_groups, n_repeats, n_classes), from `group_counts`.
    n_resamples : int
        Number of bootstrap resamples, at least 1.
    confidence : float
        Coverage in (0, 1).
    seed : int
        Seed of the random draws; the same seed gives the same intervals.

    Returns
    -------
    dict of str to [float, float] or None
        Lower and upper bound by score; None when there are fewer than two groups, or when no two
        groups hold the same classes.
    """
    if n_resamples < 1 or not 0 < confidence < 1:
        raise InputError(
            f"evaluation: bootstrap is {n_resamples} and confidence is {confidence}; "
            "give at least 1 resample and a confidence between 0 and 1"
        )
    n_groups = counts.actual.shape[0]
    if n_groups < 2:
        return dict.fromkeys(SCORES)
    hits, actual = int(counts.hits.sum()), int(counts.actual.sum())
    if hits in (0, actual):
        bounds = wilson_interval(n_groups if hits else 0, n_groups, confidence)
        return {name: list(bounds) for name in SCORES}
    samples = _resampled_scores(counts, n_resamples, np.random.default_rng(seed))
    if samples is None:
        return dict.fromkeys(SCORES)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    return {name: np.quantile(values, tails).tolist() for name, values in samples.items()}


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson, 1927).

    Parameters
    ----------
    successes, trials : int
        ``0 <= successes <= trials`` and at least one trial.
    confidence : float
        Coverage in (0, 1).

    Returns
    -------
    (float, float)
        Bounds in [0, 1].
    """
    z2 = float(norm.ppf((1 + confidence) / 2)) ** 2
    share = successes / trials
    centre = share + z2 / (2 * trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2)))
    scale = 1 + z2 / trials
    low, high = (centre - half) / scale, (centre + half) / scale
    return max(0.0, float(low)), min(1.0, float(high))


def _resampled_scores(
    counts: ClassCounts, n_resamples: int, rng: np.random.Generator
) -> dict[str, FloatArray] | None:
    """Scores of every resample, (n_resamples,) by name; None if no stratum has two groups."""
    table = np.stack(counts, axis=1)
    patterns, frequency = _distinct_rows(table.reshape(len(table), -1))
    strata = _strata(patterns.reshape(-1, *table.shape[1:])[:, ClassCounts._fields.index("actual")])
    sizes = [int(frequency[members].sum()) for members in strata]
    if max(sizes) == 1:
        return None
    flat = patterns.astype(np.float64)
    block = max(1, _WEIGHTS_PER_BLOCK // len(flat))
    parts: dict[str, list[FloatArray]] = {name: [] for name in SCORES}
    for start in range(0, n_resamples, block):
        weights = np.empty((min(block, n_resamples - start), len(flat)))
        for members, size in zip(strata, sizes, strict=True):
            shares = frequency[members] / size
            weights[:, members] = rng.multinomial(size, shares, size=len(weights))
        summed = (weights @ flat).reshape(len(weights), *table.shape[1:])
        resampled = ClassCounts(*np.moveaxis(summed, 1, 0))
        for name, score in SCORES.items():
            parts[name].append(np.nanmean(score(resampled), axis=-1))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _strata(actual: IntArray) -> list[npt.NDArray[np.intp]]:
    """Put the patterns that hold the same set of classes together, in a fixed order.

    Parameters
    ----------
    actual : (n_patterns, n_repeats, n_classes) int
        Units of each class; a class counts as held if any repetition has it.

    Returns
    -------
    list of (n_members,) int
        Indices of patterns; each pattern is in one of them.
    """
    held = np.packbits((actual > 0).any(axis=1), axis=1)
    _, stratum, n_patterns = np.unique(held, axis=0, return_inverse=True, return_counts=True)
    by_stratum = np.argsort(stratum.reshape(-1), kind="stable")
    return np.split(by_stratum, np.cumsum(n_patterns)[:-1])


def _distinct_rows(rows: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct rows of counts in a fixed order, and how often each occurs.

    Columns are folded into one integer key per row, renumbered before it could overflow: twenty
    times faster than `numpy.unique` along an axis when there are many rows.
    """
    key = np.zeros(len(rows), dtype=np.int64)
    for column in rows.T:
        base = int(column.max()) + 1
        if int(key.max()) >= np.iinfo(np.int64).max // base - 1:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        key = key * base + column
    _, first, frequency = np.unique(key, return_index=True, return_counts=True)
    return rows[first], frequency


def _ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> FloatArray:
    """Quotient as float64, NaN where the denominator is zero."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)


def _mean_where(values: FloatArray, where: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean over the last axis of the chosen values, NaN where none is chosen."""
    return _ratio(np.where(where, values, 0.0).sum(axis=-1), where.sum(axis=-1))


def mean_over(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are defined; None when none is."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
