"""Intervals cover what they promise, and no worse score has a better bound."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_scores import draw, true_scores
from sklearn import metrics as reference

from moascope.core.errors import InputError
from moascope.core.statistics import intervals, metrics

seeds = st.integers(0, 2**32 - 1)
DESIGNS = [(6, 3), (9, 2), (6, 10)]
FLOOR = intervals.FLOORS["unit"]
AREA = "roc_auc"


def weights_of(groups: intervals.Groups, score: str) -> np.ndarray:
    n = groups.actual.sum(axis=0)
    return np.full(len(n), 1 / n.sum()) if score == "accuracy" else 1 / (len(n) * n)


def all_intervals(screen, level=0.95):
    """Every interval of a screen: name, value and bounds."""
    counts = screen.counts(screen.first)
    other = intervals.count_scores(screen.counts(screen.second))
    groups = intervals.Groups(counts.actual.mean(axis=1), FLOOR)

    def interval(compute, score, value, influence):
        weights = weights_of(groups, score)
        variance, ceiling = groups.variance(influence, weights), groups.ceiling(weights)
        return compute(value, variance, ceiling, groups.degrees(weights), level)

    for name, (value, influence) in intervals.count_scores(counts).items():
        yield name, interval(intervals.share_interval, name, value, influence)
        less = value - other[name][0], influence - other[name][1]
        yield f"difference of {name}", interval(intervals.difference_interval, name, *less)
    area = intervals.roc_auc_score(screen.truth, screen.first, screen.groups, len(groups.actual))
    yield AREA, interval(intervals.area_interval, AREA, *area)
    for _, bounds in intervals.recall_intervals(counts, groups, level)[:2]:
        yield "recall", bounds


def coverage(n_classes, n_compounds, accuracy, n, seed=1):
    """Share of intervals that hold the true score, by score."""
    truth = defaultdict(float, true_scores(n_classes, accuracy))  # differences are 0
    rng = np.random.default_rng(seed)
    held = defaultdict(list)
    for _ in range(n):
        for name, (low, high) in all_intervals(draw(n_classes, n_compounds, accuracy, rng)):
            held[name].append(low <= truth[name] <= high)
    return {name: float(np.mean(values)) for name, values in held.items()}


# At 0.995 one screen in ten has no error at all. Its interval has to hold the truth, so that every
# interval worth having covers more than 0.97 there.
@pytest.mark.parametrize(("accuracy", "most"), [(0.7, 0.97), (0.95, 0.97), (0.995, 1.0)])
@pytest.mark.parametrize(("n_classes", "n_compounds"), DESIGNS)
def test_intervals_cover_what_they_promise(n_classes, n_compounds, accuracy, most):
    n = 150
    error = np.sqrt(0.05 * 0.95 / n)
    for name, share in coverage(n_classes, n_compounds, accuracy, n).items():
        assert 0.92 - 2 * error <= share <= most + 2 * error, name


@pytest.mark.long
@pytest.mark.parametrize(("accuracy", "most"), [(0.7, 0.97), (0.95, 0.97), (0.995, 1.0)])
@pytest.mark.parametrize(("n_classes", "n_compounds"), DESIGNS)
def test_intervals_cover_what_they_promise_in_many_screens(n_classes, n_compounds, accuracy, most):
    for name, share in coverage(n_classes, n_compounds, accuracy, 3000).items():
        assert 0.92 <= share <= most, name


def share_bounds(right, sizes, floor=FLOOR):
    """Interval of the accuracy of groups of one class with so many right calls each."""
    right, sizes = np.asarray(right), np.asarray(sizes)
    counts = metrics.ClassCounts(*(part[:, None, None] for part in (right, sizes, right)))
    groups = intervals.Groups(sizes[:, None].astype(float), floor)
    value, influence = intervals.count_scores(counts)["accuracy"]
    weights = weights_of(groups, "accuracy")
    return intervals.share_interval(
        value,
        groups.variance(influence, weights),
        groups.ceiling(weights),
        groups.degrees(weights),
        0.95,
    )


def test_there_is_no_jump_at_a_perfect_score():
    sizes = np.full(18, 36)
    bounds = [share_bounds(sizes - (np.arange(18) < n), sizes) for n in range(4)]
    assert [interval.high for interval in bounds] == sorted(
        (interval.high for interval in bounds), reverse=True
    )
    lows = [interval.low for interval in bounds]
    assert lows == sorted(lows, reverse=True)
    assert bounds[0].high == 1
    assert bounds[0].low - bounds[1].low < 0.01


@settings(max_examples=200, deadline=None)
@given(seed=seeds, n_groups=st.integers(2, 20), n_wrong=st.integers(1, 30))
def test_no_score_has_a_better_bound_than_a_perfect_one(seed, n_groups, n_wrong):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 80, n_groups)
    right = sizes - np.minimum(rng.multinomial(n_wrong, rng.dirichlet(np.ones(n_groups))), sizes)
    assert share_bounds(right, sizes).low <= share_bounds(sizes, sizes).low
    assert share_bounds(sizes - right, sizes).high >= share_bounds(0 * sizes, sizes).high


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_more_errors_spread_alike_never_improve_a_bound(seed):
    rng = np.random.default_rng(seed)
    sizes = np.full(18, 36)
    order = rng.permutation(18)
    bounds = []
    right = sizes.copy()
    for group in np.tile(order, 3):
        bounds.append(share_bounds(right, sizes))
        right[group] -= 1
    lows, highs = (np.array(side) for side in zip(*bounds, strict=True))
    # Where errors are dealt out group by group, the spread moves a little within one round.
    assert (np.diff(lows[::18]) <= 0).all()
    assert (np.diff(highs[::18]) <= 0).all()
    assert (lows <= lows[0]).all()


@settings(max_examples=100, deadline=None)
@given(seed=seeds)
def test_no_area_has_a_better_bound_than_a_perfect_one(seed):
    rng = np.random.default_rng(seed)
    ceiling, degrees = rng.uniform(2, 500), rng.integers(1, 30)
    value, variance = 1 - 10 ** -rng.uniform(0.5, 6), 10 ** -rng.uniform(1, 9)
    best = intervals.area_interval(1.0, 0.0, ceiling, degrees, 0.95).low
    found = intervals.area_interval(value, variance, ceiling, degrees, 0.95)
    assert found.low <= best
    assert found.low <= value <= found.high


def test_recall_of_a_class_with_few_errors_has_no_better_bound_than_a_perfect_one():
    def low(first):
        hits = np.array([[first, 0], [first, 0], [0, 30], [0, 30], [0, 10]], dtype=float)
        actual = np.array([[30, 0], [30, 0], [0, 30], [0, 30], [0, 30]], dtype=float)
        counts = metrics.ClassCounts(*(part[:, None] for part in (hits, actual, hits)))
        return intervals.recall_intervals(counts, intervals.Groups(actual, FLOOR), 0.95)[0][1].low

    assert low(29) <= low(30)


def test_a_class_of_one_group_is_taken_to_vary_as_the_others():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        groups_of_class = [3, 3, 3, 1, 1, 1]
        share = rng.beta(0.8 * 5.67, 0.2 * 5.67, sum(groups_of_class))
        hits, actual = np.zeros((2, len(share), 6))
        column = np.repeat(np.arange(6), groups_of_class)
        actual[np.arange(len(share)), column] = 30
        hits[np.arange(len(share)), column] = rng.binomial(30, share)
        counts = metrics.ClassCounts(*(part[:, None] for part in (hits, actual, hits)))
        groups = intervals.Groups(actual, FLOOR)
        value, influence = intervals.count_scores(counts)["balanced_accuracy"]
        weights = weights_of(groups, "balanced_accuracy")
        low, high = intervals.share_interval(
            value,
            groups.variance(influence, weights),
            groups.ceiling(weights),
            groups.degrees(weights),
            0.95,
        )
        held.append(low <= 0.8 <= high)
    assert np.mean(held) >= 0.92


@settings(max_examples=50, deadline=None)
@given(seed=seeds, n_classes=st.integers(2, 6), n_repeats=st.integers(1, 3))
def test_influences_are_derivatives_of_the_scores(seed, n_classes, n_repeats):
    rng = np.random.default_rng(seed)
    truth, groups = rng.integers(0, n_classes, 80), rng.integers(0, 7, 80)
    repeats = rng.integers(0, n_repeats, 80)
    truth[:n_classes], groups[-1], repeats[-1] = np.arange(n_classes), 6, n_repeats - 1
    counts = metrics.group_counts(truth, rng.integers(0, n_classes, 80), groups, n_classes, repeats)

    def weighted(step):
        scale = np.ones(7)
        scale[3] += step
        parts = (part * scale[:, None, None] for part in counts)
        total = metrics.ClassCounts(*(part.sum(axis=0) for part in parts))
        return {name: float(np.mean(score(total))) for name, score in metrics.SCORES.items()}

    for name, (value, influence) in intervals.count_scores(counts).items():
        assert value == pytest.approx(weighted(0.0)[name])
        slope = (weighted(1e-5)[name] - weighted(-1e-5)[name]) / 2e-5
        assert influence[3] == pytest.approx(slope, abs=1e-6)
        assert influence.sum() == pytest.approx(0, abs=1e-9)


@given(seed=seeds, n_classes=st.integers(2, 5), digits=st.integers(1, 8))
def test_roc_auc_agrees_with_scikit_learn_also_with_ties(seed, n_classes, digits):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 50)])
    scores = rng.random((len(truth), n_classes)).round(digits)
    expected = np.mean(
        [reference.roc_auc_score(truth == k, scores[:, k]) for k in range(n_classes)]
    )
    area, influence = intervals.roc_auc_score(truth, scores, np.arange(len(truth)), len(truth))
    assert area == pytest.approx(expected)
    assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_roc_auc_leaves_out_classes_without_units():
    truth, groups = np.array([0, 0, 1, 1]), np.arange(4)
    scores = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0.5, 0.5, 0], [0.2, 0.8, 0]])
    assert intervals.roc_auc_score(truth, scores, groups, 4)[0] == pytest.approx(
        reference.roc_auc_score(truth, scores[:, 1])
    )


def test_roc_auc_of_one_class_is_undefined():
    nobody = np.zeros(3, dtype=int)
    assert intervals.roc_auc_score(nobody, np.full((3, 2), 0.5), nobody, 1) is None


def test_the_variance_of_the_area_is_that_of_delong():
    # Units are independent and all of one size: DeLong et al. (1988), written out.
    rng = np.random.default_rng(4)
    truth = np.repeat([0, 1], [30, 40])
    scores = rng.normal(truth, 1.0)
    higher = (scores[truth == 1][:, None] > scores[truth == 0]).astype(float)
    expected = higher.mean(axis=1).var(ddof=1) / 40 + higher.mean(axis=0).var(ddof=1) / 30
    both = np.stack([-scores, scores], axis=1)
    _, influence = intervals.roc_auc_score(truth, both, np.arange(70), 70)
    groups = intervals.Groups((truth[:, None] == [0, 1]).astype(float), 0.0)
    variance = groups.variance(influence, weights_of(groups, AREA))
    assert variance == pytest.approx(expected, rel=5e-3)


def test_the_variance_is_the_textbook_one_for_groups_of_one_size():
    # Four compounds of ten units in each of two classes.
    right = np.array([10, 8, 6, 8, 5, 7, 9, 3])
    actual = np.zeros((8, 2))
    actual[np.arange(8), np.arange(8) // 4] = 10
    hits = actual * (right / 10)[:, None]
    counts = metrics.ClassCounts(*(part[:, None] for part in (hits, actual, hits)))
    groups = intervals.Groups(actual, FLOOR)
    _, influence = intervals.count_scores(counts)["balanced_accuracy"]
    shares = (right / 10).reshape(2, 4)
    expected = (shares.var(axis=1, ddof=1) / 4).sum() / 4
    assert groups.variance(influence, np.full(2, 1 / 80)) == pytest.approx(expected)
    assert groups.degrees(np.full(2, 1 / 80)) == pytest.approx(6)


def test_the_variance_is_right_on_average_for_groups_of_many_sizes():
    rng = np.random.default_rng(0)
    sizes = np.array([12, 84, 24])
    groups = intervals.Groups(sizes[:, None].astype(float), 1 / 3)  # groups stand and fall whole
    shares = rng.normal(0.8, 0.1, (20_000, 3))
    values = shares @ sizes / sizes.sum()
    found = [
        groups.variance((row - value) * sizes / sizes.sum(), np.array([1 / sizes.sum()]))
        for row, value in zip(shares[:5000], values, strict=False)
    ]
    assert np.mean(found) == pytest.approx(values.var(), rel=0.05)


def test_copies_of_a_unit_in_its_group_hardly_narrow_the_interval():
    once = share_bounds([1, 0, 1, 1, 0, 1, 1, 1], [1] * 8)
    tenfold = share_bounds([10, 0, 10, 10, 0, 10, 10, 10], [10] * 8)
    assert tenfold == pytest.approx(once)


def test_the_effective_number_of_a_perfect_score_is_limited():
    # 36 units of each of 18 compounds that correlate by 0.03: 648 / (1 + 35 * 0.03).
    groups = intervals.Groups(np.full((18, 1), 36.0), 0.03)
    assert groups.ceiling(np.array([1 / 648])) == pytest.approx(648 / 2.05)


def test_groups_that_are_all_alone_with_their_classes_have_no_degrees_of_freedom():
    groups = intervals.Groups(np.diag([4.0, 5.0, 6.0]), FLOOR)
    assert groups.degrees(np.full(3, 1 / 15)) == 0
    counts = metrics.ClassCounts(*(groups.actual[:, None] for _ in range(3)))
    assert [bounds for _, bounds in intervals.recall_intervals(counts, groups, 0.95)] == [None] * 3


def test_a_higher_level_gives_a_wider_interval():
    narrow = intervals.share_interval(0.8, 0.01, 100, 10, 0.8)
    wide = intervals.share_interval(0.8, 0.01, 100, 10, 0.99)
    assert wide.low < narrow.low < 0.8 < narrow.high < wide.high


def test_models_that_differ_nowhere_are_not_claimed_to_be_equal():
    low, high = intervals.difference_interval(0.0, 0.0, 100.0, 12, 0.95)
    assert low == -high < 0
    assert intervals.difference_p(0.0, 0.0, 100.0, 12) == pytest.approx(1)


def test_the_p_value_of_a_difference_fits_its_interval():
    low, _ = intervals.difference_interval(0.1, 0.0004, 1000, 12, 0.95)
    p = intervals.difference_p(0.1, 0.0004, 1000, 12)
    assert (low > 0) == (p < 0.05)
    level = 1 - p
    assert intervals.difference_interval(0.1, 0.0004, 1000, 12, level).low == pytest.approx(0)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_an_impossible_level_is_refused(level):
    with pytest.raises(InputError, match=r"evaluation\.confidence is .*between 0 and 1"):
        intervals.check_level(level)
