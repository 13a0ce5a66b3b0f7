"""Tables of predictions are checked before they are scored."""

import numpy as np
import pandas as pd
import pytest
from prediction_tables import prediction_rows, unit_table

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.core.errors import InputError

OPTIONS = Evaluation(aggregate="mean", permutations=200)


def test_a_unit_without_metadata_is_named():
    rows = prediction_rows("ab", [(1, 0), (0, 1)])
    with pytest.raises(InputError, match=r"unit 'u1' is not in the units table \(1 such rows\)"):
        scoring.evaluate(rows, unit_table(["A01"]), OPTIONS)


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="predictions: 0 rows"):
        scoring.evaluate(prediction_rows("a", [(1, 0)])[:0], unit_table(["A01"]), OPTIONS)


def test_a_unit_tested_twice_is_refused():
    rows = prediction_rows("a", [(1, 0)])
    with pytest.raises(InputError, match="unit 'u0' is tested more than once in repeat 0"):
        scoring.evaluate(pd.concat([rows, rows]), unit_table(["A01"]), OPTIONS)


def test_a_class_without_a_column_is_refused():
    rows = prediction_rows("z", [(1, 0)])
    with pytest.raises(InputError, match="class 'z' has no column 'p:z'"):
        scoring.evaluate(rows, unit_table(["A01"]), OPTIONS)


def test_probabilities_that_are_not_finite_are_refused():
    rows = prediction_rows("ab", [(0.9, 0.1), (np.nan, 0.9)])
    with pytest.raises(InputError, match="the probabilities of unit 'u1' are NaN or infinite"):
        scoring.evaluate(rows, unit_table(["A01", "A02"]), OPTIONS)
