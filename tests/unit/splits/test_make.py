"""What a split promises: groups stay whole, classes stay learnable, errors say what to do."""

import gzip
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedKFold

from moascope.core.errors import InputError
from moascope.splits.groups import group_codes
from moascope.splits.independence import held_out_columns
from moascope.splits.make import (
    METHODS,
    check_sites,
    folds,
    labelled_units,
    make_split,
    separate_validation_groups,
    summary,
    validation_groups,
)


def units_table(rows, sites=2):
    """A units table from rows (moa, compound, batch, plate, well), `sites` units each."""
    records = [
        {
            "unit_id": f"{plate}/{well}/{site}",
            "site_id": f"{plate}/{well}/{site}",
            "plate": plate,
            "well": well,
            "site": str(site),
            "field": f"{plate}/{well}/{site}",
            "batch": batch,
            "compound": compound,
            "treatment": f"{compound}@1",
            "moa": moa,
            "role": "control" if compound == "DMSO" else "treated",
            "flagged": False,
            "usable": True,
        }
        for moa, compound, batch, plate, well in rows
        for site in range(1, sites + 1)
    ]
    return pd.DataFrame(records)


def screen(n_classes=3, n_compounds=3, n_batches=2, sites=2):
    """Every compound once in every batch, one plate per batch."""
    rows = []
    for batch in range(n_batches):
        for i in range(n_classes * n_compounds):
            well = f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}"
            moa, compound = f"moa{i // n_compounds}", f"compound{i}"
            rows.append((moa, compound, f"Week{batch + 1}", f"plate{batch + 1}", well))
    return units_table(rows, sites)


@pytest.fixture(scope="module")
def lab_units(shared_data):
    """The units table of the real six-mechanism set, one unit per quadrant."""
    labels = pd.read_csv(shared_data / "bbbc021-lab" / "labels.csv", dtype={"replicate": str})
    units = labels.rename(columns={"quadrant": "site", "week": "batch"})
    units["unit_id"] = units["site_id"] = units["plate"] + "/" + units["well"] + "/" + units["site"]
    return units.assign(role="treated", flagged=False, usable=True)


def leave_one_out(method, **options):
    return {"method": f"leave-one-{method}-out", **options}


# --- agreement with scikit-learn -----------------------------------------------------------------


@pytest.mark.parametrize("column", ["compound", "batch", "plate"])
def test_leave_one_out_folds_are_those_of_scikit_learn(column):
    units = screen()
    split, groups = make_split(units, leave_one_out(column), seed=0)
    ours = {(tuple(fold.train), tuple(fold.test)) for fold in folds(split, groups, units)}
    theirs = LeaveOneGroupOut().split(units, units["moa"], units[column])
    assert ours == {(tuple(train), tuple(test)) for train, test in theirs}


def test_stratified_folds_hold_as_many_of_every_class_as_scikit_learns():
    units = screen(sites=5)
    split, groups = make_split(units, {"method": "stratified-k-fold", "folds": 4}, seed=3)
    ours = [
        sorted(units["moa"].iloc[fold.test].value_counts()) for fold in folds(split, groups, units)
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
    for fold in folds(split, groups, units):
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
    for fold in folds(split, groups, units):
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
    for fold in folds(split, groups, units):
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
    for fold in folds(*result, units):
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
    for fold in folds(*result, units):
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
    for fold in folds(*result, units):
        for column in held_out_columns(options):
            codes, _ = group_codes(units, column.split("+"))
            sides = [set(codes[rows]) for rows in (fold.train, fold.validation, fold.test)]
            assert sum(map(len, sides)) == len(set.union(*sides))


@PROPERTY
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=2, max_size=25, unique=True),
    st.floats(0.05, 0.5),
    st.integers(0, 2**31),
)
def test_separate_validation_shares_nothing_and_leaves_every_class(pairs, fraction, seed):
    compound, batch = np.array(pairs).T
    # Two compounds per class.
    counts = np.where(np.arange(3) == compound[:, None] // 2, 4, 0)
    validation, training = separate_validation_groups(
        counts, [compound, batch], fraction, np.random.default_rng(seed)
    )
    for column in (compound, batch):
        assert not set(column[validation]) & set(column[training])
    assert (counts[training].any(axis=0) == counts.any(axis=0)).all()


@PROPERTY
@given(
    st.integers(2, 30).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=n, max_size=n
        )
    ),
    st.floats(0.05, 0.5),
    st.integers(0, 2**31),
)
def test_validation_leaves_a_training_group_of_every_class(counts, fraction, seed):
    counts = np.array(counts)
    chosen = validation_groups(counts, fraction, np.random.default_rng(seed))
    present = counts > 0
    assert (present[~chosen].any(axis=0) == present.any(axis=0)).all()


