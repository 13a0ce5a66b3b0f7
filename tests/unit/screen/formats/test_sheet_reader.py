"""Reading of sample sheets of all formats."""

from pathlib import Path

import pandas as pd
import pytest
from screens import HEADER, ROWS

from moascope.screen.site_table import (
    read_sites,
)


def test_row_and_column_may_stand_for_the_well(screen):
    expected = screen.read()
    screen.lines = [
        "plate,r,c,site,compound,concentration,moa,dna,actin",
        *(
            line.replace(",A1,", ",1,1,")
            .replace(",b02,", ",B,02,")
            .replace(",H12,", ",8,12,")
            .replace(",C03,", ",c,3,")
            for line in ROWS
        ),
    ]
    pd.testing.assert_frame_equal(screen.read(columns={"row": "r", "column": "c"}), expected)


def test_columns_are_joined_where_the_config_lists_several(screen):
    sites = screen.read(columns={"field": ["plate", "well"], "batch": ["plate", "site"]})
    assert sites["field"].tolist()[:3] == ["P1_A1", "P1_A1", "P1_b02"]
    assert sites["batch"].tolist()[:2] == ["P1_1", "P1_2"]


def test_several_sheets_are_one_screen(screen):
    expected = screen.read()
    paths = []
    for plate in ("P1", "P2"):
        paths.append(str(screen.folder / f"{plate}.csv"))
        rows = [line for line in ROWS if line.startswith(plate)]
        Path(paths[-1]).write_text("\n".join([HEADER, *rows]))
    together = screen.options(sheet=paths)
    pd.testing.assert_frame_equal(read_sites(together), expected)


def test_of_several_sheets_the_wrong_one_is_named(screen):
    screen.lines.append("P1,Z9,1,taxol,1,Stabilizer,x.tif,y.tif")
    other = screen.folder / "other.csv"
    other.write_text(HEADER + "\nP3,A1,1,DMSO,0,,a/none.tif,a/none2.tif\n")
    message = screen.error(sheet=[str(screen.sheet), str(other)])
    assert f"{screen.sheet}, line 7, column 'well': 'Z9'" in message
    assert f"{other}, line 2, column 'dna': {screen.folder}/a/none.tif does not exist" in message


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"columns": {"plate": "Plaet"}}, "input.columns.plate: the sheet has no column 'Plaet'"),
        ({"columns": {"plate": None}}, "input.columns.plate must name the column of plates"),
        ({"columns": {"well": None}}, "input.columns: name the column of wells, or those of row"),
        (
            {"columns": {"site": "sit"}},
            "input.columns.site: the sheet has no column 'sit'; did you mean 'site'?; or null",
        ),
        ({"path_column": "filename"}, "input.path_column: the sheet has no column 'filename'"),
        (
            {"path_column": "dna"},
            "input.channels.DNA: 'dna' is not a plane number; with input.path_column channels",
        ),
        (
            {"channels": {"DNA": 0}},
            "input.channels.DNA: 0 is a plane number, which needs input.path_column",
        ),
        ({"batch_from_plate": "W(\\d+)_"}, "input.batch_from_plate 'W(\\\\d+)_' finds no batch in"),
        ({"batch_from_plate": "W"}, "needs one group in parentheses around the batch"),
        ({"batch_from_plate": "(W"}, "input.batch_from_plate: '(W' is not a regular expression"),
    ],
)
def test_config_keys_that_do_not_fit_the_sheet_are_named(screen, keys, message):
    assert message in screen.error(**keys)
