"""Confidence intervals of classification scores from few independent groups.

The predictions of one compound (or plate, or batch) depend on each other, so the independent group
is what counts. Every score is linearized: the influence of a group is how much the score moves with
that group's predictions. The spread of the influences within strata of groups that hold the same
classes gives the variance, and the number of groups gives the degrees of freedom.

Shares (accuracy, balanced accuracy, F1, recall) get Jeffreys' interval for the effective number of
units (Korn and Graubard, 1998; Franco et al., 2019, compare such intervals). Areas under ROC curves
get a t interval on the logit scale, differences a t interval.

A few errors cannot show that the units of a group are independent, and a perfect score shows
nothing about it. So the correlation within groups is taken to be at least a floor, `FLOORS`: the
effective number of units never exceeds what the floor allows, and a worse score never has a
better bound than a perfect one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import beta, norm, rankdata
from scipy.stats import t as student

from moascope.core.errors import InputError
from moascope.core.statistics.metrics import ClassCounts, mean_where, ratio

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

FLOORS = {"unit": 0.03, "well": 0.1, "treatment": 0.3}
"""Least correlation of right calls within a group, by level.

On 660 fields of BBBC021, right calls of the fields of one compound correlate by 0.04 to 0.15, of
its wells by up to 0.28, of its treatments by up to 0.62, depending on the classifier
(beta-binomial fits). The floors lie below these; larger correlations are estimated.
"""

NO_INTERVAL = (
    "every class has only one {unit} in the test set, so the spread between independent units is "
    "unknown"
)
"""Why there is no interval; to be filled with the name of the independent unit."""


class Interval(NamedTuple):
    """Bounds of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Groups:
    """The independent groups of a test set.

    Parameters
    ----------
    actual : (n_groups, n_classes) float
        Test units of each class in each group (their mean over repetitions).
    floor : float
        Least correlation within a group, in [0, 1]; see `FLOORS`.
    """

    actual: FloatArray
    floor: float

    @cached_property
    def strata(self) -> IntArray:
        """Return codes (n_groups,): groups of one class by class, those of several together."""
        held = self.actual > 0
        first = np.where(held.sum(axis=1) == 1, held.argmax(axis=1), -1)
        return np.unique(first, return_inverse=True)[1].reshape(-1)

    @cached_property
    def shares(self) -> FloatArray:
        """Compute the share of each group in its stratum, (n_groups,); 1 where it is alone."""
        sizes = self.actual.sum(axis=1)
        return sizes / self._in_stratum(sizes)

    @cached_property
    def show_spread(self) -> bool:
        """Return whether some class has several groups; without any, no interval is known."""
        return bool((self.shares < 1).any())

    def variance(self, influence: FloatArray, class_weights: FloatArray) -> float:
        """Compute the variance of a score from the influence of every group.

        The squared distances of groups from what their stratum as a whole predicts for groups of
        their size. They are scaled to be right on average where the units of a group correlate as
        in `_working_variances`, as Bell and McCaffrey (2002) do. A group that is alone in its
        stratum shows no spread and is taken to vary as the others do.

        Parameters
        ----------
        influence : (n_groups,) float
            How much the score moves with the weight of each group.
        class_weights : (n_classes,) float
            Weight of one unit of each class in the score.

        Returns
        -------
        float
            NaN where every group is alone.
        """
        expected, _ = self._moments(class_weights)
        if expected <= 0:
            return float("nan")
        distance = np.where(
            self.shares < 1, influence - self.shares * self._in_stratum(influence), 0.0
        )
        total = self._working_variances(class_weights).sum()
        return float((distance**2).sum() * total / expected)

    def degrees(self, class_weights: FloatArray) -> float:
        """Compute the degrees of freedom of `variance` (Satterthwaite, 1946).

        Groups less strata where all groups are of one size, fewer where some are large; 0 where
        every group is alone.
        """
        expected, squared = self._moments(class_weights)
        return expected**2 / squared if squared > 0 else 0.0

    def _moments(self, class_weights: FloatArray) -> tuple[float, float]:
        """Compute mean and half the variance of the sum of squared distances.

        Under the working model, with variances v of groups and their shares s of a stratum, the sum
        is a quadratic form in independent normal variables. Its matrix is
        ``L - u w' - w u' + q w w'`` with w = sqrt(v), L = diag(v), u = s * w and q = s' s. These
        are its trace and the trace of its square.
        """
        several = self.shares < 1
        s = np.where(several, self.shares, 0.0)
        v = np.where(several, self._working_variances(class_weights), 0.0)
        ww, uw, uu, q, ll, ulw = (
            np.bincount(self.strata, weights=part)
            for part in (v, s * v, s * s * v, s * s, v * v, s * v * v)
        )
        trace = ww - 2 * uw + q * ww
        squared = ll - 4 * ulw + 2 * q * ll + 2 * (uw**2 + uu * ww) - 4 * q * uw * ww + q**2 * ww**2
        return float(trace.sum()), float(squared.sum())

    def _in_stratum(self, values: FloatArray) -> FloatArray:
        """Return the sum of the values of the stratum of each group."""
        return np.asarray(np.bincount(self.strata, weights=values)[self.strata], dtype=np.float64)

    def _working_variances(self, class_weights: FloatArray) -> FloatArray:
        """Compute the relative variance of the influence of each group, at three times the floor.

        That is about the correlation which was measured, see `FLOORS`.
        """
        correlation = min(1.0, 3 * self.floor)
        together = (self.actual @ class_weights) ** 2
        return correlation * together + (1 - correlation) * (self.actual @ class_weights**2)

    def correlated_variance(self, class_weights: FloatArray, correlation: float) -> float:
        """Compute the variance of a weighted mean of units that correlate within groups.

        Parameters
        ----------
        class_weights : (n_classes,) float
            Weight of one unit of each class in the score.
        correlation : float
            Correlation of two units of one group.
        """
        by_group = self.actual @ class_weights
        independent = self.actual.sum(axis=0) @ class_weights**2
        return float(correlation * (by_group**2).sum() + (1 - correlation) * independent)

    def ceiling(self, class_weights: FloatArray) -> float:
        """Compute the effective number of units at the least correlation."""
        return 1 / self.correlated_variance(class_weights, self.floor)


