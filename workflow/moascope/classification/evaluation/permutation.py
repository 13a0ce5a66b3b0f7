"""Permutation nulls: scores of a classifier where mechanisms say nothing about compounds.

Mechanisms are permuted among the compounds: every compound keeps all its units, and every class
its number of compounds. A linear head is fitted to each permutation as it was to the true classes.
Where fitting takes long (networks), the predictions stay as they are and only the truth is
permuted. That is right only where compounds are left out: this second null is then a little too
high, so that its p-values are too large rather than too small. Where a compound is in training as
well, a classifier that knows compounds would beat it without any mechanism, so there it gives none.
Heads that are not linear (a kernel machine, boosted trees) take long too: a run of 200 permutations
of 38 folds would fit 7,600 of them.

Where a head is calibrated by inner folds, each permutation gets one temperature, fitted to all its
test predictions. Calls of units do not depend on it; those of wells and treatments may, and then
this favours the permutation, never the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln, softmax
from scipy.stats import rankdata

from moascope.classification.evaluation.documents import Chance
from moascope.classification.heads import fitting
from moascope.classification.heads.base import HeadOptions
from moascope.classification.heads.calibration import calibrate_by_rows, temperature
from moascope.classification.predictions import FoldLike
from moascope.core.statistics import metrics

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.floating[Any]]

REFIT, LABELS = "refit", "labels"
"""Kinds of null: the head is fitted to each permutation, or only the truth is permuted."""


def permute_classes(classes: IntArray, n: int, seed: int) -> IntArray:
    """Return `n` random orders of the classes of the compounds, (n, n_compounds)."""
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(classes, (n, 1)), axis=1)


def count_permutations(classes: IntArray) -> float:
    """Count the distinct permutations of the classes, as a float that may be infinite."""
    sizes = np.bincount(classes)
    with np.errstate(over="ignore"):
        return float(np.exp(gammaln(len(classes) + 1) - gammaln(sizes + 1).sum()))


def compound_codes(units: pd.DataFrame) -> tuple[IntArray, list[str]]:
    """Return the code of the compound of every unit; one of two mechanisms counts as two.

    Parameters
    ----------
    units : pandas.DataFrame
        Units: compound and moa.

    Returns
    -------
    (n,) int64, list of str
        Number of every unit's compound, and the class of every compound.
    """
    grouped = units.groupby(["moa", "compound"], sort=True)
    classes = grouped.size().reset_index()["moa"]
    return grouped.ngroup().to_numpy().astype(np.int64), classes.astype(str).tolist()


def label_null(
    predicted: IntArray,
    probabilities: FloatArray,
    repeats: IntArray,
    compounds: IntArray,
    deals: IntArray,
) -> dict[str, npt.NDArray[np.float64]]:
    """Score fixed predictions against permuted classes.

    Parameters
    ----------
    predicted, repeats, compounds : (n,) int
        Codes from 0 of the call, the repetition and the compound of each prediction.
    probabilities : (n, n_classes) float
        Scores of the classes.
    deals : (n_deals, n_compounds) int
        Class of every compound in every permutation, from `permute_classes`.

    Returns
    -------
    dict of str to (n_deals,) float
        The scores of `metrics.SCORES` and ``roc_auc``, means over repetitions.
    """
    n_classes = probabilities.shape[1]
    n_compounds, n_repeats = deals.shape[1], int(repeats.max()) + 1
    is_class = deals[:, :, None] == np.arange(n_classes)
    parts: dict[str, list[FloatArray]] = {}
    for repeat in range(n_repeats):
        rows = repeats == repeat
        codes = compounds[rows]
        cells = np.bincount(
            codes * n_classes + predicted[rows], minlength=n_compounds * n_classes
        ).reshape(n_compounds, n_classes)
        sizes = np.bincount(codes, minlength=n_compounds)
        counts = metrics.ClassCounts(
            hits=np.einsum("dck,ck->dk", is_class, cells),
            actual=np.einsum("dck,c->dk", is_class, sizes),
            called=np.broadcast_to(cells.sum(axis=0), (len(deals), n_classes)),
        )
        for name, score in metrics.SCORES.items():
            parts.setdefault(name, []).append(score(counts))
        ranks = rankdata(probabilities[rows], axis=0)
        sums = np.stack(
            [np.bincount(codes, weights=column, minlength=n_compounds) for column in ranks.T],
            axis=1,
        )
        won = np.einsum("dck,ck->dk", is_class, sums)
        won -= counts.actual * (counts.actual + 1) / 2
        pairs = counts.actual * (len(codes) - counts.actual)
        areas = metrics.mean_where(metrics.ratio(won, pairs), pairs > 0)
        parts.setdefault("roc_auc", []).append(areas)
    return {name: np.mean(values, axis=0) for name, values in parts.items()}


def refit_predictions(
    features: FloatArray,
    labels: IntArray,
    folds: Sequence[FoldLike],
    head: HeadOptions,
    n_classes: int,
    seed: int,
) -> FloatArray:
    """Fit a head to permuted classes in every fold and predict the test rows.

    Parameters
    ----------
    features : (n, d) float
        One row per unit.
    labels : (n,) int
        Permuted class of every unit.
    folds : sequence of FoldLike
        The folds of the split.
    head : HeadOptions
        As for `moascope.classification.heads.fitting.fit_head`.
    n_classes : int
        Number of classes.
    seed : int
        As for `fit_head`.

    Returns
    -------
    (n_test, n_classes) float
        Probabilities of the test rows of all folds, one after the other. NaN for classes
        that have no training units in that fold: these rows do not count, as in a split.
    """
    names = labels.astype(str)  # sorted as text, like the classes of heads
    how = fitting.calibration_of(head)
    parts = []
    for fold in folds:
        trained = np.unique(labels[fold.train])
        logits = np.full((len(fold.test), n_classes), np.nan)
        if len(trained) > 1:
            fitted = fitting.fit_head(features[fold.train], names[fold.train], head, seed)
            columns = np.array(fitted.classes, dtype=np.int64)
            rows = np.isin(labels[fold.test], trained)
            if how is True:
                validated = calibrate_by_rows(
                    fitted, features[fold.validation], names[fold.validation]
                )
                fitted = fitting.divide_logits(fitted, validated.temperature)
            logits[rows] = -np.inf
            logits[np.ix_(rows, columns)] = fitted.logits(features[fold.test[rows]])
        parts.append(logits)
    joined = np.concatenate(parts)
    known = ~np.isnan(joined[:, 0])
    if how == fitting.AUTO and known.any():
        # Inner folds would multiply the time. The truth of the permutation itself serves it better.
        tested = np.concatenate([labels[fold.test] for fold in folds])
        joined[known] /= temperature(joined[known], tested[known])
    joined[known] = softmax(joined[known], axis=1)
    return joined


def no_null(reason: str) -> Chance:
    """Return the entry of a score without a p-value."""
    return {"p": None, "p_reason": reason}


def against_null(
    observed: float | None, null: FloatArray, level: float, distinct: float, how: str
) -> Chance:
    """Return the p-value of a score and the interval of its null.

    Parameters
    ----------
    observed : float or None
        The score.
    null : (n,) float
        The same score in each permutation; NaN where it is not defined.
    level : float
        Share of the null inside the interval.
    distinct : float
        From `count_permutations`.
    how : str
        `REFIT` or `LABELS`.

    Returns
    -------
    Chance
        Its p-value is (b + 1) / (n + 1), Phipson and Smyth 2010.
    """
    known = null[~np.isnan(null)]
    if distinct < 1.5:
        return no_null("there is only one permutation of the classes")
    if observed is None or len(known) == 0:
        return no_null("the score is not defined where mechanisms are permuted")
    tails = [(1 - level) / 2, (1 + level) / 2]
    beaten = int((known >= observed - 1e-12).sum())
    return {
        "p": (beaten + 1) / (len(known) + 1),
        "null": {
            "mean": float(known.mean()),
            "interval": np.quantile(known, tails).tolist(),
            "deals": len(known),
            "how": how,
            "least_p": max(1 / (len(known) + 1), 1 / distinct),
        },
    }
