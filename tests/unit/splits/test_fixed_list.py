"""Fixed lists name the units of each set."""

import gzip

import pandas as pd
import pytest
from unit_tables import fixed, make_split, screen, units_table

from moascope.core.errors import InputError
from moascope.splits.folds import iterate_folds


def test_a_fixed_list_by_compound(tmp_path):
    units = screen()
    rows = [f"compound{i},{'test' if i % 3 == 0 else 'train'}" for i in range(9)]
    options = fixed(tmp_path, "\n".join(["compound,set", *rows]))
    split, groups = make_split(units, options, seed=0)
    (fold,) = iterate_folds(split, groups, units)
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
    (fold,) = iterate_folds(split, groups, units)
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
        (fold,) = iterate_folds(split, groups, units)
        assert set(units["plate"].iloc[fold.test]) == {"plate1"}
        assert len(fold.train) == len(fold.test) == len(units) / 2


def test_wells_and_failed_formulas_of_a_fixed_list_are_refused_with_their_rows(tmp_path):
    text = "plate,well,set\nplate1,A1,test\nplate2,Sep-02,train\nplate2,A1.5,train\n"
    with pytest.raises(InputError) as caught:
        make_split(screen(), fixed(tmp_path, text), seed=0)
    message = str(caught.value)
    assert "row 3: 'Sep-02' is not a well name (a spreadsheet probably changed it" in message
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
