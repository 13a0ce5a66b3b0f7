"""Accuracy without a channel."""

from __future__ import annotations

import numpy as np
import pandas as pd

from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.scores import count_correct
from moascope.classification.explanation.subject import Subject


def ablate_channels(
    subject: Subject, units: np.ndarray, labels: np.ndarray, options: Explain
) -> pd.DataFrame:
    """Count correct predictions after each channel is replaced by its mean.

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
        `scores.COLUMNS`; strength is 1.
    """
    rows = []
    for number, channel in enumerate(subject.channels):
        altered = units.copy()
        altered[..., number] = subject.means[number]
        rows.append(count_correct(subject, altered, labels, "channel-ablation", channel, 1.0))
    return pd.DataFrame(rows)
