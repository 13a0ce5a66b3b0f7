"""Counts of correct predictions of altered units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from moascope.classification.explanation.subject import Subject

COLUMNS = ("method", "target", "strength", "n", "correct")
"""Name of the method, what it alters, how strongly, and how many units are correct of how many."""

UNALTERED = "unaltered"
"""The method of the row of units as they are."""


def count_correct(
    subject: Subject,
    units: np.ndarray,
    labels: np.ndarray,
    method: str,
    target: str,
    strength: float,
) -> dict[str, Any]:
    """Count the units that a network classifies correctly.

    Parameters
    ----------
    subject : Subject
        The network.
    units : numpy.ndarray
        float `(n, H, W, C)`.
    labels : numpy.ndarray
        int `(n,)`, true class.
    method, target, strength
        As in `COLUMNS`.

    Returns
    -------
    dict
        A row with the keys `COLUMNS`.
    """
    predicted = subject.predict(units).argmax(axis=1)
    values = (method, target, float(strength), len(units), int((predicted == labels).sum()))
    return dict(zip(COLUMNS, values, strict=True))


def join_folds(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Add the counts of the networks of all folds.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        `COLUMNS`, one per network.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS` and accuracy (share of `n`), in the order of the first table.
    """
    if not tables:
        return pd.DataFrame(columns=[*COLUMNS, "accuracy"])
    keys = ["method", "target", "strength"]
    total = pd.concat(tables).groupby(keys, sort=False, as_index=False)[["n", "correct"]].sum()
    return total.assign(accuracy=total["correct"] / total["n"])
