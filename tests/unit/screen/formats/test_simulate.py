"""The synthetic screen as an input format."""

import pytest
from pydantic import ValidationError
from screens import change

from moascope.screen.formats.registry import find_format
from moascope.screen.formats.simulate import FORMAT
from moascope.screen.options import Input, ScreenOptions
from moascope.screen.site_table import read_sites


def test_it_makes_images_instead_of_reading_a_sheet_of_the_user():
    assert find_format("simulate") is FORMAT
    assert Input(format="simulate", channels={"DNA": "DNA"}).makes_images()
    with pytest.raises(ValidationError, match="sheet has no effect with format 'simulate'"):
        Input(format="simulate", sheet="s.csv", channels={"DNA": "DNA"})


def test_free_groups_are_refused_with_the_reason():
    with pytest.raises(ValidationError, match="a simulated screen has no further columns"):
        Input(format="simulate", groups={"patient": "p"}, channels={"DNA": "DNA"})


def test_sheets_of_simulated_plates_are_read_as_tables(screen):
    expected = screen.read()
    section = change(screen.options(), format="simulate", sheet=None).input
    sheets = ScreenOptions(input=section, sheets=[str(screen.sheet)])
    assert read_sites(sheets).equals(expected)
