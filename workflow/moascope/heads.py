"""Linear classifiers on top of features: shrinkage LDA and logistic regression, fold by fold.

Both end as the same thing, a `LinearHead` (standardise, multiply, add, softmax), so either can be
exported as one dense layer behind its backbone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from moascope.errors import InputError

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
Matrix = npt.NDArray[np.float64]

LINEAR_HEADS = ("lda", "logistic")

# Rows that are standardised and multiplied at a time when predicting.
_ROWS_PER_BLOCK = 8192


class FoldLike(Protocol):
    """What this module needs of a fold: its names and the rows of each set."""

    @property
    def repeat(self) -> int:
        """Which repetition, from 0."""

    @property
    def fold(self) -> int:
        """Which fold of the repetition, from 0."""

    @property
    def name(self) -> str:
        """For people: for example the compound left out."""

    @property
    def train(self) -> IntArray:
        """Rows to learn from."""

    @property
    def validation(self) -> IntArray:
        """Rows to choose by; may be empty."""

    @property
    def test(self) -> IntArray:
        """Rows to predict."""


@dataclass(frozen=True)
class LinearHead:
    """A fitted classifier: ``softmax((x - mean) / scale @ weights + bias)``."""

    classes: tuple[str, ...]
    weights: Matrix
    """(d, n_classes)."""
    bias: Matrix
    """(n_classes,)."""
    mean: Matrix
    """(d,) of the training rows."""
    scale: Matrix
    """(d,) standard deviation of the training rows, 1 for constant features."""

    def logits(self, features: FloatArray) -> Matrix:
        """Log-odds up to a constant per row, (n, n_classes), for features (n, d)."""
        weights, bias = self.dense()
        parts = [
            np.asarray(features[start : start + _ROWS_PER_BLOCK], dtype=np.float64) @ weights + bias
            for start in range(0, len(features), _ROWS_PER_BLOCK)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)))

    def probabilities(self, features: FloatArray) -> Matrix:
        """Posterior probabilities (n, n_classes) for features (n, d)."""
        return softmax(self.logits(features), axis=1)

    def dense(self) -> tuple[Matrix, Matrix]:
        """Kernel (d, n_classes) and bias (n_classes,) of the dense layer for raw features."""
        kernel = self.weights / self.scale[:, None]
        return kernel, self.bias - self.mean @ kernel


class ShrinkageLDA(ClassifierMixin, BaseEstimator):
    """Linear discriminant analysis with a shrunken covariance, cheap in many dimensions.

    Gives what ``sklearn.discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr")`` gives:
    the covariance within each class is shrunk on its own and weighted by the class's prior; with
    ``"auto"`` features are standardised within the class, shrunk towards the identity by the
    amount of Ledoit and Wolf (2004), and scaled back.

    The sum of shrunken covariances is a diagonal plus a matrix of rank n at most, so with more
    features than rows it is inverted through an n x n system (Woodbury), and the Ledoit-Wolf
    amount is computed from the rows' inner products. Nothing of size d x d is made then.

    Parameters
    ----------
    shrinkage : "auto" or float
        Amount in [0, 1]; 0 is the plain covariance.
    priors : (n_classes,) float, optional
        Class priors in the order of sorted labels; the shares of the training rows if not given.
    """

    def __init__(
        self, shrinkage: str | float = "auto", priors: npt.ArrayLike | None = None
    ) -> None:
        self.shrinkage = shrinkage
        self.priors = priors

    def fit(self, X: FloatArray, y: npt.NDArray[Any]) -> Self:
        """Fit to features (n, d) and labels (n,).

        Raises
        ------
        InputError
            If there are fewer than two classes, not more rows than classes, NaN features, or the
            shrinkage is out of range.
        """
        amount = self.shrinkage
        if amount != "auto" and not (isinstance(amount, int | float) and 0 <= amount <= 1):
            raise InputError(f"head.shrinkage is {amount!r}; use auto or a number from 0 to 1")
        X = np.asarray(X, dtype=np.float64)
        self.classes_, codes = np.unique(y, return_inverse=True)
        n_classes = len(self.classes_)
        if n_classes < 2 or len(X) <= n_classes:
            raise InputError(
                f"LDA: {len(X)} training rows of {n_classes} classes; "
                "give at least two classes and more rows than classes"
            )
        if not np.isfinite(X).all():
            raise InputError("LDA: features contain NaN or infinity; check the images they are of")
        sizes = np.bincount(codes)
        priors = sizes / len(X) if self.priors is None else np.asarray(self.priors, np.float64)
        self.priors_ = priors / priors.sum()
        self.means_ = np.stack([X[codes == k].mean(axis=0) for k in range(n_classes)])
        # The discriminants do not change when everything is moved; centred they lose no digits.
        centre = self.priors_ @ self.means_
        means = self.means_ - centre

        n, d = X.shape
        diagonal = np.zeros(d)
        gram = np.zeros((d, d)) if d <= n else None
        low_rank = []
        for k in range(n_classes):
            deviations = X[codes == k] - self.means_[k]
            factor, target = _shrunken(deviations, amount)
            diagonal += self.priors_[k] * target
            deviations *= np.sqrt(self.priors_[k] * factor / sizes[k])
            if gram is None:
                low_rank.append(deviations)
            else:
                gram += deviations.T @ deviations
        if gram is None:
            self.coef_ = _solve_low_rank(diagonal, np.concatenate(low_rank), means.T).T
        else:
            self.coef_ = _solve_dense(diagonal, gram, means.T).T
        self.intercept_ = -0.5 * (means * self.coef_).sum(axis=1) + np.log(self.priors_)
        self.intercept_ -= self.coef_ @ centre
        return self

    def decision_function(self, X: FloatArray) -> Matrix:
        """Log posterior up to a constant per row, (n, n_classes), for features (n, d)."""
        return np.asarray(X, dtype=np.float64) @ self.coef_.T + self.intercept_

    def predict_proba(self, X: FloatArray) -> Matrix:
        """Posterior probabilities (n, n_classes) for features (n, d)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: FloatArray) -> npt.NDArray[Any]:
        """Likeliest class of each row, (n,), for features (n, d)."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]


def fit_head(
    features: FloatArray, labels: npt.NDArray[Any], head: Mapping[str, Any], seed: int = 0
) -> LinearHead:
    """Fit a linear head to all given rows; features are standardised by these rows.

    Parameters
    ----------
    features : (n, d) float
        One row per unit.
    labels : (n,) str
        Class of each row.
    head : mapping
        ``type``: lda or logistic; ``shrinkage`` (lda): auto or a number from 0 to 1; ``C``
        (logistic): inverse strength of the L2 penalty, above 0. ``balanced: true`` lets all
        classes count the same: equal priors (lda) or class weights (logistic). When a compound
        is left out its class becomes rarer in training, and plain priors then speak against it.
    seed : int
        Seed of the solver, should it draw random numbers.

    Returns
    -------
    LinearHead
        With the classes sorted by name.

    Raises
    ------
    InputError
        For another head type, unusable features or fewer than two classes.
    """
    kind = head["type"]
    if kind not in LINEAR_HEADS:
        raise InputError(f"head.type is {kind!r}; the linear heads are {', '.join(LINEAR_HEADS)}")
    labels = np.asarray(labels).astype(str)
    rows = np.array(features, dtype=np.float64)
    if not np.isfinite(rows).all():
        raise InputError(
            f"head: {int((~np.isfinite(rows)).sum())} of the features are NaN or infinite; "
            "check the images they are of"
        )
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"head: the {len(labels)} training rows have {len(np.unique(labels))} class; "
            "at least two are needed"
        )
    mean = rows.mean(axis=0)
    rows -= mean
    scale = rows.std(axis=0)
    scale[scale <= 1e-12 * np.maximum(1.0, np.abs(mean))] = 1.0
    rows /= scale
    balanced = bool(head.get("balanced", False))
    if kind == "lda":
        n_classes = len(np.unique(labels))
        priors = np.full(n_classes, 1 / n_classes) if balanced else None
        lda = ShrinkageLDA(head["shrinkage"], priors).fit(rows, labels)
        classes, weights, bias = lda.classes_, lda.coef_.T, lda.intercept_
    else:
        classes, weights, bias = _fit_logistic(rows, labels, float(head["C"]), balanced, seed)
    return LinearHead(tuple(map(str, classes)), weights, bias, mean, scale)


def fit_predict_folds(
    features: FloatArray,
    unit_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    folds: Iterable[FoldLike],
    head: Mapping[str, Any],
    seed: int = 0,
) -> pd.DataFrame:
    """Fit a head on the training rows of every fold and predict its test rows.

    Parameters
    ----------
    features : (n, d) float
        One row per unit; may be memory-mapped.
    unit_ids, labels : (n,) str
        Name and class of each row. Rows that are in no fold may have an empty label.
    folds : iterable of FoldLike
        Row indices of each set. Validation rows are used by ``calibrate`` only.
    head : mapping
        As for `fit_head`; with ``calibrate: true`` the posteriors are sharpened or flattened by
        one temperature (Guo et al., 2017) fitted to the validation rows, where there are any.
    seed : int
        As for `fit_head`.

    Returns
    -------
    pandas.DataFrame
        ``unit_id, repeat, fold, fold_name, moa, predicted`` and ``p:<class>`` (float64) for every
        class of any fold, sorted by name; test rows in the order of the folds. A class without
        training rows in a fold has probability 0 there.

    Raises
    ------
    InputError
        If a fold has rows without a class, or fewer than two classes to learn.
    """
    folds = list(folds)
    labels = np.asarray(labels).astype(str)
    unit_ids = np.asarray(unit_ids).astype(str)
    classes = classes_of_folds(unit_ids, labels, folds)
    parts = [
        prediction_table(
            unit_ids,
            labels,
            fold_probabilities(features, labels, fold, head, classes, seed=seed),
            list(classes),
            fold,
        )
        for fold in folds
    ]
    return pd.concat(parts, ignore_index=True) if parts else _table(classes)


def classes_of_folds(
    unit_ids: npt.NDArray[Any], labels: npt.NDArray[Any], folds: Sequence[FoldLike]
) -> npt.NDArray[Any]:
    """List the classes of all units that are in a fold.

    Parameters
    ----------
    unit_ids, labels : (n,) str
        Name and class of each unit.
    folds : sequence of FoldLike
        Row numbers of the units.

    Returns
    -------
    (n_classes,) str
        Sorted.

    Raises
    ------
    InputError
        If a unit of a fold has no class.
    """
    used = [np.concatenate([fold.train, fold.validation, fold.test]) for fold in folds]
    rows = np.unique(np.concatenate(used)).astype(np.int64) if used else np.empty(0, np.int64)
    unlabelled = rows[labels[rows] == ""]
    if len(unlabelled):
        raise InputError(
            f"unit {unit_ids[unlabelled[0]]} is in the split but its mechanism is not known "
            f"({len(unlabelled)} such units); leave it out of the split or complete the MoA table"
        )
    return np.unique(labels[rows])


def prediction_table(
    unit_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    probabilities: FloatArray,
    classes: Sequence[str],
    fold: FoldLike,
) -> pd.DataFrame:
    """Predictions of one fold's test rows as a table.

    Parameters
    ----------
    unit_ids, labels : (n,) str
        Name and class of every unit, not only of the test rows.
    probabilities : (n_test, n_classes) float
        In the order of ``fold.test``.
    classes : sequence of str
        Names of the columns.
    fold : FoldLike
        Where the rows come from.

    Returns
    -------
    pandas.DataFrame
        The columns of `fit_predict_folds`.
    """
    table = pd.DataFrame(
        {
            "unit_id": np.asarray(unit_ids)[fold.test].astype(str),
            "repeat": np.int64(fold.repeat),
            "fold": np.int64(fold.fold),
            "fold_name": str(fold.name),
            "moa": np.asarray(labels)[fold.test].astype(str),
            "predicted": np.asarray(classes, dtype=str)[probabilities.argmax(axis=1)],
        }
    )
    columns = [f"p:{name}" for name in classes]
    return pd.concat([table, pd.DataFrame(probabilities, columns=columns)], axis=1)


def class_indices(
    units: pd.DataFrame, groups: pd.DataFrame
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Give a number to each class that a split uses.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table: unit_id and moa.
    groups : pandas.DataFrame
        The units of the split: unit_id.

    Returns
    -------
    list of str, (n,) int64
        Class names in order, and the class of every unit; -1 for units outside of the split.
    """
    used = units["unit_id"].isin(groups["unit_id"]).to_numpy()
    moa = units["moa"].to_numpy(str)
    classes, codes = np.unique(moa[used], return_inverse=True)
    indices = np.full(len(units), -1, dtype=np.int64)
    indices[used] = codes
    return [str(name) for name in classes], indices


