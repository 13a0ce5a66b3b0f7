"""Free columns of the sheet as groups of splits, audits and intervals."""

import numpy as np
import pandas as pd
import pytest
from screens import Screen, change, options, touch
from unit_tables import check_sites, make_split

from moascope.classification.evaluation.options import Evaluation
from moascope.classification.evaluation.scoring import evaluate
from moascope.config.loading import load
from moascope.core.errors import InputError
from moascope.preprocessing.units import describe
from moascope.screen.options import Input
from moascope.screen.site_table import read_sites

PATIENTS = ["anna", "anna", "bert", "bert", "carl"]


@pytest.fixture
def screen(tmp_path):
    found = Screen(tmp_path)
    values = ["patient_id", *PATIENTS]
    found.lines = [f"{line},{value}" for line, value in zip(found.lines, values, strict=True)]
    return found


def test_a_free_column_is_carried_to_sites_and_units(screen):
    sites = screen.read(groups={"patient": "patient_id"})
    assert sites.set_index("site_id")["patient"].to_dict() == {
        "P1/A01/1": "anna",
        "P1/A01/2": "anna",
        "P1/B02/1": "bert",
        "P2/C03/1": "carl",
        "P2/H12/1": "bert",
    }
    units = pd.DataFrame({"unit_id": sites["site_id"], "site_id": sites["site_id"]})
    units = describe(units.assign(tile=0, flagged=False, usable=True), sites)
    assert list(units["patient"]) == list(sites["patient"])


def test_a_list_names_groups_as_the_columns():
    keys = {"format": "table", "sheet": "s", "channels": {"a": "a"}}
    assert Input(**keys, groups=["patient", "slide"]).groups == {
        "patient": "patient",
        "slide": "slide",
    }


def test_loaddata_columns_may_leave_out_the_prefix(tmp_path):
    sheet = tmp_path / "s.csv"
    sheet.write_text("Metadata_Plate,Metadata_Well,Metadata_Donor,FileName_DNA\nP1,A01,d1,1.tif\n")
    touch(tmp_path, "1.tif")
    keys = {"format": "loaddata", "channels": {"DNA": "DNA"}, "sheet": str(sheet)}
    columns = {"compound": None, "concentration": None, "moa": None, "site": None}
    section = options(**keys, columns=columns, groups={"donor": "Donor"}, labels_required=False)
    assert list(read_sites(section)["donor"]) == ["d1"]


def test_a_folder_takes_groups_of_its_pattern(tmp_path):
    touch(tmp_path, "P1_A01_d7_c1.tif", "P1_A02_d8_c1.tif")
    pattern = r"(?P<plate>P\d)_(?P<well>...)_(?P<donor>d\d)_(?P<channel>c1)\.tif"
    keys = {"format": "folder", "images": str(tmp_path), "channels": {"DNA": "c1"}}
    section = options(**keys, pattern=pattern, groups=["donor"], labels_required=False)
    assert list(read_sites(section)["donor"]) == ["d7", "d8"]
    section = change(section, groups={"donor": "doner"})
    with pytest.raises(
        InputError, match=r"input\.groups\.donor: input\.pattern has no group 'doner'"
    ):
        read_sites(section)


def test_blanks_are_refused(screen):
    screen.lines[2] = screen.lines[2].removesuffix("anna")
    assert "line 3, column 'patient_id': blank; fill in the patient of every row" in screen.error(
        groups={"patient": "patient_id"}
    )


def test_one_group_in_two_spellings_is_refused(screen):
    screen.lines[2] = screen.lines[2].replace("anna", "Anna ")
    assert "'anna' (line 2) and 'Anna' (line 3) look like one patient" in screen.error(
        groups={"patient": "patient_id"}
    )


def test_a_column_that_is_not_there_is_named(screen):
    assert (
        "input.groups.patient: the sheet has no column 'patientid'; did you mean 'patient_id'?"
        in screen.error(groups={"patient": "patientid"})
    )


@pytest.mark.parametrize("name", ["plate", "well", "Batch", "set", "tile", "unit_id", "moa"])
def test_names_of_our_own_columns_are_refused(name):
    raw = {
        "run": "r",
        "input": {"format": "table", "sheet": "s", "channels": {"a": "a"}, "groups": [name]},
    }
    with pytest.raises(InputError, match=rf"input\.groups: '{name}' is the name of a column"):
        load(raw)


def test_the_independent_unit_may_be_a_free_group():
    raw = {
        "run": "r",
        "input": {
            "format": "table",
            "sheet": "s",
            "channels": {"a": "a", "b": "b", "c": "c"},
            "groups": ["patient"],
        },
        "splits": {"s": {"method": "group-k-fold", "group": ["patient"]}},
        "models": {"m": {"split": "s"}},
        "evaluation": {"independent_unit": "patient"},
    }
    assert load(raw).evaluation.independent_unit == "patient"
    raw["evaluation"]["independent_unit"] = "pateint"
    with pytest.raises(InputError, match="unknown unit 'pateint'"):
        load(raw)


def patients(n: int = 8) -> pd.DataFrame:
    """Make units of patients who each have wells of both classes."""
    rows = [
        (f"p{patient}", moa, f"{'AB'[moa == 'y']}{patient + 1:02d}")
        for patient in range(n)
        for moa in "xy"
    ]
    table = pd.DataFrame(rows, columns=["patient", "moa", "well"])
    return table.assign(
        unit_id=table["well"],
        site_id=table["well"],
        plate="P1",
        site="1",
        field=table["well"],
        batch="1",
        row=0,
        col=0,
        compound=table["moa"] + "1",
        treatment=table["moa"] + "1",
        role="treated",
        tile=0,
        usable=True,
        flagged=False,
    )


def test_splits_keep_free_groups_whole():
    units = patients()
    options = {"method": "group-k-fold", "group": ["patient"], "folds": 4}
    split, groups = make_split(units, options, seed=1)
    assert set(groups["group"]) == set(units["patient"])
    assert (split[split["set"] == "test"].groupby("group")["fold"].nunique() == 1).all()
    check_sites(units, options, 1, audited=["patient"])


def test_intervals_are_over_the_free_group_that_is_held_out():
    units = patients()
    predictions = units[["unit_id", "moa"]].assign(
        repeat=0, fold=units["patient"].factorize()[0] % 4, fold_name="f", predicted=units["moa"]
    )
    predictions["p:x"] = np.where(units["moa"] == "x", 0.9, 0.1)
    predictions["p:y"] = 1 - predictions["p:x"]
    options = Evaluation(permutations=200)
    entry = evaluate(predictions, units, options, held_out=["patient"])
    assert entry["details"]["independent_unit"] == "patient"
    assert entry["details"]["n_independent"] == 8
    assert entry["by_well"]["accuracy"]["ci"] is not None


def test_the_advice_for_a_name_that_is_taken_keeps_the_column():
    raw = {
        "run": "r",
        "input": {
            "format": "table",
            "sheet": "s",
            "channels": {"a": "a"},
            "groups": {"compound": "patient_id"},
        },
    }
    with pytest.raises(InputError, match=r"as in \{my_compound: patient_id\}"):
        load(raw)