def count_scores(counts: ClassCounts) -> dict[str, tuple[float, FloatArray]]:
    """Compute scores and the influence of every group.

    Parameters
    ----------
    counts : ClassCounts
        Arrays (n_groups, n_repeats, n_classes), from `metrics.group_counts`.

    Returns
    -------
    dict of str to (float, (n_groups,) float)
        ``accuracy``, ``macro_f1`` and ``balanced_accuracy``, means over repetitions, and the first
        derivative of each with respect to the weight of a group.
    """
    hits, actual, called = (np.asarray(part, dtype=np.float64) for part in counts)
    n_hits, n_actual, n_called = (part.sum(axis=0) for part in (hits, actual, called))
    total = n_actual.sum(axis=-1)
    present = n_actual > 0
    n_present = np.maximum(present.sum(axis=-1), 1)
    accuracy = ratio(n_hits.sum(axis=-1), total)
    recall = ratio(n_hits, n_actual)
    f1 = ratio(2 * n_hits, n_actual + n_called)

    def mean_of_classes(values: FloatArray, slope: FloatArray) -> tuple[float, FloatArray]:
        where = np.broadcast_to(present, slope.shape)
        influence = np.where(where, slope, 0.0).sum(axis=-1) / n_present
        return float(np.mean(mean_where(values, present))), influence.mean(axis=1)

    by_group = (hits.sum(axis=-1) - accuracy * actual.sum(axis=-1)) / total
    return {
        "accuracy": (float(np.mean(accuracy)), by_group.mean(axis=1)),
        "macro_f1": mean_of_classes(
            f1, ratio(2 * hits - f1 * (actual + called), n_actual + n_called)
        ),
        "balanced_accuracy": mean_of_classes(recall, ratio(hits - recall * actual, n_actual)),
    }


