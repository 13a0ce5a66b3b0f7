"""Choice of the parameters that objects are cut out by."""

from dataclasses import asdict

import numpy as np
import pytest
from disc_maps import MAPS, TOUCHING

from moascope.segmentation.instances import (
    InstanceParameters,
)
from moascope.segmentation.parameter_search import grid_for, search, tune


def test_tuning_finds_what_tells_objects_apart():
    """A prominence that is too large merges the touching discs."""
    best, tried = tune([(MAPS, TOUCHING)], start=InstanceParameters(prominence=0.9))
    assert best.prominence < 0.9
    assert tried["mean_ap"].is_monotonic_decreasing
    assert tried.loc[0, "mean_ap"] == pytest.approx(1)
    assert tried.loc[0, "mean_ap"] > tried["mean_ap"].iloc[-1]
    assert not tried.duplicated(list(asdict(best))).any()
    assert dict(tried.loc[0, ["seed_threshold", "min_area"]]) == {
        "seed_threshold": best.seed_threshold,
        "min_area": best.min_area,
    }


def test_tuning_gives_a_value_up_only_for_a_gain_above_its_standard_error():
    """Two objects where there is one, in some images; one where there are two, in others."""
    one, two = np.zeros((12, 24), np.int32), np.zeros((12, 24), np.int32)
    one[2:10, 2:22] = 1
    two[2:10, 2:11], two[2:10, 13:22] = 1, 2

    def segment(image, parameters):
        return two if parameters.min_area == 7 else one

    def tuned(n_two, n_one, groups=None):
        samples = [(None, two)] * n_two + [(None, one)] * n_one
        start, grid = InstanceParameters(), {"min_area": (7,)}
        best, tried = search(segment, samples, grid, start, groups=groups)
        assert dict(tried.loc[0])["min_area"] == best.min_area
        return best.min_area, tried.set_index("min_area")["mean_ap"]

    chosen, scores = tuned(5, 4)
    assert scores[7] > scores[10]
    assert chosen == 10
    chosen, scores = tuned(8, 1)
    assert chosen == 7
    assert tuned(1, 0)[0] == 7
    # Images that belong together are one piece of evidence.
    assert tuned(9, 3)[0] == 7
    assert tuned(9, 3, ["a"] * 8 + ["b"] * 4)[0] == 10
    # Where all belong together, each image counts, as if nothing were known of groups.
    assert tuned(5, 4, ["a"] * 9)[0] == 10
    assert tuned(8, 1, ["a"] * 9)[0] == 7


def test_tuning_stays_where_nothing_is_better():
    nothing = {"distance": np.zeros((20, 20), np.float32)}
    start = InstanceParameters(smoothing=0.5)
    best, tried = tune([(nothing, np.zeros((20, 20), np.int32))], start=start)
    assert best == start
    assert (tried["mean_ap"] == 0).all()


def test_tuning_takes_a_generator():
    pairs = [(MAPS, TOUCHING)] * 2
    grid = {"prominence": (0.05, 0.5)}
    assert tune((pair for pair in pairs), grid)[0] == tune(pairs, grid)[0]


def test_the_smallest_areas_to_try_are_those_of_known_objects():
    labels = np.zeros((200, 200), np.int32)
    labels[:100] = np.arange(1, 101, dtype=np.int32)[:, np.newaxis]  # 100 rows of 200 px
    labels[150, :40] = 101
    assert grid_for([labels, np.zeros((9, 9), np.int32)])["min_area"] == [10, 120, 200]
    assert grid_for([])["min_area"] == [10]
