"""Support vector machine with a radial kernel, one class against the rest.

The decision values of `sklearn.svm.SVC` are a kernel expansion over the support vectors. All are
kept as arrays, so that a fitted head can be saved without pickle and exported as layers.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from moascope.classification.evaluation.sampling import sample_alike
from moascope.classification.heads.base import LayerPlan
from moascope.classification.heads.linear import ROWS_PER_BLOCK, standardize

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.floating[Any]]
Matrix = npt.NDArray[np.float64]

MOST_ROWS = 10_000
"""Training rows that a support vector machine takes: its kernel matrix then has 0.8 GB."""


@dataclass(frozen=True)
class KernelHead:
    """A fitted classifier: ``softmax(exp(-gamma * |z - support|^2) @ weights + bias)``.

    ``z = (x - mean) / scale`` are standardized features.
    """

    classes: tuple[str, ...]
    support: Matrix
    """(m, d) standardized support vectors."""
    gamma: float
    weights: Matrix
    """(m, n_classes), 0 for the vectors that a class does not use."""
    bias: Matrix
    """(n_classes,)."""
    mean: Matrix
    """(d,) of the training rows."""
    scale: Matrix
    """(d,) standard deviation of the training rows, 1 for constant features."""

    def logits(self, features: FloatArray) -> Matrix:
        """Return the decision values (n, n_classes) of features (n, d)."""
        parts = [
            rbf_kernel(
                (np.asarray(features[start : start + ROWS_PER_BLOCK], np.float64) - self.mean)
                / self.scale,
                self.support,
                gamma=self.gamma,
            )
            @ self.weights
            + self.bias
            for start in range(0, len(features), ROWS_PER_BLOCK)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)))

    def plan_layers(self) -> LayerPlan:
        """Return the similarity to the support vectors, and the weights behind it."""
        parts = (self.support, self.mean, self.scale)
        return LayerPlan(
            "RadialKernel",
            self.weights,
            options={"n_support": len(self.support), "gamma": self.gamma, "name": "radial_kernel"},
            arrays=tuple(part.astype("float32") for part in parts),
        )


def fit_svm(
    features: Matrix,
    labels: npt.NDArray[np.str_],
    *,
    C: float,
    gamma: str | float,
    balanced: bool,
    seed: int,
) -> KernelHead:
    """Fit one support vector machine per class, against the rest.

    Parameters
    ----------
    features : (n, d) float64
        Training rows. Of more than `MOST_ROWS`, as many are drawn, alike from all classes.
    labels : (n,) str
        At least two classes.
    C : float
        Inverse strength of the penalty.
    gamma : "scale", "auto" or float
        Width of the kernel, as for `sklearn.svm.SVC`: one over the number of features (times
        their variance), or a number.
    balanced : bool
        Let both sides of each machine count the same.
    seed : int
        Of the draw.

    Returns
    -------
    KernelHead
        Decision values of `sklearn.multiclass.OneVsRestClassifier(SVC(...))`.
    """
    if len(features) > MOST_ROWS:
        logger.warning(
            "svm: fitted to %d of %d training units, sampled evenly from all classes, since time "
            "and memory grow with their square",
            MOST_ROWS,
            len(features),
        )
        _, codes = np.unique(labels, return_inverse=True)
        chosen = sample_alike(codes, MOST_ROWS, seed)
        features, labels = features[chosen], labels[chosen]
    rows, mean, scale = standardize(features)
    classes = np.unique(labels)
    width = _width(rows, gamma)
    kernel = rbf_kernel(rows, gamma=width)
    # Two classes share one machine, whose sign is turned for the first.
    tested = classes if len(classes) > 2 else classes[1:]
    weights, bias = np.zeros((len(rows), len(tested))), np.zeros(len(tested))
    for column, name in enumerate(tested):
        machine = SVC(kernel="precomputed", C=C, class_weight="balanced" if balanced else None)
        machine.fit(kernel, labels == name)
        weights[machine.support_, column] = machine.dual_coef_[0]
        bias[column] = machine.intercept_[0]
    if len(classes) == 2:
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    used = weights.any(axis=1)
    return KernelHead(tuple(map(str, classes)), rows[used], width, weights[used], bias, mean, scale)


def _width(rows: Matrix, gamma: str | float) -> float:
    """Return the width of the kernel for standardized rows."""
    n_features = rows.shape[1]
    if gamma == "scale":
        variance = float(rows.var())
        return 1 / (n_features * variance) if variance else 1.0
    return 1 / n_features if gamma == "auto" else float(gamma)
