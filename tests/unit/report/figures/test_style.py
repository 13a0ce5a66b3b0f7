"""Style of figures: SVG that fits into a page."""

import re
from xml.etree import ElementTree

import pytest
from figure_examples import EXAMPLES, contrast, texts

from moascope.report.figures import scores, style


@pytest.fixture(params=EXAMPLES, scope="module")
def svg(request):
    return EXAMPLES[request.param]()


def test_every_figure_is_well_formed_and_named(svg):
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert root.get("viewBox")


def test_every_colour_follows_the_colour_scheme(svg):
    literal = set(re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{6})", svg))
    assert not literal
    assert "var(--" in svg


def test_figures_ask_for_nothing_and_style_nothing_but_themselves(svg):
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "<image" not in svg
    assert not re.search(r'(?:href|src)="(?!#)', svg)


def test_ids_of_two_figures_never_meet():
    found = [re.findall(r'\bid="([^"]+)"', make()) for make in EXAMPLES.values()]
    everything = [name for names in found for name in names]
    assert len(everything) == len(set(everything))


def test_references_inside_a_figure_lead_somewhere(svg):
    names = set(re.findall(r'\bid="([^"]+)"', svg))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= names


def test_figures_are_the_same_each_time():
    assert all(make() == make() for make in EXAMPLES.values())


@pytest.mark.parametrize("name", ["forest", "confusion", "scatter"])
def test_names_are_drawn_as_they_are(name):
    drawn = " ".join(text for text in texts(EXAMPLES[name]()) if text)
    assert "<script>alert(1)" in drawn
    assert "<script" not in EXAMPLES[name]()


def test_standalone_figures_carry_both_colour_schemes_and_a_background(svg):
    document = style.standalone(svg)
    ElementTree.fromstring(document.encode())
    assert "prefers-color-scheme: dark" in document
    assert "background:var(--paper)" in document


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_have_enough_contrast_with_the_page(scheme):
    paper = style.COLOURS["paper"][scheme]
    for name, pair in style.COLOURS.items():
        if name.startswith("c") or name == "accent":
            assert contrast(pair[scheme], paper) >= 3.0, name
        if name in ("fg", "muted"):
            assert contrast(pair[scheme], paper) >= 4.5, name


def test_short_names_stay_different_and_recognisable():
    names = [
        "inhibitor of the mitotic kinesin Eg5, low dose",
        "inhibitor of the mitotic kinesin Eg5, high dose",
        "actin",
    ]
    low, high, actin = style.shorten_labels(names, 28)
    assert actin == "actin"
    assert low != high
    assert low.startswith("inhibitor of")
    assert low.endswith("low dose")
    assert high.endswith("high dose")
    assert max(len(low), len(high)) <= 40


def test_names_that_differ_in_their_middle_only_are_not_cut():
    names = [f"{'a' * 40}{k}{'b' * 40}" for k in range(3)]
    assert len(set(style.shorten_labels(names, 20))) == 3


def test_long_class_names_are_wrapped_between_words():
    names = ["malignant tumour of the bile duct", "benign"]
    assert style.wrap_labels(names) == ["malignant tumour of\nthe bile duct", "benign"]
    svg = scores.confusion_matrix([[3, 1], [0, 2]], names, "alt")
    assert "malignant tumour of" in svg
    assert "the bile duct" in svg


def test_a_name_with_a_control_character_is_drawn_without_it():
    svg = style.notice("a\x07b \x00<c>")
    assert "ab &lt;c&gt;" in svg
    assert ElementTree.fromstring(style.standalone(svg).encode()).get("role") == "img"


def test_decimals_are_rounded_and_words_are_kept():
    svg = style.notice("12.34567 px")
    assert "12.34567 px" in svg
    assert not re.search(r' d="[^"]*\d\.\d{3}', svg)


def test_invisible_outlines_and_font_families_are_left_out():
    svg = style.notice("text")
    assert "stroke-opacity: 0" not in svg
    assert "font-family" not in svg
