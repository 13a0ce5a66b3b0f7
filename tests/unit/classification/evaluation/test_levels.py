"""Levels of images without plates: free groups in place of wells."""

from image_units import predict, units_of

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation

OPTIONS = Evaluation(permutations=200)


def test_scores_are_of_images_and_groups_and_of_nothing_else():
    units = units_of("aabbccddeeff", "xxxxxxyyyyyy")
    design = Design(has_plates=False, groups=["patient"])
    entry = scoring.evaluate(
        predict(units), units, OPTIONS, unit="image", held_out=["patient"], design=design
    )
    assert entry["by_group"]["patient"]["n"] == 6
    assert entry["details"]["independent_unit"] == "patient"
    assert entry["accuracy"]["p"] < 0.2
    assert set(entry["confounding"]) == {"patient"}
    assert not {"by_well", "by_treatment"} & set(entry)
    assert entry["compounds"] == {}
    assert list(entry["details"]["confusion"]) == ["unit", "patient"]


def test_groups_of_several_classes_are_no_level():
    units = units_of("abcdef" * 2, "xxxxxxyyyyyy")
    design = Design(has_plates=False, groups=["patient"])
    entry = scoring.evaluate(predict(units), units, OPTIONS, held_out=["patient"], design=design)
    assert entry["by_group"] == {}
    assert entry["details"]["n_independent"] == 6


def test_images_are_independent_where_there_are_no_groups():
    units = units_of("a" * 12, "xxxxxxyyyyyy")
    entry = scoring.evaluate(predict(units), units, OPTIONS, design=Design(has_plates=False))
    assert entry["details"]["independent_unit"] == "image"
    assert entry["details"]["n_independent"] == 12
    assert entry["accuracy"]["p"] < 0.05