def temperature(logits: FloatArray, labels: IntArray) -> float:
    """Find the factor to divide logits by so that they are honest about their certainty.

    Parameters
    ----------
    logits : (n, n_classes) float
        Of rows that were not trained on; -inf for classes that cannot be.
    labels : (n,) int
        Their true classes as column numbers, each with a finite logit.

    Returns
    -------
    float
        Between 0.05 and 100, the one with the least cross-entropy (Guo et al., 2017).
    """
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(scaled[rows, labels].mean())

    bounds = (np.log(0.05), np.log(100.0))
    return float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x))


def fold_probabilities(
    features: FloatArray,
    labels: npt.NDArray[Any],
    fold: FoldLike,
    head: Mapping[str, Any],
    classes: npt.NDArray[Any],
    *,
    seed: int,
) -> Matrix:
    """Fit a head on the training rows of a fold and predict its test rows.

    Parameters
    ----------
    features, labels, head, seed
        As for `fit_predict_folds`.
    fold : FoldLike
        Row numbers of the units.
    classes : (n_classes,) str
        From `classes_of_folds`.

    Returns
    -------
    (n_test, n_classes) float64
        Posterior probabilities.

    Raises
    ------
    InputError
        If the training rows are of fewer than two classes.
    """
    started = time.perf_counter()
    learned = np.unique(labels[fold.train])
    if len(learned) < 2:
        raise InputError(
            f"fold {fold.name!r}: its {len(fold.train)} training units have {len(learned)} "
            "classes; at least two are needed"
        )
    unseen = np.setdiff1d(labels[fold.test], learned)
    if len(unseen):
        logger.warning("fold %s: no training units of %s", fold.name, ", ".join(unseen))
    fitted = fit_head(features[fold.train], labels[fold.train], head, seed)
    logits = fitted.logits(features[fold.test])
    if head.get("calibrate", False):
        logits /= _fold_temperature(fitted, features, labels, fold)
    probabilities = np.zeros((len(fold.test), len(classes)))
    probabilities[:, np.searchsorted(classes, fitted.classes)] = softmax(logits, axis=1)
    right = classes[probabilities.argmax(axis=1)] == labels[fold.test]
    logger.info(
        "repeat %d fold %d (%s): %d training units, %d of %d test units right, %.1f s",
        fold.repeat,
        fold.fold,
        fold.name,
        len(fold.train),
        right.sum(),
        len(right),
        time.perf_counter() - started,
    )
    return probabilities