def roc_auc_score(
    truth: IntArray, probabilities: FloatArray, groups: IntArray, n_groups: int
) -> tuple[float, FloatArray] | None:
    """Compute the macro-averaged one-against-rest ROC AUC and the influence of every group.

    The structural components of DeLong et al. (1988), summed by group as in Obuchowski (1997).

    Parameters
    ----------
    truth : (n,) int
        Class codes.
    probabilities : (n, n_classes) float
        Any scores that grow with the class being likelier.
    groups : (n,) int
        Codes of the independent groups.
    n_groups : int
        Number of groups, those without rows included.

    Returns
    -------
    (float, (n_groups,) float) or None
        The AUC in [0, 1] and the influences; None where fewer than two classes have units.
    """
    is_class = truth[:, None] == np.arange(probabilities.shape[1])
    positives = is_class.sum(axis=0)
    negatives = len(truth) - positives
    defined = (positives > 0) & (negatives > 0)
    if not defined.any():
        return None
    areas, influence = [], np.zeros(n_groups)
    for column in np.flatnonzero(defined):
        mine, scores = is_class[:, column], probabilities[:, column]
        n_mine, n_rest = positives[column], negatives[column]
        overall = rankdata(scores)
        # Share of the other side that a unit is ranked above (a positive) or below (a negative).
        placement = np.empty(len(truth))
        placement[mine] = (overall[mine] - rankdata(scores[mine])) / n_rest
        placement[~mine] = 1 - (overall[~mine] - rankdata(scores[~mine])) / n_mine
        area = float(placement[mine].mean())
        slope = (placement - area) / np.where(mine, n_mine, n_rest)
        influence += np.bincount(groups, weights=slope, minlength=n_groups)
        areas.append(area)
    return float(np.mean(areas)), influence / len(areas)


def share_interval(
    value: float, variance: float, ceiling: float, degrees: float, level: float
) -> Interval:
    """Compute the interval of a share from its effective number of units.

    Jeffreys' interval for ``value * n`` of n units, where n is the effective number of units:
    ``value * (1 - value) / variance``, at most `ceiling`, scaled by the squared ratio of the normal
    and the t quantile (Korn and Graubard, 1998).

    Parameters
    ----------
    value : float
        The score, in [0, 1].
    variance : float
        Its variance, from `Groups.variance`.
    ceiling : float
        Largest effective number of units, from `Groups.ceiling`.
    degrees : int
        Degrees of freedom of the variance, above 0; may be infinite.
    level : float
        Coverage, in (0, 1).

    Returns
    -------
    Interval
        In [0, 1], around the value.
    """
    spread = value * (1 - value)
    tail = (1 - level) / 2
    n = min(spread / variance, ceiling) if variance > 0 else ceiling
    n *= float(norm.ppf(tail) / student.ppf(tail, degrees)) ** 2
    n = max(n, 1.0)
    hits = value * n
    low = 0.0 if value <= 0 else float(beta.ppf(tail, hits + 0.5, n - hits + 0.5))
    high = 1.0 if value >= 1 else float(beta.ppf(1 - tail, hits + 0.5, n - hits + 0.5))
    return Interval(min(low, value), max(high, value))


def area_interval(
    value: float, variance: float, ceiling: float, degrees: float, level: float
) -> Interval:
    """Compute the interval of an area under the ROC curve: a t interval on the logit scale.

    The area is drawn in by a quarter of a unit of the effective number, and as much is added to its
    standard error, so that a perfect area has an interval as well. Parameters as for
    `share_interval`.
    """
    half = 0.25 / ceiling
    margin = -student.ppf((1 - level) / 2, degrees)

    def lower(area: float, spread: float) -> float:
        centre = area / (1 + half)
        error = margin * np.sqrt(spread + half**2) / (centre * (1 - centre))
        return float(expit(logit(centre) - error))

    # No area has a better bound than a perfect one.
    best = lower(1.0, 0.0)
    return Interval(
        min(lower(value, variance), best) if value > 0 else 0.0,
        max(1 - lower(1 - value, variance), 1 - best) if value < 1 else 1.0,
    )


