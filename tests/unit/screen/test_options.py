"""Options of a screen."""

import pytest
from pydantic import ValidationError

from moascope.core.errors import InputError
from moascope.screen.options import Input, ScreenOptions


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
        ({"format": "simulate", "groups": ["a"]}, "groups: a simulated screen has no columns"),
        ({"format": "bbbc021", "sheet": "s"}, "also needs images, moa_table"),
    ],
)
def test_keys_that_do_not_fit_the_format_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        Input(**keys, channels={"DNA": "0"})
