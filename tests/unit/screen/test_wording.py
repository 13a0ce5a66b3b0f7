"""Words for classes and what they are dealt out among."""

from moascope.screen.wording import words_of


def test_a_screen_speaks_of_mechanisms_unless_told_otherwise():
    words = words_of("table")
    assert (words.label, words.short, words.sites) == ("mechanism of action", "mechanism", "sites")
    assert words_of("table", "phenotype").labels == "phenotypes"


def test_images_of_classes_speak_of_classes_and_images():
    words = words_of("classes")
    assert (words.label, words.labels, words.sites) == ("class", "classes", "images")
    assert words.exchanged("patient") == "patients"
    assert words_of("classes", "diagnosis").labels == "diagnoses"
