"""Nulls of refitted heads: compounds stay whole, and skill is told from chance."""

import numpy as np
import pandas as pd
import pytest
from random_screens import LDA, features_of, folds_of, predicted, screen

from moascope.classification.evaluation import documents, nulls, permutation, scoring
from moascope.classification.evaluation.options import Evaluation


@pytest.mark.parametrize("share", ["some", "all"])
def test_permutations_without_two_classes_to_train_on_are_skipped(share):
    units = screen(n_classes=2, n_compounds=2 if share == "some" else 1)
    # Two patients, each with both classes: dealt one class each, no fold has two to train on.
    rank = units.groupby("moa")["compound"].transform(lambda names: pd.factorize(names)[0])
    units["patient"] = np.where(rank == 0, "A", "B") if share == "some" else units["compound"]
    units["group"] = units["patient"]
    folds = folds_of(units, "patient")
    features = features_of(units, np.random.default_rng(2), 2.0)
    refits = nulls.refit_null(
        features, units, folds, LDA, how="mean", n=30, seed=1, exchanged=["patient"]
    )
    assert set(refits) == {"deal", "level", *documents.SCORES}
    n_deals = refits["deal"].nunique()
    assert (0 < n_deals < 30) if share == "some" else n_deals == 0
    null = refits.loc[refits["level"] == "unit", "accuracy"].to_numpy()
    found = permutation.against_null(0.9, null, 0.95, 6, permutation.REFIT)
    if share == "some":
        assert found["null"]["deals"] == n_deals
    else:
        assert found["p"] is None
        assert found["p_reason"] == "the score is not defined where mechanisms are permuted"


def test_refits_tell_skill_from_chance():
    units = screen(n_classes=3, n_compounds=4)
    folds = folds_of(units)
    for skill, better in ((2.5, True), (0.0, False)):
        features = features_of(units, np.random.default_rng(2), skill)
        refits = nulls.refit_null(features, units, folds, LDA, how="median", n=40, seed=1)
        assert len(refits) == 3 * 40
        entry = scoring.evaluate(
            predicted(units, features),
            units,
            Evaluation(permutations=200),
            refits=refits,
            held_out=["compound"],
        )
        for level in (entry, entry["by_well"], entry["by_treatment"]):
            assert (level["accuracy"]["p"] < 0.05) == better
            assert level["accuracy"]["null"]["how"] == "refit"


def test_a_sample_of_the_units_gives_the_same_kind_of_null(monkeypatch):
    units = screen(n_classes=3, n_compounds=4)
    features = features_of(units, np.random.default_rng(2), 2.0)
    monkeypatch.setattr(nulls, "MOST_REFIT_UNITS", 48)
    few = nulls.refit_null(features, units, folds_of(units), LDA, how="median", n=20, seed=1)
    assert few["accuracy"].between(0, 0.9).all()
