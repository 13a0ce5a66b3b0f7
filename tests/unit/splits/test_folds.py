"""Folds as row numbers of the units."""

import pytest
from unit_tables import leave_one_out, make_split, screen

from moascope.core.errors import InputError
from moascope.splits.folds import iterate_folds


def test_folds_follow_the_order_of_the_units_they_are_given():
    units = screen()
    split, groups = make_split(units, leave_one_out("compound"), seed=0)
    shuffled = units.sample(frac=1, random_state=0)
    for one, other in zip(
        iterate_folds(split, groups, units), iterate_folds(split, groups, shuffled), strict=True
    ):
        assert set(units["unit_id"].iloc[one.test]) == set(shuffled["unit_id"].iloc[other.test])


def test_a_split_of_other_units_is_refused():
    units = screen()
    split, groups = make_split(units, leave_one_out("compound"), seed=0)
    with pytest.raises(InputError, match="unit 'plate1/A01/1' of the split is missing from"):
        next(iterate_folds(split, groups, units.iloc[1:]))
