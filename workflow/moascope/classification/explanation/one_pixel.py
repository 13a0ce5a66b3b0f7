"""Attack that changes one pixel of a unit so that it is classified wrongly."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import differential_evolution

from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.scores import COLUMNS
from moascope.classification.explanation.subject import Subject

NAME = "one-pixel"
_CANDIDATES = 8
"""Members of the population, per coordinate (place and channels)."""


def attack_units(
    subject: Subject, units: np.ndarray, labels: np.ndarray, options: Explain
) -> pd.DataFrame:
    """Count the units that stay correct when one pixel is attacked (Su et al. 2019).

    Parameters
    ----------
    subject : Subject
        The network.
    units : numpy.ndarray
        float `(n, H, W, C)`, nominal range [0, 1].
    labels : numpy.ndarray
        int `(n,)`, true class.
    options : Explain
        Largest number of units to attack, `attacked_units`, and rounds, `attack_rounds`.

    Returns
    -------
    pandas.DataFrame
        `scores.COLUMNS`, one row: of the units that were correct, those that stay so.
    """
    is_correct = subject.predict(units).argmax(axis=1) == labels
    rows = np.flatnonzero(is_correct)[: options.attacked_units]
    n_robust = sum(
        attack_unit(subject, units[row], int(labels[row]), options.attack_rounds) is None
        for row in rows
    )
    values = (NAME, "one pixel", 1.0, len(rows), n_robust)
    return pd.DataFrame([dict(zip(COLUMNS, values, strict=True))])


def attack_unit(
    subject: Subject, unit: np.ndarray, label: int, rounds: int
) -> tuple[int, int, np.ndarray] | None:
    """Search a pixel whose change makes a network miss the class of a unit.

    Parameters
    ----------
    subject : Subject
        The network.
    unit : numpy.ndarray
        float32 `(H, W, C)`.
    label : int
        Its class.
    rounds : int
        Largest number of generations of the differential evolution.

    Returns
    -------
    (int, int, numpy.ndarray) or None
        Row, column and the new values `(C,)`, within the range of the unit's channels; None where
        no such pixel was found.
    """
    height, width = unit.shape[:2]
    low, high = unit.min(axis=(0, 1)), unit.max(axis=(0, 1))
    # A channel without a range would have no coordinate to search along.
    bounds = [(0.0, height - 1e-6), (0.0, width - 1e-6)]
    bounds += [(float(a), float(max(b, a + 1e-6))) for a, b in zip(low, high, strict=True)]
    found: list[np.ndarray] = []

    def measure(vectors: np.ndarray) -> np.ndarray:
        """Return the probability of the true class, `(S,)`, of candidates `(2 + C, S)`."""
        altered = np.repeat(unit[None], vectors.shape[1], axis=0)
        places = vectors[:2].astype(np.int64)
        altered[np.arange(len(altered)), places[0], places[1]] = vectors[2:].T
        shares = subject.predict(altered)
        wrong = np.flatnonzero(shares.argmax(axis=1) != label)
        if len(wrong) and not found:
            found.append(vectors[:, wrong[0]].copy())
        return shares[:, label]

    differential_evolution(
        measure,
        bounds,
        maxiter=rounds,
        popsize=_CANDIDATES,
        recombination=1.0,
        polish=False,
        rng=0,
        vectorized=True,
        updating="deferred",
        callback=lambda intermediate_result: bool(found),
    )
    if not found:
        return None
    row, column = found[0][:2].astype(int)
    return int(row), int(column), found[0][2:].astype(np.float32)
