"""Text of unknown origin in messages and pages."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moascope.core.errors import InputError
from moascope.core.text.escaping import escape_controls, has_controls, json_for_html, show


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[2Jred\x1b[0m", r"\x1b[2Jred\x1b[0m"),
        ("bell\a, back\b, return\r", r"bell\x07, back\x08, return\r"),
        ("c1 control \x9b31m", r"c1 control \x9b31m"),
        ("right to left \u202egpj.exe", r"right to left \u202egpj.exe"),
        ("a file name that is not UTF-8: \udcff.tif", r"a file name that is not UTF-8: \xff.tif"),
        ("a single surrogate \ud800", r"a single surrogate \ud800"),
        ("two lines\nand a tab\t", "two lines\nand a tab\t"),
        ("5 µm, 5\u00a0°C, Äther, 細胞", "5 µm, 5\u00a0°C, Äther, 細胞"),
    ],
)
def test_controls_are_escaped_and_text_is_kept(text, escaped):
    assert escape_controls(text) == escaped
    assert str(InputError(text)) == escaped


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\x1bb", "a\udcffb", "a\u2028b", "a\tb"])
def test_names_that_cannot_be_shown_are_found(name):
    assert has_controls(name)


def test_blanks_and_letters_of_all_scripts_are_no_controls():
    assert not has_controls("5 µm\u00a0\u3000細胞 زعفران\u200c")


def test_values_are_shown_short():
    assert show("x" * 10_000).endswith("... (10,002 characters)")
    assert len(show("x" * 10_000)) < 250
    assert show(16**5000) == "a number of more than 4,300 digits"
    assert show([16**5000]) == "a number of more than 4,300 digits"


class Scripts(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)


@given(st.dictionaries(st.text(), st.text() | st.sampled_from(["</script>", "<!--<script>"])))
def test_nothing_breaks_out_of_a_script_element(content):
    text = json_for_html(content)
    assert json.loads(text) == content
    assert text.isascii()
    page = f"<script>var results = {text};</script><p>"
    assert Scripts(page).tags == ["script", "p"]
