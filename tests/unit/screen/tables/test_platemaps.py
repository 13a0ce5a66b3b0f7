"""Platemaps with names of their own, one or several, and what they do not cover."""

import gzip

import pytest
from screens import ROWS, Screen

from moascope.screen.site_table import read_screen
from moascope.screen.tables.platemap_list import platemap_files

WELLS = "A1,DMSO,,\nB2,taxol,0.3,Stabilizer\nC3,epo,3,Actin\nH12,DMSO,,\n"


@pytest.fixture
def screen(tmp_path):
    """A screen whose sheet says nothing of compounds, with a platemap beside it."""
    screen = Screen(tmp_path / "screen")
    screen.lines = ["plate,well,site,dna,actin"]
    for row in ROWS:
        cells = row.split(",")
        screen.lines.append(",".join(cells[:3] + cells[-2:]))
    screen.platemap = screen.folder / "map.csv"
    screen.platemap.write_text("well,compound,concentration,moa\n" + WELLS)
    screen.keys["platemap"] = str(screen.platemap)
    return screen


def write_list(screen, *lines, name="barcode_platemap.csv"):
    path = screen.folder / name
    path.write_text("\n".join(["Assay_Plate_Barcode,Plate_Map_Name", *lines]))
    del screen.keys["platemap"]
    screen.keys["platemaps"] = str(path)
    return path


def notes(screen, **keys):
    return read_screen(screen.options(**keys))[1]


# Columns


def test_a_platemap_has_column_names_of_its_own(screen):
    text = screen.platemap.read_text()
    expected = screen.read()
    for old, new in (("well", "well_position"), ("compound", "broad_sample"), ("moa", "MOA class")):
        text = text.replace(old, new, 1)
    screen.platemap.write_text(text)
    names = {"well": "well_position", "compound": "broad_sample", "moa": "MOA class"}
    assert screen.read(platemap_columns=names).equals(expected)


def test_row_and_column_of_a_platemap_make_the_well(screen):
    expected = screen.read()
    screen.platemap.write_text(
        "row,column,compound,concentration,moa\n"
        "A,1.0,DMSO,,\n2,2.0,taxol,0.3,Stabilizer\nC,3.0,epo,3,Actin\nH,12.0,DMSO,,\n"
    )
    assert screen.read().equals(expected)


def test_a_loaddata_sheet_and_a_platemap_need_not_agree_on_names(screen):
    screen.lines[0] = "Metadata_Plate,Metadata_Well,Metadata_Site,FileName_D,FileName_A"
    screen.platemap.write_text(screen.platemap.read_text().replace("well", "well_position", 1))
    keys = {"format": "loaddata", "channels": {"DNA": "D", "Actin": "A"}}
    message = screen.error(**keys)
    assert (
        "map.csv (input.platemap): there is no column 'well'; name it under "
        "input.platemap_columns.well (did you mean 'well_position'?)"
    ) in message
    assert "1 problem\n" in message
    sites = screen.read(**keys, platemap_columns={"well": "well_position"})
    assert set(sites["moa"]) == {"", "Stabilizer", "Actin"}


def test_a_column_that_a_platemap_lacks_is_named_with_the_nearest(screen):
    message = screen.error(platemap_columns={"compound": "compuond"})
    assert (
        "map.csv (input.platemap_columns.compound): there is no column 'compuond'; did you mean "
        "'compound'?"
    ) in message


def test_an_moa_table_has_column_names_of_its_own(screen):
    screen.platemap.write_text(
        "well,compound,concentration\n"
        + WELLS.replace(",Stabilizer", "").replace(",Actin", "").replace(",\n", "\n")
    )
    table = screen.folder / "drugs.txt"
    table.write_text("!Note: x\npert_iname\tmoa\ntaxol\tStabilizer\nepo\tActin\n")
    message = screen.error(moa_table=str(table))
    assert "name it under input.moa_table_columns.compound" in message
    sites = screen.read(moa_table=str(table), moa_table_columns={"compound": "pert_iname"})
    assert set(sites["moa"]) == {"", "Stabilizer", "Actin"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"platemap": None, "platemap_columns": {"well": "w"}}, "platemap_columns has no effect"),
        ({"moa_table_columns": {"moa": "m"}}, "moa_table_columns has no effect"),
        ({"platemaps": "list.csv"}, "platemap and platemaps exclude each other"),
    ],
)
def test_keys_without_their_table_are_refused(screen, keys, message):
    with pytest.raises(ValueError, match=message):
        screen.read(**keys)


def test_failed_formulas_of_a_platemap_are_refused_there_and_only_there(screen):
    text = screen.platemap.read_text().replace("Stabilizer", "#N/A").replace("epo", "#REF!")
    screen.platemap.write_text(text.replace("H12,DMSO", "H-12,DMSO"))
    assert screen.error().splitlines()[1:] == [
        f"  - {screen.platemap}, line 4, column 'compound': '#REF!' is the error of a spreadsheet; "
        "correct the look-up or the formula, or leave the cell empty",
        f"  - {screen.platemap}, line 3, column 'moa': '#N/A' is the error of a spreadsheet; "
        "correct the look-up or the formula, or leave the cell empty",
    ]


# What does not match


def test_rows_without_images_and_images_without_rows_are_counted_and_listed(screen):
    text = screen.platemap.read_text().replace("H12,DMSO,,\n", "")
    screen.platemap.write_text(text + "D05,x,1,y\nD06,x,1,y\n")
    found = notes(screen)
    assert any(
        "map.csv: 7 of 10 wells on the platemap have no image: P1/C03, P1/D05, P1/D06, P2/A01"
        in note
        for note in found
    )
    assert any(
        "map.csv: 1 of 4 wells with images are not on the platemap: P2/H12" in note
        for note in found
    )


def test_rows_of_plates_without_images_are_counted_by_plate(screen):
    lines = [f"{plate},{line}" for plate in ("P1", "P2", "P7") for line in WELLS.splitlines()]
    screen.platemap.write_text("\n".join(["plate,well,compound,concentration,moa", *lines]))
    assert any("map.csv: 4 rows of plates without images: P7" in note for note in notes(screen))


def test_a_platemap_that_fits_is_not_mentioned(screen):
    screen.platemap.write_text(
        "plate,well,compound,concentration,moa\nP1,A1,DMSO,,\nP1,B2,taxol,0.3,Stabilizer\n"
        "P2,C3,epo,3,Actin\nP2,H12,DMSO,,\n"
    )
    assert notes(screen) == []


# Several platemaps


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
