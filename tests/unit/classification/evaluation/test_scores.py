"""Scores of all levels, each with an interval or a reason."""

import numpy as np
import pytest
from half_right import lettered_units, predict_half
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_tables import prediction_rows, random_screen, unit_table
from sklearn import metrics as reference

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.report import summary

OPTIONS = Evaluation(permutations=200)


def missing(value, place=""):
    """List the places of null intervals, with their reasons."""
    if isinstance(value, dict):
        found = []
        assert ("ci" in value) == ("level" in value), place
        if "ci" in value and value["ci"] is None:
            found.append((place, value.get("reason")))
        for key, item in value.items():
            found += missing(item, f"{place}.{key}".lstrip("."))
        return found
    return []


def test_every_null_interval_has_a_reason_also_in_the_summary():
    units = lettered_units("AAAABBBB", "xxxxyyyy")
    rows = predict_half(units)
    entry = scoring.evaluate(
        rows, units, OPTIONS, baselines={"majority": rows}, models={"other": rows}
    )
    found = missing(entry)
    places = {place for place, _ in found}
    assert {
        "accuracy",
        "roc_auc",
        "by_well.accuracy",
        "by_treatment.macro_f1",
        "per_class.x.recall",
        "baselines.majority.accuracy",
        "comparisons.majority.accuracy",
        "model_comparisons.other.balanced_accuracy",
    } <= places
    assert all(reason for _, reason in found)
    written = summary.build("r", {}, evaluations={"m": entry})["classification"]["m"]
    assert missing(written) == missing({k: v for k, v in entry.items() if k != "details"})


def test_scores_that_are_not_defined_have_a_level_and_a_reason():
    units = lettered_units("AABB", "xxxx")
    entry = scoring.evaluate(predict_half(units), units, OPTIONS)
    assert entry["roc_auc"]["value"] is entry["roc_auc"]["ci"] is None
    assert entry["roc_auc"]["level"] == 0.95
    assert entry["roc_auc"]["reason"] == "the test units are of one class only"
    missing(entry)


def test_a_class_without_test_units_says_so():
    units = lettered_units("ABCD", "xxyy")
    entry = scoring.evaluate(predict_half(units).assign(**{"p:z": 0.0}), units, OPTIONS)
    assert entry["per_class"]["z"]["recall"] == {
        "value": None,
        "ci": None,
        "level": 0.95,
        "reason": "the class has no test units",
    }


def test_an_area_of_one_class_says_so():
    units = lettered_units("ABCD", "xxxx")
    entry = scoring.evaluate(predict_half(units), units, OPTIONS)
    assert entry["roc_auc"]["value"] is None
    assert entry["roc_auc"]["reason"] == "the test units are of one class only"


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_unit_scores_agree_with_scikit_learn(seed):
    rows, units = random_screen(seed)
    scores = scoring.evaluate(rows, units, OPTIONS)
    truth, called = rows["moa"], rows["predicted"]
    assert scores["accuracy"]["value"] == pytest.approx(reference.accuracy_score(truth, called))
    assert scores["macro_f1"]["value"] == pytest.approx(
        reference.f1_score(truth, called, average="macro")
    )
    assert scores["balanced_accuracy"]["value"] == pytest.approx(
        reference.balanced_accuracy_score(truth, called)
    )
    assert scores["roc_auc"]["value"] == pytest.approx(
        reference.roc_auc_score(truth, rows[["p:a", "p:b", "p:c"]], multi_class="ovr")
    )
    assert scores["details"]["confusion"]["unit"] == (
        reference.confusion_matrix(truth, called).tolist()
    )
    report = reference.classification_report(truth, called, output_dict=True, zero_division=np.nan)
    for name, entry in scores["per_class"].items():
        assert entry["recall"]["value"] == pytest.approx(report[name]["recall"])
        assert entry["n"] == report[name]["support"]


def test_a_class_never_called_has_no_precision():
    units = unit_table(["A01", "A02"])
    per_class = scoring.evaluate(prediction_rows("ab", [(1, 0), (1, 0)]), units, OPTIONS)[
        "per_class"
    ]
    assert per_class["b"].pop("recall")["value"] == 0
    assert per_class["b"] == {"precision": None, "f1": 0.0, "n": 1}


def test_a_model_does_not_differ_from_itself():
    rows, units = random_screen(seed=4)
    scores = scoring.evaluate(rows, units, OPTIONS, baselines={"itself": rows})
    for level in (scores, scores["by_well"], scores["by_treatment"]):
        difference = level["comparisons"]["itself"]["accuracy"]
        low, high = difference["ci"]
        assert difference["value"] == 0
        assert low == -high < 0
        assert difference["p"] == pytest.approx(1)


def test_a_difference_is_paired_by_group():
    # Both models err on the same wells but for one: far closer together than their own intervals.
    wells = [f"A{well:02d}" for well in range(1, 41) for _ in range(4)]
    units, right = unit_table(wells), np.repeat(np.arange(40) % 4 > 0, 4)
    also = right.copy()
    also[:2] = True

    def rows(calls):
        return prediction_rows("a" * 160, [(0.9, 0.1) if call else (0.1, 0.9) for call in calls])

    scores = scoring.evaluate(rows(also), units, OPTIONS, baselines={"b": rows(right)})
    low, high = scores["comparisons"]["b"]["accuracy"]["ci"]
    assert scores["comparisons"]["b"]["accuracy"]["value"] == pytest.approx(2 / 160)
    assert high - low < 0.25 * np.diff(scores["accuracy"]["ci"])
