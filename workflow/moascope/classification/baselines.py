"""Predictions of the baselines.

A network that does no better than the brightness of the channels has learned nothing about
morphology. One that does no better than the place on the plate may have learned the place. So every
report compares the models with these, on the same folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.baseline_registry import LAYOUT, get
from moascope.classification.heads.cross_validation import fit_predict_folds
from moascope.classification.layout import one_hot
from moascope.classification.predictions import FoldLike, prediction_table

FloatArray = npt.NDArray[np.floating[Any]]


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
        Names of `moascope.classification.baseline_registry.BASELINES`.
    seed : int
        Seed of the classifier.

    Returns
    -------
    dict of str to pandas.DataFrame
        Predictions by baseline: the majority class of the training rows, with the class shares as
        probabilities, or the calls of the head on the features.

    Raises
    ------
    InputError
        If a baseline is not known.
    """
    baselines = [get(name) for name in names]
    folds = list(folds)
    unit_ids, labels = units["unit_id"].to_numpy(str), units["moa"].to_numpy(str)
    results = {}
    for baseline in baselines:
        if baseline.head is None:
            results[baseline.name] = _majority(unit_ids, labels, folds)
            continue
        values = one_hot(units) if baseline.features == LAYOUT else features[baseline.features]
        results[baseline.name] = fit_predict_folds(
            values, unit_ids, labels, folds, baseline.head, seed
        )
    return results


def _majority(
    unit_ids: npt.NDArray[Any], labels: npt.NDArray[Any], folds: Sequence[FoldLike]
) -> pd.DataFrame:
    """Predict the most frequent class of the training rows (ties: first by name)."""
    used = [np.concatenate([fold.train, fold.validation, fold.test]) for fold in folds]
    classes = np.unique(labels[np.concatenate(used)])
    parts = []
    for fold in folds:
        counts = (labels[fold.train][:, None] == classes).sum(axis=0)
        shares = np.tile(counts / counts.sum(), (len(fold.test), 1))
        parts.append(prediction_table(unit_ids, labels, shares, list(classes), fold))
    return pd.concat(parts, ignore_index=True)
