"""Sample sheets in all their forms."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from screens import change, options, touch

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


def test_the_batch_may_be_part_of_the_plate_name(screen):
    sites = screen.read(batch_from_plate=r"^P(\d)")
    assert sites["batch"].tolist() == ["1", "1", "1", "2", "2"]


def test_without_a_site_column_each_well_has_one_image(screen):
    del screen.lines[2]
    sites = screen.read(columns={"site": None})
    assert set(sites["site"]) == {"1"}


def test_without_looking_for_files_sizes_are_unknown(tmp_path, screen):
    sites = read_sites(screen.options(images=str(tmp_path / "nowhere")), check_files=False)
    assert set(sites["bytes:DNA"]) == set(sites["mtime_ns:Actin"]) == {-1}


# MoA tables


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


# What is refused


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


# Plate names, tables, counts, digest


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
