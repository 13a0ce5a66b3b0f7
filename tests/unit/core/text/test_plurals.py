"""Plurals of English nouns."""

import pytest

from moascope.core.text.plurals import plural_of


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
