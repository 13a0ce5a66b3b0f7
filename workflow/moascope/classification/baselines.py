"""Baselines: majority class, layout, channel mean and SD, hand-made features, cell count.

A network that does no better than the brightness of the channels has learned nothing about
morphology. One that does no better than the place on the plate may have learned the place. So every
report shows these beside the models, on the same folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.heads.cross_validation import (
    FoldLike,
    fit_predict_folds,
    prediction_table,
)
from moascope.classification.layout import one_hot
from moascope.core.errors import InputError

FloatArray = npt.NDArray[np.floating[Any]]

MAJORITY = "majority"
_LOGISTIC = {"type": "logistic", "C": 1.0, "balanced": True}
_LDA = {"type": "lda", "shrinkage": "auto", "balanced": True}
_SVM = {"type": "svm", "C": 1.0, "gamma": "scale", "balanced": True}
_BOOSTING = {
    "type": "gradient-boosting",
    **{"n_estimators": 100, "learning_rate": 0.1, "max_depth": 3, "balanced": True},
}

HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "layout": ("layout", _LOGISTIC),
    "layout-lda": ("layout", _LDA),
    "channel-mean-sd": ("channel-mean-sd", _LOGISTIC),
    "hand-made": ("hand-made", _LOGISTIC),
    "hand-made-lda": ("hand-made", _LDA),
    "hand-made-svm": ("hand-made", _SVM),
    "hand-made-gradient-boosting": ("hand-made", _BOOSTING),
    "cell-count": ("cell-count", _LOGISTIC),
}
"""For every baseline with features: the kind of features, and what learns from them."""


def run_baselines(
    features: Mapping[str, FloatArray],
    units: pd.DataFrame,
    folds: Iterable[FoldLike],
    names: Sequence[str],
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Predict the test rows of every fold with every baseline.

    Parameters
    ----------
    features : mapping of str to (n, d) float
        By kind, row by row as `units`: from `handcrafted_features.image_features`, and from
        `cell_counts.features_of_units` where cells were counted. Those of the layout are
        made from `units`.
    units : pandas.DataFrame
        With ``unit_id`` and ``moa``; for the layout also plate, batch, row and col.
    folds : iterable of FoldLike
        The same folds as the models'.
    names : sequence of str
        Which baselines to run: `majority` and those of `HEADS`.
    seed : int
        Seed of the classifier.

    Returns
    -------
    dict of str to pandas.DataFrame
        Predictions by baseline: the majority class of the training rows, with the class shares as
        probabilities, or what the head makes of the features.

    Raises
    ------
    InputError
        If a baseline is not known.
    """
    unknown = [name for name in names if name != MAJORITY and name not in HEADS]
    if unknown:
        raise InputError(
            f"evaluation.baselines: {unknown[0]!r} is not known; use {MAJORITY}, {', '.join(HEADS)}"
        )
    folds = list(folds)
    unit_ids, labels = units["unit_id"].to_numpy(str), units["moa"].to_numpy(str)
    results = {}
    for name in names:
        if name == MAJORITY:
            results[name] = _majority(unit_ids, labels, folds)
        else:
            kind, head = HEADS[name]
            values = one_hot(units) if kind == "layout" else features[kind]
            results[name] = fit_predict_folds(values, unit_ids, labels, folds, head, seed)
    return results


def _majority(
    unit_ids: npt.NDArray[Any], labels: npt.NDArray[Any], folds: Sequence[FoldLike]
) -> pd.DataFrame:
    """Call every test row the most frequent class of the training rows (ties: first by name)."""
    used = [np.concatenate([fold.train, fold.validation, fold.test]) for fold in folds]
    classes = np.unique(labels[np.concatenate(used)])
    parts = []
    for fold in folds:
        counts = (labels[fold.train][:, None] == classes).sum(axis=0)
        shares = np.tile(counts / counts.sum(), (len(fold.test), 1))
        parts.append(prediction_table(unit_ids, labels, shares, list(classes), fold))
    return pd.concat(parts, ignore_index=True)
