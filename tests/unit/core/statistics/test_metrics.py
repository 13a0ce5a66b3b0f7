"""Scores agree with scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from moascope.core.statistics import metrics

seeds = st.integers(0, 2**32 - 1)


def calls(seed: int, n: int = 60, n_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Random truth and calls that are right about half of the time."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    return truth, np.where(rng.random(n) < 0.5, truth, rng.integers(0, n_classes, n))


def counts_of(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> metrics.ClassCounts:
    confusion = metrics.confusion_matrix(truth, predicted, n_classes)
    return metrics.ClassCounts(confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0))


def test_confusion_matrix_has_truth_in_rows():
    confusion = metrics.confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_scores_of_a_case_worked_by_hand():
    # Class 0: 3 units, 2 hit, called twice. Class 1: 1 unit, hit, called twice.
    counts = counts_of(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2)
    assert metrics.accuracy(counts) == pytest.approx(3 / 4)
    assert metrics.balanced_accuracy(counts) == pytest.approx((2 / 3 + 1) / 2)
    assert metrics.macro_f1(counts) == pytest.approx((4 / 5 + 2 / 3) / 2)


@given(seed=seeds, n=st.integers(1, 80), n_classes=st.integers(2, 6))
def test_scores_agree_with_scikit_learn(seed, n, n_classes):
    truth, predicted = calls(seed, n, n_classes)
    counts = counts_of(truth, predicted, n_classes)
    present = np.unique(truth)
    assert metrics.accuracy(counts) == pytest.approx(reference.accuracy_score(truth, predicted))
    assert metrics.balanced_accuracy(counts) == pytest.approx(
        reference.recall_score(truth, predicted, labels=present, average="macro")
    )
    assert metrics.macro_f1(counts) == pytest.approx(
        reference.f1_score(truth, predicted, labels=present, average="macro")
    )


@given(seed=seeds)
def test_per_class_scores_agree_with_scikit_learn(seed):
    truth, predicted = calls(seed, 40)
    scores = metrics.per_class_scores(counts_of(truth, predicted, 4))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        truth, predicted, labels=range(4), zero_division=np.nan
    )
    np.testing.assert_allclose(scores["precision"], precision)
    np.testing.assert_allclose(scores["recall"], recall)
    np.testing.assert_allclose(scores["f1"], f1)


def test_scores_without_units_are_undefined():
    nothing = metrics.ClassCounts(*np.zeros((3, 4), dtype=int))
    assert all(np.isnan(score(nothing)) for score in metrics.SCORES.values())


def test_reliability_of_a_case_worked_by_hand():
    bins = metrics.reliability(
        np.array([0.0, 0.5, 0.6, 0.8, 1.0]), np.array([True, False, True, True, False]), bins=2
    )
    assert bins.n.tolist() == [2, 3]
    np.testing.assert_allclose(bins.confidence, [0.25, 0.8])
    np.testing.assert_allclose(bins.accuracy, [0.5, 2 / 3])
    error = metrics.expected_calibration_error(bins)
    assert error == pytest.approx(2 / 5 * 0.25 + 3 / 5 * (0.8 - 2 / 3))


def test_empty_bins_do_not_count():
    bins = metrics.reliability(np.array([0.95]), np.array([True]), bins=10)
    assert np.isnan(bins.accuracy[:9]).all()
    assert metrics.expected_calibration_error(bins) == pytest.approx(0.05)


def test_calibration_error_without_units_is_undefined():
    bins = metrics.reliability(np.empty(0), np.empty(0, dtype=bool), bins=10)
    assert metrics.expected_calibration_error(bins) is None


@given(seed=seeds)
def test_group_counts_add_up_to_the_confusion_matrix(seed):
    truth, predicted = calls(seed)
    groups = np.random.default_rng(seed).integers(0, 7, len(truth))
    counts = metrics.group_counts(truth, predicted, groups, 4)
    for part, whole in zip(counts, counts_of(truth, predicted, 4), strict=True):
        np.testing.assert_array_equal(part.sum(axis=(0, 1)), whole)


def test_mean_over_skips_what_is_undefined():
    assert metrics.mean_over([1.0, None, 0.0]) == 0.5
    assert metrics.mean_over([None]) is None
