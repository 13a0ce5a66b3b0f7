"""Scores agree with scikit-learn, and intervals with a bootstrap written out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from moascope import metrics
from moascope.errors import InputError

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


@given(seed=seeds, n_classes=st.integers(2, 5), digits=st.integers(1, 8))
def test_roc_auc_agrees_with_scikit_learn_also_with_ties(seed, n_classes, digits):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 50)])
    scores = rng.random((len(truth), n_classes)).round(digits)
    expected = np.mean(
        [reference.roc_auc_score(truth == k, scores[:, k]) for k in range(n_classes)]
    )
    assert metrics.roc_auc(truth, scores) == pytest.approx(expected)


def test_roc_auc_leaves_out_classes_without_units():
    truth = np.array([0, 0, 1, 1])
    scores = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0.5, 0.5, 0], [0.2, 0.8, 0]])
    assert metrics.roc_auc(truth, scores) == pytest.approx(
        reference.roc_auc_score(truth, scores[:, 1])
    )


def test_roc_auc_of_one_class_is_undefined():
    assert metrics.roc_auc(np.zeros(3, dtype=int), np.full((3, 2), 0.5)) is None


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


def bootstrap_by_hand(truth, predicted, groups, n_resamples, seed):
    """Draw groups one by one from those of the same classes, score their rows with scikit-learn."""
    rng = np.random.default_rng(seed)
    strata = {}
    for name in np.unique(groups):
        rows = np.flatnonzero(groups == name)
        strata.setdefault(frozenset(truth[rows]), []).append(rows)
    drawn = []
    for _ in range(n_resamples):
        chosen = np.concatenate(
            [
                stratum[i]
                for stratum in strata.values()
                for i in rng.integers(0, len(stratum), len(stratum))
            ]
        )
        y, p = truth[chosen], predicted[chosen]
        f1 = reference.f1_score(y, p, labels=np.unique(y), average="macro")
        drawn.append((np.mean(y == p), f1))
    return np.quantile(drawn, [0.025, 0.975], axis=0)


def test_intervals_agree_with_a_bootstrap_written_out():
    truth, predicted = calls(seed=3, n=120, n_classes=3)
    groups = np.random.default_rng(3).integers(0, 30, 120)
    intervals = metrics.bootstrap_intervals(
        metrics.group_counts(truth, predicted, groups, 3), n_resamples=6000, seed=1
    )
    expected = bootstrap_by_hand(truth, predicted, groups, n_resamples=1000, seed=2)
    np.testing.assert_allclose(intervals["accuracy"], expected[:, 0], atol=0.02)
    np.testing.assert_allclose(intervals["macro_f1"], expected[:, 1], atol=0.02)


def test_copies_of_a_unit_in_its_group_do_not_narrow_the_interval():
    truth, predicted = calls(seed=5)
    groups = np.arange(len(truth))
    once = metrics.group_counts(truth, predicted, groups, 4)
    tenfold = metrics.group_counts(*(np.repeat(x, 10) for x in (truth, predicted, groups)), 4)
    assert metrics.bootstrap_intervals(once) == metrics.bootstrap_intervals(tenfold)


def test_the_same_seed_gives_the_same_intervals():
    counts = metrics.group_counts(*calls(seed=7), np.arange(60), 4)
    assert metrics.bootstrap_intervals(counts, seed=1) == metrics.bootstrap_intervals(
        counts, seed=1
    )
    assert metrics.bootstrap_intervals(counts, seed=1) != metrics.bootstrap_intervals(
        counts, seed=2
    )


def test_the_order_of_the_groups_does_not_matter():
    truth, predicted = calls(seed=7)
    counts = metrics.group_counts(truth, predicted, np.arange(60) // 2, 4)
    turned = metrics.group_counts(truth, predicted, np.arange(60)[::-1] // 2, 4)
    assert metrics.bootstrap_intervals(counts) == metrics.bootstrap_intervals(turned)


@settings(max_examples=50)
@given(seed=seeds, n_classes=st.integers(2, 10), n_groups=st.integers(2, 30))
def test_a_constant_classifier_is_never_better_than_chance(seed, n_classes, n_groups):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 40)])
    groups = np.unique(rng.integers(0, n_groups, len(truth)), return_inverse=True)[1]
    counts = metrics.group_counts(truth, np.zeros_like(truth), groups, n_classes)
    bounds = metrics.bootstrap_intervals(counts, n_resamples=100, seed=seed)["balanced_accuracy"]
    assert bounds is None or bounds == pytest.approx([1 / n_classes] * 2)


def test_every_resample_has_every_class():
    # Class 1 has two of eight groups: without strata one resample in ten would lose it.
    truth = np.repeat([0, 0, 0, 0, 0, 0, 1, 1], 5)
    counts = metrics.group_counts(truth, np.zeros_like(truth), np.arange(40) // 5, 2)
    samples = metrics._resampled_scores(counts, 500, np.random.default_rng(0))
    assert set(samples["balanced_accuracy"]) == {0.5}
    assert set(samples["accuracy"]) == {0.75}


def test_a_group_that_is_alone_with_its_classes_stays():
    # Class 0: four groups, two of them right. Class 1: one group, wrong.
    truth = np.array([0, 0, 0, 0, 1])
    counts = metrics.group_counts(truth, np.array([0, 0, 1, 1, 0]), np.arange(5), 2)
    samples = metrics._resampled_scores(counts, 4000, np.random.default_rng(0))
    shares, times = np.unique(samples["accuracy"], return_counts=True)
    np.testing.assert_allclose(shares, np.arange(5) / 5)
    np.testing.assert_allclose(times / 4000, np.array([1, 4, 6, 4, 1]) / 16, atol=0.03)
    np.testing.assert_allclose(samples["balanced_accuracy"], samples["accuracy"] * 5 / 8)


def test_groups_that_are_all_alone_with_their_classes_have_no_interval():
    counts = metrics.group_counts(
        np.array([0, 1, 0, 1, 2]), np.array([0, 0, 0, 1, 2]), np.array([0, 1, 2, 2, 3]), 3
    )
    assert set(metrics.bootstrap_intervals(counts).values()) == {None}


def test_many_classes_are_strata_of_their_own():
    # More classes than a byte has bits.
    truth = np.repeat(np.arange(20), 3)
    counts = metrics.group_counts(truth, np.zeros_like(truth), np.arange(60), 20)
    assert metrics.bootstrap_intervals(counts, 50)["balanced_accuracy"] == [1 / 20] * 2


def test_a_higher_confidence_gives_a_wider_interval():
    counts = metrics.group_counts(*calls(seed=9), np.arange(60), 4)
    low, high = metrics.bootstrap_intervals(counts, confidence=0.8)["accuracy"]
    lower, higher = metrics.bootstrap_intervals(counts, confidence=0.99)["accuracy"]
    assert lower < low < high < higher


def test_the_interval_covers_the_truth_as_often_as_it_claims():
    # 40 groups of 4 calls that are all right or all wrong, right with probability 0.7.
    rng = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        right = np.repeat(rng.random(40) < 0.7, 4)
        counts = metrics.group_counts(np.ones(160, int), right.astype(int), np.arange(160) // 4, 2)
        low, high = metrics.bootstrap_intervals(counts, 500, 0.9, seed)["accuracy"]
        covered += low <= 0.7 <= high
    assert 0.82 <= covered / 200 <= 0.96


def test_one_group_has_no_interval():
    counts = metrics.group_counts(*calls(seed=1), np.zeros(60, dtype=int), 4)
    assert set(metrics.bootstrap_intervals(counts).values()) == {None}


@pytest.mark.parametrize("right", [True, False])
def test_a_perfect_score_has_the_wilson_interval_of_its_groups(right):
    truth = np.arange(110) % 2
    predicted = truth if right else 1 - truth
    counts = metrics.group_counts(truth, predicted, np.arange(110) // 2, 2)
    low, high = metrics.bootstrap_intervals(counts)["accuracy"]
    # z**2 / (n + z**2) with n = 55 groups
    assert (low if right else 1 - high) == pytest.approx(55 / (55 + 1.959964**2), abs=1e-6)
    assert (high if right else low) == pytest.approx(float(right))


def test_wilson_interval_of_a_published_example():
    # Newcombe (1998), table I: 15 of 148.
    assert metrics.wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_repetitions_are_resampled_together_and_averaged():
    truth, predicted = calls(seed=13)
    groups = np.arange(60)
    once = metrics.group_counts(truth, predicted, groups, 4)
    twice = metrics.group_counts(
        np.tile(truth, 2), np.tile(predicted, 2), np.tile(groups, 2), 4, np.repeat([0, 1], 60)
    )
    assert metrics.bootstrap_intervals(once) == metrics.bootstrap_intervals(twice)


@pytest.mark.parametrize(("resamples", "confidence"), [(0, 0.95), (100, 1.0), (100, 0.0)])
def test_impossible_options_are_refused(resamples, confidence):
    counts = metrics.group_counts(*calls(seed=1), np.arange(60), 4)
    with pytest.raises(InputError, match="at least 1 resample and a confidence between 0 and 1"):
        metrics.bootstrap_intervals(counts, resamples, confidence)


@settings(max_examples=50)
@given(seed=seeds, high=st.sampled_from([2, 10, 1_000_000]), columns=st.integers(1, 12))
def test_distinct_rows_are_those_of_numpy(seed, high, columns):
    rows = np.random.default_rng(seed).integers(0, high, (50, columns))
    rows = np.concatenate([rows, rows[:20]])
    found, frequency = metrics._distinct_rows(rows)
    expected, times = np.unique(rows, axis=0, return_counts=True)
    order = np.lexsort(found.T[::-1])
    np.testing.assert_array_equal(found[order], expected)
    np.testing.assert_array_equal(frequency[order], times)


def test_mean_over_skips_what_is_undefined():
    assert metrics.mean_over([1.0, None, 0.0]) == 0.5
    assert metrics.mean_over([None]) is None
