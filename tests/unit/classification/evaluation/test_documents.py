"""Scores of a model have the fields that their types name."""

import pytest
from prediction_tables import random_screen

from moascope.classification.evaluation import documents, scoring
from moascope.classification.evaluation.options import Evaluation


@pytest.fixture(scope="module")
def entry():
    predictions, units = random_screen(1)
    options = Evaluation(permutations=20)
    baselines = {"majority": predictions}
    return scoring.evaluate(predictions, units, options, baselines=baselines)


def fields(kind):
    return set(kind.__annotations__)


def test_a_model_has_no_other_fields(entry):
    assert set(entry) <= fields(documents.ModelScores)
    assert set(entry["details"]) == fields(documents.Details)
    assert set(entry["baselines"]["majority"]) <= fields(documents.BaselineScores)


def test_levels_and_scores_have_no_other_fields(entry):
    for level in (entry["by_well"], entry["by_treatment"]):
        assert set(level) <= fields(documents.LevelScores)
        for name in documents.SCORES:
            assert set(level[name]) <= fields(documents.Score)
    for scores in entry["comparisons"]["majority"].values():
        assert set(scores) <= fields(documents.Difference)
    for scores in entry["per_class"].values():
        assert set(scores) == fields(documents.ClassScores)
