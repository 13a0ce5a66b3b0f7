"""Columns of input formats."""

import pytest

from moascope.core.errors import InputError
from moascope.screen.formats.layout import Layout, column_label, find_columns

LOADDATA = Layout(
    prefixes=("Metadata_", "Image_"),
    standard={"plate": ("Metadata_Plate", "Metadata_Barcode"), "well": ("Metadata_Well",)},
)
HEADER = ["Metadata_Barcode", "Metadata_Plate", "METADATA_WELL", "Metadata_dose", "note"]


def test_without_a_name_the_usual_column_of_the_format_is_taken_in_any_case():
    assert find_columns(HEADER, None, "plate", LOADDATA) == ["Metadata_Plate"]
    assert find_columns(HEADER, "well", "well", LOADDATA) == ["METADATA_WELL"]
    assert find_columns(HEADER, None, "site", LOADDATA) == []


def test_a_column_with_the_name_of_the_role_comes_before_the_usual_one():
    assert find_columns([*HEADER, "plate"], "plate", "plate", LOADDATA) == ["plate"]


def test_names_may_leave_out_the_prefix():
    assert find_columns(HEADER, ["dose", "note"], "site", LOADDATA) == ["Metadata_dose", "note"]


def test_a_format_without_columns_of_its_own_has_none_where_none_is_named():
    assert find_columns(HEADER, None, "plate", Layout()) == []
    assert find_columns(HEADER, [], "plate", Layout()) == []


def test_a_column_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(InputError, match=r"input\.columns\.site: .* no column 'nota'.*'note'"):
        find_columns(HEADER, "nota", "site", LOADDATA)


def test_joined_columns_have_one_label():
    assert column_label(["plate"]) == "column 'plate'"
    assert column_label(["row", "col"]) == "column 'row+col'"
