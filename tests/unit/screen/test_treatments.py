"""Compounds, doses, mechanisms of action and controls of wells."""

import numpy as np
import pytest


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
    assert ("models need the compound of every well; set input.columns.compound") in screen.error(
        columns={"compound": None}
    )
    screen.lines[3] = screen.lines[3].replace("taxol", "")
    assert "line 4, column 'compound': blank, although the well has a mechanism" in screen.error()
    assert screen.read(columns={"compound": None}, labels_required=False)["role"].iloc[0]


def test_labels_that_nobody_gives_are_one_problem(screen):
    message = screen.error(columns={"moa": None})
    assert "1 problem" in message
    assert "no treated well has an MoA; give them under input.columns.moa" in message
