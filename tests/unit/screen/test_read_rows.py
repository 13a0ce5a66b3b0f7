"""Sheets of spreadsheets and of other machines: what is understood, noted and refused."""

import gzip
import unicodedata

import numpy as np
import pytest
from screens import HEADER, ROWS, touch

from moascope.core.errors import InputError
from moascope.screen.plates import plate_names
from moascope.screen.site_table import read_screen, read_sites


def notes(screen, **keys):
    return read_screen(screen.options(**keys))[1]


def replace(screen, old, new):
    screen.lines = [screen.lines[0], *(line.replace(old, new) for line in screen.lines[1:])]


# Names


def test_an_invisible_character_makes_no_second_compound(screen):
    touch(screen.folder, "c/1d.tif", "c/1a.tif")
    screen.lines.append("P2,D4,1,tax\u200bol,0.3,Stabilizer\u00a0,c/1d.tif,c/1a.tif")
    sites, found = read_screen(screen.options())
    assert set(sites["compound"]) == {"DMSO", "taxol", "NA"}
    assert set(sites["moa"]) == {"", "Stabilizer", "Actin"}
    assert any(
        "column 'compound': 1 cell cleaned" in note and "U+200B ZERO WIDTH SPACE in line 7" in note
        for note in found
    )


def test_names_in_the_config_are_cleaned_as_the_sheet_is(screen):
    screen.lines[0] = HEADER.replace("compound", "Wirkstoff na\u0308mlich")
    columns = {"compound": "Wirkstoff n\u00e4mlich\u200b"}
    sites = screen.read(columns=columns, controls=["DM\u00adSO"])
    assert (sites["role"] == "control").sum() == 3


@pytest.mark.parametrize("name", ["t\u0430xol", "\uff34axol", "TAXOL", "tax\u2011ol"])
def test_letters_that_look_alike_do_not_make_another_compound(screen, name):
    touch(screen.folder, "c/1d.tif", "c/1a.tif")
    screen.lines.append(f"P2,D4,1,{name},0.3,Stabilizer,c/1d.tif,c/1a.tif")
    assert "look like one compound" in screen.error()


def test_batches_with_two_spellings_are_refused(screen):
    screen.lines = [line + ",Week 1" for line in screen.lines]
    screen.lines[0] = HEADER + ",batch"
    screen.lines[-1] = screen.lines[-1].replace("Week 1", "week1")
    message = screen.error(columns={"batch": "batch"})
    assert "column 'batch': 'Week 1' (line 2) and 'week1' (line 6) look like one batch" in message


# Errors of spreadsheets


@pytest.mark.parametrize("error", ["#N/A", "#NV", "#REF!", "#BEZUG!", "Err:502"])
@pytest.mark.parametrize(
    ("column", "place"),
    [
        ("plate", "column 'plate'"),
        ("well", "column 'well'"),
        ("site", "column 'site'"),
        ("compound", "column 'compound'"),
        ("concentration", "column 'concentration'"),
        ("moa", "column 'moa'"),
    ],
)
def test_a_failed_formula_is_no_name_and_no_number(screen, column, place, error):
    cells = screen.lines[3].split(",")
    cells[HEADER.split(",").index(column)] = error
    screen.lines[3] = ",".join(cells)
    message = screen.error()
    assert (
        f"line 4, {place}: {error!r} is the error of a spreadsheet; correct the look-up" in message
    )
    assert "1 problem\n" in message


def test_a_failed_formula_is_one_message_per_column(screen):
    replace(screen, ",Stabilizer,", ",#N/A,")
    replace(screen, ",Actin,", ",#N/A,")
    assert "line 4 (and 1 more), column 'moa': '#N/A'" in screen.error()


def test_failed_formulas_of_an_moa_table_are_refused_there(screen):
    screen.lines = [screen.lines[0].replace(",moa", ",x"), *screen.lines[1:]]
    table = screen.folder / "moa.csv"
    table.write_text("compound,moa\ntaxol,#N/A\nNA,Actin\n")
    message = screen.error(moa_table=str(table))
    assert f"{table}, line 2, column 'moa': '#N/A' is the error of a spreadsheet" in message
    assert "1 problem\n" in message


