"""Tables of scores."""

import copy

import pytest
from report_pages import changed

from moascope.report import scores as report_scores
from moascope.report import wording


@pytest.mark.parametrize("comparator", [True, False])
def test_a_baseline_below_chance_by_construction_is_not_shown(context, comparator):
    models = copy.deepcopy(context.models)
    for model in models.values():
        model.evaluation["baselines"]["majority"]["comparator"] = comparator
    labels = [row["label"] for row in report_scores.score_table(changed(context, models=models))]
    assert ("most frequent class" in labels) == comparator


def test_the_null_stands_beside_the_scores(context, outline):
    null = context.models["lite0"].evaluation["accuracy"]["null"]
    label = "permuted mechanisms (truth only)"
    row = next(r for r in report_scores.score_table(context) if r["label"] == label)
    assert row["accuracy"]["value"] == f"{100 * null['mean']:.1f}"
    assert "With mechanisms permuted among compounds" in outline.text
    assert f"permuted among compounds {null['deals']} times" in outline.text


def test_every_comparison_is_shown_with_its_interval(context, outline):
    for model in context.models.values():
        for scores in model.evaluation["comparisons"].values():
            assert wording.format_difference(scores["accuracy"], "") in outline.text


def test_nested_selection_is_shown(context):
    entry = copy.deepcopy(context.models["lite0"].evaluation)
    assert report_scores.selection_rows(entry) == []
    entry["selection"] = {"joined": {"folds": 17, "balanced_accuracy": 0.9734}}
    row = {"name": "joined", "folds": "17", "balanced_accuracy": "97.3"}
    assert report_scores.selection_rows(entry) == [row]


def test_the_layout_is_shown(outline):
    assert "bias-corrected Cramer's V" in outline.text
