"""Inner folds over whole groups of the training units."""

import numpy as np
import pandas as pd
from inner_screens import N_NOISE, N_SIGNAL, members_of, screen

from moascope.classification import selection
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.splits import inner_folds

LDA = LdaOptions(balanced=False, calibrate=False)
SIGNAL = selection.Candidate("signal", np.arange(N_NOISE, N_NOISE + N_SIGNAL), LDA)


def divide(labels, groups):
    return inner_folds.divide(labels, groups, 0, most_single_groups=20, n_folds=10)


def test_many_groups_are_held_out_several_at_a_time():
    features, units = screen(n_compounds=60, n_units=2)
    groups = inner_folds.inner_groups(units, members_of(units), ["compound"])
    inner = divide(units["moa"].to_numpy(str), groups)
    assert len(inner) == 10
    assert sorted(np.concatenate([fold.test for fold in inner])) == list(range(120))
    assert not any(set(groups[fold.train]) & set(groups[fold.test]) for fold in inner)
    (score,) = selection.choose(
        features, units["moa"].to_numpy(str), groups, np.arange(120), [SIGNAL], seed=0
    )
    assert score > 0.5


def test_classes_that_an_inner_fold_does_not_learn_are_not_scored():
    _, units = screen(n_compounds=7)  # class a: c0, c3, c6; b: c1, c4; c: c2, c5
    rows = np.flatnonzero(~units["compound"].isin(["c4"]))  # which leaves one compound of b
    groups = inner_folds.inner_groups(units, members_of(units), ["compound"])
    inner = divide(units["moa"].to_numpy(str)[rows], groups[rows])
    tested = {units["compound"].iloc[rows[row]] for fold in inner for row in fold.test}
    assert tested == {"c0", "c3", "c6", "c2", "c5"}


def test_inner_folds_keep_together_what_the_split_holds_out():
    _, units = screen(n_compounds=4, n_units=2)
    units["batch"] = ["b1", "b2"] * 4
    inside = members_of(units)[2:]
    by_compound = inner_folds.inner_groups(units, inside, ["compound", "batch"])
    assert list(by_compound) == [-1, -1, 0, 0, 1, 1, 2, 2]
    by_both = inner_folds.inner_groups(units, inside, ["compound+batch"])
    assert len(set(by_both[2:])) == 6
    of_the_split = inner_folds.inner_groups(units, inside.iloc[::-1], [])
    assert of_the_split[0] == -1
    pd.testing.assert_series_equal(
        pd.Series(of_the_split[2:]).groupby(by_compound[2:]).nunique(),
        pd.Series([1, 1, 1]),
        check_index_type=False,
    )
