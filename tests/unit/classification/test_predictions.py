"""Predictions as tables."""

import numpy as np
import pandas as pd
import pytest
from blobs import Fold

from moascope.classification import predictions
from moascope.classification.heads.calibration import Calibration
from moascope.core.errors import InputError

NAMES = np.array(["u0", "u1", "u2", "u3"])
LABELS = np.array(["b", "a", "", "c"])
PROBABILITIES = np.array([[0.1, 0.6, 0.3], [0.2, 0.3, 0.5]])


def rows(*numbers):
    return np.array(numbers, dtype=np.int64)


def test_classes_are_those_of_all_sets_of_all_folds():
    folds = [
        Fold(0, train=rows(0), test=rows(1)),
        Fold(1, train=rows(1), test=rows(0), validation=rows(3)),
    ]
    assert predictions.classes_of_folds(NAMES, LABELS, folds).tolist() == ["a", "b", "c"]
    assert predictions.classes_of_folds(NAMES, LABELS, folds[:1]).tolist() == ["a", "b"]
    assert predictions.classes_of_folds(NAMES, LABELS, []).tolist() == []


def test_a_unit_without_a_class_is_named():
    with pytest.raises(
        InputError, match=r"unit u2 is in the split, but its mechanism is unknown \(1 such units\)"
    ):
        predictions.classes_of_folds(NAMES, LABELS, [Fold(0, train=rows(0, 2), test=rows(1))])


def test_a_table_has_the_likeliest_class_of_every_test_row():
    fold = Fold(4, train=rows(2), test=rows(3, 0), repeat=2)
    table = predictions.prediction_table(NAMES, LABELS, PROBABILITIES, ["a", "b", "c"], fold)
    assert table.to_dict("list") == {
        "unit_id": ["u3", "u0"],
        "repeat": [2, 2],
        "fold": [4, 4],
        "fold_name": ["compound 4", "compound 4"],
        "moa": ["c", "b"],
        "predicted": ["b", "c"],
        "p:a": [0.1, 0.2],
        "p:b": [0.6, 0.3],
        "p:c": [0.3, 0.5],
    }


def test_a_calibration_has_its_columns():
    fold = Fold(0, train=rows(2), test=rows(3, 0))
    table = predictions.prediction_table(
        NAMES, LABELS, PROBABILITIES, ["a", "b", "c"], fold, Calibration(1.5, "")
    )
    assert table["temperature"].tolist() == [1.5, 1.5]
    assert table["uncalibrated"].tolist() == ["", ""]
    assert list(table.columns[-3:]) == ["p:a", "p:b", "p:c"]


def test_classes_of_a_split_are_numbered_in_order_and_other_units_left_out():
    units = pd.DataFrame({"unit_id": NAMES, "moa": ["b", "a", "z", "b"]})
    groups = pd.DataFrame({"unit_id": ["u3", "u1", "u0"]})
    classes, codes = predictions.class_indices(units, groups)
    assert classes == ["a", "b"]
    assert codes.tolist() == [1, 0, -1, 1]
