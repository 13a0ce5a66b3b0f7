"""Details of an evaluation for the report."""

import pytest
from prediction_tables import prediction_rows, unit_table

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation

OPTIONS = Evaluation(aggregate="mean", permutations=200)


def test_mistakes_come_most_confident_first():
    units = unit_table(["A01", "A02", "A03", "A04"])
    rows = prediction_rows("aabb", [(0.4, 0.6), (0.9, 0.1), (0.95, 0.05), (0.2, 0.8)])
    mistakes = scoring.evaluate(rows, units, OPTIONS)["details"]["mistakes"]
    assert [mistake["unit_id"] for mistake in mistakes] == ["u2", "u0"]
    assert mistakes[0]["confidence"] == pytest.approx(0.95)
    assert mistakes[0]["well"] == "A03"


def test_folds_are_listed_with_their_accuracy():
    units = unit_table(["A01", "A02", "A03"])
    rows = prediction_rows("aab", [(0.9, 0.1), (0.1, 0.9), (0.1, 0.9)])
    rows["fold"], rows["fold_name"] = [0, 0, 1], ["x", "x", "y"]
    assert scoring.evaluate(rows, units, OPTIONS)["details"]["folds"] == [
        {"repeat": 0, "fold": 0, "fold_name": "x", "n": 2, "accuracy": 0.5},
        {"repeat": 0, "fold": 1, "fold_name": "y", "n": 1, "accuracy": 1.0},
    ]


def test_calibration_uses_the_probability_of_the_call():
    units = unit_table(["A01", "A02"])
    scores = scoring.evaluate(prediction_rows("ab", [(0.75, 0.25), (0.75, 0.25)]), units, OPTIONS)
    assert scores["calibration_error"] == pytest.approx(0.25)
    filled = [row for row in scores["details"]["reliability"] if row["n"]]
    assert filled == [
        {"lower": pytest.approx(0.7), "upper": 0.8, "n": 2, "confidence": 0.75, "accuracy": 0.5}
    ]
