"""What is reported about a classification, on tables small enough to work out by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_tables import prediction_rows, random_screen, unit_table
from sklearn import metrics as reference

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.core.errors import InputError

OPTIONS = Evaluation(aggregate="mean", permutations=200)


def test_a_unit_without_metadata_is_named():
    rows = prediction_rows("ab", [(1, 0), (0, 1)])
    with pytest.raises(InputError, match=r"unit 'u1' is not in the units table \(1 such rows\)"):
        scoring.evaluate(rows, unit_table(["A01"]), OPTIONS)


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


def test_the_entry_has_the_keys_of_the_summary_and_is_strict_json():
    rows, units = random_screen(seed=1)
    scores = scoring.evaluate(rows, units, OPTIONS, unit="cell", split="loco")
    assert {"unit": "cell", "split": "loco", "n": 72}.items() <= scores.items()
    for name in ("accuracy", "macro_f1", "balanced_accuracy"):
        for entry in (scores, scores["by_treatment"], scores["by_well"]):
            low, high = entry[name]["ci"]
            assert entry[name]["level"] == 0.95
            assert low <= entry[name]["value"] <= high
    assert set(scores["per_class"]["a"]) == {"precision", "recall", "f1", "n"}
    assert scores["by_well"]["n"] == 24
    assert scores["by_treatment"]["n"] == 12
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_the_interval_says_its_level():
    rows, units = random_screen(seed=1)
    score = scoring.evaluate(rows, units, OPTIONS.model_copy(update={"confidence": 0.9}))[
        "accuracy"
    ]
    assert set(score) == {"value", "ci", "level", "p", "p_reason"}
    assert score["level"] == 0.9


def test_joining_wells_uses_the_configured_way():
    units = unit_table(["A01"] * 3 + ["A02"])
    rows = prediction_rows("aaab", [(0.51, 0.49), (0.51, 0.49), (0.0, 1.0), (0.0, 1.0)])
    by_mean, by_vote = (
        scoring.evaluate(rows, units, OPTIONS.model_copy(update={"aggregate": how}))
        for how in ("mean", "vote")
    )
    assert by_mean["by_well"]["accuracy"]["value"] == 0.5
    assert by_vote["by_well"]["accuracy"]["value"] == 1.0


@pytest.mark.parametrize(("independent", "n"), [("compound", 12), ("plate", 1)])
def test_the_independent_unit_is_what_is_resampled(independent, n):
    rows, units = random_screen(seed=2)
    scores = scoring.evaluate(
        rows, units, OPTIONS.model_copy(update={"independent_unit": independent})
    )
    assert scores["details"]["n_independent"] == n
    assert (scores["accuracy"]["ci"] is None) == (n == 1)


def test_an_unknown_independent_unit_is_refused():
    rows, units = random_screen(seed=2)
    with pytest.raises(InputError, match=r"unknown unit 'day'\. Use auto, field, well"):
        scoring.evaluate(rows, units, OPTIONS.model_copy(update={"independent_unit": "day"}))


def test_scores_are_means_over_repeats_and_pictures_show_the_mean_probabilities():
    units = unit_table(["A01", "A02"])
    rows = pd.concat(
        [
            prediction_rows("ab", [(0.9, 0.1), (0.1, 0.9)], repeat=0),
            prediction_rows("ab", [(0.4, 0.6), (0.4, 0.6)], repeat=1),
        ]
    )
    scores = scoring.evaluate(rows, units, OPTIONS)
    assert scores["n"] == 2
    assert scores["accuracy"]["value"] == pytest.approx((1 + 0.5) / 2)
    assert scores["roc_auc"]["value"] == pytest.approx((1 + 0.5) / 2)
    assert scores["per_class"]["a"]["recall"]["value"] == pytest.approx(0.5)
    assert scores["per_class"]["a"]["n"] == 1
    # Averaged: (.65, .35) and (.25, .75), both right.
    assert scores["details"]["confusion"]["unit"] == [[1, 0], [0, 1]]
    assert scores["details"]["mistakes"] == []
    assert [fold["accuracy"] for fold in scores["details"]["folds"]] == [1.0, 0.5]


def test_repeats_of_the_same_predictions_change_nothing():
    rows, units = random_screen(seed=3)
    once = scoring.evaluate(rows, units, OPTIONS)
    twice = scoring.evaluate(pd.concat([rows, rows.assign(repeat=1)]), units, OPTIONS)
    for key in ("n", "accuracy", "macro_f1", "by_well", "by_treatment", "per_class"):
        assert twice[key] == once[key]
    assert twice["details"]["confusion"] == once["details"]["confusion"]


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


def test_a_class_never_called_has_no_precision():
    units = unit_table(["A01", "A02"])
    per_class = scoring.evaluate(prediction_rows("ab", [(1, 0), (1, 0)]), units, OPTIONS)[
        "per_class"
    ]
    assert per_class["b"].pop("recall")["value"] == 0
    assert per_class["b"] == {"precision": None, "f1": 0.0, "n": 1}


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


def test_baselines_are_scored_as_models_are():
    rows, units = random_screen(seed=4)
    scores = scoring.evaluate(rows, units, OPTIONS, baselines={"hand-crafted": rows})
    baseline = scores["baselines"]["hand-crafted"]
    assert baseline["accuracy"] == scores["accuracy"]
    assert baseline["by_treatment"]["accuracy"] == scores["by_treatment"]["accuracy"]
    assert "details" not in baseline
    json.dumps(scores, allow_nan=False)


def test_a_model_does_not_differ_from_itself():
    rows, units = random_screen(seed=4)
    scores = scoring.evaluate(rows, units, OPTIONS, baselines={"itself": rows})
    for level in (scores, scores["by_well"], scores["by_treatment"]):
        difference = level["comparisons"]["itself"]["accuracy"]
        low, high = difference["ci"]
        assert difference["value"] == 0
        assert low == -high < 0
        assert difference["p"] == pytest.approx(1)


def test_models_are_compared_apart_from_baselines():
    rows, units = random_screen(seed=4)
    scores = scoring.evaluate(rows, units, OPTIONS, models={"other": rows})
    assert "comparisons" not in scores
    assert scores["model_comparisons"]["other"]["macro_f1"]["value"] == 0
    assert scores["by_treatment"]["model_comparisons"]["other"]["accuracy"]["value"] == 0


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


def test_baselines_of_other_units_are_refused():
    rows, units = random_screen(seed=4)
    with pytest.raises(InputError, match="baseline 'b' was scored on other units than the model"):
        scoring.evaluate(rows, units, OPTIONS, baselines={"b": rows[3:]})


def test_a_majority_that_the_split_puts_below_chance_is_no_comparator():
    # Leaving a compound out makes its class the rarer one in training.
    units = unit_table([f"A{well:02d}" for well in range(1, 9)])
    model = prediction_rows("aaaabbbb", [(0.9, 0.1)] * 4 + [(0.1, 0.9)] * 4)
    model["fold"] = range(8)
    wrong = prediction_rows("aaaabbbb", [(0.1, 0.9)] * 4 + [(0.9, 0.1)] * 4).assign(fold=range(8))
    others = {"majority": wrong, "layout": wrong}
    scores = scoring.evaluate(model, units, OPTIONS, baselines=others)
    assert list(scores["comparisons"]) == ["layout"]
    assert scores["baselines"]["majority"]["comparator"] is False
    assert "below chance" in scores["baselines"]["majority"]["reason"]


def test_units_finer_than_what_is_held_out_are_refused():
    rows, units = random_screen(seed=2)
    options = OPTIONS.model_copy(update={"independent_unit": "well"})
    with pytest.raises(InputError, match="'well' is finer than what the split 'loco' holds out"):
        scoring.evaluate(rows, units, options, split="loco", held_out=["compound"])


def test_a_skilled_model_beats_its_null_and_a_guess_does_not():
    rows, units = random_screen(seed=5)
    options = OPTIONS.model_copy(update={"independent_unit": "auto"})
    skilled = scoring.evaluate(rows, units, options, held_out=["compound"])["accuracy"]
    assert skilled["p"] < 0.05
    low, high = skilled["null"]["interval"]
    assert low < 1 / 3 < high < skilled["value"]
    shuffled = rows.assign(predicted=rows["predicted"].sample(frac=1, random_state=1).to_numpy())
    guess = scoring.evaluate(shuffled, units, options, held_out=["compound"])
    assert guess["accuracy"]["p"] > 0.05


def test_probabilities_that_are_not_finite_are_refused():
    rows = prediction_rows("ab", [(0.9, 0.1), (np.nan, 0.9)])
    with pytest.raises(InputError, match="the probabilities of unit 'u1' are NaN or infinite"):
        scoring.evaluate(rows, unit_table(["A01", "A02"]), OPTIONS)


def test_groups_of_several_classes_are_one_stratum():
    # Every batch has another set of classes, as in large screens.
    batches = [f"b{number}" for number in range(10) for _ in range(8)]
    truth = "".join("abcdef"[(number + k) % 6] for number in range(10) for k in range(8))
    units = unit_table([f"A{well}" for well in range(80)]).assign(batch=batches)
    right = np.random.default_rng(0).random(80) < 0.8
    calls = ["abcdef".index(name) if ok else 0 for name, ok in zip(truth, right, strict=True)]
    rows = prediction_rows(truth, np.eye(6)[calls].tolist())
    options = OPTIONS.model_copy(update={"independent_unit": "auto"})
    scores = scoring.evaluate(rows, units, options, held_out=["batch"])
    low, high = scores["accuracy"]["ci"]
    assert low < scores["accuracy"]["value"] < high
    assert high - low < 0.35


def test_the_order_of_rows_does_not_matter():
    rows, units = random_screen(seed=5)
    shuffled = rows.sample(frac=1, random_state=0)
    expected = scoring.evaluate(rows, units, OPTIONS)
    for tables in ((shuffled, units), (rows, units.sample(frac=1, random_state=0))):
        scores = scoring.evaluate(*tables, OPTIONS)
        assert scores["accuracy"] == expected["accuracy"]
        assert scores["by_treatment"] == expected["by_treatment"]
