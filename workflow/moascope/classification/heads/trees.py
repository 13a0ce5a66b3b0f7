"""Gradient boosting of small trees.

The trees of `sklearn.ensemble.GradientBoostingClassifier` are kept as arrays, so that a fitted head
can be saved without pickle and exported as a layer. Every tree is filled up to a complete binary
tree: the children of split i are 2 i + 1 and 2 i + 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.utils.class_weight import compute_sample_weight

from moascope.classification.heads.base import LayerPlan

FloatArray = npt.NDArray[np.floating[Any]]
Matrix = npt.NDArray[np.float64]

_ROWS_PER_BLOCK = 1024  # times some thousand trees


@dataclass(frozen=True)
class TreeHead:
    """A fitted classifier: ``softmax(sum of leaves over rounds @ weights + bias)``."""

    classes: tuple[str, ...]
    feature: npt.NDArray[np.int64]
    """(n_rounds, n_outputs, n_splits) column that a split looks at."""
    threshold: npt.NDArray[np.float32]
    """Alike: rows with larger values go right; infinite where a tree ends earlier."""
    leaves: Matrix
    """(n_rounds, n_outputs, n_splits + 1)."""
    weights: Matrix
    """(n_outputs, n_classes); two classes share one output."""
    bias: Matrix
    """(n_classes,)."""

    def logits(self, features: FloatArray) -> Matrix:
        """Return log-odds up to a constant per row, (n, n_classes), of features (n, d)."""
        parts = [
            self._sums(np.asarray(features[start : start + _ROWS_PER_BLOCK], np.float32))
            @ self.weights
            + self.bias
            for start in range(0, len(features), _ROWS_PER_BLOCK)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)))

    def plan_layers(self) -> LayerPlan:
        """Return the sums of leaves, and the weights behind them."""
        n_rounds, n_outputs, n_splits = self.feature.shape
        depth = (n_splits + 1).bit_length() - 1
        return LayerPlan(
            "TreeSums",
            self.weights,
            options={"n_rounds": n_rounds, "n_outputs": n_outputs, "depth": depth, "name": "trees"},
            arrays=(
                self.feature.reshape(-1, n_splits).astype("int32"),
                self.threshold.reshape(-1, n_splits),
                self.leaves.reshape(-1, n_splits + 1).astype("float32"),
            ),
        )

    def _sums(self, rows: npt.NDArray[np.float32]) -> Matrix:
        """Return the sum of the leaves that rows (n, d) reach, (n, n_outputs)."""
        n_rounds, n_outputs, n_splits = self.feature.shape
        feature = self.feature.reshape(-1, n_splits)
        threshold = self.threshold.reshape(-1, n_splits)
        trees = np.arange(n_rounds * n_outputs)
        nodes = np.zeros((len(rows), len(trees)), dtype=np.int64)
        for _ in range((n_splits + 1).bit_length() - 1):
            values = np.take_along_axis(rows, feature[trees, nodes], axis=1)
            nodes = 2 * nodes + 1 + (values > threshold[trees, nodes])
        reached = self.leaves.reshape(len(trees), -1)[trees, nodes - n_splits]
        return reached.reshape(-1, n_rounds, n_outputs).sum(axis=1)


def fit_boosting(
    features: Matrix,
    labels: npt.NDArray[np.str_],
    *,
    n_estimators: int,
    learning_rate: float,
    max_depth: int,
    balanced: bool,
    seed: int,
) -> TreeHead:
    """Fit boosted trees; every split looks at a random root of the number of features.

    Parameters
    ----------
    features : (n, d) float64
        Training rows.
    labels : (n,) str
        At least two classes.
    n_estimators, learning_rate, max_depth
        As for `sklearn.ensemble.GradientBoostingClassifier`.
    balanced : bool
        Let all classes count the same.
    seed : int
        Of the features that splits look at.

    Returns
    -------
    TreeHead
        With the probabilities of scikit-learn's classifier.
    """
    rows = features.astype(np.float32)
    model = GradientBoostingClassifier(
        n_estimators=n_estimators,
        learning_rate=learning_rate,
        max_depth=max_depth,
        max_features="sqrt",
        random_state=seed,
    )
    model.fit(rows, labels, compute_sample_weight("balanced", labels) if balanced else None)
    trees = [[_complete(tree.tree_, max_depth) for tree in round_] for round_ in model.estimators_]
    feature, threshold, leaves = (
        np.array([[tree[part] for tree in round_] for round_ in trees]) for part in range(3)
    )
    n_classes, n_outputs = len(model.classes_), model.estimators_.shape[1]
    head = TreeHead(
        tuple(map(str, model.classes_)),
        feature,
        threshold,
        learning_rate * leaves,
        np.eye(n_classes) if n_outputs > 1 else np.array([[0.0, 1.0]]),
        np.zeros(n_classes),
    )
    # The start of the first round is the same for every row.
    start = model.decision_function(rows[:1]).reshape(n_outputs) - head._sums(rows[:1])[0]
    return TreeHead(**{**vars(head), "bias": start @ head.weights})


def _complete(
    tree: Any, depth: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], Matrix]:
    """Return splits (column and threshold) and leaves of a tree filled up to a depth."""
    n_splits = 2**depth - 1
    feature = np.zeros(n_splits, dtype=np.int64)
    threshold = np.full(n_splits, np.inf, dtype=np.float32)
    sources = np.zeros(2 * n_splits + 1, dtype=np.int64)
    for node in range(n_splits):
        source = sources[node]
        left, right = tree.children_left[source], tree.children_right[source]
        if left < 0:  # a leaf, which all rows leave to the left
            sources[2 * node + 1 : 2 * node + 3] = source
            continue
        sources[2 * node + 1 : 2 * node + 3] = left, right
        feature[node] = tree.feature[source]
        threshold[node] = _floor(tree.threshold[source])
    return feature, threshold, tree.value[sources[n_splits:], 0, 0]


def _floor(value: float) -> np.float32:
    """Return the largest float32 that is not above a value: float32 features compare alike."""
    nearest = np.float32(value)
    return nearest if nearest <= value else np.nextafter(nearest, np.float32(-np.inf))
