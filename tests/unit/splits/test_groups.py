"""Groups have distinct names in natural order."""

import pandas as pd
import pytest
from unit_tables import leave_one_out, make_split, screen, units_table

from moascope.core.errors import InputError
from moascope.splits.groups import group_codes, labelled_units


def test_an_unknown_group_column_is_refused_with_the_nearest_one():
    options = {"method": "group-k-fold", "group": ["compund"], "folds": 2}
    with pytest.raises(InputError, match="unknown group column 'compund': did you mean 'compound'"):
        make_split(screen(), options, seed=0)


def test_an_empty_batch_is_refused_with_the_first_unit():
    units = screen()
    units.loc[3, "batch"] = ""
    with pytest.raises(InputError, match=r"column 'batch' is empty for 1 units \(first: 'plate1/A"):
        make_split(units, leave_one_out("batch"), seed=0)


def test_controls_take_part_only_when_asked():
    units = pd.concat(
        [screen(n_classes=1), units_table([("DMSO", "DMSO", "Week1", "plate1", "H01")] * 1)]
    )
    with pytest.raises(InputError, match=r"at least two classes, found only the class 'moa0'"):
        labelled_units(units, include_controls=False)
    assert set(labelled_units(units, include_controls=True)["moa"]) == {"moa0", "DMSO"}


def test_controls_without_a_moa_cannot_form_a_class():
    units = pd.concat([screen(), units_table([("", "DMSO", "Week1", "plate1", "H01")])])
    with pytest.raises(InputError, match=r"2 control units have no moa \(first: 'plate1/H01/1'\)"):
        labelled_units(units, include_controls=True)


def test_no_labelled_units_at_all_is_said():
    units = screen().assign(usable=False)
    with pytest.raises(InputError, match="found no labelled, usable units among 36 units"):
        labelled_units(units, include_controls=False)


def test_a_well_is_identified_together_with_its_plate():
    units = screen(n_batches=2)
    codes, names = group_codes(units, ["well"])
    assert len(names) == 18
    assert names[0] == "plate1 | A01"
    expected = units.groupby(["plate", "well"]).ngroup().to_numpy()
    assert (codes == expected).all()


def test_group_names_are_in_natural_order():
    units = screen(n_compounds=1, n_batches=11)
    assert list(group_codes(units, ["batch"])[1]) == [f"Week{i}" for i in range(1, 12)]


def test_different_groups_never_share_a_name():
    units = units_table([("a", "x", "b", "p", "A01"), ("a", "x", "b", "p", "A02")], sites=2)
    units["compound"] = ["x | y", "x", "x | y", "x"]
    units["batch"] = ["z", "y | z", "w", "z"]
    _, names = group_codes(units, ["compound", "batch"])
    assert len(set(names)) == len(names) == 4


def test_rows_and_columns_of_plates_are_named_as_they_are_printed():
    units = pd.DataFrame({"unit_id": ["a", "b"], "row": [0, 7], "col": [0, 11]})
    assert list(group_codes(units, ["row"])[1]) == ["A", "H"]
    assert list(group_codes(units, ["col"])[1]) == ["1", "12"]
