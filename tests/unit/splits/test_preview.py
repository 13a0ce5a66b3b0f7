"""What is said of a split before images are read."""

import pandas as pd
import pytest
from unit_tables import check_sites

from moascope.core.options import restore
from moascope.splits.options import Audit, Split
from moascope.splits.preview import check_splits, preview


def sites(counts: dict[str, int], patients: int = 4) -> pd.DataFrame:
    """Make sites of classes with so many images each, dealt out to patients in turn."""
    rows = [(f"{moa}/{k}", moa, f"p{k % patients}") for moa, n in counts.items() for k in range(n)]
    table = pd.DataFrame(rows, columns=["site_id", "moa", "patient"])
    return table.assign(
        image=table["site_id"],
        plate="P",
        well=[f"A{k + 1:02d}" for k in range(len(table))],
        site="1",
        field=table["site_id"],
        batch="1",
        compound=table["moa"],
        treatment=table["moa"],
        role="treated",
    )


def test_groups_on_both_sides_of_a_fixed_split_are_found_before_images_are_read(tmp_path):
    file = tmp_path / "list.csv"
    lines = [f"x/{k},{'test' if k > 5 else 'train'}" for k in range(8)]
    lines += [f"y/{k},{'test' if k > 5 else 'train'}" for k in range(8)]
    file.write_text("site_id,set\n" + "\n".join(lines) + "\n")
    planned = check_sites(sites({"x": 8, "y": 8}), {"method": "fixed", "file": str(file)}, 1)
    found = preview(planned, ["patient"])
    assert found.leaks == [
        "2 groups of column 'patient' are in two sets, for example 'p2' in train and test of "
        "repeat 0, fold 'fixed'."
    ]
    assert preview(planned, ["image"]).leaks == []


def test_counts_per_class_and_fold_are_a_small_table():
    options = {"method": "stratified-k-fold", "folds": 2}
    planned = check_sites(sites({"x": 12, "y": 8}), options, 1)
    found = preview(planned, [])
    assert found.table.splitlines() == [
        "units by class (train / test):",
        "   units fold 1 fold 2",
        "x     12  6 / 6  6 / 6",
        "y      8  4 / 4  4 / 4",
    ]
    assert {"repeat", "fold", "fold_name", "moa", "train", "test"} <= set(found.counts[0])


def test_many_folds_are_shown_as_ranges():
    options = {"method": "stratified-k-fold", "folds": 12}
    found = preview(check_sites(sites({"x": 30, "y": 25}), options, 1), [])
    assert found.table.splitlines()[0] == "units by class (range over 12 folds):"
    assert "27-28" in found.table
    assert "2-3" in found.table


@pytest.mark.parametrize(
    ("n", "notes"),
    [
        (
            4,
            [
                "class 'y' is tested on 4 units in all; its scores are uncertain",
                "class 'y' has 2 training units in fold 'fold 1' and fewer than 5 in 1 more",
            ],
        ),
        (12, []),
    ],
)
def test_classes_with_few_units_are_said(n, notes):
    options = {"method": "stratified-k-fold", "folds": 2}
    assert preview(check_sites(sites({"x": 12, "y": n}), options, 1), []).notes == notes


def test_a_class_that_is_never_tested_is_said(tmp_path):
    file = tmp_path / "list.csv"
    rows = [f"x/{k},{'test' if k > 5 else 'train'}" for k in range(12)]
    rows += [f"y/{k},train" for k in range(8)]
    file.write_text("site_id,set\n" + "\n".join(rows) + "\n")
    planned = check_sites(sites({"x": 12, "y": 8}), {"method": "fixed", "file": str(file)}, 1)
    assert preview(planned, []).notes == ["class 'y' is tested in no fold; it has no scores"]


def leaking_list(folder) -> Split:
    lines = [f"{name}/{k},{'test' if k > 5 else 'train'}" for name in "xy" for k in range(8)]
    (folder / "list.csv").write_text("site_id,set\n" + "\n".join(lines) + "\n")
    return restore(Split, {"method": "fixed", "file": str(folder / "list.csv")})


@pytest.mark.parametrize("on_leak", ["error", "warn"])
def test_leaks_stop_the_run_or_are_notes(tmp_path, on_leak):
    audit = Audit(groups=["patient"], on_leak=on_leak)
    table = sites({"x": 8, "y": 8})
    found = check_splits(table, {"s": leaking_list(tmp_path)}, {"s": audit}, seed=1, tiles=1)
    assert ("2 groups of column 'patient'" in found.texts[0]) == (on_leak == "warn")
    assert ["splits.s: 2 groups" in problem for problem in found.problems] == (
        [True] if on_leak == "error" else []
    )


def test_problems_of_all_splits_are_listed():
    alone = restore(Split, {"method": "leave-one-compound-out"})
    fine = restore(Split, {"method": "stratified-k-fold", "folds": 2})
    splits = {"a": alone, "fine": fine, "b": alone}
    audits = dict.fromkeys(splits, Audit())
    found = check_splits(sites({"x": 8, "y": 8}), splits, audits, seed=1, tiles=1)
    assert [problem.partition(":")[0] for problem in found.problems] == ["splits.a", "splits.b"]
    assert list(found.counts) == ["fine"]
