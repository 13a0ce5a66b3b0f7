from rule_inputs import build, wildcards

from moascope.pipeline.inputs.splits import SplitInputs, split_options

SPLITS = {
    "loco": {"method": "leave-one-compound-out", "include_controls": True},
    "list": {"method": "fixed", "file": "list.csv"},
}


def test_the_audit_does_not_decide_on_sets():
    inputs = build(SplitInputs, splits=SPLITS)
    options = inputs.options(wildcards(split="loco"))
    assert options["method"] == "leave-one-compound-out"
    assert "audit" not in options
    assert options == split_options(inputs.config, "loco")
    assert inputs.all_options() == {name: split_options(inputs.config, name) for name in SPLITS}


def test_the_options_of_an_audit_are_those_of_its_split():
    loco = {**SPLITS["loco"], "audit": {"min_correlation": 0.9}}
    inputs = build(SplitInputs, splits={**SPLITS, "loco": loco})
    assert inputs.audit_options(wildcards(split="loco"))["min_correlation"] == 0.9
    assert inputs.audit_options(wildcards(split="list"))["min_correlation"] == 0.98
    assert set(inputs.checked_audit_options()["loco"]) == {"groups", "on_leak"}


def test_a_fixed_split_has_a_file():
    inputs = build(SplitInputs, splits=SPLITS)
    assert inputs.fixed_list(wildcards(split="list")) == {"file": "list.csv"}
    assert inputs.fixed_list(wildcards(split="loco")) == {}
    assert inputs.fixed_lists() == ["list.csv"]


def test_tiles_are_counted_per_site():
    assert build(SplitInputs, units={"tiles": [2, 3]}).tiles_per_site() == 6
    cells = build(
        SplitInputs,
        units={"cells": {"crop": 48}},
        segmentation={"engines": {"given": {"method": "stardist", "model": "2D_versatile_fluo"}}},
    )
    assert cells.tiles_per_site() is None


def test_one_split_with_controls_is_enough():
    assert build(SplitInputs, splits=SPLITS).include_controls()
    assert not build(SplitInputs, splits={"list": SPLITS["list"]}).include_controls()
