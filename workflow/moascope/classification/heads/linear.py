"""Linear heads: shrinkage LDA and logistic regression.

Both are fitted to a `LinearHead` (standardize, multiply, add, softmax), which is exported as one
dense layer behind its backbone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from moascope.classification.heads.base import LayerPlan
from moascope.core.errors import InputError

FloatArray = npt.NDArray[np.floating[Any]]
Matrix = npt.NDArray[np.float64]

ROWS_PER_BLOCK = 8192
"""Rows that are standardized and multiplied at a time when predicting."""

_LEAST_SCALE = 1e-6  # the layer of Keras cuts off smaller ones


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
        """Return log-odds up to a constant per row, (n, n_classes), of features (n, d)."""
        weights, bias = self.dense()
        parts = [
            np.asarray(features[start : start + ROWS_PER_BLOCK], dtype=np.float64) @ weights + bias
            for start in range(0, len(features), ROWS_PER_BLOCK)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)))

    def plan_layers(self) -> LayerPlan:
        """Return a normalization of features, and the weights behind it."""
        # Not folded into the weights, since features that hardly vary would lose digits.
        scale = np.maximum(self.scale, _LEAST_SCALE)
        options = {
            "mean": self.mean.astype("float32"),
            "variance": (scale**2).astype("float32"),
        }
        return LayerPlan(
            "Normalization", self.weights * (scale / self.scale)[:, None], options=options
        )

    def dense(self) -> tuple[Matrix, Matrix]:
        """Return kernel (d, n_classes) and bias (n_classes,) of the layer for raw features."""
        kernel = self.weights / self.scale[:, None]
        return kernel, self.bias - self.mean @ kernel


class ShrinkageLDA(ClassifierMixin, BaseEstimator):
    """Linear discriminant analysis with a shrunken covariance, cheap in many dimensions.

    Equal to ``sklearn.discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr")``:
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
        """Return log posteriors up to a constant per row, (n, n_classes), of features (n, d)."""
        return np.asarray(X, dtype=np.float64) @ self.coef_.T + self.intercept_

    def predict_proba(self, X: FloatArray) -> Matrix:
        """Return posterior probabilities (n, n_classes) of features (n, d)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: FloatArray) -> npt.NDArray[Any]:
        """Return the likeliest class of each row, (n,), of features (n, d)."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]


def _shrunken(deviations: Matrix, amount: str | float) -> tuple[float, Matrix]:
    """Compute the shrinkage of a covariance: its factor, and the diagonal (d,) to add.

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
    """Compute the amount of shrinkage towards the identity (Ledoit and Wolf, 2004).

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


def standardize(features: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Return standardized features (n, d), and the mean and standard deviation (d,) of each.

    The standard deviation of constant features counts as 1.
    """
    mean = features.mean(axis=0)
    rows = features - mean
    scale = rows.std(axis=0)
    scale[scale <= 1e-12 * np.maximum(1.0, np.abs(mean))] = 1.0
    rows /= scale
    return rows, mean, scale


def fit_lda(
    features: Matrix, labels: npt.NDArray[np.str_], *, shrinkage: str | float, balanced: bool
) -> LinearHead:
    """Fit a shrinkage LDA to features (n, d) and labels (n,); balanced: with equal priors."""
    rows, mean, scale = standardize(features)
    n_classes = len(np.unique(labels))
    priors = np.full(n_classes, 1 / n_classes) if balanced else None
    lda = ShrinkageLDA(shrinkage, priors).fit(rows, labels)
    return LinearHead(tuple(map(str, lda.classes_)), lda.coef_.T, lda.intercept_, mean, scale)


def fit_logistic(
    features: Matrix, labels: npt.NDArray[np.str_], *, C: float, balanced: bool, seed: int
) -> LinearHead:
    """Fit a logistic regression with an L2 penalty to features (n, d) and labels (n,).

    The weights lie in the span of the rows, so with more features than rows the regression is
    fitted in that span: the same solution, without the idle dimensions.
    """
    rows, mean, scale = standardize(features)
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
    return LinearHead(tuple(map(str, model.classes_)), weights, bias, mean, scale)
