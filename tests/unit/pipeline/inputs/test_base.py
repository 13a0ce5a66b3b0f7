import re

import pytest
from rule_inputs import build

from moascope.pipeline.inputs.base import RuleInputs, fill, match_names

ENGINES = {"engines": {"classic": {"method": "classical"}}}
ANNOTATED = {"annotated": {"sheet": "sheet.csv"}, "channels": ["DNA"], **ENGINES}


def test_a_pattern_is_filled_with_every_value_in_order():
    assert fill("{plate}/x", plate=["b", "a"]) == ["b/x", "a/x"]
    assert fill("{part}.csv", part=range(2)) == ["0.csv", "1.csv"]


def test_a_pattern_is_filled_with_one_wildcard_only():
    with pytest.raises(ValueError, match="unpack"):
        fill("{plate}/{model}", plate=["a"], model=["b"])


def test_a_constraint_matches_the_names_and_no_part_of_them():
    constraint = match_names(["lite0", "lite"])
    assert [name for name in ("lite0", "lite", "lit", "") if re.fullmatch(constraint, name)] == [
        "lite0",
        "lite",
    ]


def test_without_names_a_constraint_matches_nothing_that_is_configured():
    assert not re.fullmatch(match_names([]), "")


def test_a_screen_has_channels_and_plates():
    inputs = build(RuleInputs)
    assert inputs.has_screen
    assert inputs.is_simulated
    assert inputs.channels == ["DNA", "Actin", "ER"]
    assert inputs.all_plates("{plate}.npy") == ["P1.npy", "P2.npy", "P3.npy"]


def test_without_a_screen_there_are_no_channels_and_no_cells():
    inputs = build(RuleInputs, plates=[], input=None, segmentation=ANNOTATED)
    assert not inputs.has_screen
    assert not inputs.is_simulated
    assert not inputs.finds_cells
    assert not inputs.has_masks
    assert inputs.channels == []


@pytest.mark.parametrize(("mask", "has_masks"), [("mask", True), (None, False)])
def test_masks_count_where_engines_segment_the_screen(mask, has_masks):
    section = {"format": "simulate", "channels": {"DNA": "DNA"}, "columns": {"mask": mask}}
    assert not build(RuleInputs, input=section).has_masks
    inputs = build(
        RuleInputs,
        input=section,
        segmentation={"engines": {"given": {"method": "stardist", "model": "2D_versatile_fluo"}}},
    )
    assert inputs.finds_cells
    assert inputs.has_masks == has_masks