# --- validation ----------------------------------------------------------------------------------


def test_validation_is_close_to_its_share_where_groups_are_small():
    units = screen(n_compounds=20, sites=1)
    split, groups = make_split(units, leave_one_out("compound", validation=0.2), seed=0)
    table = summary(split, groups, units)
    share = table["validation"] / (table["validation"] + table["train"])
    assert share.between(0.15, 0.26).all()


def test_validation_moves_the_compound_that_exceeds_its_share_least():
    rows = [("a", "large", "b", "p", f"A{i:02d}") for i in range(1, 9)]
    rows += [("a", "small", "b", "p", "B01"), ("a", "tested", "b", "p", "B02")]
    rows += [("b", f"other{i}", "b", "p", f"C{i:02d}") for i in range(1, 4)]
    split, _ = make_split(units_table(rows), leave_one_out("compound", validation=0.1), seed=0)
    fold = split[(split["fold_name"] == "tested") & (split["set"] == "validation")]
    assert "small" in set(fold["group"])
    assert "large" not in set(fold["group"])


def test_a_class_with_one_training_group_gives_nothing_to_validation_and_the_log_says_so(caplog):
    units = screen(n_classes=2, n_compounds=2, n_batches=1)
    with caplog.at_level(logging.WARNING):
        split, groups = make_split(units, leave_one_out("compound", validation=0.2), seed=0)
    table = summary(split, groups, units)
    held_out = table[table["test"] > 0]
    assert (held_out["validation"] == 0).all()
    assert (held_out["train"] > 0).all()
    assert "class 'moa0' has too few training groups" in caplog.text


def test_validation_of_compound_and_batch_out_costs_training_no_more_than_it_has_to(caplog):
    # Without the tested pair, 11 compounds in 3 batches: validation is one pair of each class.
    units = screen(n_classes=2, n_compounds=6, n_batches=4)
    options = {"method": "leave-compound-and-batch-out", "validation": 0.05}
    with caplog.at_level(logging.WARNING):
        split, groups = make_split(units, options, seed=0)
    table = summary(split, groups, units)
    assert (table["validation"] == 2).all()
    trained = table.groupby("fold_name")["train"].sum()
    assert (trained == 2 * (11 - 2) * 2).all()
    assert "takes 6 % of the training units of a fold, and 39 % are left out" in caplog.text


def test_compound_and_batch_out_in_two_batches_gets_no_validation_and_the_log_says_so(caplog):
    options = {"method": "leave-compound-and-batch-out", "validation": 0.2}
    with caplog.at_level(logging.WARNING):
        split, _ = make_split(screen(n_batches=2), options, seed=0)
    assert "validation" not in set(split["set"])
    assert "class 'moa0' has too few training groups" in caplog.text


def test_repeats_differ_and_each_is_complete():
    units = screen(sites=4)
    options = {"method": "stratified-k-fold", "folds": 3, "repeats": 2}
    split, _ = make_split(units, options, seed=0)
    tests = split[split["set"] == "test"].set_index("group")
    first, second = (tests.loc[tests["repeat"] == repeat, "fold"] for repeat in (0, 1))
    assert sorted(first.index) == sorted(second.index)
    assert (first != second.reindex(first.index)).any()


# --- classes that cannot be learned ---------------------------------------------------------------