def difference_interval(
    value: float, variance: float, ceiling: float, degrees: float, level: float
) -> Interval:
    """Compute the interval of a difference of two scores: a t interval, in [-1, 1].

    Half a unit of the effective number is added to the standard error, so that two models that
    differ nowhere in the sample are not claimed to be equal. Parameters as for `share_interval`.
    """
    margin = -student.ppf((1 - level) / 2, degrees) * np.sqrt(variance + (0.5 / ceiling) ** 2)
    return Interval(max(-1.0, value - float(margin)), min(1.0, value + float(margin)))


def difference_p(value: float, variance: float, ceiling: float, degrees: float) -> float:
    """Compute the two-sided p-value of a difference, consistent with `difference_interval`."""
    return float(2 * student.sf(abs(value) / np.sqrt(variance + (0.5 / ceiling) ** 2), degrees))


def recall_intervals(
    counts: ClassCounts, groups: Groups, level: float
) -> list[tuple[float, Interval | None] | None]:
    """Compute the recall of every class with its interval.

    Two or three compounds of one class say little about their spread, so the correlation within
    groups is estimated once, from all classes, and at least the floor; the effective number of
    units of a class follows from its own groups. The correlation is then taken as known.

    Parameters
    ----------
    counts : ClassCounts
        As for `count_scores`.
    groups : Groups
        The independent groups.
    level : float
        Coverage, in (0, 1).

    Returns
    -------
    list of (float, Interval or None) or None
        By class; None for a class without units. No interval without degrees of freedom.
    """
    hits, actual = (np.asarray(part, dtype=np.float64) for part in (counts.hits, counts.actual))
    n_actual = actual.sum(axis=0)
    recall = ratio(hits.sum(axis=0), n_actual)
    influence = np.nan_to_num(ratio(hits - recall * actual, n_actual)).mean(axis=1)
    values = np.array([mean_or_nan(column) for column in recall.T])
    n = groups.actual.sum(axis=0)
    clustered = ratio((groups.actual**2).sum(axis=0), n**2)
    independent = ratio(np.ones_like(n), n)
    weights = np.diag(np.nan_to_num(independent))
    observed = np.array(
        [
            groups.variance(column, weight) if weight.any() else np.nan
            for column, weight in zip(influence.T, weights, strict=True)
        ]
    )
    known = ~np.isnan(observed)  # not of classes with one group, which show no spread
    spread = np.nan_to_num(values * (1 - values))
    surplus = np.where(known, observed - spread * np.nan_to_num(independent), 0.0)
    excess = np.where(known, spread * np.nan_to_num(clustered - independent), 0.0)

    def correlation(used: npt.NDArray[np.bool_]) -> float:
        total = excess[used].sum()
        found = surplus[used].sum() / total if total > 0 else groups.floor
        return float(np.clip(found, groups.floor, 1.0))

    every = np.ones(len(n), dtype=bool)
    result: list[tuple[float, Interval | None] | None] = []
    for k, value in enumerate(values):
        if np.isnan(value):
            result.append(None)
        elif not known.any():
            result.append((float(value), None))
        else:
            # A class without errors shows nothing of the correlation. One with few must not do
            # better for showing little: so the estimate without it counts where it is larger.
            larger = max(correlation(every), correlation(np.arange(len(n)) != k))
            size = larger * clustered[k] + (1 - larger) * independent[k]
            variance = float(spread[k] * size)
            bounds = share_interval(float(value), variance, 1 / size, np.inf, level)
            result.append((float(value), bounds))
    return result


def mean_or_nan(values: FloatArray) -> float:
    """Compute the mean of the values that are not NaN; NaN where all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def check_level(level: float) -> None:
    """Refuse a level outside (0, 1)."""
    if not 0 < level < 1:
        raise InputError(f"evaluation.confidence is {level}; use a number between 0 and 1")
