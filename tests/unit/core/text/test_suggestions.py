"""Suggestions for unknown names."""

from moascope.core.text.suggestions import similar, similar_key, suggest, unknown


def test_the_most_similar_name_is_suggested_or_all_are_listed():
    assert suggest("Plaet", ["plate", "well"]) == "did you mean 'plate'?"
    assert suggest("zzz", ["plate", "", "well"]) == "there are: 'plate', 'well'"


def test_of_many_names_thirty_are_listed():
    words = suggest("zzz", map(str, range(31)))
    assert "'29', ..." in words
    assert "'30'" not in words


def test_a_name_is_found_as_a_word_of_a_longer_one():
    assert suggest("well", ["plate_map_name", "well_position"]) == "did you mean 'well_position'?"
    assert similar("well", ["well_position", "well_name"]) is None


def test_case_makes_no_difference():
    assert similar("PLATE", ["plate", "well"]) == "plate"
    assert similar_key("Formt", ["format"]) == "format"


def test_an_unknown_name_is_named_with_its_kind():
    assert unknown("channel", "DAN", ["DNA"]) == "unknown channel 'DAN'; did you mean 'DNA'?"
    assert unknown("channel", "x", []) == "unknown channel 'x'; known: none"
