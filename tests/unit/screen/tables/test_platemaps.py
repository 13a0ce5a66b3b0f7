"""Platemaps with names of their own, one or several, and what they do not cover."""

import pytest
from screens import WELLS, notes, screen_with_platemap


@pytest.fixture
def screen(tmp_path):
    return screen_with_platemap(tmp_path / "screen")


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
