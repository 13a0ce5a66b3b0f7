"""Predictions of units are joined to those of wells, treatments and groups."""

import numpy as np
import pandas as pd
import pytest
from prediction_tables import prediction_rows, unit_table

from moascope.classification.evaluation.aggregation import aggregate
from moascope.core.errors import InputError


def test_mean_of_a_well_worked_by_hand():
    units = unit_table(["A01", "A01", "A02"])
    rows = prediction_rows("aab", [(0.9, 0.1), (0.2, 0.8), (0.3, 0.7)])
    wells = aggregate(rows, units, "well", "mean")
    assert wells["well"].tolist() == ["A01", "A02"]
    assert wells["n_units"].tolist() == [2, 1]
    assert wells["predicted"].tolist() == ["a", "b"]
    np.testing.assert_allclose(wells["p:a"], [0.55, 0.3])


def test_median_of_a_well_is_rescaled_to_sum_to_one():
    units = unit_table(["A01"] * 3)
    rows = prediction_rows("aaa", [(0.6, 0.3, 0.1), (0.5, 0.5, 0.0), (0.1, 0.1, 0.8)])
    well = aggregate(rows, units, "well", "median").iloc[0]
    # Medians .5, .3, .1
    np.testing.assert_allclose(well[["p:a", "p:b", "p:c"]].astype(float), np.array([5, 3, 1]) / 9)


def test_median_falls_back_on_the_mean_where_all_medians_are_zero():
    units = unit_table(["A01"] * 3)
    rows = prediction_rows("aaa", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    well = aggregate(rows, units, "well", "median").iloc[0]
    np.testing.assert_allclose(well[["p:a", "p:b", "p:c"]].astype(float), 1 / 3)


def test_vote_follows_the_majority_against_the_mean():
    units = unit_table(["A01"] * 3)
    rows = prediction_rows("aaa", [(0.51, 0.49), (0.51, 0.49), (0.0, 1.0)])
    assert aggregate(rows, units, "well", "vote")["predicted"].tolist() == ["a"]
    assert aggregate(rows, units, "well", "mean")["predicted"].tolist() == ["b"]


def test_ties_of_a_vote_are_broken_by_the_mean_probability():
    units = unit_table(["A01"] * 2)
    rows = prediction_rows("aa", [(0.6, 0.4, 0.0), (0.0, 0.1, 0.9)])
    assert aggregate(rows, units, "well", "vote")["predicted"].tolist() == ["c"]


def test_treatments_join_their_wells():
    units = unit_table(["A01", "A02"], ["taxol@3", "taxol@3"])
    rows = prediction_rows("aa", [(0.9, 0.1), (0.3, 0.7)])
    treatments = aggregate(rows, units, "treatment", "mean")
    assert treatments["treatment"].tolist() == ["taxol@3"]
    np.testing.assert_allclose(treatments["p:a"], 0.6)


def test_units_of_several_folds_have_no_fold_when_joined():
    units = unit_table(["A01", "A01", "A02"])
    rows = prediction_rows("aab", [(0.9, 0.1)] * 3)
    rows["fold"], rows["fold_name"] = [0, 1, 1], ["x", "y", "y"]
    wells = aggregate(rows, units, "well")
    assert wells["fold"].tolist() == [-1, 1]
    assert wells["fold_name"].tolist() == ["", "y"]


def test_repeats_are_not_joined():
    units = unit_table(["A01"])
    rows = pd.concat([prediction_rows("a", [(0.9, 0.1)], repeat=r) for r in range(2)])
    assert aggregate(rows, units, "well")["repeat"].tolist() == [0, 1]


def test_wells_of_the_same_name_on_two_plates_stay_apart():
    units = unit_table(["A01", "A01"]).assign(plate=["P", "Q"])
    rows = prediction_rows("ab", [(0.9, 0.1), (0.1, 0.9)])
    assert len(aggregate(rows, units, "well")) == 2


def test_two_mechanisms_in_a_well_are_refused():
    units = unit_table(["A01", "A01"])
    with pytest.raises(InputError, match="well P/A01 has units of 2 different mechanisms"):
        aggregate(prediction_rows("ab", [(1, 0), (0, 1)]), units, "well")


@pytest.mark.parametrize(("level", "how"), [("plate", "mean"), ("well", "mode")])
def test_unknown_ways_to_aggregate_are_refused(level, how):
    with pytest.raises(InputError, match="level is well or treatment, how is mean, median or vote"):
        aggregate(prediction_rows("a", [(1, 0)]), unit_table(["A01"]), level, how)
