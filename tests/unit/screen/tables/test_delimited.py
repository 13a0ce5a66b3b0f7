"""Delimited text as people save it."""

import csv
import gzip
import io
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moascope.core.errors import InputError
from moascope.screen.tables import delimited
from moascope.screen.tables.delimited import read_sheet

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
def test_the_line_that_tells_excel_the_delimiter_is_ignored(sheet, first):
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
        ("plate\nP1\n", "auto", "a table needs several columns"),
        ('plate,well\nP1,"A1\n', "auto", "line 2: .*correct a quotation mark"),
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


# Text as spreadsheets leave it


def test_cells_and_headers_are_cleaned_in_one_place_and_it_is_said(sheet):
    found = sheet("compound\u200b,dose\ntaxol,1\ntax\u200bol\u00a0,2\n")
    assert found.header == ["compound", "dose"]
    assert found.values(["compound"]) == ["taxol", "taxol"]
    (note,) = found.cleaning()
    assert "column 'compound': 1 cell cleaned of invisible or look-alike characters" in note
    assert (
        "such as U+200B ZERO WIDTH SPACE, U+00A0 NO-BREAK SPACE in line 3, read as 'taxol'" in note
    )


def test_columns_that_nobody_reads_and_paths_are_not_cleaned(sheet):
    found = sheet("file,note\nZa\u0308.tif , a\u200bb\n")
    assert found.paths("file") == ["Za\u0308.tif"]
    assert found.cleaning() == []


def test_whole_numbers_lose_the_decimals_that_pandas_gave_them(sheet):
    found = sheet("site,dose\n1.0,0.3\n2.0,1.0\n")
    assert found.values(["site"]) == ["1", "2"]
    assert found.values(["dose"]) == ["0.3", "1.0"]
    assert found.values(["site", "dose"]) == ["1_0.3", "2_1.0"]


@pytest.mark.parametrize(
    "comments",
    [
        "# made by the robot\n",
        "!Note: version 2020-03-24\n!Content: annotations\n",
        "\ufeff# made by X, 2024\r\n\r\n# y\r\n",
        '"# made by X, 2024",\n',
        "# layout,,,\n",
    ],
)
def test_comment_lines_above_the_header_are_ignored(sheet, comments):
    found = sheet(comments + "plate,well\nP1,A1\n#P2,A2\n")
    assert found.header == ["plate", "well"]
    assert found.values(["plate"]) == ["P1", "#P2"]
    assert found.lines[0] == comments.count("\n") + 2


@pytest.mark.parametrize("header", ["#plate,well", "#,plate,well", "# Plate no,b,c,d"])
def test_a_header_may_start_as_a_comment_does(sheet, header):
    row = ",".join("x" * len(header.split(",")))
    assert sheet(f"# a comment\n{header}\n{row}\n").header == header.split(",")


@pytest.mark.parametrize("title", ["Experiment 12", "Experiment 12,,", '"Experiment 12";;'])
def test_a_title_above_the_header_is_named(sheet, title):
    with pytest.raises(InputError, match=r"Experiment 12.* names no columns; if it is a title ab"):
        sheet(f"{title}\nplate,well,site\nP1,A1,1\n")


def test_a_file_of_comments_only_is_refused(sheet):
    with pytest.raises(InputError, match="the header is a single column"):
        sheet("# nothing\n# here\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_gzipped_table_is_read_by_its_content(sheet, encoding):
    content = gzip.compress("sep=;\nplate;well\nP1;A1\n".encode(encoding))
    assert sheet(content).values(["well"]) == ["A1"]
    assert sheet(content + gzip.compress(b"")).header == ["plate", "well"]


def test_compressed_tables_that_cannot_be_read_are_refused(sheet, monkeypatch):
    content = gzip.compress(b"plate,well\n" + b"P1,A1\n" * 1000)
    with pytest.raises(InputError, match="the gzip file is damaged"):
        sheet(content[:40])
    with pytest.raises(InputError, match="compressed by xz; decompress it, or use gzip"):
        sheet(lzma.compress(b"plate,well\n"))
    with pytest.raises(InputError, match="this is an Excel workbook"):
        sheet(b"PK\x03\x04[Content_Types].xml")
    monkeypatch.setattr(delimited, "_MAX_BYTES", 5000)
    with pytest.raises(InputError, match="decompressed, the table has more than 5,000 bytes"):
        sheet(content)