def _fold_temperature(
    fitted: LinearHead, features: FloatArray, labels: npt.NDArray[Any], fold: FoldLike
) -> float:
    """Temperature from the validation rows of known classes; 1 when there are none."""
    rows = fold.validation[np.isin(labels[fold.validation], fitted.classes)]
    if len(rows) == 0:
        return 1.0
    codes = np.searchsorted(np.asarray(fitted.classes), labels[rows])
    return temperature(fitted.logits(features[rows]), codes)


def _table(classes: npt.NDArray[Any]) -> pd.DataFrame:
    """Make a predictions table without rows."""
    names = ["unit_id", "repeat", "fold", "fold_name", "moa", "predicted"]
    return pd.DataFrame(columns=[*names, *(f"p:{name}" for name in classes)])


def _shrunken(deviations: Matrix, amount: str | float) -> tuple[float, Matrix]:
    """Shrink the covariance of centred rows: its factor, and the diagonal (d,) to add.

    ``covariance = factor * deviations.T @ deviations / n + diag(target)``
    """
    variances = np.mean(deviations**2, axis=0)
    if amount == "auto":
        scale = np.sqrt(variances)
        constant = scale <= 10 * np.finfo(np.float64).eps
        scale[constant] = 1.0
        strength = _ledoit_wolf(deviations / scale)
        # Standardised variances are 1, but 0 for constant features.
        level = np.mean(~constant)
        return 1 - strength, strength * level * scale**2
    return 1 - float(amount), np.full_like(variances, float(amount) * variances.mean())


