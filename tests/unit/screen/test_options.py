"""Options of a screen."""

import pytest
from pydantic import ValidationError
from screens import options

from moascope.core.errors import InputError
from moascope.core.options import restore
from moascope.screen.options import Input, ScreenOptions


def test_options_survive_the_plain_parameters_of_a_rule():
    given = options(format="folder", images="i", pattern="(?P<plate>.)", channels={"DNA": "d"})
    assert restore(ScreenOptions, given.model_dump(mode="json")) == given


def test_keys_that_reading_a_sheet_does_not_need_may_be_missing():
    given = options(format="table", sheet="s.csv", channels={"DNA": "d"})
    plain = given.model_dump(mode="json")
    del plain["input"]["axes"]
    assert restore(ScreenOptions, plain) == given


def test_unknown_keys_are_refused():
    with pytest.raises(ValidationError, match="sheeet"):
        restore(
            ScreenOptions, {"input": {"format": "table", "sheeet": "s", "channels": {"DNA": "d"}}}
        )


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
