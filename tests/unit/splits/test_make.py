"""What a split promises: groups stay whole, classes stay learnable, errors say what to do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedKFold
from unit_tables import (
    check_sites,
    fixed,
    held_out_columns,
    leave_one_out,
    make_split,
    screen,
    units_table,
)

from moascope.core.errors import InputError
from moascope.splits.folds import iterate_folds
from moascope.splits.groups import group_codes
from moascope.splits.options import METHODS


@pytest.fixture(scope="module")
def lab_units(shared_data):
    """The units table of the real six-mechanism set, one unit per quadrant."""
    labels = pd.read_csv(shared_data / "bbbc021-lab" / "labels.csv", dtype={"replicate": str})
    units = labels.rename(columns={"quadrant": "site", "week": "batch"})
    units["unit_id"] = units["site_id"] = units["plate"] + "/" + units["well"] + "/" + units["site"]
    return units.assign(role="treated", flagged=False, usable=True)


# --- agreement with scikit-learn -----------------------------------------------------------------


@pytest.mark.parametrize("column", ["compound", "batch", "plate"])
def test_leave_one_out_folds_are_those_of_scikit_learn(column):
    units = screen()
    split, groups = make_split(units, leave_one_out(column), seed=0)
    ours = {(tuple(fold.train), tuple(fold.test)) for fold in iterate_folds(split, groups, units)}
    theirs = LeaveOneGroupOut().split(units, units["moa"], units[column])
    assert ours == {(tuple(train), tuple(test)) for train, test in theirs}


def test_stratified_folds_hold_as_many_of_every_class_as_scikit_learns():
    units = screen(sites=5)
    split, groups = make_split(units, {"method": "stratified-k-fold", "folds": 4}, seed=3)
    ours = [
        sorted(units["moa"].iloc[fold.test].value_counts())
        for fold in iterate_folds(split, groups, units)
    ]
    splitter = StratifiedKFold(4, shuffle=True, random_state=0)
    theirs = [
        sorted(units["moa"].iloc[test].value_counts())
        for _, test in splitter.split(units, units["moa"])
    ]
    assert sorted(ours) == sorted(theirs)


def test_group_folds_are_better_stratified_than_plain_group_folds():
    units = screen(n_classes=4, n_compounds=6, n_batches=1, sites=3)
    split, groups = make_split(
        units, {"method": "group-k-fold", "group": ["compound"], "folds": 6}, seed=1
    )
    for fold in iterate_folds(split, groups, units):
        assert (units["moa"].iloc[fold.test].value_counts() == 3).all()
    plain = GroupKFold(6).split(units, units["moa"], units["compound"])
    assert any(len(units["moa"].iloc[test].unique()) < 4 for _, test in plain)


# --- properties ----------------------------------------------------------------------------------


@st.composite
def screens(draw):
    """Random screens in which every class has at least three compounds in two batches."""
    n_classes = draw(st.integers(2, 4))
    rows = []
    for label in range(n_classes):
        for i in range(draw(st.integers(3, 5))):
            first = draw(st.integers(1, 3))
            for batch in {first, i % 3 + 1}:
                for replicate in range(draw(st.integers(1, 2))):
                    plate = f"Week{batch}_plate{replicate}"
                    well = f"{'ABCDEFGH'[label]}{i + 1:02d}"
                    rows.append((f"moa{label}", f"c{label}-{i}", f"Week{batch}", plate, well))
    units = units_table(rows, sites=draw(st.integers(1, 3)))
    usable = draw(st.lists(st.booleans(), min_size=len(units), max_size=len(units)))
    # At most a few units are unusable, so that no class is lost by them alone.
    units["usable"] = np.array(usable) | (np.arange(len(units)) % 7 != 0)
    return units


@st.composite
def split_options(draw):
    method = draw(st.sampled_from([method for method in METHODS if method != "fixed"]))
    return {
        "method": method,
        "group": draw(st.sampled_from([["compound"], ["well"], ["field"], ["plate", "compound"]])),
        "folds": draw(st.integers(2, 3)),
        "repeats": draw(st.integers(1, 2)),
        "validation": draw(st.sampled_from([0.0, 0.1, 0.3])),
        "drop_unlearnable_classes": True,
    }


def made(units, options, seed=0):
    """The split, or None where the random screen does not allow it."""
    try:
        return make_split(units, options, seed)
    except InputError:
        return None


PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@PROPERTY
@given(screens(), split_options())
def test_no_group_stands_on_two_sides_of_a_fold(units, options):
    result = made(units, options)
    if result is None:
        return
    split, groups = result
    assert not split.duplicated(["repeat", "fold", "group"]).any()
    group_of = groups.set_index("unit_id")["group"]
    for fold in iterate_folds(split, groups, units):
        sides = [
            set(group_of[units["unit_id"].iloc[rows]])
            for rows in (fold.train, fold.validation, fold.test)
        ]
        assert sum(map(len, sides)) == len(set.union(*sides))


@PROPERTY
@given(screens(), split_options())
def test_every_unit_of_the_split_is_tested_exactly_once_per_repeat(units, options):
    result = made(units, options)
    if result is None or any("fold" in sentence[:5] for sentence in result[0].attrs["dropped"]):
        return
    split, groups = result
    times = np.zeros((options["repeats"], len(units)), int)
    for fold in iterate_folds(split, groups, units):
        times[fold.repeat, fold.test] += 1
    taking_part = units["unit_id"].isin(groups["unit_id"]).to_numpy()
    assert (times[:, taking_part] == 1).all()
    assert (times[:, ~taking_part] == 0).all()


@PROPERTY
@given(screens(), split_options())
def test_every_tested_class_is_trained_on_even_after_validation_is_taken(units, options):
    result = made(units, options)
    if result is None:
        return
    for fold in iterate_folds(*result, units):
        tested, trained = (set(units["moa"].iloc[rows]) for rows in (fold.test, fold.train))
        validated = set(units["moa"].iloc[fold.validation])
        assert tested | validated <= trained


@PROPERTY
@given(screens(), split_options())
def test_only_usable_labelled_treated_units_take_part(units, options):
    units.loc[units.index[::5], "moa"] = ""
    units.loc[units.index[1::5], "role"] = "control"
    result = made(units, options)
    if result is None:
        return
    inside = units[units["unit_id"].isin(result[1]["unit_id"])]
    assert inside["usable"].all()
    assert (inside["moa"] != "").all()
    assert (inside["role"] == "treated").all()


@PROPERTY
@given(screens(), split_options(), st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_split(units, options, seed):
    first, second = made(units, options, seed), made(units, options, seed)
    if first is None:
        return
    for one, other in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one, other)


@PROPERTY
@given(screens(), st.sampled_from([0.0, 0.2]))
def test_compound_and_batch_out_trains_on_neither(units, validation):
    options = {
        "method": "leave-compound-and-batch-out",
        "validation": validation,
        "drop_unlearnable_classes": True,
    }
    result = made(units, options)
    if result is None:
        return
    for fold in iterate_folds(*result, units):
        tested = units.iloc[fold.test]
        learned = units.iloc[np.concatenate([fold.train, fold.validation])]
        assert tested[["compound", "batch"]].drop_duplicates().shape[0] == 1
        assert not set(tested["compound"]) & set(learned["compound"])
        assert not set(tested["batch"]) & set(learned["batch"])


@PROPERTY
@given(screens(), split_options())
def test_what_a_method_holds_out_stands_on_one_side_of_every_fold(units, options):
    result = made(units, options)
    if result is None:
        return
    for fold in iterate_folds(*result, units):
        for column in held_out_columns(options):
            codes, _ = group_codes(units, column.split("+"))
            sides = [set(codes[rows]) for rows in (fold.train, fold.validation, fold.test)]
            assert sum(map(len, sides)) == len(set.union(*sides))


# --- validation ----------------------------------------------------------------------------------


def test_repeats_differ_and_each_is_complete():
    units = screen(sites=4)
    options = {"method": "stratified-k-fold", "folds": 3, "repeats": 2}
    split, _ = make_split(units, options, seed=0)
    tests = split[split["set"] == "test"].set_index("group")
    first, second = (tests.loc[tests["repeat"] == repeat, "fold"] for repeat in (0, 1))
    assert sorted(first.index) == sorted(second.index)
    assert (first != second.reindex(first.index)).any()


# --- classes that cannot be learned ---------------------------------------------------------------


@pytest.mark.parametrize("column", ["batch", "plate"])
def test_one_batch_or_plate_is_refused(column):
    units = screen(n_batches=1)
    message = f"leave-one-{column}-out needs at least two values of '{column}', but all 18 labelled"
    with pytest.raises(InputError, match=message):
        make_split(units, leave_one_out(column), seed=0)


def test_compound_and_batch_out_needs_two_batches():
    with pytest.raises(InputError, match=r"two values of 'batch', but all 18 .* have 'Week1'"):
        make_split(screen(n_batches=1), {"method": "leave-compound-and-batch-out"}, seed=0)


@pytest.mark.parametrize("n_folds", [10])
def test_more_folds_than_groups_are_refused(n_folds):
    options = {"method": "group-k-fold", "group": ["compound"], "folds": n_folds}
    with pytest.raises(InputError, match=f"folds is {n_folds}, but there are 9 groups"):
        make_split(screen(), options, seed=0)


def test_more_folds_than_units_of_any_class_are_refused():
    options = {"method": "stratified-k-fold", "folds": 13}
    with pytest.raises(InputError, match="folds is 13, but the largest class has 12 units"):
        make_split(screen(), options, seed=0)


# --- before images are read -----------------------------------------------------------------------


def sites_table(units):
    """What is known of units before any image is read, with a column of each kind for images."""
    known = units.drop(columns=["unit_id", "usable", "flagged"])
    return known.assign(**{"path:DNA": "a.tif", "bytes:DNA": 1})


@pytest.mark.parametrize(
    ("units", "options"),
    [
        (units_table([("a", "x", "b", "p", "A01"), ("b", "y", "b", "p", "A02")]), {}),
        (screen(n_classes=1), {}),
        (screen(n_batches=1), {"method": "leave-one-batch-out"}),
        (screen(n_batches=1), {"method": "leave-compound-and-batch-out"}),
        (screen(), {"method": "group-k-fold", "group": ["compound"], "folds": 10}),
        (screen(), {"method": "group-k-fold", "group": ["compund"], "folds": 2}),
        (screen(), {"method": "fixed", "file": "none.csv"}),
    ],
)
def test_sites_are_refused_with_the_message_of_the_split(units, options):
    options = leave_one_out("compound") | options
    with pytest.raises(InputError) as of_units:
        make_split(units, options, seed=0)
    with pytest.raises(InputError) as of_sites:
        check_sites(sites_table(units), options, seed=0)
    assert str(of_sites.value) == str(of_units.value)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "fixed"])
def test_sites_that_allow_a_split_pass_and_stay_as_they_are(method):
    sites = sites_table(screen())
    before = sites.copy()
    options = {"method": method, "group": ["compound"], "folds": 3, "validation": 0.2}
    check_sites(sites, options, seed=0)
    pd.testing.assert_frame_equal(sites, before)


def test_sites_are_counted_as_the_tiles_that_they_are_cut_into(tmp_path):
    rows = [("a", "x", "b", "p", "A01"), ("b", "y", "b", "p", "A02")]
    sites = sites_table(units_table(rows, sites=1))
    options = {"method": "stratified-k-fold", "folds": 4}
    with pytest.raises(InputError, match="folds is 4, but there are 2 units"):
        check_sites(sites, options, seed=0)
    check_sites(sites, options, seed=0, tiles=4)
    check_sites(sites, {"method": "group-k-fold", "group": ["tile"], "folds": 4}, 0, tiles=4)
    names = [f"p/A0{well}/1#t{tile},{tile}" for well in (1, 2) for tile in (0, 1)]
    text = "\n".join(["unit_id,set", *names]).replace(",0", ",train").replace(",1", ",test")
    check_sites(sites, fixed(tmp_path, text), seed=0, tiles=2)


def test_lists_of_single_cells_wait_until_cells_are_known(tmp_path):
    rows = [("a", "x", "b", "p", "A01"), ("b", "y", "b", "p", "A02")]
    sites = sites_table(units_table(rows, sites=1))
    cells = fixed(tmp_path, "unit_id,set\np/A01/1#c1,train\np/A02/1#c7,test")
    check_sites(sites, cells, seed=0, tiles=None)
    with pytest.raises(InputError, match="no unit has unit_id"):
        check_sites(sites, cells, seed=0)
    wells = fixed(tmp_path, "well,set\nA01,train\nA12,test")
    with pytest.raises(InputError, match="no unit has well 'A12'"):
        check_sites(sites, wells, seed=0, tiles=None)


def test_columns_of_the_audit_are_looked_for_before_images_are_read():
    options = {"method": "leave-one-compound-out"}
    check_sites(sites_table(screen()), options, seed=0, audited=["field", "plate+well"])
    with pytest.raises(InputError, match="unknown group column 'feild'"):
        check_sites(sites_table(screen()), options, seed=0, audited=["feild"])


# --- what the audit has to look at ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({"method": "leave-one-compound-out"}, ["compound"]),
        ({"method": "leave-one-batch-out"}, ["batch"]),
        ({"method": "leave-one-plate-out"}, ["plate"]),
        ({"method": "leave-compound-and-batch-out"}, ["compound", "batch"]),
        ({"method": "group-k-fold", "group": ["well"]}, ["well"]),
        ({"method": "group-k-fold", "group": ["plate", "compound"]}, ["plate+compound"]),
        ({"method": "stratified-k-fold", "group": ["compound"]}, []),
        ({"method": "fixed", "group": ["compound"]}, []),
    ],
)
def test_each_method_names_what_it_holds_out(options, columns):
    assert held_out_columns(options) == columns


# --- the real set ---------------------------------------------------------------------------------


def test_real_set_leave_one_compound_out_has_18_folds(lab_units):
    split, groups = make_split(lab_units, leave_one_out("compound"), seed=0)
    tested = np.concatenate([fold.test for fold in iterate_folds(split, groups, lab_units)])
    assert split["fold"].nunique() == 18
    assert sorted(tested) == list(range(660))


def test_real_set_leave_one_batch_out_names_the_confounded_class(lab_units):
    with pytest.raises(
        InputError, match="class 'Cholesterol-lowering' has a single batch, 'Week9'"
    ):
        make_split(lab_units, leave_one_out("batch"), seed=0)


@pytest.mark.parametrize("method", ["leave-one-batch-out", "leave-compound-and-batch-out"])
def test_real_set_without_the_confounded_class_has_588_units(lab_units, method):
    options = {"method": method, "drop_unlearnable_classes": True}
    split, groups = make_split(lab_units, options, seed=0)
    assert len(groups) == 588
    assert "Cholesterol-lowering" in split.attrs["dropped"][0]


def test_real_set_validation_of_compound_and_batch_out_is_apart_from_training(lab_units):
    options = {
        "method": "leave-compound-and-batch-out",
        "validation": 0.1,
        "drop_unlearnable_classes": True,
    }
    n_validated = 0
    for fold in iterate_folds(*make_split(lab_units, options, seed=0), lab_units):
        trained, validated = lab_units.iloc[fold.train], lab_units.iloc[fold.validation]
        n_validated += len(validated)
        for column in ("compound", "batch"):
            assert not set(trained[column]) & set(validated[column])
    assert n_validated > 0