def _ledoit_wolf(rows: Matrix) -> float:
    """Amount of shrinkage towards a multiple of the identity (Ledoit and Wolf, 2004).

    Parameters
    ----------
    rows : (n, d) float64
        Centred rows.

    Returns
    -------
    float
        In [0, 1], as `sklearn.covariance.ledoit_wolf_shrinkage` gives it.
    """
    n, d = rows.shape
    if d == 1:
        return 0.0
    squares = rows**2
    mu = squares.sum() / (n * d)
    # The squared Frobenius norm is the same for rows.T @ rows and the smaller rows @ rows.T.
    gram = rows @ rows.T if n < d else rows.T @ rows
    covariance_norm = np.sum(gram**2) / n**2
    fourth_moment = np.sum(squares.sum(axis=1) ** 2) / n
    beta = (fourth_moment - covariance_norm) / (d * n)
    delta = (covariance_norm - d * mu**2) / d
    return 0.0 if beta <= 0 else float(min(beta, delta) / delta)


def _solve_low_rank(diagonal: Matrix, rows: Matrix, right: Matrix) -> Matrix:
    """Solve ``(diag(diagonal) + rows.T @ rows) x = right`` with fewer rows than columns.

    Parameters
    ----------
    diagonal : (d,) float64
        Not negative.
    rows : (n, d) float64
        The part of low rank.
    right : (d, k) float64
        Right-hand sides.

    Returns
    -------
    (d, k) float64
        The solution, of least norm where the matrix is singular.
    """
    if diagonal.min() <= 1e-10 * diagonal.max():
        return _solve_dense(diagonal, rows.T @ rows, right)
    # Woodbury: V^-1 b - V^-1 Z' (I + Z V^-1 Z')^-1 Z V^-1 b
    root = 1 / np.sqrt(diagonal)[:, None]
    whitened = rows * root.T
    system = whitened @ whitened.T
    system[np.diag_indices(len(rows))] += 1.0
    scaled = root * right
    inner = linalg.cho_solve(linalg.cho_factor(system), whitened @ scaled)
    return root * (scaled - whitened.T @ inner)