def test_a_class_with_one_compound_is_refused_with_class_and_compound_named():
    units = screen(n_classes=2, n_batches=1)
    units = pd.concat([units, units_table([("rare", "taxol", "Week1", "plate1", "H01")])])
    with pytest.raises(
        InputError,
        match=r"class 'rare' has a single compound, 'taxol', so nothing is left to learn it from"
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


@pytest.mark.parametrize("column", ["batch", "plate"])
def test_one_batch_or_plate_is_refused(column):
    units = screen(n_batches=1)
    message = f"leave-one-{column}-out needs at least two values of '{column}', but all 18 labelled"
    with pytest.raises(InputError, match=message):
        make_split(units, leave_one_out(column), seed=0)


def test_compound_and_batch_out_needs_two_batches():
    with pytest.raises(InputError, match=r"two values of 'batch', but all 18 .* have 'Week1'"):
        make_split(screen(n_batches=1), {"method": "leave-compound-and-batch-out"}, seed=0)


@pytest.mark.parametrize("n_folds", [1, 10])
def test_more_folds_than_groups_are_refused(n_folds):
    options = {"method": "group-k-fold", "group": ["compound"], "folds": n_folds}
    with pytest.raises(InputError, match=f"folds is {n_folds}, but there are 9 groups"):
        make_split(screen(), options, seed=0)


def test_more_folds_than_units_of_any_class_are_refused():
    options = {"method": "stratified-k-fold", "folds": 13}
    with pytest.raises(InputError, match="folds is 13, but the largest class has 12 units"):
        make_split(screen(), options, seed=0)


def test_an_unknown_group_column_is_refused_with_the_nearest_one():
    options = {"method": "group-k-fold", "group": ["compund"], "folds": 2}
    with pytest.raises(InputError, match="unknown group column 'compund': did you mean 'compound'"):
        make_split(screen(), options, seed=0)


def test_an_empty_batch_is_refused_with_the_first_unit():
    units = screen()
    units.loc[3, "batch"] = ""
    with pytest.raises(InputError, match=r"column 'batch' is empty for 1 units \(first: 'plate1/A"):
        make_split(units, leave_one_out("batch"), seed=0)


def test_an_unknown_method_is_refused_with_the_nearest_one():
    with pytest.raises(InputError, match="did you mean 'leave-one-compound-out'"):
        make_split(screen(), {"method": "leave-compound-out"}, seed=0)


# --- who takes part -------------------------------------------------------------------------------


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


# --- groups ---------------------------------------------------------------------------------------


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


def test_folds_follow_the_order_of_the_units_they_are_given():
    units = screen()
    split, groups = make_split(units, leave_one_out("compound"), seed=0)
    shuffled = units.sample(frac=1, random_state=0)
    for one, other in zip(folds(split, groups, units), folds(split, groups, shuffled), strict=True):
        assert set(units["unit_id"].iloc[one.test]) == set(shuffled["unit_id"].iloc[other.test])


def test_a_split_of_other_units_is_refused():
    units = screen()
    split, groups = make_split(units, leave_one_out("compound"), seed=0)
    with pytest.raises(InputError, match="unit 'plate1/A01/1' of the split is missing from"):
        next(folds(split, groups, units.iloc[1:]))


# --- fixed lists ----------------------------------------------------------------------------------


def fixed(tmp_path, text):
    path = tmp_path / "split.csv"
    path.write_bytes(text.encode())
    return {"method": "fixed", "file": str(path)}


def test_a_fixed_list_by_compound(tmp_path):
    units = screen()
    rows = [f"compound{i},{'test' if i % 3 == 0 else 'train'}" for i in range(9)]
    options = fixed(tmp_path, "\n".join(["compound,set", *rows]))
    split, groups = make_split(units, options, seed=0)
    (fold,) = folds(split, groups, units)
    assert set(units["compound"].iloc[fold.test]) == {"compound0", "compound3", "compound6"}
    assert len(fold.train) == 24


def test_a_fixed_list_with_a_byte_order_mark_windows_line_ends_and_short_wells(tmp_path):
    units = screen()
    rows = [
        f"plate{plate};A{well};{'TEST' if plate == 1 else 'Train'}"
        for plate in (1, 2)
        for well in range(1, 10)
    ]
    options = fixed(tmp_path, "\ufeff" + "\r\n".join(["plate;well;set", *rows]) + "\r\n")
    split, groups = make_split(units, options, seed=0)
    (fold,) = folds(split, groups, units)
    assert set(units["plate"].iloc[fold.test]) == {"plate1"}
    assert set(units["plate"].iloc[fold.train]) == {"plate2"}


def test_a_fixed_list_is_read_like_every_table(tmp_path):
    units = screen()
    rows = [
        f"plate{plate};{well};{'test' if plate == 1 else 'train'}"
        for plate in (1, 2)
        for well in ("A-1", "02A", "A3.0", "r01c04", "a 5\u200b", *(f"A{n}" for n in range(6, 10)))
    ]
    text = "sep=;\r\n# chosen by hand\r\n" + "\r\n".join(["plate;well;set", *rows])
    options = fixed(tmp_path, "")
    for content in (text.encode("utf-16"), gzip.compress(text.encode())):
        (tmp_path / "split.csv").write_bytes(content)
        split, groups = make_split(units, options, seed=0)
        (fold,) = folds(split, groups, units)
        assert set(units["plate"].iloc[fold.test]) == {"plate1"}
        assert len(fold.train) == len(fold.test) == len(units) / 2


def test_wells_and_failed_formulas_of_a_fixed_list_are_refused_with_their_rows(tmp_path):
    text = "plate,well,set\nplate1,A1,test\nplate2,Sep-02,train\nplate2,A1.5,train\n"
    with pytest.raises(InputError) as caught:
        make_split(screen(), fixed(tmp_path, text), seed=0)
    message = str(caught.value)
    assert "row 3: 'Sep-02' is not a well name (it looks like a date that a spreadsheet" in message
    assert "row 4: 'A1.5' is not a well name" in message
    text = "compound,fold,set\ncompound0,#N/A,test\ncompound1,#N/A,train\n"
    with pytest.raises(InputError, match=r"line 2 \(and 1 more\), column 'fold': '#N/A' is the"):
        make_split(screen(), fixed(tmp_path, text), seed=0)


def test_a_fixed_list_with_folds_and_validation_is_kept_as_it_is(tmp_path):
    units = screen()
    lines = ["compound,fold,set"]
    for fold in range(3):
        for i in range(9):
            name = "test" if i % 3 == fold else "validation" if i == (fold + 1) % 3 else "train"
            lines.append(f"compound{i},f{fold},{name}")
    options = fixed(tmp_path, "\n".join(lines)) | {"validation": 0.5}
    split, _ = make_split(units, options, seed=0)
    assert list(split["fold_name"].unique()) == ["f0", "f1", "f2"]
    assert (split["set"] == "validation").sum() == 3


def test_units_that_a_fixed_list_does_not_name_are_left_out(tmp_path):
    units = screen()
    rows = [f"compound{i},{'test' if i % 3 == 0 else 'train'}" for i in range(6)]
    _, groups = make_split(units, fixed(tmp_path, "\n".join(["compound,set", *rows])), seed=0)
    assert len(groups) == 24


def test_all_problems_of_a_fixed_list_are_told_at_once(tmp_path):
    text = "compound,set\ncompound0,test\ncompound0,train\ncompound99,train\ncompound1,learn\n"
    with pytest.raises(InputError) as caught:
        make_split(screen(), fixed(tmp_path, text), seed=0)
    message = str(caught.value)
    assert "split.csv: 4 problems" in message
    assert "row 5: set is 'learn', write train, validation or test" in message
    assert "row 4: no unit has compound 'compound99'" in message
    assert "row 2: compound 'compound0' has more than one set in fold 'fixed'" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("compound,set\n", "has 0 rows"),
        ("compound,sets\nx,test\n", "unknown column 'sets': did you mean 'set'"),
        ("set\ntest\n", "the header is a single column"),
        ("compound,set\ncompound0,test\n", "fold 'fixed' has no row with set train: add one"),
        ("replicate,set\n1,test\n", "column 'replicate' is not in the units table"),
    ],
)
def test_a_fixed_list_that_cannot_be_used(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        make_split(screen(), fixed(tmp_path, text), seed=0)


def test_a_fixed_list_of_unlabelled_units_is_refused(tmp_path):
    units = pd.concat([screen(), units_table([("", "novel", "Week1", "plate1", "H01")], sites=2)])
    text = "compound,site,set\nnovel,1,train\nnovel,2,test\n"
    with pytest.raises(InputError, match="no row of the list has a labelled, usable unit"):
        make_split(units, fixed(tmp_path, text), seed=0)


def test_a_fixed_list_that_tests_a_unit_twice_is_refused(tmp_path):
    lines = ["compound,fold,set"]
    for fold in ("one", "two"):
        tested = {"one": (0, 3, 6), "two": (1, 3, 7)}[fold]
        lines += [f"compound{i},{fold},{'test' if i in tested else 'train'}" for i in range(9)]
    with pytest.raises(
        InputError,
        match=r"split\.csv: 4 units are tested in more than one fold, for example "
        r"'plate1/A04/1' \(row of 'compound3'\) in folds 'one' and 'two'\. Give every unit",
    ):
        make_split(screen(), fixed(tmp_path, "\n".join(lines)), seed=0)


def test_a_missing_fixed_list_is_named(tmp_path):
    options = {"method": "fixed", "file": str(tmp_path / "none.csv")}
    with pytest.raises(InputError, match=r"none\.csv: there is no such file"):
        make_split(screen(), options, seed=0)


def test_a_fixed_list_that_tests_a_class_it_never_trains_on_is_refused(tmp_path):
    rows = [f"compound{i},{'test' if i < 3 else 'train'}" for i in range(9)]
    with pytest.raises(InputError, match="class 'moa0' is tested in fold 'fixed'"):
        make_split(screen(), fixed(tmp_path, "\n".join(["compound,set", *rows])), seed=0)


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
    tested = np.concatenate([fold.test for fold in folds(split, groups, lab_units)])
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
    for fold in folds(*make_split(lab_units, options, seed=0), lab_units):
        trained, validated = lab_units.iloc[fold.train], lab_units.iloc[fold.validation]
        n_validated += len(validated)
        for column in ("compound", "batch"):
            assert not set(trained[column]) & set(validated[column])
    assert n_validated > 0


def test_rows_and_columns_of_plates_are_named_as_they_are_printed():
    units = pd.DataFrame({"unit_id": ["a", "b"], "row": [0, 7], "col": [0, 11]})
    assert list(group_codes(units, ["row"])[1]) == ["A", "H"]
    assert list(group_codes(units, ["col"])[1]) == ["1", "12"]
