"""The list of baselines."""

from moascope.classification import baseline_registry
from moascope.classification.baseline_registry import CELL_COUNT, LAYOUT
from moascope.preprocessing import handcrafted_features


def test_features_of_baselines_are_computed():
    computed = {*handcrafted_features.FEATURES, LAYOUT, CELL_COUNT}
    for baseline in baseline_registry.BASELINES:
        assert (baseline.head is None) == (baseline.features == "")
        assert baseline.features in {"", *computed}


def test_baselines_that_see_the_plate_need_plates():
    for baseline in baseline_registry.BASELINES:
        sees_plates = baseline.features in (LAYOUT, CELL_COUNT)
        assert baseline.needs_plates == sees_plates
        assert baseline.needs_cells == (baseline.features == CELL_COUNT)
