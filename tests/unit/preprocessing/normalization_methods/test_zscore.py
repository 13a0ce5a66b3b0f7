"""Standardization by mean and standard deviation."""

import numpy as np
import pandas as pd
from control_plates import (
    CHANNELS,
    CONTROLS,
    chain,
    control_pixels,
    sites,
    step,
    values,
)
from fake_store import FakeStore

from moascope.preprocessing import normalization


def test_zscore_statistics_are_mean_and_sd_of_the_controls(store):
    found = values(normalization.fit_plate(store, sites(store), chain(step("zscore", "controls"))))
    expected = control_pixels(store)
    np.testing.assert_allclose(found.loc["mean"], expected.mean(axis=1))
    np.testing.assert_allclose(found.loc["sd"], expected.std(axis=1))


def test_a_small_spread_on_a_large_mean_is_not_lost():
    rng = np.random.default_rng(0)
    store = FakeStore((60000 + rng.integers(0, 2, (40, 2, 32, 32))).astype(np.uint16), CHANNELS)
    found = values(normalization.fit_plate(store, sites(store), chain(step("zscore", "controls"))))
    np.testing.assert_allclose(found.loc["sd"], control_pixels(store).std(axis=1), rtol=1e-9)


def test_zscored_controls_have_mean_0_and_sd_1(store):
    steps = chain(step("zscore", "controls", z_range=(-1000, 1000)))
    statistics = normalization.fit_plate(store, sites(store), steps)
    z = normalization.apply(store.pixels[CONTROLS], statistics, steps, CHANNELS) * 2000.0 - 1000
    np.testing.assert_allclose(z.mean(axis=(0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(z.std(axis=(0, 2, 3)), 1, atol=1e-3)


def test_the_z_range_becomes_0_to_1():
    steps = chain(step("zscore", "controls", z_range=(-3, 9)))
    rows = [("mean", 100.0), ("sd", 10.0)]
    statistics = pd.DataFrame(
        [{"step": 0, "method": "zscore", "channel": "DNA", "statistic": n, "value": v}
         for n, v in rows]
    )  # fmt: skip
    batch = np.array([50, 70, 100, 130, 190, 250], np.uint16).reshape(1, 1, 1, 6)
    found = normalization.apply(batch, statistics, steps, ["DNA"])
    np.testing.assert_allclose(found.ravel(), [0, 0, 0.25, 0.5, 1, 1], atol=1e-6)
