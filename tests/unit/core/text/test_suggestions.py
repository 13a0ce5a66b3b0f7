"""Suggestions name what the user may have meant."""

import pytest

from moascope.core.text.suggestions import (
    FEW_NAMES,
    advise,
    hint_at,
    nearest,
    similar_names,
    unknown,
)


def test_advice_is_the_nearest_name_or_all_of_them():
    assert advise("Plaet", ["plate", "well"]) == "did you mean 'plate'?"
    assert advise("zzz", ["plate", "", "well"]) == "there are: 'plate', 'well'"


def test_advice_lists_thirty_names_at_most():
    assert advise("zzz", [f"{i}" for i in range(40)]).endswith("'29', ...")


def test_a_name_is_found_as_a_word_of_a_longer_one():
    assert advise("well", ["plate_map_name", "well_position"]) == "did you mean 'well_position'?"
    assert nearest("well", ["well_position_of_it", "name_of_a_single_well"]) is None


@pytest.mark.parametrize(("ratio", "found"), [(FEW_NAMES, "cell-count"), (0.6, None)])
def test_among_few_names_less_similarity_suffices(ratio, found):
    assert nearest("cell-size", ["layout", "cell-count"], ratio=ratio) == found


def test_case_does_not_matter_and_the_best_comes_first():
    assert similar_names("DMS0", ["dmso2", "DMSO", "Taxol"], n=2) == ["DMSO", "dmso2"]
    assert similar_names("", ["a"]) == []


def test_unknown_names_are_complained_about():
    assert unknown("channel", "DMA", ["DNA"]) == "unknown channel 'DMA'; did you mean 'DNA'?"
    assert unknown("channel", "x", ["DNA", "ER"]) == "unknown channel 'x'; known: DNA, ER"
    assert unknown("channel", "x", []) == "unknown channel 'x'; known: none"


def test_hints_join_several_names():
    assert hint_at(["a", "b"]) == "Did you mean a or b? "
    assert hint_at([]) == ""
