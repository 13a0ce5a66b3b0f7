"""Types of the scores of a model, against what an evaluation writes."""

import typing
from typing import NotRequired

import pytest
from half_right import lettered_units, predict_half

from moascope.classification.evaluation import documents, scores, scoring
from moascope.classification.evaluation.options import Evaluation


@pytest.fixture(scope="module")
def entry():
    units = lettered_units("AABBCCDD", "xxxxyyyy", "PPQQPPQQ")
    rows = predict_half(units)
    return scoring.evaluate(
        rows,
        units,
        Evaluation(permutations=200),
        baselines={"majority": rows},
        models={"other": rows},
    )


def assert_fits(value, document):
    """Check that a dictionary has the keys of a typed one, those that may be missing or not."""
    hints = typing.get_type_hints(document, include_extras=True)
    optional = {key for key, hint in hints.items() if typing.get_origin(hint) is NotRequired}
    assert document.__required_keys__ - optional <= set(value) <= set(hints), document


def test_scores_are_those_that_are_computed():
    assert typing.get_args(documents.ScoreName) == documents.SCORES
    assert set(documents.SCORES) <= set(documents.LevelScores.__annotations__)
    assert scores.AREA in documents.SCORES


def test_scores_of_every_level_have_their_keys(entry):
    for level in (entry, entry["by_well"], entry["by_treatment"]):
        for name in documents.SCORES:
            assert_fits(level[name], documents.Score)
    assert_fits(entry["by_well"], documents.LevelScores)


def test_parts_of_a_model_have_their_keys(entry):
    for value in entry["per_class"].values():
        assert_fits(value, documents.ClassScores)
    for value in entry["baselines"].values():
        assert_fits(value, documents.BaselineScores)
    for by_score in (*entry["comparisons"].values(), *entry["model_comparisons"].values()):
        for value in by_score.values():
            assert_fits(value, documents.Difference)


def test_details_have_their_keys(entry):
    details = entry["details"]
    assert set(details) == set(documents.Details.__annotations__)
    for key, document in (
        ("folds", documents.FoldScores),
        ("mistakes", documents.Mistake),
        ("reliability", documents.ReliabilityBin),
    ):
        assert details[key]
        for value in details[key]:
            assert_fits(value, document)
