"""Checks of a run: what limits its scores."""

import dataclasses

import pytest
from half_right import lettered_units, predict_half
from report_contexts import context_of, model_of
from report_pages import Outline, changed, statuses

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.report import checks, verdicts
from moascope.report import checks as findings
from moascope.report import page as report

OPTIONS = Evaluation(permutations=200)


def test_simulated_images_are_called_simulated(context):
    simulated = changed(context)
    simulated.config["input"]["format"] = "simulate"
    assert statuses(simulated)["Simulated images"] == "warn"
    assert checks.collect_checks(simulated)[0]["title"] == "Simulated images"


def test_what_was_read_otherwise_than_written_is_said(context):
    note = "dose 0 in 1 well of 1 compound: vehicle controls"
    warnings = verdicts.input_warnings([note])
    assert warnings == [{"id": "input", "about": "input", "text": note}]
    noted = changed(context, summary={**context.summary, "warnings": warnings})
    (found,) = [
        c for c in checks.collect_checks(noted) if c["title"] == "Notes on the input tables"
    ]
    assert (found["status"], found["text"]) == ("note", note)


def test_statistics_from_treated_wells_are_admitted(context):
    seen = changed(context)
    seen.config["normalization"]["steps"] = [{"method": "zscore", "scope": "plate"}]
    assert statuses(seen)["Normalization uses test wells"] == "warn"


@pytest.mark.parametrize(
    ("include", "step", "warned"),
    [
        (True, {"method": "zscore", "scope": "controls"}, True),
        (False, {"method": "zscore", "scope": "controls"}, False),
        (True, {"method": "zscore", "scope": "image"}, False),
        (True, {"method": "anscombe", "scope": "controls"}, False),
    ],
)
def test_controls_that_are_a_class_and_set_the_normalization_are_admitted(
    context, include, step, warned
):
    loco = context.splits["loco"]
    loco = dataclasses.replace(
        loco, config=loco.config.model_copy(update={"include_controls": include})
    )
    with_controls = changed(context, splits={**context.splits, "loco": loco})
    with_controls.config["normalization"]["steps"] = [step]
    title = "Normalization uses the control wells"
    found = [c for c in checks.collect_checks(with_controls) if c["title"] == title]
    assert [c["status"] for c in found] == ["warn"] * warned
    assert all("1 split (“loco”)" in c["text"] for c in found)
    assert all("too high for unmarked wells" in c["text"] for c in found)


def test_a_class_of_one_batch_is_called_confounded(context):
    units = context.units
    alone = (units["moa"] == "DNA replication") & (units["batch"] == "week 2")
    confounded = changed(context, units=units[~alone])
    found = [c for c in checks.collect_checks(confounded) if "single batch" in c["title"]]
    assert found[0]["status"] == "warn"
    assert found[0]["text"].startswith("DNA replication:")


def test_a_screen_of_one_batch_is_noted(context):
    one = changed(context, units=context.units.assign(batch="week 1"))
    assert statuses(one)["One imaging batch only"] == "note"


def test_a_leak_is_a_warning_and_drops_are_noted(brief):
    split = brief.splits["loco"]
    audit = {
        **split.audit,
        "passed": False,
        "messages": ["2 fields stand on both sides."],
        "dropped": ["Class X is left out."],
    }
    leaking = changed(
        brief, splits={**brief.splits, "loco": dataclasses.replace(split, audit=audit)}
    )
    assert statuses(leaking)["Split “loco” leaks"] == "warn"
    assert statuses(leaking)["Split “loco” leaves out units"] == "note"
    text = Outline(report.build(leaking)).text
    assert "2 fields stand on both sides." in text
    assert "Class X is left out." in text


def test_what_an_audit_did_not_look_at_is_said(brief):
    split = brief.splits["loco"]
    assert (
        "Not checked: adjacent crops (no plate has two units)." in Outline(report.build(brief)).text
    )
    gap = {"what": "images", "reason": "audit.images is false"}
    audit = {**split.audit, "passed": None, "not_looked_at": [gap]}
    blind = changed(brief, splits={**brief.splits, "loco": dataclasses.replace(split, audit=audit)})
    found = statuses(blind)
    assert found["Split “loco” was not audited in full"] == "warn"
    assert "Split “loco” passed the leakage audit" not in found
    assert "Not checked: images (audit.images is false)." in Outline(report.build(blind)).text


@pytest.mark.parametrize(("rule", "status"), [("crop", "warn"), ("resize", "note")])
def test_images_of_different_size_are_said(context, rule, status):
    text = "Images have 2 sizes, from 9 x 9 px to 12 x 12 px (height x width)."
    warning = {"id": "image-sizes", "about": "input.on_size_mismatch", "text": text}
    config = {**context.config["input"], "on_size_mismatch": rule}
    sized = changed(
        context,
        summary={**context.summary, "warnings": [warning]},
        config={**context.config, "input": config},
    )
    assert statuses(sized)["Images of different size"] == status


def test_large_units_are_noted(context):
    warning = {"id": "large-units", "about": "lite0", "text": "Units of 1024 px are slow."}
    large = changed(context, summary={**context.summary, "warnings": [warning]})
    assert statuses(large)["Large units"] == "note"


def test_the_report_warns_once_per_reason():
    units = lettered_units("AAAABBBB", "xxxxyyyy")
    entry = scoring.evaluate(predict_half(units), units, OPTIONS)
    entry["unit"] = "site"
    context = context_of(models={"m": model_of(entry)})
    checks = list(findings._interval_checks(context))
    warned = [check for check in checks if check["status"] == "warn"]
    assert [check["title"] for check in warned] == [
        "No intervals for fields of model “m”, wells of model “m”, treatments of model “m”"
    ]
    assert warned[0]["text"].startswith("Every class has only one compound in the test set")
    assert [check["title"] for check in checks if check["status"] == "note"] == [
        "No p-value for model “m”"
    ]
