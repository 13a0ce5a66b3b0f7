"""Independent units of an evaluation, and reasons where they are too few."""

import numpy as np
import pytest
from half_right import ALONE, lettered_units, predict_half
from prediction_tables import prediction_rows, random_screen, unit_table

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation
from moascope.core.errors import InputError
from moascope.report import verdicts

OPTIONS = Evaluation(permutations=200)


def test_one_compound_per_class_is_the_reason_and_finer_units_are_no_way_out():
    units = lettered_units("AAAABBBB", "xxxxyyyy", "PPQQPPQQ")
    entry = scoring.evaluate(predict_half(units), units, OPTIONS)
    reason = ALONE.format(unit="compound", units="compounds")
    assert entry["accuracy"]["ci"] is None
    assert entry["accuracy"]["reason"] == reason
    assert entry["by_treatment"]["accuracy"]["reason"] == reason


def test_without_a_way_out_none_is_named():
    units = lettered_units("AAAABBBB", "xxxxyyyy")
    entry = scoring.evaluate(predict_half(units), units, OPTIONS)
    assert entry["accuracy"]["reason"] == ALONE.format(unit="compound", units="compounds")


def test_images_of_one_patient_per_class_are_not_taken_as_independent():
    units = lettered_units("AAAABBBB", "xxxxyyyy").assign(
        patient=list("ppppqqqq"), image=list("12345678")
    )
    design = Design(has_plates=False, groups=["patient"])
    entry = scoring.evaluate(predict_half(units), units, OPTIONS, design=design)
    assert entry["accuracy"]["reason"] == ALONE.format(unit="patient", units="patients")
    with pytest.raises(InputError, match=r"'image' is finer than the groups of input\.groups"):
        scoring.evaluate(
            predict_half(units),
            units,
            OPTIONS.model_copy(update={"independent_unit": "image"}),
            design=design,
        )


def test_a_unit_within_another_free_group_is_warned_of():
    units = lettered_units("AAAABBBB", "xxxxyyyy").assign(
        patient=list("ppppqqqq"), slide=list("11223344")
    )
    design = Design(has_plates=False, groups=["patient", "slide"])
    options = OPTIONS.model_copy(update={"independent_unit": "slide"})
    entry = scoring.evaluate(predict_half(units), units, options, design=design)
    assert entry["details"]["shared_groups"] == ["patient"]
    (warning,) = [w for w in verdicts.find_warnings("m", entry) if w.id == "shared-groups"]
    assert warning.text == (
        "They treat each slide as independent, but several are of one patient. Fix: set "
        "evaluation.independent_unit to patient."
    )
    entry = scoring.evaluate(predict_half(units), units, OPTIONS, design=design)
    assert entry["details"]["shared_groups"] == []


@pytest.mark.parametrize(("independent", "n"), [("compound", 12), ("plate", 1)])
def test_the_independent_unit_is_what_is_resampled(independent, n):
    rows, units = random_screen(seed=2)
    scores = scoring.evaluate(
        rows, units, OPTIONS.model_copy(update={"independent_unit": independent})
    )
    assert scores["details"]["n_independent"] == n
    assert (scores["accuracy"]["ci"] is None) == (n == 1)


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