def _solve_dense(diagonal: Matrix, gram: Matrix, right: Matrix) -> Matrix:
    """Solve ``(diag(diagonal) + gram) x = right``; least norm where the matrix is singular."""
    gram[np.diag_indices(len(diagonal))] += diagonal
    try:
        factor = linalg.cho_factor(gram)
    except linalg.LinAlgError:
        return linalg.lstsq(gram, right)[0]
    pivots = np.diag(factor[0])
    if pivots.min() < 1e-7 * pivots.max():
        return linalg.lstsq(gram, right)[0]
    return linalg.cho_solve(factor, right)


def _fit_logistic(
    rows: Matrix, labels: npt.NDArray[Any], C: float, balanced: bool, seed: int
) -> tuple[npt.NDArray[Any], Matrix, Matrix]:
    """Classes, weights (d, n_classes) and bias (n_classes,) of an L2 logistic regression.

    The weights lie in the span of the rows, so with more features than rows the regression is
    fitted in that span: the same solution, without the idle dimensions.
    """
    basis = None
    if rows.shape[1] > rows.shape[0]:
        left, singular, basis = linalg.svd(rows, full_matrices=False)
        rows = left * singular
    model = LogisticRegression(
        C=C, class_weight="balanced" if balanced else None, max_iter=2000, random_state=seed
    ).fit(rows, labels)
    coef, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coef, bias = np.vstack([0 * coef, coef]), np.concatenate([0 * bias, bias])
    weights = coef.T if basis is None else basis.T @ coef.T
    return model.classes_, weights, bias
