"""Tables that name the platemap of every plate."""

import gzip

import pytest
from screens import notes, screen_with_platemap

from moascope.screen.site_table import read_screen
from moascope.screen.tables.platemap_list import platemap_files


@pytest.fixture
def screen(tmp_path):
    return screen_with_platemap(tmp_path / "screen")


def write_list(screen, *lines, name="barcode_platemap.csv"):
    path = screen.folder / name
    path.write_text("\n".join(["Assay_Plate_Barcode,Plate_Map_Name", *lines]))
    del screen.keys["platemap"]
    screen.keys["platemaps"] = str(path)
    return path


@pytest.mark.parametrize("place", ["one.txt", "one", "platemap/one.txt", "one.csv.gz"])
def test_each_plate_has_the_platemap_that_a_table_names(screen, place):
    expected = screen.read()
    write_list(screen, "P1,one", "P2,two.csv")
    text = screen.platemap.read_text()
    file = screen.folder / place
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(gzip.compress(text.encode()) if place.endswith("gz") else text.encode())
    (screen.folder / "two.csv").write_text(text.replace("epo", "other"))
    given = screen.options()
    sites, _ = read_screen(given)
    assert sites["compound"].tolist() == ["DMSO", "DMSO", "taxol", "other", "DMSO"]
    assert sites["moa"].equals(expected["moa"])
    assert platemap_files(given.input) == sorted([file, screen.folder / "two.csv"])


def test_names_of_the_columns_of_the_table_can_be_given(screen):
    path = write_list(screen, "P1,map", "P2,map")
    path.write_text("plate\tlayout\nP1\tmap\nP2\tmap.csv\n")
    message = screen.error()
    assert "there is no column 'Assay_Plate_Barcode'" in message
    assert "input.platemap_columns.barcode (did you mean" not in message
    columns = {"barcode": "plate", "file": "layout"}
    assert set(screen.read(platemap_columns=columns)["compound"]) == {"DMSO", "taxol", "epo"}


def test_missing_plates_files_and_doubles_are_all_said(screen):
    write_list(screen, "P1,map", "P1,mpa", "P3,mpa", "P4,")
    message = screen.error()
    assert "line 3: plate 'P1' has the platemap 'mpa' here and 'map' in line 2; correct" in message
    assert "line 4: there is no platemap 'mpa' in" in message
    assert "did you mean 'map'?" in message
    assert "line 5, column 'Plate_Map_Name': blank; fill it in" in message
    assert "column 'plate': plate 'P2' is not in" in message
    assert message.startswith(f"{screen.sheet}: 4 problems")


def test_plates_of_the_table_that_are_not_in_the_screen_are_noted(screen):
    write_list(screen, "P1,map", "P2,map", "P9,map")
    assert any("1 plate not in the screen: P9" in note for note in notes(screen))


def test_a_table_that_cannot_be_read_names_no_files(screen):
    path = write_list(screen, "P1,map")
    path.unlink()
    assert platemap_files(screen.options().input) == []
    assert "barcode_platemap.csv: there is no such file" in screen.error()


def test_odd_names_in_a_table_of_platemaps_come_out_as_problems_only(screen):
    write_list(screen, "P1,map", "P2,a\x1b[31mb", "P\x1b3,<map>", "P4,..", f"P5,{'x' * 300}")
    message = screen.error()
    assert "\x1b" not in message
    assert "'<map>' has a '<'" in message
