"""Correct predictions are counted, and added over folds."""

import numpy as np
import pandas as pd
import planted_task

from moascope.classification.explanation.scores import COLUMNS, count_correct, join_folds
from moascope.classification.explanation.subject import Subject


def test_correct_predictions_are_counted():
    units, _, labels = planted_task.make_units(10, seed=4)
    subject = Subject("m", planted_task.trained(), planted_task.CHANNELS, np.zeros(2))
    row = count_correct(
        subject, units, np.where(np.arange(10) < 3, 1 - labels, labels), "a", "b", 2
    )
    assert row == {"method": "a", "target": "b", "strength": 2.0, "n": 10, "correct": 7}


def test_counts_of_folds_are_added():
    rows = [["a", "x", 1.0, 4, 3], ["b", "y", 2.0, 4, 1]]
    first = pd.DataFrame(rows, columns=COLUMNS)
    total = join_folds([first, first.assign(n=6, correct=6)])
    assert total["accuracy"].tolist() == [0.9, 0.7]
    assert total["method"].tolist() == ["a", "b"]
    assert join_folds([]).empty
