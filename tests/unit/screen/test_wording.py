"""Words for classes and what they are dealt out among."""

import pytest

from moascope.core.text.plurals import plural_of
from moascope.screen.wording import words_of


@pytest.mark.parametrize(
    ("noun", "plural"),
    [
        ("mechanism of action", "mechanisms of action"),
        ("class", "classes"),
        ("diagnosis", "diagnoses"),
        ("phenotype", "phenotypes"),
        ("batch", "batches"),
        ("assay", "assays"),
        ("study", "studies"),
    ],
)
def test_plurals(noun, plural):
    assert plural_of(noun) == plural


def test_a_screen_speaks_of_mechanisms_unless_told_otherwise():
    words = words_of("table")
    assert (words.label, words.short, words.sites) == ("mechanism of action", "mechanism", "sites")
    assert words_of("table", "phenotype").labels == "phenotypes"


def test_images_of_classes_speak_of_classes_and_images():
    words = words_of("classes")
    assert (words.label, words.labels, words.sites) == ("class", "classes", "images")
    assert words.exchanged("patient") == "patients"
    assert words_of("classes", "diagnosis").labels == "diagnoses"
