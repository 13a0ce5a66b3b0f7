"""Numbers in tables: points, commas and thousands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moascope.screen.tables.numbers import read_numbers


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["0.3", "3", "1e-3", ".5", "+2"], [0.3, 3, 1e-3, 0.5, 2]),
        (["0,3", "3", "1,5E-3", ",5"], [0.3, 3, 1.5e-3, 0.5]),
        (["0,3", "1,000"], [0.3, 1.0]),
        (["1.000", "2.5"], [1.0, 2.5]),
        (["1,000,000", "1,000"], [1e6, 1e3]),
        (["1,234.5", "1,000"], [1234.5, 1e3]),
        (["1.234,5", "0,3", "1.000.000"], [1234.5, 0.3, 1e6]),
        (["1 000", "1 234.5", "12'500"], [1e3, 1234.5, 12500]),
        (["0,125", "12,5"], [0.125, 12.5]),
    ],
)
def test_numbers_that_can_be_read_in_one_way_are_read(cells, numbers):
    found = read_numbers(cells)
    assert found.wrong == {}
    assert [found.values[cell] for cell in cells] == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("cells", "wrong", "message"),
    [
        (["1,000", "3"], "1,000", "is 1000 if its comma separates thousands, and 1 if"),
        (["1,250", "0.3"], "1,250", "set 1250 or 1.25"),
        (["0,3", "1.000"], "1.000", "is 1000 if its point separates thousands, and 1 if"),
        (
            ["0,3", "0.5"],
            "0,3",
            "but other cells of the column have a decimal point (such as '0.5')",
        ),
        (["1.234,5", "0.5"], "1.234,5", "write 1234.5"),
        (["3 uM"], "3 uM", "'3 uM' is not a number"),
        (["1,2,3"], "1,2,3", "is not a number"),
        (["inf", "1_000"], "inf", "is not a number"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_not(cells, wrong, message):
    found = read_numbers(cells)
    assert message in found.wrong[wrong]
    assert wrong not in found.values


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6), st.sampled_from(".,"))
def test_what_programs_write_is_read_back_with_points_and_with_commas(numbers, mark):
    cells = [repr(number).replace(".", mark) for number in numbers]
    found = read_numbers(cells)
    for cell, number in zip(cells, numbers, strict=True):
        assert found.values.get(cell, number) == number
        assert cell in found.values or "thousands" in found.wrong[cell]


@given(st.from_regex(r"[1-9]\d{0,2}(,\d{3})", fullmatch=True))
def test_advice_never_changes_the_value_alone(cell):
    why = read_numbers([cell]).wrong[cell]
    thousands, _, decimal = why.rpartition("set ")[2].partition(" or ")
    assert float(thousands) == float(cell.replace(",", ""))
    assert float(decimal) == float(cell.replace(",", "."))
