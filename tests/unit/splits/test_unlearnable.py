"""Classes that a fold would test without training units are named or left out."""

import pandas as pd
import pytest
from unit_tables import leave_one_out, make_split, screen, units_table

from moascope.core.errors import InputError


def test_a_class_with_one_compound_is_refused_with_class_and_compound_named():
    units = screen(n_classes=2, n_batches=1)
    units = pd.concat([units, units_table([("rare", "taxol", "Week1", "plate1", "H01")])])
    with pytest.raises(
        InputError,
        match=r"class 'rare' has a single compound, 'taxol', so no training units are left when"
        r"(.|\n)*add units of the class from another compound(.|\n)*drop_unlearnable_classes: true",
    ):
        make_split(units, leave_one_out("compound"), seed=0)


def test_a_class_with_one_compound_is_left_out_when_asked_and_reported():
    units = screen(n_classes=2, n_batches=1)
    units = pd.concat([units, units_table([("rare", "taxol", "Week1", "plate1", "H01")])])
    options = leave_one_out("compound", drop_unlearnable_classes=True)
    split, groups = make_split(units, options, seed=0)
    assert "taxol" not in set(split["group"])
    assert not groups["unit_id"].str.contains("H01").any()
    assert len(split.attrs["dropped"]) == 1
    assert "class 'rare' is left out (2 units, in 'taxol')" in split.attrs["dropped"][0]


def test_a_single_fold_that_cannot_be_learned_is_left_out_alone():
    # Class a: compound x in both weeks, y in week 1 only. Testing x in week 1 leaves nothing.
    rows = [("a", "x", "Week1", "p1", "A01"), ("a", "x", "Week2", "p2", "A01")]
    rows += [("a", "y", "Week1", "p1", "A02")]
    rows += [
        ("b", name, f"Week{week}", f"p{week}", well)
        for name, well in (("u", "B01"), ("v", "B02"))
        for week in (1, 2)
    ]
    options = {"method": "leave-compound-and-batch-out"}
    with pytest.raises(InputError, match="class 'a' is tested in fold 'x in Week1' but has no"):
        make_split(units_table(rows), options, seed=0)
    split, _ = make_split(units_table(rows), options | {"drop_unlearnable_classes": True}, seed=0)
    assert "x in Week1" not in set(split["fold_name"])
    assert "x in Week2" in set(split["fold_name"])
    assert "fold 'x in Week1' is left out (2 units of class 'a')" in split.attrs["dropped"][0]


def test_leaving_out_all_but_one_class_is_refused():
    rows = [("a", "x", "b", "p", "A01"), ("b", "y", "b", "p", "A02"), ("b", "z", "b", "p", "A03")]
    options = leave_one_out("compound", drop_unlearnable_classes=True)
    with pytest.raises(InputError, match=r"fewer than two classes are left(.|\n)*class 'a'"):
        make_split(units_table(rows), options, seed=0)


def test_what_was_left_out_survives_parquet(tmp_path):
    units = screen(n_classes=2, n_batches=1)
    units = pd.concat([units, units_table([("rare", "taxol", "Week1", "plate1", "H01")])])
    options = leave_one_out("compound", drop_unlearnable_classes=True)
    split, _ = make_split(units, options, seed=0)
    split.to_parquet(tmp_path / "split.parquet", index=False)
    assert pd.read_parquet(tmp_path / "split.parquet").attrs["dropped"] == split.attrs["dropped"]
