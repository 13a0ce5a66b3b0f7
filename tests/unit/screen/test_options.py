"""Options of a screen."""

import pytest
from pydantic import ValidationError
from raw_configs import problem_lines

from moascope.config import loading
from moascope.core.errors import InputError
from moascope.screen.options import Input, ScreenOptions


def with_input(**options):
    return {"run": "mine", "input": {"channels": {"DNA": 0}, **options}}


FOLDER = {"format": "folder", "images": "i", "pattern": "p"}


def test_options_cannot_be_changed():
    section = Input(format="table", sheet="s.csv", channels={"DNA": "d"})
    with pytest.raises(ValidationError, match="frozen"):
        section.sheet = "other.csv"


def test_the_sheets_of_a_simulation_stand_for_the_one_of_the_input():
    section = Input(format="simulate", channels={"DNA": "DNA"})
    found = ScreenOptions(input=section, sheets=["a.csv", "b.csv"]).sheet_paths()
    assert [path.name for path in found] == ["a.csv", "b.csv"]
    with pytest.raises(InputError, match=r"input\.sheet: format 'simulate' needs the path"):
        ScreenOptions(input=section).sheet_paths()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": "loaddata", "sheet": "s", "pattern": "x"}, "pattern has no effect with format"),
        ({"format": "folder", "images": "i", "pattern": "x", "sheet": "s"}, "sheet has no effect"),
        ({"format": "classes", "images": "i", "delimiter": ";"}, "delimiter .* with sheet null"),
        ({"format": "classes", "images": "i", "sheet": "s", "pattern": "x"}, "with sheet 's'"),
        (
            {"format": "simulate", "groups": ["a"]},
            "groups: a simulated screen has no further columns",
        ),
        ({"format": "bbbc021", "sheet": "s"}, "also needs images, moa_table"),
    ],
)
def test_keys_that_do_not_fit_the_format_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        Input(**keys, channels={"DNA": "0"})


@pytest.mark.parametrize(
    ("options", "key", "reason"),
    [
        ({**FOLDER, "sheet": "s.csv"}, "sheet", "format 'folder'"),
        ({**FOLDER, "delimiter": ","}, "delimiter", "format 'folder'"),
        ({**FOLDER, "path_column": "p"}, "path_column", "format 'folder'"),
        ({**FOLDER, "path_prefix": {"/a": "/b"}}, "path_prefix", "format 'folder'"),
        ({"format": "table", "sheet": "s.csv", "pattern": "p"}, "pattern", "format 'table'"),
        ({"format": "simulate", "sheet": "s.csv"}, "sheet", "format 'simulate'"),
        ({"format": "loaddata", "sheet": "s", "path_column": "p"}, "path_column", "format 'load"),
        ({"format": "classes", "images": "i", "path_column": "p"}, "path_column", "sheet null"),
        (
            {"format": "classes", "images": "i", "sheet": "s.csv", "pattern": "p"},
            "pattern",
            "sheet 's.csv'",
        ),
    ],
)
def test_keys_of_other_formats_are_named(options, key, reason):
    (line,) = problem_lines(with_input(**options))
    assert line.startswith(f"input: {key} has no effect with {reason}")


@pytest.mark.parametrize(
    "options",
    [
        {**FOLDER, "sheet": None, "path_column": None},
        {"format": "table", "sheet": "s.csv", "path_column": "p", "delimiter": ","},
        {"format": "classes", "images": "i", "pattern": "p"},
        {"format": "classes", "images": "i", "sheet": "s.csv", "path_column": "p"},
    ],
)
def test_keys_of_the_format_are_taken(options):
    assert loading.load(with_input(**options)).input.format == options["format"]
