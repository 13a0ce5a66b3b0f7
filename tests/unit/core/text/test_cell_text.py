"""Cells of tables: one spelling per name, and what spreadsheets leave in them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moascope.core.text.cell_text import (
    changed_characters,
    clean,
    describe_difference,
    is_failed_formula,
    looks_like_date,
    lost_digits,
    undo_numbers,
)

INVISIBLE = [*range(0x200B, 0x2010), 0x2060, 0xFEFF, 0xAD, 0x34F, *range(0x202A, 0x202F), 0x2066]
SPACES = [0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 0x2028]


@pytest.mark.parametrize("code", INVISIBLE)
def test_invisible_characters_make_no_name_of_their_own(code):
    assert clean(f"ta{chr(code)}xol{chr(code)}") == "taxol"
    assert f"U+{code:04X}" in changed_characters(f"ta{chr(code)}xol")


@pytest.mark.parametrize("code", SPACES)
def test_all_kinds_of_spaces_are_one(code):
    assert clean(f"{chr(code)}tax{chr(code)}ol ") == "tax ol"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Za\u0308hlung", "Z\u00e4hlung"),
        ("ＤＭＳＯ　０．３", "DMSO 0.3"),
        ("5 \u00b5M", "5 \u03bcM"),
        ("\u2126", "\u03a9"),
        ("β-lapachone", "β-lapachone"),
        ("α\u0301", "ά"),
        ("水", "水"),
    ],
)
def test_every_name_has_one_form(text, expected):
    assert clean(text) == expected


@given(st.text(max_size=20))
def test_what_is_clean_stays_as_it_is(text):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(mark) == "Zs" and mark != " " for mark in cleaned)


@given(st.text(st.characters(codec="ascii"), max_size=20))
def test_of_plain_text_only_blanks_around_it_are_taken(text):
    assert clean(text) == text.strip()


def test_the_difference_of_names_that_look_alike_is_said_in_code_points():
    assert describe_difference("Z\u00e4", "Za\u0308") == (
        "character 2 is U+00E4 LATIN SMALL LETTER A WITH DIAERESIS, not U+0061 LATIN SMALL LETTER A"
    )
    assert describe_difference("ab", "ab\u200b").endswith("the end, not U+200B ZERO WIDTH SPACE")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "#N/A",
            "#N/A N/A",
            "#REF!",
            "#VALUE!",
            "#NAME?",
            "#DIV/0!",
            "#NULL!",
            "#NUM!",
            "#SPILL!",
        ),
        *("#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "Fehler:508"),
        *("#VALEUR!", "#N/D", "#¡VALOR!", "#¿NOMBRE?", "#Н/Д", "#ССЫЛКА!", "#I/T"),
        *("Err:502", "####"),
    ],
)
def test_errors_of_spreadsheets_are_known_in_their_languages(text):
    assert is_failed_formula(text)


@pytest.mark.parametrize(
    "text", ["", "#12", "# of cells", "#a!", "Erlotinib", "N/A", "Error", "F#"]
)
def test_names_are_no_errors_of_spreadsheets(text):
    assert not is_failed_formula(text)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.0", "2.00", ""], ["1", "2", ""]),
        (["1.0", "2"], ["1", "2"]),
        (["1.0", "1.5"], ["1.0", "1.5"]),
        (["1.0", "v2"], ["1.0", "v2"]),
        (["1.", "x"], ["1.", "x"]),
        (["4.10003000123E+11"], ["410003000123"]),
        (["4.1E+11"], ["4.1E+11"]),
        (["007"], ["007"]),
    ],
)
def test_names_that_became_numbers_are_turned_back_where_nothing_is_lost(cells, expected):
    assert undo_numbers(cells) == expected


def test_numbers_without_their_last_digits_are_known():
    assert lost_digits("4.10003E+11")
    assert lost_digits("1E+05")
    assert lost_digits("4,1E+11")
    for text in ("4.10003000123E+11", "E2", "1E5", "5E-3", "410003000123"):
        assert not lost_digits(text)


def test_dates_that_spreadsheets_make_of_names_are_known():
    for text in ("2-Mar", "Sep-02", "01-Dez", "2024-09-02 00:00:00", "1/2/2024"):
        assert looks_like_date(text)
    for text in ("BRD-1", "Mar", "SEPT2", "A-01", "2-3"):
        assert not looks_like_date(text)