def test_an_unknown_mechanism_is_no_mechanism(screen):
    touch(screen.folder, "c/1d.tif", "c/1a.tif")
    screen.lines.append("P2,D4,1,novel,0.3,Unknown,c/1d.tif,c/1a.tif")
    sites, found = read_screen(screen.options())
    row = sites.set_index("site_id").loc["P2/D04/1"]
    assert (row["moa"], row["role"]) == ("", "unlabelled")
    assert any("'Unknown' in 1 row (first: line 7) is no mechanism" in note for note in found)


@pytest.mark.parametrize("word", ["-", "None", "NULL", "n.a."])
def test_words_for_nothing_are_empty_cells_and_it_is_said(screen, word):
    replace(screen, "DMSO,0,,", f"DMSO,{word},{word},")
    sites, found = read_screen(screen.options())
    assert set(sites["moa"]) == {"", "Stabilizer", "Actin"}
    assert np.isnan(sites["concentration"][0])
    assert any(f"{word!r} in 3 rows (first: line 2) is read as an empty cell" in n for n in found)


def test_a_compound_called_na_is_kept_and_said(screen):
    assert "NA" in set(screen.read()["compound"])
    assert any(
        "'NA' in 1 row (first: line 6) counts as the name of a comp" in n for n in notes(screen)
    )


def test_a_compound_that_became_a_date_is_said(screen):
    replace(screen, "taxol", "2-Mar")
    assert any("'2-Mar' in 1 row (first: line 4) looks like the name" in n for n in notes(screen))


# Doses


def test_dose_zero_of_a_compound_is_its_vehicle(screen):
    touch(screen.folder, "c/1d.tif", "c/1a.tif")
    screen.lines.append("P2,D4,1,taxol,0,Stabilizer,c/1d.tif,c/1a.tif")
    sites, found = read_screen(screen.options())
    row = sites.set_index("site_id").loc["P2/D04/1"]
    assert (row["role"], row["moa"], row["treatment"]) == ("control", "", "taxol@0")
    (note,) = (note for note in found if "dose 0" in note)
    assert note.startswith("dose 0 in 1 well of 1 compound, such as 'taxol' (line 7): vehicle")
    kept = screen.read(zero_dose="treated").set_index("site_id").loc["P2/D04/1"]
    assert (kept["role"], kept["moa"]) == ("treated", "Stabilizer")
    assert not any("dose 0" in note for note in notes(screen, zero_dose="treated"))


def test_vehicles_are_of_the_class_that_the_controls_are(screen):
    replace(screen, "DMSO,0,,", "DMSO,,vehicle,")
    touch(screen.folder, "c/1d.tif", "c/1a.tif")
    screen.lines.append("P2,D4,1,taxol,0,Stabilizer,c/1d.tif,c/1a.tif")
    assert screen.read().set_index("site_id").loc["P2/D04/1", "moa"] == "vehicle"


def test_where_all_doses_are_zero_the_key_is_named(screen):
    replace(screen, ",0.3,", ",0,")
    replace(screen, ",3,", ",0,")
    assert "wells with dose 0 are controls, see input.zero_dose" in screen.error()


def test_vehicles_are_controls_of_a_plate_without_others(screen):
    replace(screen, "P2,H12,1,DMSO,0,,", "P2,H12,1,taxol,0,,")
    assert screen.read(needs_controls=True)["role"].tolist()[-1] == "control"


def test_advice_on_thousands_does_not_change_the_value(screen):
    screen.lines[3] = screen.lines[3].replace("0.3", '"1,000"')
    message = screen.error()
    assert "'1,000' is 1000 if its comma separates thousands, and 1 if" in message
    assert "set 1000 or 1" in message


