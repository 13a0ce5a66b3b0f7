"""Scores of instance segmentations, against plain definitions and against stardist."""

import json
import time
import tracemalloc
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from moascope.core.errors import InputError
from moascope.segmentation.matching import (
    THRESHOLDS,
    ap_of_sums,
    average_precision,
    match,
    overlaps,
    pooled,
    scores,
    scores_by_image,
    sums_by_group,
    tally,
)


def discs(seed: int, n: int, size: int = 64, shift: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Truth with random discs, and a prediction that moves, loses and invents some."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    pair = np.zeros((2, size, size), np.int32)
    for label in range(1, n + 1):
        centre, radius = rng.integers(0, size, 2), rng.integers(2, 9)
        moved = centre + rng.integers(-shift, shift + 1, 2)
        for labels, (cy, cx) in zip(pair, (centre, moved), strict=True):
            if rng.random() < 0.9:
                labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = label
    return pair[0], pair[1]


def plain_iou(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The IoU of all pairs of objects by comparing masks, one pair at a time."""
    true_labels = [label for label in np.unique(truth) if label]
    predicted_labels = [label for label in np.unique(predicted) if label]
    iou = np.zeros((len(true_labels), len(predicted_labels)))
    for i, a in enumerate(true_labels):
        for j, b in enumerate(predicted_labels):
            mask_a, mask_b = truth == a, predicted == b
            iou[i, j] = (mask_a & mask_b).sum() / (mask_a | mask_b).sum()
    return iou


def best_assignment(iou: np.ndarray, threshold: float) -> tuple[int, float]:
    """Try every assignment: most matches first, then the largest sum of the IoU of all pairs."""
    wide = iou if iou.shape[0] <= iou.shape[1] else iou.T
    best = (0, 0.0, 0.0)
    for columns in permutations(range(wide.shape[1]), wide.shape[0]):
        values = wide[range(wide.shape[0]), columns]
        good = values >= threshold - 1e-7
        best = max(best, (int(good.sum()), round(values.sum(), 9), values[good].sum()))
    return best[0], best[2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 5), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
def test_matches_are_the_best_of_all_assignments(seed, n, threshold):
    truth, predicted = discs(seed, n, size=24)
    counts = tally(truth, predicted, [threshold])
    n_matched, sum_iou = best_assignment(plain_iou(truth, predicted), threshold)
    assert counts.matched.tolist() == [n_matched]
    assert counts.matched_iou[0] == pytest.approx(sum_iou, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 25))
def test_scores_follow_their_definitions(seed, n):
    truth, predicted = discs(seed, n)
    iou = plain_iou(truth, predicted)
    n_true, n_predicted = iou.shape
    found = scores(tally(truth, predicted))
    assert (found["n_objects"], found["n_predicted"]) == iou.shape
    for threshold in (0.55, 0.75):  # above 0.5 a match is unique, so that counting is enough
        hits = iou[iou >= threshold]
        key, tp, both = f"{threshold:g}", len(hits), n_true + n_predicted
        assert found["ap"][key] == pytest.approx(tp / max(both - tp, 1))
        assert found["precision"][key] == pytest.approx(tp / max(n_predicted, 1))
        assert found["recall"][key] == pytest.approx(tp / max(n_true, 1))
        assert found["f1"][key] == pytest.approx(2 * tp / max(both, 1))
        assert found["matched_iou"][key] == pytest.approx(hits.sum() / max(tp, 1), abs=1e-6)
        quality = hits.sum() / max(tp + (both - 2 * tp) / 2, 1)
        assert found["panoptic_quality"][key] == pytest.approx(quality, abs=1e-6)
    assert found["mean_ap"] == pytest.approx(np.mean(list(found["ap"].values())))
    a, b = truth > 0, predicted > 0
    assert found["foreground_iou"] == pytest.approx((a & b).sum() / max((a | b).sum(), 1))
    assert found["foreground_dice"] == pytest.approx(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))
    miscounted = abs(n_true - n_predicted) if n_true else 0
    assert found["count_error"] == pytest.approx(miscounted / max(n_true, 1))


def dense_match(truth: np.ndarray, predicted: np.ndarray, threshold: float) -> tuple[int, float]:
    """Match as stardist.matching does, with a full matrix of costs."""
    iou = plain_iou(truth, predicted).astype(np.float32)
    is_enough = iou >= np.float32(threshold)
    if not is_enough.any():
        return 0, 0.0
    chosen = linear_sum_assignment(-is_enough.astype(float) - iou / (2 * min(iou.shape)))
    good = is_enough[chosen]
    return int(good.sum()), float(iou[chosen][good].sum())


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_tied_and_chained_objects_match_as_with_a_full_matrix(seed, threshold):
    rng = np.random.default_rng(seed)
    shape = (8, 8)
    # Rectangles side by side, as in confluent cells: nearly every object overlaps several others.
    truth, predicted = (
        (np.arange(8)[:, None] // rng.integers(1, 4)) * 8 + np.arange(8) // rng.integers(1, 4) + 1
        for _ in range(2)
    )
    predicted = np.where(rng.random(shape) < 0.1, 0, predicted)
    counts = tally(truth, predicted, [threshold])
    n_matched, sum_iou = dense_match(truth, predicted, threshold)
    assert counts.matched.tolist() == [n_matched]
    assert counts.matched_iou[0] == pytest.approx(sum_iou, abs=1e-5)


@pytest.mark.parametrize("gap", [0, 1])
def test_one_object_in_two_halves_among_ten_thousand_costs_little(gap):
    side = 10 + gap
    y, x = np.mgrid[: 100 * side, : 100 * side]
    truth = (y // side) * 100 + x // side + 1
    truth[(y % side == 10) | (x % side == 10)] = 0
    predicted = truth.copy()
    predicted[:5][truth[:5] == 1] = 10_001
    tracemalloc.start()
    started = time.process_time()
    counts = tally(truth, predicted, [0.5])
    seconds = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (counts.n_objects, counts.n_predicted) == (10_000, 10_001)
    assert counts.matched.tolist() == [10_000]
    assert seconds < 3  # a full matrix took 17 s
    assert peak < 200e6  # and 1.6 GB


def test_predictions_mostly_in_ignored_pixels_are_no_false_positives():
    truth, predicted = np.zeros((2, 4, 12), int)
    truth[:, 8:] = -1
    truth[:, :2] = 1
    predicted[:, :2], predicted[0, 7:11], predicted[2:, 4:8] = 5, 6, 7
    predicted[3, 6:10] = 8  # half of it is ignored: it counts, with the half that is not
    counts = tally(truth, predicted, [0.5])
    assert (counts.n_objects, counts.n_predicted, counts.matched.tolist()) == (1, 3, [1])
    assert (counts.foreground, counts.foreground_predicted) == (8, 8 + 6 + 2)


def test_ignored_pixels_of_a_match_are_left_out_of_its_iou():
    truth, predicted = np.zeros((2, 4, 12), int)
    truth[:, 6:] = -1
    truth[:2, 2:6] = 3
    predicted[:2, 2:9] = 9
    counts = tally(truth, predicted, [0.99])
    assert counts.matched.tolist() == [1]
    assert counts.matched_iou.tolist() == [1]


def test_a_truth_that_is_ignored_whole_counts_nothing():
    counts = tally(np.full((4, 4), -1), np.ones((4, 4), int), [0.5])
    assert (counts.n_objects, counts.n_predicted, counts.foreground_predicted) == (0, 0, 0)


def test_seg_takes_the_object_that_covers_more_than_half():
    truth, predicted = np.zeros((2, 4, 10), np.int32)
    truth[0], truth[1], truth[2, :4] = 1, 2, 3
    predicted[0, :6] = 1  # 6 of 10 px: IoU 0.6
    predicted[1, :5] = 2  # exactly half: does not count
    predicted[2:, :4] = 3  # all of it, twice as large: IoU 0.5
    assert scores(tally(truth, predicted))["seg"] == pytest.approx((0.6 + 0 + 0.5) / 3)


def test_seg_needs_no_one_to_one_match():
    """One prediction may cover two true objects; the Cell Tracking Challenge counts both."""
    truth = np.array([[1, 1, 2, 2, 2]])
    assert scores(tally(truth, np.ones_like(truth)))["seg"] == pytest.approx((2 / 5 + 3 / 5) / 2)


def test_an_iou_equal_to_the_threshold_is_a_match():
    truth, predicted = np.zeros((2, 1, 10), np.int32)
    truth[:] = 1
    predicted[0, :7] = 1
    assert tally(truth, predicted, [0.7, 0.1 * 7, 0.71]).matched.tolist() == [1, 1, 0]


def test_one_true_object_in_two_halves_matches_one_of_them():
    truth, predicted = np.ones((1, 4), np.int32), np.array([[1, 1, 2, 2]])
    assert tally(truth, predicted, [0.5]).matched.tolist() == [1]


def test_a_better_pair_gives_way_where_more_pairs_match():
    # True 1 overlaps both predictions, true 2 only prediction 1: pairing 1-1 would leave 2 alone.
    truth = np.array([[1] * 10 + [2] * 6])
    predicted = np.array([[2] * 4 + [1] * 12])
    pairs = overlaps(truth, predicted)
    chosen = match(pairs, 0.3)
    found = zip(pairs.true[chosen].tolist(), pairs.predicted[chosen].tolist(), strict=True)
    assert list(found) == [(0, 1), (1, 0)]


def test_gaps_between_labels_do_not_matter():
    truth, predicted = discs(3, 12)
    spread = scores(tally(truth * 7, (predicted * 1000).astype(np.uint16)))
    assert spread == scores(tally(truth, predicted))


@pytest.mark.parametrize("empty", ["truth", "predicted", "both"])
def test_no_objects_score_zero(empty):
    truth, predicted = discs(1, 10)
    truth = truth * (empty == "predicted")
    predicted = predicted * (empty == "truth")
    found = scores(tally(truth, predicted))
    assert set(found["ap"].values()) == {0.0}
    assert found["foreground_iou"] == found["seg"] == found["mean_ap"] == 0


def test_pooling_equals_one_large_image():
    pairs = [discs(seed, 8 * seed) for seed in range(4)]
    together = pooled(tally(*pair) for pair in pairs)
    offset = [np.where(p, p + 1000 * i, 0) for i, (_, p) in enumerate(pairs)]
    truths = [np.where(t, t + 1000 * i, 0) for i, (t, _) in enumerate(pairs)]
    large = tally(np.hstack(truths), np.hstack(offset))
    different = {"n_images", "count_error"}
    assert together.n_images == 4
    for name, value in scores(together).items():
        if name not in different:
            assert value == pytest.approx(scores(large)[name]), name


def test_pooling_nothing_gives_zeros():
    assert scores(pooled([]))["mean_ap"] == 0


def test_opposite_counting_errors_do_not_cancel():
    one, none = np.ones((2, 2), np.int32), np.zeros((2, 2), np.int32)
    assert scores(pooled([tally(one, none), tally(none, one)]))["count_error"] == 2


def test_by_image_is_the_mean_over_images():
    tallies = [tally(*discs(seed, 10)) for seed in range(3)]
    found = scores_by_image(tallies)
    assert found["mean_ap"] == pytest.approx(np.mean([average_precision(t) for t in tallies]))
    assert found["seg"] == pytest.approx(np.mean([scores(t)["seg"] for t in tallies]))
    assert "n_objects" not in found
    json.dumps([found, scores(tallies[0])], allow_nan=False)


def test_images_of_different_size_are_refused():
    with pytest.raises(InputError, match=r"the true ones are 4 x 4, the predicted ones 4 x 5 px"):
        tally(np.zeros((4, 4), int), np.zeros((4, 5), int))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 25)), min_size=1, max_size=4))
def test_scores_equal_those_of_stardist(cases):
    theirs = pytest.importorskip("stardist.matching", reason="stardist is not installed here")
    thresholds = (0.2, *THRESHOLDS, 1.0)
    truths, predictions = zip(*(discs(*case, shift=6) for case in cases), strict=True)
    tallies = [tally(*pair, thresholds) for pair in zip(truths, predictions, strict=True)]
    for by_image in (False, True):
        ours = scores_by_image(tallies) if by_image else scores(pooled(tallies, thresholds))
        for expected in theirs.matching_dataset(
            truths, predictions, thresh=thresholds, by_image=by_image, show_progress=False
        ):
            key = f"{expected.thresh:g}"
            for name, value in {
                "ap": expected.accuracy,
                "precision": expected.precision,
                "recall": expected.recall,
                "f1": expected.f1,
                "matched_iou": expected.mean_matched_score,
                "panoptic_quality": expected.panoptic_quality,
            }.items():
                assert ours[name][key] == pytest.approx(value, abs=1e-6), (name, key)


def test_real_masks_match_themselves(shared_data: Path):
    import imagecodecs

    path = next((shared_data / "dsb2018" / "masks").glob("*.png"))
    labels = imagecodecs.png_decode(path.read_bytes())
    assert scores(tally(labels, labels))["mean_ap"] == 1


def test_ap_of_groups_is_that_of_their_images_together():
    tallies = [tally(*discs(seed, 6)) for seed in range(5)]
    matched, objects = sums_by_group(tallies, ["b", "a", "b", "a", "a"])
    expected = [pooled(tallies[i] for i in images) for images in ((1, 3, 4), (0, 2))]
    np.testing.assert_allclose(
        ap_of_sums(matched, objects), [average_precision(counts) for counts in expected]
    )
    assert ap_of_sums(np.zeros((1, 3), int), np.zeros(1, int)).tolist() == [[0, 0, 0]]
