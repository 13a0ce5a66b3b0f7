"""Accuracy falls without the channel that a network reads."""

import numpy as np
import planted_task

from moascope.classification.explanation.channel_ablation import ablate_channels
from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.scores import COLUMNS
from moascope.classification.explanation.subject import Subject


def test_without_the_only_informative_channel_accuracy_is_chance():
    units, _, labels = planted_task.make_units(60, seed=9)
    before = units.copy()
    means = units.mean(axis=(0, 1, 2))
    subject = Subject("m", planted_task.trained(), planted_task.CHANNELS, means)
    rows = ablate_channels(subject, units, labels, Explain())
    assert tuple(rows.columns) == COLUMNS
    accuracy = dict(zip(rows["target"], rows["correct"] / rows["n"], strict=True))
    assert accuracy["other"] >= 0.95
    assert abs(accuracy["signal"] - 0.5) <= 0.1
    np.testing.assert_array_equal(units, before)
