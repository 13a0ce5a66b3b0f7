"""Strength of an alteration at which accuracy halves."""

from __future__ import annotations

from collections.abc import Sequence


def find_halving(whole: float, strengths: Sequence[float], accuracies: Sequence[float]) -> float:
    """Find the strength at which accuracy falls to half, by linear interpolation.

    Parameters
    ----------
    whole : float
        Accuracy at strength 0, in [0, 1].
    strengths : sequence of float
        Ascending, above 0.
    accuracies : sequence of float
        At these strengths.

    Returns
    -------
    float
        Of the first crossing; NaN where accuracy stays above half.
    """
    before, level = 0.0, whole
    for strength, accuracy in zip(strengths, accuracies, strict=True):
        if accuracy <= whole / 2 < level:
            share = (level - whole / 2) / (level - accuracy)
            return before + share * (strength - before)
        before, level = strength, accuracy
    return float("nan")
