"""Every interval that is not there has a reason that says what to set."""

import numpy as np
import pandas as pd
import pytest
from report_contexts import context_of, model_of

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation
from moascope.core.errors import InputError
from moascope.pipeline import run_summary
from moascope.report import checks as findings
from moascope.report import verdicts, wording

OPTIONS = Evaluation(permutations=200)
ALONE = (
    "every class has only one {unit} in the test set, so the spread between independent units is "
    "unknown. Fix: test several {units} of a class"
)


def screen(compounds: str, truth: str, plates: str | None = None) -> pd.DataFrame:
    """Make units, one per letter of `compounds`, of classes and plates as the other letters say."""
    n = len(compounds)
    wells = [f"A{row + 1:02d}" for row in range(n)]
    return pd.DataFrame(
        {
            "unit_id": [f"u{row}" for row in range(n)],
            "site_id": [f"u{row}" for row in range(n)],
            "plate": list(plates or "P" * n),
            "well": wells,
            "field": wells,
            "batch": "1",
            "compound": list(compounds),
            "treatment": list(compounds),
            "moa": list(truth),
        }
    )


def predictions(units: pd.DataFrame, classes: str = "xy") -> pd.DataFrame:
    """Predict every second unit rightly."""
    right = np.arange(len(units)) % 2 == 0
    other = {"x": "y", "y": "x"}
    called = [moa if ok else other[moa] for moa, ok in zip(units["moa"], right, strict=True)]
    table = units[["unit_id", "moa"]].assign(repeat=0, fold=0, fold_name="f", predicted=called)
    for name in classes:
        table[f"p:{name}"] = (table["predicted"] == name) * 0.8 + 0.1
    return table


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


def test_one_compound_per_class_is_the_reason_and_finer_units_are_no_way_out():
    units = screen("AAAABBBB", "xxxxyyyy", "PPQQPPQQ")
    entry = scoring.evaluate(predictions(units), units, OPTIONS)
    reason = ALONE.format(unit="compound", units="compounds")
    assert entry["accuracy"]["ci"] is None
    assert entry["accuracy"]["reason"] == reason
    assert entry["by_treatment"]["accuracy"]["reason"] == reason


def test_without_a_way_out_none_is_named():
    units = screen("AAAABBBB", "xxxxyyyy")
    entry = scoring.evaluate(predictions(units), units, OPTIONS)
    assert entry["accuracy"]["reason"] == ALONE.format(unit="compound", units="compounds")


def test_images_of_one_patient_per_class_are_not_taken_as_independent():
    units = screen("AAAABBBB", "xxxxyyyy").assign(patient=list("ppppqqqq"), image=list("12345678"))
    design = Design(has_plates=False, groups=["patient"])
    entry = scoring.evaluate(predictions(units), units, OPTIONS, design=design)
    assert entry["accuracy"]["reason"] == ALONE.format(unit="patient", units="patients")
    with pytest.raises(InputError, match=r"'image' is finer than the groups of input\.groups"):
        scoring.evaluate(
            predictions(units),
            units,
            OPTIONS.model_copy(update={"independent_unit": "image"}),
            design=design,
        )


def test_a_unit_within_another_free_group_is_warned_of():
    units = screen("AAAABBBB", "xxxxyyyy").assign(patient=list("ppppqqqq"), slide=list("11223344"))
    design = Design(has_plates=False, groups=["patient", "slide"])
    options = OPTIONS.model_copy(update={"independent_unit": "slide"})
    entry = scoring.evaluate(predictions(units), units, options, design=design)
    assert entry["details"]["shared_groups"] == ["patient"]
    (warning,) = [w for w in verdicts.find_warnings("m", entry) if w.id == "shared-groups"]
    assert warning.text == (
        "They treat each slide as independent, but several are of one patient. Fix: set "
        "evaluation.independent_unit to patient."
    )
    entry = scoring.evaluate(predictions(units), units, OPTIONS, design=design)
    assert entry["details"]["shared_groups"] == []


def test_every_null_interval_has_a_reason_also_in_the_summary():
    units = screen("AAAABBBB", "xxxxyyyy")
    rows = predictions(units)
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
    written = run_summary.build("r", {}, evaluations={"m": entry})["classification"]["m"]
    assert missing(written) == missing({k: v for k, v in entry.items() if k != "details"})


def test_scores_that_are_not_defined_have_a_level_and_a_reason():
    units = screen("AABB", "xxxx")
    entry = scoring.evaluate(predictions(units), units, OPTIONS)
    assert entry["roc_auc"]["value"] is entry["roc_auc"]["ci"] is None
    assert entry["roc_auc"]["level"] == 0.95
    assert entry["roc_auc"]["reason"] == "the test units are of one class only"
    missing(entry)


def test_a_class_without_test_units_says_so():
    units = screen("ABCD", "xxyy")
    entry = scoring.evaluate(predictions(units).assign(**{"p:z": 0.0}), units, OPTIONS)
    assert entry["per_class"]["z"]["recall"] == {
        "value": None,
        "ci": None,
        "level": 0.95,
        "reason": "the class has no test units",
    }


def test_an_area_of_one_class_says_so():
    units = screen("ABCD", "xxxx")
    entry = scoring.evaluate(predictions(units), units, OPTIONS)
    assert entry["roc_auc"]["value"] is None
    assert entry["roc_auc"]["reason"] == "the test units are of one class only"


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_scores_are_shown_with_the_reason(name):
    units = screen("AAAABBBB", "xxxxyyyy")
    entry = scoring.evaluate(predictions(units), units, OPTIONS)
    shown = wording.score(entry, name)
    assert shown["interval"] == ""
    assert shown["reason"] == entry[name]["reason"]


def test_the_verdict_does_not_repeat_the_reason():
    units = screen("AAAABBBB", "xxxxyyyy")
    rows = predictions(units)
    entry = scoring.evaluate(rows, units, OPTIONS, baselines={"majority": rows})
    assert verdicts.judge(entry).text == "not compared with baselines, since there is no interval"


def test_the_report_warns_once_per_reason():
    units = screen("AAAABBBB", "xxxxyyyy")
    entry = scoring.evaluate(predictions(units), units, OPTIONS)
    entry["unit"] = "site"
    context = context_of(models={"m": model_of(entry)})
    checks = list(findings._interval_checks(context))
    warned = [check for check in checks if check["status"] == "warn"]
    assert [check["title"] for check in warned] == [
        "No intervals for fields of model “m”, wells of model “m”, treatments of model “m”"
    ]
    assert warned[0]["text"].startswith("Every class has one compound only in the test set")
    assert [check["title"] for check in checks if check["status"] == "note"] == [
        "No p-value for model “m”"
    ]
