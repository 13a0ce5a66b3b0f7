"""Scores of engines on annotated images."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from squares import (
    nothing_engine,
    pack,
    segmented,
    truth_engine,
)


@pytest.fixture
def packed(tmp_path):
    return pack(tmp_path, [1, 2, 3, 4, 5])


def test_an_engine_that_knows_the_truth_scores_one(packed, tmp_path):
    summary, by_image = segmented(packed, truth_engine, tmp_path)
    assert summary["ap"]["0.5"] == summary["mean_ap"] == summary["by_image"]["mean_ap"] == 1
    assert summary["n_images"] == 3
    assert summary["n_objects"] == summary["n_predicted"] == 3 + 4 + 5
    assert summary["seconds_per_image"] > 0
    assert by_image["name"].tolist() == ["i2", "i3", "i4"]
    json.dumps(summary, allow_nan=False)


def test_finding_nothing_goes_on_and_is_said(packed, tmp_path):
    summary, by_image = segmented(packed, nothing_engine, tmp_path)
    assert summary["ap"]["0.5"] == summary["n_predicted"] == 0
    assert by_image["n_predicted"].tolist() == [0, 0, 0]


def test_images_without_objects_have_no_interval_and_a_reason(packed, tmp_path):
    with h5py.File(packed[0], "r+") as file:
        for row in (3, 4):
            labels = file[f"labels/{row:06d}"]
            labels[...] = np.zeros(labels.shape, labels.dtype)
    summary, _ = segmented(packed, nothing_engine, tmp_path)
    assert summary["ci"]["ap_50"] is summary["ci"]["mean_ap"] is None
    assert "come from 1 independent group, and an interval needs" in summary["ci"]["reason"]


def test_half_of_the_objects_moved_away_are_half_as_good(packed, tmp_path):
    def engine(image):
        labels = truth_engine(image)
        return np.where(labels == 1, 0, labels)

    summary, _ = segmented(packed, engine, tmp_path)
    assert summary["ap"]["0.5"] == pytest.approx(9 / 12)


def without_first(image):
    """Find all squares but the first of images with more than three."""
    labels = truth_engine(image)
    return labels if labels.max() <= 3 else np.where(labels == 1, 0, labels)


def test_intervals_are_over_groups(tmp_path):
    packed = pack(tmp_path, [1, 2, 3, 4, 5, 3, 4, 5, 3, 4])

    def in_groups(*groups):
        table = pd.read_parquet(packed[1]).assign(group=["a", "b", *groups])
        table.to_parquet(packed[1])
        return segmented(packed, without_first, tmp_path)[0]

    each = in_groups(*"cdefghij")["ci"]
    low, high = each["ap_50"]
    assert each["ap"]["0.5"] == each["ap_50"]
    assert len(each["ap"]) == 9
    fewer = in_groups(*"cdefghcd")
    assert fewer["n_groups"] == 6
    # Six groups say less than eight images.
    assert fewer["ci"]["ap_50"][0] < low < fewer["ap"]["0.5"] < high <= 1


def test_all_objects_of_eight_images_do_not_prove_that_every_object_is_found(tmp_path):
    summary, _ = segmented(pack(tmp_path, [1, 2, *[3, 4, 5, 2] * 2]), truth_engine, tmp_path)
    low, high = summary["ci"]["mean_ap"]
    assert 0.2 < low < high == 1


def test_fewer_than_six_groups_have_no_interval_but_a_reason(packed, tmp_path):
    ci = segmented(packed, without_first, tmp_path)[0]["ci"]
    assert ci["ap_50"] is ci["mean_ap"] is None
    assert ci["reason"].startswith(
        "the test images with objects come from 3 independent groups, and an interval needs at "
        "least 6"
    )
    table = pd.read_parquet(packed[1]).assign(group=["a", "b", "c", "c", "c"])
    table.to_parquet(packed[1])
    assert (
        "from 1 independent group," in segmented(packed, truth_engine, tmp_path)[0]["ci"]["reason"]
    )


def test_images_without_objects_are_no_groups_that_intervals_need(tmp_path):
    packed = pack(tmp_path, [1, 2, 3, 4, 5, 3, 4, 0, 0, 0])
    ci = segmented(packed, truth_engine, tmp_path)[0]["ci"]
    assert "from 5 independent groups" in ci["reason"]
