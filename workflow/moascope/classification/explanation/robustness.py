"""Accuracy on units that are darker, blurred, noisy or rotated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.scores import count_correct
from moascope.classification.explanation.subject import Subject

NAME = "robustness"


@dataclass(frozen=True)
class Sweep:
    """Alterations of one kind.

    Parameters
    ----------
    name : str
        For tables.
    strengths : tuple of float
        Ascending, above 0, which leaves units as they are.
    alter : callable
        Takes units `(n, H, W, C)` and a strength, and returns altered units.
    """

    name: str
    strengths: tuple[float, ...]
    alter: Callable[[np.ndarray, float], np.ndarray]


def dim(units: np.ndarray, strength: float) -> np.ndarray:
    """Scale intensities by 1 - strength."""
    return units * np.float32(1 - strength)


def blur(units: np.ndarray, strength: float) -> np.ndarray:
    """Blur with a Gaussian whose standard deviation is the strength in pixels."""
    return ndimage.gaussian_filter(units, (0, strength, strength, 0), mode="nearest")


def add_noise(units: np.ndarray, strength: float) -> np.ndarray:
    """Add Gaussian noise whose standard deviation is the strength; the same in every call."""
    noise = np.random.default_rng(0).standard_normal(units.shape, dtype=np.float32)
    return units + np.float32(strength) * noise


def rotate(units: np.ndarray, strength: float) -> np.ndarray:
    """Rotate by the strength in degrees; what comes in from outside is mirrored."""
    return ndimage.rotate(
        units, strength, axes=(1, 2), reshape=False, order=1, mode="reflect"
    ).astype(np.float32)


SWEEPS = (
    Sweep("darker, share", (0.1, 0.2, 0.4, 0.6, 0.8, 0.95), dim),
    Sweep("blur, px", (0.5, 1.0, 2.0, 4.0, 8.0), blur),
    Sweep("noise, SD", (0.01, 0.02, 0.05, 0.1, 0.2, 0.4), add_noise),
    Sweep("rotation, degrees", (5.0, 15.0, 30.0, 45.0, 90.0, 135.0, 180.0), rotate),
)


def sweep_strengths(
    subject: Subject, units: np.ndarray, labels: np.ndarray, options: Explain
) -> pd.DataFrame:
    """Count correct predictions at every strength of every alteration.

    Parameters
    ----------
    subject : Subject
        The network.
    units : numpy.ndarray
        float `(n, H, W, C)`, nominal range [0, 1].
    labels : numpy.ndarray
        int `(n,)`, true class.
    options : Explain
        Not used.

    Returns
    -------
    pandas.DataFrame
        `scores.COLUMNS`.
    """
    rows = [
        count_correct(subject, sweep.alter(units, strength), labels, NAME, sweep.name, strength)
        for sweep in SWEEPS
        for strength in sweep.strengths
    ]
    return pd.DataFrame(rows)
