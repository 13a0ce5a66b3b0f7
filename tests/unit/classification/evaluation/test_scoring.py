"""What is reported about a classification, on tables small enough to work out by hand."""

import json

import pandas as pd
import pytest
from prediction_tables import prediction_rows, random_screen, unit_table

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.core.errors import InputError

OPTIONS = Evaluation(aggregate="mean", permutations=200)


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


def test_baselines_are_scored_as_models_are():
    rows, units = random_screen(seed=4)
    scores = scoring.evaluate(rows, units, OPTIONS, baselines={"hand-crafted": rows})
    baseline = scores["baselines"]["hand-crafted"]
    assert baseline["accuracy"] == scores["accuracy"]
    assert baseline["by_treatment"]["accuracy"] == scores["by_treatment"]["accuracy"]
    assert "details" not in baseline
    json.dumps(scores, allow_nan=False)


def test_models_are_compared_apart_from_baselines():
    rows, units = random_screen(seed=4)
    scores = scoring.evaluate(rows, units, OPTIONS, models={"other": rows})
    assert "comparisons" not in scores
    assert scores["model_comparisons"]["other"]["macro_f1"]["value"] == 0
    assert scores["by_treatment"]["model_comparisons"]["other"]["accuracy"]["value"] == 0


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


def test_the_order_of_rows_does_not_matter():
    rows, units = random_screen(seed=5)
    shuffled = rows.sample(frac=1, random_state=0)
    expected = scoring.evaluate(rows, units, OPTIONS)
    for tables in ((shuffled, units), (rows, units.sample(frac=1, random_state=0))):
        scores = scoring.evaluate(*tables, OPTIONS)
        assert scores["accuracy"] == expected["accuracy"]
        assert scores["by_treatment"] == expected["by_treatment"]
