"""Simulated predictions of compounds that vary as on 660 fields of BBBC021.

Scores of the classes are normal: one for the true class, shifted by the skill, and a look of their
own for every compound, which makes right calls of its units correlate by 0.08 at a mean accuracy of
0.95, as fitted to the fields of BBBC021.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import brentq

from moascope.core.statistics import intervals, metrics

UNITS = np.array([72, 36, 36, 36, 36, 12, 12, 36, 48, 36, 24, 12, 24, 84, 60, 24, 36, 36])
"""Fields per compound of the real set."""

SPREAD = 0.7
"""Standard deviation of a compound's look, in units of that of a field."""


@dataclass(frozen=True)
class Screen:
    """Units of one simulated screen and the scores that two equally good models give them."""

    truth: np.ndarray
    groups: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def counts(self, scores: np.ndarray) -> metrics.ClassCounts:
        return metrics.group_counts(self.truth, scores.argmax(axis=1), self.groups, scores.shape[1])


def population(n_classes: int, skill: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes and scores of units that are each of another compound."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(n_classes), n // n_classes)
    scores = np.sqrt(1 + SPREAD**2) * rng.standard_normal((len(truth), n_classes))
    scores[np.arange(len(truth)), truth] += skill
    return truth, scores


@cache
def skill_for(n_classes: int, accuracy: float) -> float:
    """Skill at which the mean accuracy over compounds is as wanted."""

    def excess(skill: float) -> float:
        truth, scores = population(n_classes, skill, 60_000, seed=5)
        return float((scores.argmax(axis=1) == truth).mean()) - accuracy

    return float(brentq(excess, 0, 40, xtol=1e-3))


@cache
def true_scores(n_classes: int, accuracy: float) -> dict[str, float]:
    """Scores over endless compounds."""
    truth, scores = population(n_classes, skill_for(n_classes, accuracy), 240_000, seed=11)
    nobody = np.zeros_like(truth)
    counts = metrics.group_counts(truth, scores.argmax(axis=1), nobody, n_classes)
    found = {name: value for name, (value, _) in intervals.count_scores(counts).items()}
    area = intervals.roc_auc_score(truth, scores, nobody, 1)
    assert area is not None
    return found | {"roc_auc": area[0], "recall": found["balanced_accuracy"]}


def draw(
    n_classes: int,
    n_compounds: int,
    accuracy: float,
    rng: np.random.Generator,
    skilled: bool = True,
) -> Screen:
    """Draw a screen; two models share half of the variance of a compound's look."""
    skill = skill_for(n_classes, accuracy) if skilled else 0.0
    n = n_classes * n_compounds
    groups = np.repeat(np.arange(n), rng.choice(UNITS, size=n))
    truth = np.repeat(np.arange(n_classes), n_compounds)[groups]
    shared = rng.standard_normal((n, n_classes))
    models = []
    for _ in range(2):
        look = np.sqrt(0.5) * (shared + rng.standard_normal((n, n_classes)))
        scores = SPREAD * look[groups] + rng.standard_normal((len(groups), n_classes))
        scores[np.arange(len(truth)), truth] += skill
        models.append(scores)
    return Screen(truth, groups, *models)
