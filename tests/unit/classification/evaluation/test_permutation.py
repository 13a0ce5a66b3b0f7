"""Permutation nulls: compounds stay whole, and fast counts equal slow ones."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_screens import LDA, features_of, folds_of, predicted, screen
from scipy.special import softmax

from moascope.classification.evaluation import permutation
from moascope.classification.heads import calibration, cross_validation
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.core.statistics import intervals, metrics


def test_every_permutation_keeps_the_number_of_compounds_of_each_class():
    classes = np.array([0, 0, 1, 1, 1, 2])
    deals = permutation.permute_classes(classes, 50, seed=1)
    assert all(sorted(deal) == sorted(classes) for deal in deals)
    assert len({tuple(deal) for deal in deals}) > 10


@pytest.mark.parametrize(("classes", "n"), [([0, 1], 2), ([0, 0, 1], 3), ([0, 0, 1, 1, 2, 2], 90)])
def test_distinct_permutations_are_counted(classes, n):
    assert permutation.count_permutations(np.array(classes)) == pytest.approx(n)


@pytest.mark.filterwarnings("error")
def test_too_many_permutations_to_count_are_infinitely_many():
    assert permutation.count_permutations(np.arange(10_000) % 10) == np.inf


def test_a_compound_of_two_mechanisms_counts_as_two():
    units = pd.DataFrame({"compound": ["x", "x", "y"], "moa": ["a", "b", "b"]})
    codes, classes = permutation.compound_codes(units)
    assert codes.tolist() == [0, 1, 2]
    assert classes == ["a", "b", "b"]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_repeats=st.integers(1, 2))
def test_the_null_of_fixed_predictions_is_that_of_relabelled_rows(seed, n_repeats):
    rng = np.random.default_rng(seed)
    compounds = np.tile(np.repeat(np.arange(6), 5), n_repeats)
    repeats = np.repeat(np.arange(n_repeats), 30)
    probabilities = rng.random((len(compounds), 3)).round(1)
    calls = probabilities.argmax(axis=1)
    deals = permutation.permute_classes(np.array([0, 0, 1, 1, 2, 2]), 4, seed % 1000)
    null = permutation.label_null(calls, probabilities, repeats, compounds, deals)
    for number, deal in enumerate(deals):
        truth = deal[compounds]
        counts = metrics.group_counts(truth, calls, repeats, 3)
        whole = metrics.ClassCounts(*(part[:, 0] for part in counts))
        for name, score in metrics.SCORES.items():
            assert null[name][number] == pytest.approx(np.mean(score(whole)))
        areas = [
            intervals.roc_auc_score(truth[run], probabilities[run], np.zeros(run.sum(), int), 1)[0]
            for run in (repeats == repeat for repeat in range(n_repeats))
        ]
        assert null["roc_auc"][number] == pytest.approx(np.mean(areas))


def test_the_true_classes_refitted_give_the_model_itself():
    units = screen()
    features = features_of(units, np.random.default_rng(0), 2.0)
    table = predicted(units, features)
    codes = pd.factorize(units["moa"], sort=True)[0]
    found = permutation.refit_predictions(features, codes, folds_of(units), LDA, 4, 0)
    np.testing.assert_allclose(found, table.filter(like="p:"), atol=1e-9)


def test_a_class_without_training_compounds_does_not_count():
    units = screen(n_classes=2, n_compounds=1)
    codes = pd.factorize(units["moa"], sort=True)[0]
    features = features_of(units, np.random.default_rng(0), 2.0)
    found = permutation.refit_predictions(features, codes, folds_of(units), LDA, 2, 0)
    assert np.isnan(found).all()


def test_p_values_count_the_score_itself():
    null = np.array([0.1, 0.2, 0.3, np.nan])
    found = permutation.against_null(0.25, null, 0.95, 1000, permutation.REFIT)
    assert found["p"] == pytest.approx((1 + 1) / (3 + 1))
    assert found["null"]["deals"] == 3
    assert found["null"]["least_p"] == pytest.approx(1 / 4)


def test_classes_that_can_be_permuted_in_one_way_have_no_p_value():
    found = permutation.against_null(0.9, np.ones(5), 0.95, 1.0, permutation.LABELS)
    assert found["p"] is None
    assert found["p_reason"].startswith("there is only one permutation of the classes")


def test_a_calibrated_head_is_refitted_as_such():
    units = screen(n_classes=3, n_compounds=3)
    features = features_of(units, np.random.default_rng(2), 1.0)
    folds = folds_of(units)
    for number, fold in enumerate(folds):
        fold.validation = folds[number - 1].test
        fold.train = np.setdiff1d(fold.train, fold.validation)
    head = LdaOptions(calibrate=True)
    names = units["unit_id"].to_numpy(), units["moa"].to_numpy()
    table = cross_validation.fit_predict_folds(features, *names, folds, head)
    codes = pd.factorize(units["moa"], sort=True)[0]
    found = permutation.refit_predictions(features, codes, folds, head, 3, 0)
    np.testing.assert_allclose(found, table.filter(like="p:"), atol=1e-9)


def test_a_head_calibrated_by_inner_folds_gets_one_temperature_per_permutation():
    units = screen(n_classes=3, n_compounds=3)
    features = features_of(units, np.random.default_rng(2), 1.0)
    folds, codes = folds_of(units), pd.factorize(units["moa"], sort=True)[0]
    plain, found = (
        permutation.refit_predictions(features, codes, folds, LdaOptions(calibrate=how), 3, 0)
        for how in (False, "auto")
    )
    np.testing.assert_array_equal(plain.argmax(axis=1), found.argmax(axis=1))
    logits = np.log(plain)
    tested = np.concatenate([codes[fold.test] for fold in folds])
    warmth = calibration.temperature(logits, tested)
    assert warmth > 1.5
    np.testing.assert_allclose(found, softmax(logits / warmth, axis=1), atol=1e-6)
