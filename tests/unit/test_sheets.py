"""Delimited text as people save it."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moascope.errors import InputError
from moascope.sheets import nearest, read_sheet

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@pytest.fixture
def sheet(tmp_path):
    def write(content: str | bytes, delimiter: str = "auto"):
        path = tmp_path / "sheet.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_sheet(path, delimiter)

    return write


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(sheet, delimiter):
    found = sheet(f"plate{delimiter}dose uM\nP1{delimiter}3\n")
    assert found.header == ["plate", "dose uM"]
    assert found.rows == [["P1", "3"]]


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_the_line_that_tells_excel_the_delimiter_is_passed_over(sheet, first):
    found = sheet(f"{first}plate;well\nP1;A1\n")
    assert found.header == ["plate", "well"]
    assert found.lines == [3]


def test_a_semicolon_sheet_may_have_decimal_commas(sheet):
    assert sheet("plate;dose\nP1;0,3\n").values(["dose"]) == ["0,3"]


@pytest.mark.parametrize(
    "content",
    [
        b"plate,well\nP1,A1\n",
        b"\xef\xbb\xbfplate,well\nP1,A1\n",
        b"plate,well\r\nP1,A1\r\n",
        b"plate,well\rP1,A1\r",
        b'"plate","well"\n"P1","A1"',
        b" plate , well\nP1 , A1\n",
        "plate\twell\r\nP1\tA1\r\n".encode("utf-16"),
    ],
    ids=["plain", "BOM", "Windows", "old Mac", "quoted", "blanks", "UTF-16"],
)
def test_every_way_of_saving_gives_the_same_table(sheet, content):
    found = sheet(content)
    assert found.header == ["plate", "well"]
    assert (found.values(["plate"]), found.values(["well"])) == (["P1"], ["A1"])


def test_lines_are_counted_as_an_editor_does(sheet):
    found = sheet('\nplate,note\n\nP1,"two\nlines"\n,\nP2,x\n')
    assert found.lines == [4, 7]


@settings(deadline=None)
@given(st.lists(st.tuples(st.just("P"), cells, cells), min_size=1, max_size=5))
def test_whatever_the_csv_module_writes_is_read_back(tmp_path_factory, rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("a", "b", "c"), *rows])
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    path.write_bytes(text.getvalue().encode())
    assert [tuple(row) for row in read_sheet(path).rows] == rows


def test_several_columns_are_joined_and_blank_if_one_is(sheet):
    assert sheet("a,b\nx,1\ny,\n").values(["a", "b"]) == ["x_1", ""]


def test_rows_of_another_length_are_named_and_left_out(sheet):
    found = sheet("plate,well\nP1,A1\nP1\nP1,A2,x\nP1,A3,\n")
    assert found.values(["well"]) == ["A1", "A3"]
    assert [text.partition(";")[0] for text in found.problems] == [
        "line 3: 1 cells, but the header has 2",
        "line 4: 3 cells, but the header has 2",
    ]


def test_a_repeated_column_is_named(sheet):
    assert sheet("plate,well,plate\nP1,A1,P2\n").problems == [
        "the header names column 'plate' 2 times; rename all but one"
    ]


@pytest.mark.parametrize(
    ("content", "delimiter", "message"),
    [
        ("", "auto", "the file is empty"),
        ("plate,well\n", "auto", "the sheet has 0 rows below its header"),
        ("plate,well\n\n,\n", "auto", "the sheet has 0 rows below its header"),
        (
            "plate;well\nP1;A1\n",
            ",",
            r"single column \('plate;well'\) when split at commas; it looks as if separated by "
            "semicolons: set input.delimiter to auto or ';'",
        ),
        ("plate|well\nP1|A1\n", "auto", "separated by vertical bars: save it with commas"),
        ("plate\nP1\n", "auto", "a table needs a column for each kind of thing that it holds"),
        ('plate,well\nP1,"A1\n', "auto", "line 2: .*look for a quotation mark"),
        (b"PK\x03\x04rest", "auto", "this is an Excel workbook; save it as 'CSV UTF-8'"),
        (b"plate,dose\nP1,3 \xb5M\n", "auto", "line 2: byte 0xb5 is not UTF-8 text"),
        (b"plate,well\nP1,\0\n", "auto", "this is not a text file"),
    ],
)
def test_what_cannot_be_read_says_why_and_names_the_file(sheet, content, delimiter, message):
    with pytest.raises(InputError, match=rf"sheet\.csv.*{message}"):
        sheet(content, delimiter)


def test_a_missing_sheet_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.csv: there is no such file"):
        read_sheet(tmp_path / "no.csv")


def test_nearest_name_or_all_of_them():
    assert nearest("Plaet", ["plate", "well"]) == "did you mean 'plate'?"
    assert nearest("zzz", ["plate", "well"]) == "there are: 'plate', 'well'"
