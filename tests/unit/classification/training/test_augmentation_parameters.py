import pytest

from moascope.classification.training.augmentation_parameters import (
    NameParameter,
    NamesParameter,
    Parameter,
)


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (Parameter(0.1, 0.0, 0.5, "a number"), [0, 0.5], [0.6, -0.1, True, "0.1", None]),
        (NameParameter("a", ("a", "b"), "a name"), ["a", "b"], ["c", 1, None]),
        (NamesParameter(("a", "b"), "names"), [["a"], ("b", "a")], [[], "a", ["c"], ["a", "a"], 1]),
    ],
)
def test_values_are_checked(parameter, good, bad):
    assert all(parameter.find_problems("it", value) == [] for value in [*good, parameter.default])
    assert all(parameter.find_problems("it", value) for value in bad)


def test_values_are_read_as_their_type():
    assert isinstance(Parameter(0.1, 0, 1, "a number").read(1), float)
    assert NamesParameter(("a", "b"), "names").read(["b"]) == ("b",)


def test_documentation_shows_default_and_range():
    name = NameParameter("a", ("a", "b"), "a name")
    assert (name.default_words, name.range_words) == ("`a`", "`a`, `b`")
