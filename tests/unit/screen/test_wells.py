"""Well names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moascope.core.errors import InputError
from moascope.screen.wells import (
    PLATE_SHAPES,
    canonical_well,
    parse_well,
    row_name,
    well_from_parts,
    well_name,
)


@st.composite
def wells(draw):
    plate_format = draw(st.sampled_from(sorted(PLATE_SHAPES)))
    rows, columns = PLATE_SHAPES[plate_format]
    return plate_format, draw(st.integers(0, rows - 1)), draw(st.integers(0, columns - 1))


@given(wells())
def test_every_well_is_found_again_by_its_name(well):
    plate_format, row, column = well
    assert parse_well(well_name(row, column), plate_format) == (row, column)


@given(wells())
def test_small_letters_and_missing_zeros_make_no_difference(well):
    plate_format, row, column = well
    assert parse_well(f"{row_name(row)}{column + 1}".lower(), plate_format) == (row, column)


@given(wells())
def test_row_and_column_numbers_give_the_same_well(well):
    plate_format, row, column = well
    assert parse_well(f"r{row + 1:02d}c{column + 1:02d}", plate_format) == (row, column)
    for parts in [(str(row + 1), str(column + 1)), (row_name(row), f"{column + 1:02d}")]:
        assert parse_well(well_from_parts(*parts), plate_format) == (row, column)


def test_names_of_known_wells():
    assert well_name(0, 0) == "A01"
    assert well_name(25, 9) == "Z10"
    assert well_name(26, 0) == "AA01"
    assert well_name(31, 47) == "AF48"


@given(st.text(max_size=6))
def test_any_text_is_a_well_or_an_input_error(text):
    try:
        row, column = parse_well(text, 1536)
    except InputError as error:
        assert str(error).startswith(repr(text))
    else:
        assert 0 <= row < 32
        assert 0 <= column < 48


@pytest.mark.parametrize("name", ["", "B", "7", "1,2", "AAA1", "B--3", "B1.5", "01.0A", "Ａ1"])
def test_what_is_no_well_name_is_refused(name):
    with pytest.raises(InputError, match="is not a well name; write row letter and column number"):
        parse_well(name, 96)


@pytest.mark.parametrize(
    ("name", "plate_format", "limits"),
    [
        ("I01", 96, "96 wells have rows A to H and columns 1 to 12"),
        ("A13", 96, "96 wells have rows A to H and columns 1 to 12"),
        ("A00", 96, "96 wells"),
        ("r00c01", 96, "96 wells"),
        ("Q01", 384, "384 wells have rows A to P and columns 1 to 24"),
        ("AG01", 1536, "1536 wells have rows A to AF and columns 1 to 48"),
    ],
)
def test_wells_off_the_plate_are_refused_with_its_limits(name, plate_format, limits):
    with pytest.raises(InputError, match=f"'{name}' is off the plate: {limits}"):
        parse_well(name, plate_format)


@pytest.mark.parametrize(
    "name",
    ["B3", "b03", "B-3", "B - 03", "B 3", "B_03", "B:3", "B\u20133", "03B", "3-b", "B3.0", "r2c3"],
)
def test_wells_are_understood_as_labs_write_them(name):
    assert parse_well(name, 96) == (1, 2)
    assert canonical_well(name) == "B03"


@pytest.mark.parametrize("name", ["Sep-02", "2-Mar", "02.Dez"])
def test_a_date_that_a_spreadsheet_made_is_named_as_the_cause(name):
    with pytest.raises(InputError, match="a spreadsheet probably changed it into a date"):
        parse_well(name, 96)
