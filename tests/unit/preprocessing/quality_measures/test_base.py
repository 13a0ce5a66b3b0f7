"""Columns of quality tables."""

import numpy as np
import pandas as pd
import pytest

from moascope.preprocessing.quality_measures import base

TABLE = pd.DataFrame(
    {
        "site_id": ["a", "b", "c"],
        "p99:DNA": [1, 10, 100],
        "p999:DNA": [7, 7, 7],
        "p99:Actin": [0, 1000, 2000],
    }
)


def test_columns_of_one_name_are_those_of_all_channels():
    found = base.columns_of(TABLE, "p99")
    assert found.dtype == np.float64
    assert found.tolist() == [[1, 0], [10, 1000], [100, 2000]]
    assert base.columns_of(TABLE, "p9").shape == (3, 0)


def test_logarithms_take_zero_for_a_thousandth_of_the_median():
    found = base.logarithms_of(TABLE, "p99")
    np.testing.assert_allclose(np.exp(found), [[1, 1], [10, 1000], [100, 2000]])


def test_logarithms_of_a_channel_without_light_are_finite():
    dark = pd.DataFrame({"p99:DNA": [0.0, 0.0]})
    found = base.logarithms_of(dark, "p99")
    assert np.isfinite(found).all()
    assert found[0] == found[1]


def test_values_of_images_become_columns():
    channel = base.PlateChannel(
        {"mean": np.array([1, 2], np.uint16), "sd": np.array([3, 4], np.float32)}, False, 255
    )
    found = base.keep_values(channel, ["sd", "mean"])
    assert list(found) == ["sd", "mean"]
    assert all(values.dtype == np.float64 for values in found.values())
    assert found["mean"] == pytest.approx([1, 2])
