"""Phrases of the report."""

import math

import pytest
from half_right import lettered_units, predict_half

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.core.options import restore
from moascope.report import wording
from moascope.splits.options import Split

OPTIONS = Evaluation(permutations=200)


def test_unknown_shares_are_dashes():
    assert [wording.percent(share) for share in (0.1234, None, math.nan)] == ["12.3", "–", "–"]


def test_nouns_follow_their_number():
    assert wording.count(1, "class") == "1 class"
    assert wording.count(1200, "flagged site") == "1,200 flagged sites"


def test_long_lists_are_cut_and_counted():
    assert wording.join_names("abc", 2) == "a, b and 1 more"
    assert wording.join_names("ab", 2) == "a, b"


def test_texts_become_sentences():
    assert wording.end_sentence("no interval") == "No interval."
    assert wording.end_sentence("Done.") == "Done."


@pytest.mark.parametrize(
    ("split", "text"),
    [
        ({"method": "leave-one-plate-out"}, "from plates that are not in training"),
        (
            {"method": "leave-one-group-out", "group": ["donor", "slide"]},
            "of a donor and slide that is not in training",
        ),
    ],
)
def test_the_source_of_test_units_is_described(split, text):
    assert wording.describe_test_units(restore(Split, split)) == text


def test_a_score_without_an_interval_has_a_reason():
    score = {"value": 0.5, "ci": None, "reason": "one compound"}
    assert wording.score(score) == {"value": "50.0", "interval": "", "reason": "one compound"}
    assert wording.score({"value": 0.5, "ci": [0.4, 0.6]})["interval"] == "40.0–60.0"


def test_checks_that_an_audit_left_out_are_listed():
    gap = {"what": "images", "reason": "audit.images is false"}
    text = wording.describe_audit_gaps({"not_looked_at": [gap]})
    assert text == "Not checked: images (audit.images is false)."
    assert wording.describe_audit_gaps({"not_looked_at": []}) == ""


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_scores_are_shown_with_the_reason(name):
    units = lettered_units("AAAABBBB", "xxxxyyyy")
    entry = scoring.evaluate(predict_half(units), units, OPTIONS)
    shown = wording.score(entry[name])
    assert shown["interval"] == ""
    assert shown["reason"] == entry[name]["reason"]