def test_a_semicolon_sheet_with_decimal_commas_is_read_and_it_is_said(screen):
    screen.lines = [line.replace(",", ";").replace("0.3", "0,3") for line in screen.lines]
    sites, found = read_screen(screen.options())
    assert sites["concentration"].tolist() == [0, 0, 0.3, 3, 0]
    assert "column 'concentration': commas are read as decimal commas (0,3 is 0.3)" in found


# Numbers that were names


def test_columns_of_floats_are_names_of_plates_sites_and_wells(screen):
    screen.lines = ["plate,r,c,site,compound,concentration,moa,dna,actin"]
    for number, row in enumerate(ROWS):
        cells = row.split(",")
        start = ["7.0", "A", f"{number + 1}.0", "1.0"]
        screen.lines.append(",".join([*start, *cells[3:]]))
    given = screen.options(columns={"row": "r", "column": "c"})
    sites = read_sites(given)
    assert plate_names(given.input) == ["7"]
    assert sites["site_id"].tolist() == [f"7/A{number:02d}/1" for number in range(1, 6)]


def test_barcodes_without_their_last_digits_are_one_message(screen):
    replace(screen, "P1,", "4.10003E+11,")
    replace(screen, "P2,", "4.10003E+11,")
    message = screen.error()
    assert "1 problem\n" in message
    assert (
        "line 2 (and 4 more), column 'plate': a spreadsheet took a plate such as a barcode for a "
        "number, and '4.10003E+11' lacks its last digits; format the column as text"
    ) in message


def test_barcodes_with_all_digits_are_understood(screen):
    replace(screen, "P1,", "4.10003000123E+11,")
    assert plate_names(screen.options().input) == ["410003000123", "P2"]


# Files


