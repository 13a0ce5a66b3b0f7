"""Sections of the configuration."""

import pytest
from pydantic import ValidationError
from screens import options

from moascope.core.options import restore
from moascope.screen.options import ScreenOptions


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
