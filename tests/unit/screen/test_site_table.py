"""Sample sheets in all their forms."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from screens import HEADER, ROWS, Screen, change, options, touch

from moascope.core.errors import InputError
from moascope.screen.plates import plate_names
from moascope.screen.read_rows import METADATA
from moascope.screen.site_table import (
    digest,
    divide_sites,
    have_all_files,
    read_screen,
    read_sites,
    summarise,
    write_sites,
)


@pytest.fixture
def screen(tmp_path):
    return Screen(tmp_path / "screen")


# What comes out


def test_a_table_becomes_the_canonical_table(screen):
    sites = screen.read()
    assert sites["site_id"].tolist() == [
        "P1/A01/1",
        "P1/A01/2",
        "P1/B02/1",
        "P2/C03/1",
        "P2/H12/1",
    ]
    assert sites["row"].tolist() == [0, 0, 1, 2, 7]
    assert sites["col"].tolist() == [0, 0, 1, 2, 11]
    assert sites["treatment"].tolist() == ["DMSO@0", "DMSO@0", "taxol@0.3", "NA@3", "DMSO@0"]
    assert sites["moa"].tolist() == ["", "", "Stabilizer", "Actin", ""]
    assert sites["role"].tolist() == ["control", "control", "treated", "treated", "control"]
    assert sites["field"].tolist() == sites["site_id"].tolist()
    assert set(sites["batch"]) == {"1"}
    assert set(sites["replicate"]) == {""}
    path = screen.folder / "a/1d.tif"
    first = sites.iloc[0]
    assert first["path:DNA"] == str(path)
    assert first["index:DNA"] == -1
    assert first["bytes:DNA"] == path.stat().st_size
    assert first["mtime_ns:DNA"] == path.stat().st_mtime_ns


def test_columns_and_types_are_those_of_the_contract(screen):
    sites = screen.read()
    per_channel = [f"{kind}:{ch}" for ch in ("DNA", "Actin") for kind in ("path", "index")]
    per_channel += [f"{kind}:{ch}" for ch in ("DNA", "Actin") for kind in ("bytes", "mtime_ns")]
    assert sites.columns.tolist() == METADATA + per_channel
    whole = [name for name in sites if sites[name].dtype == np.int64]
    assert whole == ["row", "col", *(name for name in per_channel if "path" not in name)]
    assert sites["concentration"].dtype == np.float64
    assert not sites.isna().to_numpy().any()


def test_sites_are_sorted_with_numbers_as_numbers(screen):
    touch(screen.folder, "a/10d.tif", "a/10a.tif")
    screen.lines.insert(1, "P1,A1,10,DMSO,0,,a/10d.tif,a/10a.tif")
    assert screen.read()["site"].tolist()[:3] == ["1", "2", "10"]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_bom_line_ends_and_delimiter_make_no_difference(screen, ends, delimiter, encoding):
    expected = screen.read()
    given_options = screen.options()
    text = ends.join(screen.lines).replace(",", delimiter)
    screen.sheet.write_bytes(text.encode(encoding))
    pd.testing.assert_frame_equal(read_sites(given_options), expected)
    assert plate_names(given_options.input) == ["P1", "P2"]


def test_spaces_in_paths_are_accepted(screen):
    touch(screen.folder, "my plate/site one.tif")
    screen.lines[1] = "P1,A1,1,DMSO,0,,my plate/site one.tif,a/1a.tif"
    assert screen.read()["path:DNA"][0] == str(screen.folder / "my plate/site one.tif")


def test_backslashes_of_windows_sheets_are_accepted(screen):
    screen.lines[1] = r"P1,A1,1,DMSO,0,,a\1d.tif,.\a\1a.tif"
    assert screen.read()["path:Actin"][0] == str(screen.folder / "a/1a.tif")


def test_images_may_lie_elsewhere_than_the_sheet(screen, tmp_path):
    moved = tmp_path / "moved"
    screen.options()
    screen.folder.rename(moved)
    screen.folder.mkdir()
    assert screen.read(images=str(moved))["path:DNA"][0] == str(moved / "a/1d.tif")


def test_an_absolute_path_below_the_image_root_is_accepted(screen):
    screen.lines[1] = f"P1,A1,1,DMSO,0,,{screen.folder}/a/1d.tif,a/../a/1a.tif"
    sites = screen.read()
    assert sites["path:DNA"][0] == str(screen.folder / "a/1d.tif")
    assert sites["path:Actin"][0] == str(screen.folder / "a/1a.tif")


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


def test_the_batch_may_be_part_of_the_plate_name(screen):
    sites = screen.read(batch_from_plate=r"^P(\d)")
    assert sites["batch"].tolist() == ["1", "1", "1", "2", "2"]


def test_planes_of_one_file_are_channels(screen):
    keys = {"path_column": "dna", "channels": {"DNA": 2, "Actin": 0}}
    sites = screen.read(**keys)
    assert sites["path:DNA"].tolist() == sites["path:Actin"].tolist()
    assert (sites["index:DNA"][0], sites["index:Actin"][0]) == (2, 0)
    assert summarise(sites)["images"] == 5


def test_without_a_site_column_each_well_has_one_image(screen):
    del screen.lines[2]
    sites = screen.read(columns={"site": None})
    assert set(sites["site"]) == {"1"}


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


def test_without_looking_for_files_sizes_are_unknown(tmp_path, screen):
    sites = read_sites(screen.options(images=str(tmp_path / "nowhere")), check_files=False)
    assert set(sites["bytes:DNA"]) == set(sites["mtime_ns:Actin"]) == {-1}


def test_a_role_is_unlabelled_where_labels_are_not_required(screen):
    screen.lines[3] = "P1,b02,1,taxol,,,a/3d.tif,a/3a.tif"
    row = screen.read(labels_required=False).set_index("site_id").loc["P1/B02/1"]
    assert (row["role"], row["treatment"], row["moa"]) == ("unlabelled", "taxol", "")
    assert np.isnan(row["concentration"])


def test_the_mechanism_of_controls_is_kept_as_given(screen):
    screen.lines = [line.replace("DMSO,0,,", "dmso,0,vehicle,") for line in screen.lines]
    sites = screen.read(needs_controls=True)
    assert sites["role"].tolist()[0] == "control"
    assert sites["moa"].tolist()[0] == "vehicle"


@pytest.mark.parametrize("missing", ["", "NA", "NaN"])
def test_missing_numbers_and_labels_are_recognised(screen, missing):
    screen.lines[1] = f"P1,A1,1,DMSO,{missing},{missing},a/1d.tif,a/1a.tif"
    screen.lines[2] = f"P1,A1,2,DMSO,{missing},{missing},a/2d.tif,a/2a.tif"
    row = screen.read().iloc[0]
    assert (row["treatment"], row["moa"]) == ("DMSO", "")


# MoA tables


@pytest.fixture
def annotated(screen):
    """The screen with its MoA in a table of its own."""
    screen.lines = ["plate,well,site,compound,concentration,dna,actin"]
    for row in ROWS:
        cells = row.split(",")
        screen.lines.append(",".join(cells[:5] + cells[6:]))
    screen.table = screen.folder / "moa.csv"
    screen.table.write_text(
        "Compound;Concentration;MoA\ntaxol;0.30000001;Stabilizer\nNA;3.0;Actin\n"
    )
    screen.keys["moa_table"] = str(screen.table)
    return screen


def test_mechanisms_are_joined_by_compound_and_concentration(annotated):
    assert annotated.read()["moa"].tolist() == ["", "", "Stabilizer", "Actin", ""]


def test_a_dose_that_is_not_in_the_table_has_no_mechanism(annotated):
    annotated.table.write_text("compound,concentration,moa\ntaxol,0.31,Stabilizer\nNA,3,Actin\n")
    message = annotated.error()
    assert "line 4, column 'compound': no MoA is known for 'taxol@0.3'; add it to" in message


def test_mechanisms_are_joined_by_compound_alone(annotated):
    annotated.table.write_text("compound,moa\ntaxol,Stabilizer\nNA,Actin\n")
    assert annotated.read()["moa"].tolist() == ["", "", "Stabilizer", "Actin", ""]


def test_the_most_similar_compound_of_the_table_is_suggested(annotated):
    annotated.table.write_text("compound,moa\nTaxol,Stabilizer\nNA,Actin\n")
    assert "no MoA is known for 'taxol@0.3' (did you mean 'Taxol'?)" in annotated.error()


def test_sheet_and_table_must_not_contradict_each_other(screen):
    table = screen.folder / "moa.csv"
    table.write_text("compound,moa\ntaxol,Poison\n")
    assert (
        f"compound 'taxol' has several mechanisms, 'Stabilizer' (line 4) and 'Poison' ({table}, "
        "line 2); correct the MoA table so that it has one"
    ) in screen.error(moa_table=str(table))


@pytest.mark.parametrize("spelling", ["Taxol", "tax ol", "TAX-OL", "tax_ol", "tax\u2011ol"])
def test_a_compound_with_two_spellings_is_named_with_both_lines(screen, spelling):
    screen.lines += [f"P2,D4,1,{spelling},0.3,Stabilizer,e/1d.tif,e/1a.tif"]
    touch(screen.folder, "e/1d.tif", "e/1a.tif")
    assert (
        f"column 'compound': 'taxol' (line 4) and {spelling!r} (line 7) look like one compound, "
        "but would count as different ones; correct the spelling"
    ) in screen.error()


def test_plates_that_differ_in_case_only_and_mechanisms_with_two_spellings_are_refused(screen):
    screen.lines += ["p2,D4,1,epo,0.3,stabil-izer,e/1d.tif,e/1a.tif"]
    touch(screen.folder, "e/1d.tif", "e/1a.tif")
    message = screen.error()
    assert "column 'plate': plates 'P2' (line 5) and 'p2' (line 7) differ in case only" in message
    assert "'Stabilizer' (line 4) and 'stabil-izer' (line 7) look like one mechanism" in message


@pytest.mark.parametrize(("one", "other"), [("C-1-12", "C-11-2"), ("taxol", "taxole"), ("A1", "A")])
def test_other_compounds_may_have_similar_names(screen, one, other):
    screen.lines = [line.replace(",taxol,", f",{one},") for line in screen.lines]
    screen.lines += [f"P2,D4,1,{other},0.3,Stabilizer,e/1d.tif,e/1a.tif"]
    touch(screen.folder, "e/1d.tif", "e/1a.tif")
    assert {one, other} < set(screen.read()["compound"])


def test_an_moa_table_without_its_columns_is_refused(annotated):
    annotated.table.write_text("compound,mechanism\ntaxol,Stabilizer\n")
    assert "moa.csv (input.moa_table): there is no column 'moa'" in annotated.error()


def test_a_missing_moa_table_is_named(annotated):
    annotated.table.unlink()
    assert f"{annotated.table}: there is no such file" in annotated.error()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.floats(1e-6, 1e4)),
        min_size=1,
        max_size=8,
        unique_by=lambda pair: f"{pair[1]:.3g}",
    )
)
def test_doses_are_found_however_many_digits_a_table_has(tmp_path_factory, pairs):
    folder = tmp_path_factory.mktemp("screen")
    lines = ["plate,well,compound,concentration,dna"]
    table = ["compound,concentration,moa"]
    for number, (compound, dose) in enumerate(pairs):
        rounded = float(f"{dose:.3g}")
        lines.append(f"P,A{number + 1},{compound},{np.float32(rounded)!s},{number}.tif")
        table.append(f"{compound},{rounded:.6e},moa {compound}")
    (folder / "sheet.csv").write_text("\n".join(lines))
    (folder / "moa.csv").write_text("\n".join(table))
    sites = read_sites(
        options(
            format="table",
            sheet=str(folder / "sheet.csv"),
            moa_table=str(folder / "moa.csv"),
            channels={"DNA": "dna"},
            columns={"site": None},
        ),
        check_files=False,
    )
    assert (sites["moa"] == "moa " + sites["compound"]).all()


# Other forms


@pytest.fixture
def loaddata(tmp_path):
    """A CellProfiler LoadData sheet with absolute folders."""
    root = tmp_path / "plates"
    touch(root, "BR1/r01c01-ch1.tiff", "BR1/r01c01-ch2.tiff", "BR1/r02c01-ch1.tiff")
    touch(root, "BR1/r02c01-ch2.tiff", "BR1/ch 3.tiff")
    sheet = tmp_path / "load_data.csv"
    sheet.write_text(
        "FileName_OrigDNA,PathName_OrigDNA,FileName_OrigER,PathName_OrigER,Metadata_Plate,"
        "Metadata_Well,Metadata_Site,Metadata_broad_sample\n"
        f"r01c01-ch1.tiff,{root}/BR1,r01c01-ch2.tiff,{root}/BR1/,BR1,A01,1,DMSO\n"
        f"r02c01-ch1.tiff,{root}/BR1,r02c01-ch2.tiff,{root}/BR1/,BR1,B01,1,BRD-1\n"
    )
    return options(
        labels_required=False,
        format="loaddata",
        sheet=str(sheet),
        images=str(root),
        channels={"DNA": "OrigDNA", "ER": "OrigER"},
        columns={"compound": "broad_sample"},
    )


def test_a_loaddata_sheet_needs_no_column_names(loaddata):
    sites = read_sites(loaddata)
    assert plate_names(loaddata.input) == ["BR1"]
    assert sites["site_id"].tolist() == ["BR1/A01/1", "BR1/B01/1"]
    assert sites["role"].tolist() == ["control", "unlabelled"]
    assert sites["path:ER"][0] == loaddata.input.images + "/BR1/r01c01-ch2.tiff"


def test_loaddata_urls_rows_and_columns_with_the_image_prefix(loaddata):
    root = loaddata.input.images
    Path(loaddata.input.sheet).write_text(
        "Image_URL_OrigDNA,Image_FileName_OrigER,Metadata_Plate,Metadata_Row,Metadata_Col,"
        "Metadata_Field\n"
        f"file://{root}/BR1/ch%203.tiff,BR1/r01c01-ch2.tiff,BR1,2,3,7\n"
    )
    sites = read_sites(change(loaddata, columns={"compound": None}))
    assert sites["site_id"].tolist() == ["BR1/B03/7"]
    assert sites["path:DNA"][0] == root + "/BR1/ch 3.tiff"


def test_loaddata_frames_are_planes(loaddata):
    Path(loaddata.input.sheet).write_text(
        "FileName_OrigDNA,Frame_OrigDNA,FileName_OrigER,Frame_OrigER,Metadata_Plate,Metadata_Well\n"
        "BR1/ch 3.tiff,0,BR1/ch 3.tiff,1,BR1,A01\n"
    )
    sites = read_sites(change(loaddata, columns={"compound": None, "site": None}))
    assert (sites["index:DNA"][0], sites["index:ER"][0]) == (0, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "_OrigER",
            "_Mito",
            "input.channels.ER: the sheet has neither FileName_OrigER nor URL_OrigER; "
            "did you mean 'OrigDNA'",
        ),
        ("r01c01-ch2", "s3://bucket/r01c01-ch2", "is not a local file; download the images"),
        ("Metadata_Well", "Well", "input.columns: name the column of wells"),
        ("Metadata_broad_sample", "Metadata_pert", "has no column 'broad_sample'"),
    ],
)
def test_bad_loaddata_sheets(loaddata, old, new, message):
    sheet = Path(loaddata.input.sheet)
    text = sheet.read_text().replace(old, new)
    if "s3:" in new:
        text = text.replace("PathName_OrigER", "Metadata_Folder")
    sheet.write_text(text)
    with pytest.raises(InputError, match=message):
        read_sites(loaddata)


def bbbc021(shared_data, images):
    return options(
        needs_controls=True,
        format="bbbc021",
        sheet=str(shared_data / "bbbc021-metadata/BBBC021_v1_image.csv"),
        images=str(images),
        moa_table=str(shared_data / "bbbc021-metadata/BBBC021_v1_moa.csv"),
        channels={"DNA": "DAPI", "Tubulin": "Tubulin", "Actin": "Actin"},
    )


def test_all_of_bbbc021_is_validated(shared_data, tmp_path):
    given_options = bbbc021(shared_data, tmp_path)
    sites = read_sites(given_options, check_files=False)
    assert summarise(sites) == {"plates": 55, "wells": 3300, "sites": 13200, "images": 39600}
    treated = sites[sites["role"] == "treated"]
    assert treated["treatment"].nunique() == 103
    assert treated["compound"].nunique() == 38
    assert treated["moa"].nunique() == 12
    assert sites["batch"].nunique() == 10
    assert plate_names(given_options.input) == sorted(sites["plate"].unique())


def test_missing_images_of_bbbc021_are_reported_by_folder(shared_data, tmp_path):
    with pytest.raises(InputError) as caught:
        read_sites(bbbc021(shared_data, tmp_path))
    message = str(caught.value)
    first = f"the folder {tmp_path}/Week4/Week4_27481 and 54 other folders cannot be listed"
    assert f"line 2 (and 39599 more), image files: {first}" in message


def test_the_lab_set_is_read(shared_data):
    folder = shared_data / "bbbc021-lab"
    sites = read_sites(
        options(
            format="table",
            sheet=str(folder / "labels.csv"),
            images=str(folder / "images"),
            path_column="filename",
            channels={"Actin": 0, "Tubulin": 1, "DNA": 2},
            columns={"site": "quadrant", "batch": "week", "field": ["plate", "well", "field"]},
        )
    )
    assert summarise(sites) == {"plates": 30, "wells": 165, "sites": 660, "images": 660}
    assert sites["treatment"].nunique() == 55
    assert (sites.groupby("field").size() == 4).all()
    assert (sites["bytes:DNA"] > 0).all()


def test_the_16_bit_cells_are_read(shared_data):
    folder = shared_data / "bbbc021-cells16"
    sites = read_sites(
        options(
            needs_controls=True,
            format="table",
            sheet=str(folder / "labels.csv"),
            images=str(folder / "images"),
            path_column="filename",
            channels={"DNA": 0, "Actin": 1, "Tubulin": 2},
            columns={"site": ["site", "cell"], "field": ["plate", "well", "site"]},
            batch_from_plate=r"^(Week\d+)_",
            unit="cell",
        )
    )
    assert summarise(sites) == {"plates": 3, "wells": 11, "sites": 2324, "images": 2324}
    assert sites["role"].value_counts().to_dict() == {"treated": 1274, "control": 1050}
    assert set(sites.loc[sites["role"] == "control", "moa"]) == {"DMSO"}
    assert set(sites["batch"]) == {"Week4"}


@pytest.fixture
def folder(tmp_path):
    """A folder as an Opera microscope writes it, with a platemap."""
    root = tmp_path / "images"
    for plate in ("P1", "P2"):
        for well in ("r01c01", "r02c03"):
            touch(root, *(f"{plate}/{well}f{site}-ch{ch}.tiff" for site in (1, 2) for ch in "12"))
    touch(root, "P1/Index.xml", "P1/._r01c01f1-ch1.tiff", "P1/r01c01f1-ch9.tiff")
    platemap = tmp_path / "map.csv"
    platemap.write_text(
        "plate,well,compound,concentration,moa,batch\n"
        "P1,A1,DMSO,,,w1\nP1,B3,taxol,1,Stabilizer,w1\nP2,A1,DMSO,,,w2\n"
    )
    return options(
        needs_controls=True,
        format="folder",
        images=str(root),
        platemap=str(platemap),
        pattern=r"(?P<plate>[^/]+)/(?P<well>r\d+c\d+)f(?P<site>\d+)-ch(?P<channel>\d)\.tiff",
        channels={"DNA": "1", "Actin": "2"},
    )


def test_a_folder_is_read_by_its_file_names_and_a_platemap(folder):
    sites = read_sites(folder)
    assert plate_names(folder.input) == ["P1", "P2"]
    assert len(sites) == 8
    row = sites.set_index("site_id").loc["P1/B03/2"]
    assert row["path:Actin"] == folder.input.images + "/P1/r02c03f2-ch2.tiff"
    assert (row["treatment"], row["moa"], row["role"]) == ("taxol@1", "Stabilizer", "treated")
    # Not on the platemap: no label is asked for, and the batch is that of the plate.
    row = sites.set_index("site_id").loc["P2/B03/1"]
    assert (row["treatment"], row["role"], row["batch"]) == ("", "unlabelled", "w2")


def test_a_platemap_without_plates_holds_for_every_plate(folder):
    Path(folder.input.platemap).write_text("Well;Compound;MoA\nA1;DMSO;\nB03;taxol;Stabilizer\n")
    sites = read_sites(folder)
    assert sites.loc[sites["well"] == "B03", "compound"].tolist() == ["taxol"] * 4


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        (
            "well,compound,Conc_uM,moa",
            {},
            "column 'Conc_uM' is not read; if it is the concentration, name it under "
            "input.platemap_columns.concentration, else set input.columns.concentration to null",
        ),
        (
            "well,compound,Conc_uM,moa",
            {"concentration": "Conc_um"},
            "there is no column 'Conc_um', as input.columns.concentration says; did you mean "
            "'Conc_uM'?",
        ),
        ("well,drug,dose,moa", {"concentration": "dose"}, "column 'drug' is not read"),
        ("well,compound,dose,Mechanism", {"concentration": "dose"}, "column 'Mechanism' is not"),
    ],
)
def test_no_column_of_a_platemap_is_ignored_in_silence(folder, header, columns, message):
    Path(folder.input.platemap).write_text(f"{header}\nA1,DMSO,,\nB03,taxol,1,Stabilizer\n")
    with pytest.raises(InputError) as caught:
        read_sites(change(folder, columns=columns))
    assert f"map.csv (input.platemap): {message}" in str(caught.value)


def test_a_column_of_a_platemap_may_be_named_in_the_config_or_null(folder):
    text = "well,cpd,Conc_uM,moa\nA1,DMSO,,\nB03,taxol,1,Stabilizer\n"
    Path(folder.input.platemap).write_text(text)
    columns = {"compound": "cpd"}
    for concentration, treatment in (("Conc_uM", "taxol@1"), (None, "taxol")):
        given = {**columns, "concentration": concentration}
        sites = read_sites(change(folder, columns=given))
        assert set(sites.loc[sites["well"] == "B03", "treatment"]) == {treatment}


@pytest.mark.parametrize(
    "header",
    [
        "well,compound,Concentration,moa,dose_unit,compound_batch,weekday",
        "well,compound,moa,batch_id",
    ],
)
def test_other_columns_of_a_platemap_are_ignored(folder, header):
    rows = [[well, name, *["1"] * 6] for well, name in (("A1", "DMSO"), ("B03", "taxol"))]
    lines = [",".join(row[: header.count(",") + 1]) for row in rows]
    Path(folder.input.platemap).write_text("\n".join([header, *lines]))
    assert set(read_sites(folder)["compound"]) == {"DMSO", "taxol"}


def test_columns_of_a_platemap_that_is_joined_to_a_sheet_are_named_alike(screen, tmp_path):
    screen.lines = [",".join(line.split(",")[:3] + line.split(",")[-2:]) for line in screen.lines]
    platemap = tmp_path / "map.csv"
    platemap.write_text("well,cpd,Conc_uM,moa\nA1,DMSO,,\nB2,taxol,1,x\nC3,epo,2,y\nH12,DMSO,,\n")
    columns = {"compound": "cpd", "concentration": "Conc_uM"}
    sites = screen.read(platemap=str(platemap), columns=columns)
    assert {"taxol@1", "epo@2"} < set(sites["treatment"])


def test_files_that_the_pattern_leaves_out_are_counted(folder, caplog):
    touch(Path(folder.input.images), "P1/r01c01f10-channel1.tiff", "P1/thumb.png")
    read_sites(folder)
    assert (
        f"{folder.input.images}: 17 image files are read; left out: 2 image file(s) that do "
        "not match input.pattern, such as 'P1/r01c01f10-channel1.tiff'"
    ) in caplog.text


def test_files_of_a_folder_may_hold_all_channels(folder, tmp_path):
    """Colours of an RGB image are planes; the pattern then names no channel."""
    touch(tmp_path, "rgb/P1_A01.png", "rgb/P1_B02.png")
    keys = {
        "images": str(tmp_path / "rgb"),
        "pattern": r"(?P<plate>.+)_(?P<well>.+)\.png",
        "channels": {"red": 0, "green": 1, "blue": 2},
    }
    keys |= {"platemap": None, "needs_controls": False, "labels_required": False}
    sites = read_sites(change(folder, **keys))
    assert sites["well"].tolist() == ["A01", "B02"]
    for plane, channel in enumerate(("red", "green", "blue")):
        assert sites[f"path:{channel}"].str.rpartition("/")[2].tolist() == [
            "P1_A01.png",
            "P1_B02.png",
        ]
        assert sites[f"index:{channel}"].tolist() == [plane, plane]
    assert plate_names(change(folder, **keys).input) == ["P1"]


def test_a_pattern_without_a_slash_is_for_file_names(folder, tmp_path):
    touch(tmp_path / "flat", "deep/down/P7_A01_DNA.png", "deep/down/P7_A01_Actin.png")
    keys = {
        "images": str(tmp_path / "flat"),
        "pattern": "(?P<plate>.+)_(?P<well>.+)_(?P<channel>.+)\\.png",
    }
    keys |= {"platemap": None, "needs_controls": False, "labels_required": False}
    keys |= {"channels": {"DNA": "DNA", "Actin": "Actin"}}
    assert read_sites(change(folder, **keys))["site_id"].tolist() == ["P7/A01/1"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"pattern": "(?P<plate>.+)"}, "lacks the named groups channel, well;"),
        ({"pattern": "(?P<plate>.+"}, "is not a regular expression"),
        ({"images": "/no/such/folder"}, "the folder '/no/such/folder' does not exist"),
        (
            {"pattern": "(?P<plate>.+)/(?P<well>.+)_(?P<channel>.+)"},
            "none matches .*, such as 'P1/r01c01f1-ch1.tiff'; a pattern with '/' must match",
        ),
        (
            {"channels": {"DNA": "1", "Actin": "7"}},
            "input.channels.Actin: no file has the channel '7'; there are: '1', '2', '9'",
        ),
    ],
)
def test_folders_that_cannot_be_read_say_why(folder, keys, message):
    with pytest.raises(InputError, match=message):
        read_sites(change(folder, **keys))


def test_all_problems_of_a_folder_are_in_one_error(folder):
    root = Path(folder.input.images)
    (root / "P1/r02c03f2-ch2.tiff").unlink()
    touch(root, "P1/r99c01f1-ch1.tiff", "P1/r99c01f1-ch2.tiff", "P3/r01c01f1-ch1.tiff")
    with Path(folder.input.platemap).open("a") as stream:
        stream.write("P1,B03,other,1,X,w1\nP1,K1,other,1,X,w1\n")
    with pytest.raises(InputError) as caught:
        read_sites(folder)
    message = str(caught.value)
    assert "file 'P1/r02c03f2-ch1.tiff', channel 'Actin': no image file for channel" in message
    assert "file 'P1/r99c01f1-ch1.tiff', group 'well' of input.pattern: 'r99c01' is off" in message
    assert "map.csv, line 5: well 'B03' was already given in" in message
    assert "map.csv, line 6, column 'well': 'K1' is off the plate" in message
    assert "plate 'P3' has no well in" in message
    assert "plate 'P3' has no control well" in message


def test_two_files_for_one_channel_are_refused(folder):
    touch(Path(folder.input.images), "P1/r01c01f1-ch1.tiff.tiff", "P1/r1c1f1-ch1.tiff")
    keys = {"pattern": r"(?P<plate>[^/]+)/(?P<well>r01c01)(?P<site>f1)-ch(?P<channel>1)(\.tiff)+"}
    keys |= {"channels": {"DNA": "1"}, "platemap": None, "needs_controls": False}
    with pytest.raises(InputError, match=r"'P1/r01c01f1-ch1\.tiff' for channel '1'; make input"):
        read_sites(change(folder, **keys, labels_required=False))


# What is refused


def test_a_missing_file_is_named_with_line_column_and_fix(screen):
    (screen.folder / "a/3d.tif").rename(screen.folder / "a/3D.TIF")
    (screen.folder / "b/5a.tif").unlink()
    message = screen.error()
    assert message.startswith(f"{screen.sheet}: 2 problems")
    assert (
        f"line 4, column 'dna': {screen.folder}/a/3d.tif does not exist; did you mean '3D.TIF'?"
    ) in message
    assert f"line 6, column 'actin': {screen.folder}/b/5a.tif does not exist; correct" in message


def test_a_missing_image_root_is_one_problem(screen, tmp_path):
    message = screen.error(images=str(tmp_path / "none"))
    assert "1 problem" in message
    assert f"input.images: there is no folder {tmp_path}/none; correct the path" in message


def test_a_folder_in_place_of_an_image_is_refused(screen):
    screen.lines[1] = "P1,A1,1,DMSO,0,,a,a/1a.tif"
    assert f"line 2, column 'dna': {screen.folder}/a is not a file" in screen.error()


@pytest.mark.parametrize("path", ["../secret.tif", "/etc/hostname", "a/../../secret.tif"])
def test_a_path_out_of_the_image_root_is_refused(screen, path):
    touch(screen.folder.parent, "secret.tif")
    screen.lines[1] = f"P1,A1,1,DMSO,0,,{path},a/1a.tif"
    assert (
        f"line 2, column 'dna': {path!r} is outside the image folder {screen.folder}; "
        "set input.images"
    ) in screen.error()


def test_a_drive_of_windows_is_named_once(screen):
    screen.lines = [line.replace(",a/", ",Z:\\screen\\a\\") for line in screen.lines]
    message = screen.error()
    assert "line 2, column 'dna' and 1 more: 6 paths are below Z:/screen/a, outside" in message
    assert "set input.path_prefix: {'Z:/screen/a': ...}" in message
    assert "leads out" not in message


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_the_image_root_is_refused(screen, kind):
    touch(screen.folder.parent, "outside/1d.tif")
    link = screen.folder / ("a/1d.tif" if kind == "file" else "c")
    link.unlink(missing_ok=True)
    link.symlink_to(screen.folder.parent / ("outside/1d.tif" if kind == "file" else "outside"))
    if kind == "folder":
        screen.lines[1] = "P1,A1,1,DMSO,0,,c/1d.tif,a/1a.tif"
    assert "1d.tif is a link to a place outside the image folder" in screen.error()


def test_a_link_to_the_image_root_itself_is_accepted(screen, tmp_path):
    (tmp_path / "link").symlink_to(screen.folder)
    sites = screen.read(images=str(tmp_path / "link"))
    assert sites["path:DNA"][0] == str(tmp_path / "link/a/1d.tif")


def test_a_duplicate_site_is_named_with_the_first(screen):
    touch(screen.folder, "a/9d.tif", "a/9a.tif")
    screen.lines.append("P1,a01,2,DMSO,0,,a/9d.tif,a/9a.tif")
    assert (
        "line 7: plate 'P1', well 'A01', site '2' was already given in line 3; "
        "correct column 'site', or remove one of the two"
    ) in screen.error()


def test_a_duplicate_well_without_a_site_column_is_named(screen):
    assert (
        "line 3: plate 'P1', well 'A01', site '1' was already given in line 2; for several images "
        "in a well name their column under input.columns.site"
    ) in screen.error(columns={"site": None})


def test_one_file_for_two_channels_or_two_sites_is_refused(screen):
    screen.lines[1] = "P1,A1,1,DMSO,0,,a/1d.tif,a/1d.tif"
    screen.lines[2] = "P1,A1,2,DMSO,0,,a/2d.tif,a/3a.tif"
    message = screen.error()
    assert (
        f"line 2, column 'actin': {screen.folder}/a/1d.tif is already given in line 2, "
        "column 'dna'; an image belongs to one site and one channel"
    ) in message
    assert "line 4, column 'actin'" in message
    assert f"{screen.folder}/a/3a.tif is already given in line 3, column 'actin'" in message


def test_two_channels_from_one_place_are_refused(screen):
    message = screen.error(channels={"DNA": "dna", "Actin": "dna"})
    assert "input.channels: DNA and Actin are both 'dna'; give every channel its own" in message


def test_an_unknown_channel_column_is_named_with_the_nearest(screen):
    message = screen.error(channels={"DNA": "dna", "Actin": "Actn"})
    assert "input.channels.Actin: the sheet has no column 'Actn'; did you mean 'actin'?" in message


def test_a_blank_image_cell_is_a_missing_channel(screen):
    screen.lines[3] = "P1,b02,1,taxol,0.3,Stabilizer,a/3d.tif,"
    assert "line 4, column 'actin': no image file for channel 'Actin'; name it" in screen.error()


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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("P1,I01,1,taxol,1,Stabilizer,a,b", "line 7, column 'well': 'I01' is off the plate: 96"),
        ("P1,B+3,1,taxol,1,Stabilizer,a,b", "line 7, column 'well': 'B+3' is not a well name"),
        ("P1,,1,taxol,1,Stabilizer,a,b", "line 7, column 'well': blank; name the well"),
        (",B3,1,taxol,1,Stabilizer,a,b", "line 7, column 'plate': blank; name the plate"),
        ("P 1,B3,1,taxol,1,Stabilizer,a,b", "line 7, column 'plate': plate 'P 1': it becomes a"),
        ("../P,B3,1,taxol,1,Stabilizer,a,b", "line 7, column 'plate': plate '../P': it becomes a"),
        ("P1,B3,,taxol,1,Stabilizer,a,b", "line 7, column 'site': blank; name it"),
        ("P1,B3,1/2,taxol,1,Stabilizer,a,b", "line 7, column 'site': site '1/2': leave out '/'"),
        ("P1,B3,1,taxol,-1,Stabilizer,a,b", "column 'concentration': '-1' is negative"),
        ("P1,B3,1,taxol,3 uM,Stabilizer,a,b", "column 'concentration': '3 uM' is not a number"),
        ("P1,B3,1,taxol,>10,Stabilizer,a,b", "without a unit or a sign such as '>'"),
        ("P1,B3,1,taxol,inf,Stabilizer,a,b", "column 'concentration': 'inf' is not a number"),
        (
            'P1,B3,1,taxol,"0,4",Stabilizer,a,b',
            "'0,4' has a decimal comma, but other cells of the column have a decimal point (such "
            "as '0.3'); write 0.4",
        ),
        ("P1,B3,1,newone,1,,a,b", "line 7, column 'moa': no MoA is known for 'newone@1'; fill it"),
        ("P1,B3,1,,,,a,b", "line 7, column 'moa': compound and MoA are missing"),
        ("P1,B3,1,taxol", "line 7: 4 cells, but the header has 8"),
        (
            "P1,B3,1,taxol,1,Poison,a,b",
            "compound 'taxol' has several mechanisms, 'Stabilizer' (line 4) and 'Poison' (line 7)",
        ),
        (
            "P1,B2,7,taxol,5,Stabilizer,a,b",
            "line 7, column 'compound': well 'B02' of plate 'P1' holds 'taxol@5' here and "
            "'taxol@0.3' in line 4; a well has one treatment",
        ),
    ],
)
def test_a_bad_row_is_named_with_line_column_value_and_fix(screen, line, message):
    screen.lines.append(line)
    assert message in screen.error()


def test_wells_beyond_96_need_the_plate_format(screen):
    screen.lines[3] = "P1,P24,1,taxol,0.3,Stabilizer,a/3d.tif,a/3a.tif"
    assert "P1/P24/1" in set(screen.read(plate_format=384)["site_id"])
    screen.lines[3] = "P1,af48,1,taxol,0.3,Stabilizer,a/3d.tif,a/3a.tif"
    assert "P1/AF48/1" in set(screen.read(plate_format=1536)["site_id"])


@pytest.mark.parametrize("column", ["batch", "field"])
def test_a_blank_batch_or_field_is_refused(screen, column):
    screen.lines = [line + ",x" for line in screen.lines]
    screen.lines[0] = HEADER + ",extra"
    screen.lines[2] = screen.lines[2].removesuffix("x")
    assert "line 3, column 'extra': blank; name the" in screen.error(columns={column: "extra"})


def test_a_plate_without_controls_is_refused_where_they_are_needed(screen):
    screen.lines[4] = "P2,H12,1,DMS0,1,Actin,b/4d.tif,b/4a.tif"
    assert screen.read()["role"].tolist()[-1] == "treated"
    message = screen.error(needs_controls=True)
    assert (
        "plate 'P2' has no control well ('DMSO'), which normalization from controls needs"
        in message
    )
    assert "did you mean 'DMS0'?" in message
    assert "plate 'P1'" not in message


@pytest.mark.parametrize("keys", [{}, {"needs_controls": True}])
def test_a_misspelt_control_is_named_once(screen, keys):
    message = screen.error(controls=["DSMO", "water"], **keys)
    assert "input.controls: no well holds 'DSMO'; did you mean 'DMSO'?" in message
    assert "water" not in message
    assert "no control well" not in message


def test_controls_that_are_not_there_matter_only_where_none_is_and_they_are_needed(screen):
    assert "control" in set(screen.read(controls=["DMSO", "DMSO-d6", "taxxol"])["role"])
    keys = {"controls": ["DSMO"], "labels_required": False, "zero_dose": "treated"}
    assert "control" not in set(screen.read(**keys)["role"])


def test_controls_need_a_compound_column(screen):
    message = screen.error(needs_controls=True, columns={"compound": None})
    assert "normalization from controls needs the compound of every well, to find 'DMSO'" in message


def test_mechanisms_need_compounds(screen):
    assert (
        "models need the compound of every well; set input.columns.compound or input.platemap"
    ) in screen.error(columns={"compound": None})
    screen.lines[3] = screen.lines[3].replace("taxol", "")
    assert "line 4, column 'compound': blank, although the well has a mechanism" in screen.error()
    assert screen.read(columns={"compound": None}, labels_required=False)["role"].iloc[0]


def test_labels_that_nobody_gives_are_one_problem(screen):
    message = screen.error(columns={"moa": None})
    assert "1 problem" in message
    assert "no treated well has an MoA; give them under input.columns.moa" in message


def test_all_problems_are_in_one_error(screen):
    screen.lines[1] = "P1,Z99,1,DMSO,0,,a/none.tif,a/1a.tif"
    screen.lines[3] = "P1,B02,1,taxol,-3,,a/3d.tif,a/3d.tif"
    message = screen.error(columns={"batch": "week"}, needs_controls=True)
    for part in ["'Z99'", "a/none.tif", "'-3'", "no MoA is known", "already given", "'week'"]:
        assert part in message
    assert message.startswith(f"{screen.sheet}: 6 problems")


def test_the_same_wrong_value_is_said_once_with_its_count(screen):
    screen.lines = [line.replace("DMSO,0,", "DMSO,zero,") for line in screen.lines]
    message = screen.error()
    assert "line 2 (and 2 more), column 'concentration': 'zero' is not a number" in message
    assert "1 problem" in message


def test_a_kind_of_problem_on_every_row_does_not_hide_others(screen):
    screen.lines += [f"P1,C{n},1,taxol,0.3,Stabilizer,n{n}d.tif,n{n}a.tif" for n in range(1, 13)]
    screen.lines += [f"P1,D{n},1,taxol,0.3,Stabilizer,m{n}d.tif,m{n}a.tif" for n in range(1, 13)]
    screen.lines.append("P1,E1,1,taxol,-1,Stabilizer,a/1d.tif,a/2d.tif")
    message = screen.error()
    assert "... and 22 more values in column 'dna' with the same problem: '" in message
    assert message.count("does not exist; correct the name") == 4  # two examples of each column
    assert "'-1' is negative" in message


# Plate names, tables, counts, digest


@pytest.mark.parametrize(
    ("content", "delimiter", "message"),
    [
        (None, "auto", "there is no such file; correct the path in the config"),
        (HEADER, "auto", "the sheet has 0 rows below its header"),
        (f"{HEADER}\n{ROWS[0]}".replace(",", ";"), ",", "it looks as if separated by semicolons"),
        (f"{HEADER}\n,A1,1,DMSO,0,,a,b", "auto", "no row names its plate"),
        (f"{HEADER}\nP/1,A1,1,DMSO,0,,a,b", "auto", "plate 'P/1': it becomes a file name"),
        (HEADER.replace("plate", "Plate") + "\nP1", "auto", "did you mean 'Plate'"),
    ],
)
def test_plate_names_say_what_is_wrong_with_the_sheet(screen, content, delimiter, message):
    given_options = screen.options(delimiter=delimiter)
    screen.sheet.unlink()
    if content is not None:
        screen.sheet.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        plate_names(given_options.input)
    assert str(screen.sheet) in str(caught.value)


def test_a_screen_without_a_sheet_is_refused(screen):
    with pytest.raises(InputError, match=r"input\.sheet: format 'table' needs the path"):
        plate_names(screen.options().input.model_copy(update={"sheet": None}))


def test_plate_names_need_no_pandas(repository):
    code = (
        "import sys, moascope.screen.plates; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(repository / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["False", "False"]


def test_each_stage_gets_the_columns_that_it_needs(screen, tmp_path):
    sites = screen.read()
    files, roles = (
        {plate: tmp_path / f"{kind}/{plate}.parquet" for plate in ("P1", "P2")}
        for kind in ("files", "roles")
    )
    masks = tmp_path / "masks.parquet"
    write_sites(sites, tmp_path / "sites.parquet", masks)
    divide_sites(sites, files, roles)
    assert pd.read_parquet(masks).empty
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "sites.parquet"), sites)
    for kind, columns in ((files, {"path:DNA", "well"}), (roles, {"role"})):
        parts = pd.concat([pd.read_parquet(path) for path in kind.values()], ignore_index=True)
        assert columns <= set(parts)
        assert not {"moa", "compound", "batch"} & set(parts)
        pd.testing.assert_frame_equal(parts, sites[list(parts)])


def with_masks(screen, *names):
    screen.lines = [screen.lines[0] + ",mask"] + [
        f"{line},{name}" for line, name in zip(screen.lines[1:], names, strict=True)
    ]
    return screen.read(columns={"mask": "mask"})


def test_label_images_get_a_table_of_their_own(screen, tmp_path):
    touch(screen.folder, "masks/1.tif", "masks/3.tif")
    sites = with_masks(screen, "masks/1.tif", "", "masks/3.tif", "", "")
    write_sites(sites, tmp_path / "sites.parquet", tmp_path / "masks.parquet")
    masks = pd.read_parquet(tmp_path / "masks.parquet")
    assert masks["site_id"].tolist() == ["P1/A01/1", "P1/B02/1"]
    assert masks["path"][1] == str(screen.folder / "masks/3.tif")
    assert masks["bytes"].tolist() == [11, 11]
    assert not [name for name in pd.read_parquet(tmp_path / "sites.parquet") if "mask" in name]


def test_a_folder_of_masks_is_taken_but_a_folder_is_no_image(screen):
    touch(screen.folder, "masks/1/a.tif")
    sites = with_masks(screen, "masks/1", "", "", "", "")
    assert sites["mask:path"][0] == str(screen.folder / "masks/1")
    screen.lines[1] = screen.lines[1].replace("a/1a.tif", "masks/1")
    with pytest.raises(InputError, match=r"masks/1 is not a file; give the path of an image"):
        screen.read(columns={"mask": "mask"})


def test_a_label_image_that_is_not_there_is_named(screen):
    touch(screen.folder, "masks/1.tif")
    with pytest.raises(InputError, match=r"line 4, column 'mask': \S+masks/9.tif does not exist"):
        with_masks(screen, "masks/1.tif", "", "masks/9.tif", "", "")


def test_plates_that_changed_meanwhile_are_refused(screen, tmp_path):
    files = {"P1": tmp_path / "1", "P3": tmp_path / "3"}
    with pytest.raises(InputError, match=r"plates of the screen changed .*\['P2', 'P3'\]"):
        divide_sites(screen.read(), files, files)
    assert not files["P1"].exists()


def test_a_screen_is_counted(screen):
    assert summarise(screen.read()) == {"plates": 2, "wells": 4, "sites": 5, "images": 10}


def test_the_digest_knows_names_and_sizes_but_not_the_place(screen, tmp_path):
    before = digest(screen.read())
    shuffled = digest(screen.read().sample(frac=1, random_state=0))
    screen.folder.rename(tmp_path / "elsewhere")
    screen.folder.mkdir()
    assert digest(screen.read(images=str(tmp_path / "elsewhere"))) == before == shuffled
    (tmp_path / "elsewhere/a/1d.tif").write_bytes(b"changed and longer")
    assert digest(screen.read(images=str(tmp_path / "elsewhere"))) != before


# --- missing images under quarantine ----------------------------------------------------------


def test_missing_images_are_left_to_quarantine(screen, caplog):
    (screen.folder / "a/3d.tif").unlink()
    screen.lines[4] = screen.lines[4].replace("b/4a.tif", "")
    sites = screen.read(on_bad_image="quarantine")
    assert len(sites) == 5
    by_site = sites.set_index("site_id")
    assert by_site.loc["P1/B02/1", "bytes:DNA"] == -1
    assert by_site.loc["P2/H12/1", "path:Actin"] == ""
    assert "2 of 5 sites have no file for every channel and are left out" in caplog.text
    _, notes = read_screen(screen.options(on_bad_image="quarantine"))
    assert any("2 of 5 sites have no file for every channel" in note for note in notes)
    assert summarise(sites)["images"] == 8
    assert have_all_files(sites).sum() == 3
    assert "a/3d.tif does not exist; correct the name" in caplog.text


def test_a_plate_that_lacks_most_images_is_an_error_even_under_quarantine(screen):
    for name in ("b/4d.tif", "b/5d.tif", "a/1d.tif"):
        (screen.folder / name).unlink()
    message = screen.error(on_bad_image="quarantine")
    assert "1 problem\n" in message
    assert (
        f"plate 'P2': 2 of 2 sites lack image files (such as {screen.folder}/b/4d.tif)" in message
    )
    assert "the folder is usually wrong or not mounted; correct input.images" in message


def test_a_folder_that_is_not_there_is_named_under_quarantine(screen):
    for file in (screen.folder / "b").iterdir():
        file.unlink()
    (screen.folder / "b").rmdir()
    message = screen.error(on_bad_image="quarantine")
    assert "plate 'P2': 2 of 2 sites lack image files" in message
    assert "1 problem\n" in message


def test_files_outside_of_the_root_stay_errors_under_quarantine(screen):
    screen.lines[1] = screen.lines[1].replace("a/1d.tif", "../1d.tif")
    assert "outside the image folder" in screen.error(on_bad_image="quarantine")


def test_equal_causes_have_two_examples_and_a_count(screen):
    rows = [f"P1,{well},1,DMSO,0,,a/1d.tif,a/1a.tif" for well in ("K", "x", "?", "Q1", "R1", "S1")]
    screen.lines[1:2] = rows
    lines = [line for line in screen.error().splitlines() if "column 'well'" in line]
    assert [line.partition(": ")[2].partition(";")[0] for line in lines] == [
        "'K' is not a well name",
        "'x' is not a well name",
        "'?'",  # one more of the first cause
        "'Q1' is off the plate: 96 wells have rows A to H and columns 1 to 12",
        "'R1' is off the plate: 96 wells have rows A to H and columns 1 to 12",
        "'S1'",
    ]
    assert "... and 1 more value in column 'well' with the same problem: '?'" in lines[2]