def test_a_gzipped_sheet_with_comments_is_read(screen):
    expected = screen.read()
    packed = screen.folder / "sheet.csv.gz"
    packed.write_bytes(gzip.compress("\n".join(["# made by X", *screen.lines]).encode()))
    assert read_sites(screen.options(sheet=str(packed))).equals(expected)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_another_unicode_form_are_read_and_it_is_said(screen, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    name = unicodedata.normalize(form, "Z\u00e4hl/\u00fc.tif")
    on_disk = unicodedata.normalize(other, name)
    touch(screen.folder, on_disk)
    screen.lines[1] = f"P1,A1,1,DMSO,0,,{name},a/1a.tif"
    sites, found = read_screen(screen.options())
    assert sites["path:DNA"][0] == f"{screen.folder}/{on_disk}"
    assert sites["bytes:DNA"][0] > 0
    (note,) = (note for note in found if "not there as written" in note)
    assert note.startswith("column 'dna': 1 path not there as written")
    assert "U+00E4" in note


def test_a_hint_shows_how_a_name_differs_that_looks_alike(screen):
    touch(screen.folder, "c/a\u200b.tif", "c/a\u200d.tif")
    screen.lines[1] = "P1,A1,1,DMSO,0,,c/a\u2060.tif,a/1a.tif"
    message = screen.error()
    assert "does not exist; did you mean" in message
    assert "not U+2060 WORD JOINER" in message


def loaddata(screen, folder, prefix=""):
    rows = [
        "FileName_D,PathName_D,FileName_A,PathName_A,Metadata_Plate,Metadata_Well,Metadata_Site"
    ]
    for row in ROWS:
        plate, well, site, *_, dna, actin = row.split(",")
        rows.append(
            f"{dna[2:]},{prefix}{folder}/{dna[0]},{actin[2:]},{prefix}{folder}/{actin[0]},"
            f"{plate},{well},{site}"
        )
    screen.lines = rows
    screen.keys = {"format": "loaddata", "channels": {"DNA": "D", "Actin": "A"}}
    screen.keys |= {"labels_required": False, "columns": {"compound": None}}
    screen.keys["columns"] |= {"concentration": None, "moa": None}


def test_paths_of_another_machine_are_one_problem(screen):
    loaddata(screen, "/mnt/imaging/2024")
    assert screen.error().splitlines()[1:] == [
        "  - line 2, column 'PathName_D' and 1 more: 10 paths are below /mnt/imaging/2024, outside "
        f"the image folder {screen.folder}; if the images lie elsewhere here, set "
        "input.path_prefix: {'/mnt/imaging/2024': ...}"
    ]


@pytest.mark.parametrize(
    ("folder", "prefix", "key"),
    [
        ("/mnt/imaging/2024", "", "/mnt/imaging/2024"),
        ("Z:\\imaging", "", "z:\\imaging"),
        ("\\\\server\\share", "", "//server/share"),
        ("C:/data", "file:///", "C:/data"),
        ("server/share", "file://", "//server/share"),
    ],
)
def test_a_prefix_maps_paths_of_another_machine(screen, folder, prefix, key):
    loaddata(screen, folder, prefix)
    for target in (".", str(screen.folder)):
        sites = screen.read(path_prefix={key: target})
        assert sites["path:DNA"][0] == f"{screen.folder}/a/1d.tif"


@pytest.mark.parametrize("on_bad_image", ["error", "quarantine"])
def test_a_prefix_to_a_folder_that_is_not_there_is_one_problem(screen, on_bad_image):
    loaddata(screen, "/mnt/imaging")
    keys = {"path_prefix": {"/mnt/imaging": "gone"}, "on_bad_image": on_bad_image}
    found = screen.error(**keys).splitlines()[1:]
    assert len(found) == 1
    gone = f"{screen.folder}/gone"
    assert gone in found[0]
    if on_bad_image == "error":
        assert "other folder" in found[0]
        assert (
            "cannot be listed (No such file or directory); correct input.path_prefix, " in found[0]
        )
    else:
        assert "'P1' and 1 more: 5 of 5 sites lack image files" in found[0]
        assert "correct input.path_prefix, input.images" in found[0]


def test_the_home_folder_is_filled_in_where_paths_are_mapped(screen, monkeypatch):
    monkeypatch.setenv("HOME", str(screen.folder))
    loaddata(screen, "/mnt/imaging")
    sites = screen.read(path_prefix={"/mnt/imaging": "~"})
    assert sites["path:DNA"][0] == f"{screen.folder}/a/1d.tif"


def test_paths_of_this_machine_outside_the_root_need_another_root(screen, tmp_path):
    loaddata(screen, str(screen.folder))
    (tmp_path / "other").mkdir()
    message = screen.error(images=str(tmp_path / "other"))
    assert f"set input.images to a folder that holds {screen.folder}" in message
    assert "1 problem\n" in message


def test_prefixes_hold_for_tables_and_masks(screen):
    touch(screen.folder, "m/1.tif")
    screen.lines = [line + "," for line in screen.lines]
    screen.lines[0] = HEADER + ",mask"
    screen.lines[1] = "P1,A1,1,DMSO,0,,Q:\\s\\a\\1d.tif,Q:\\s\\a\\1a.tif,Q:\\s\\m\\1.tif"
    sites = screen.read(path_prefix={"Q:\\s": "."}, columns={"mask": "mask"})
    assert sites["mask:path"][0] == f"{screen.folder}/m/1.tif"


def test_addresses_of_local_files_are_paths_in_every_sheet(screen):
    screen.lines[1] = f"P1,A1,1,DMSO,0,,file://{screen.folder}/a/1d.tif,file:///Q:/a/1a.tif"
    sites = screen.read(path_prefix={"Q:/": "."})
    assert sites["path:DNA"][0] == f"{screen.folder}/a/1d.tif"
    assert sites["path:Actin"][0] == f"{screen.folder}/a/1a.tif"


def test_a_prefix_without_a_sheet_has_no_effect_and_is_refused(screen):
    with pytest.raises(ValueError, match="path_prefix has no effect with format 'folder'"):
        screen.read(format="folder", images=".", pattern="x", path_prefix={"/a": "/b"})


def test_errors_of_spreadsheets_reach_input_errors_only(screen):
    replace(screen, ",A1,", ",#REF!,")
    with pytest.raises(InputError, match="error of a spreadsheet"):
        screen.read()
