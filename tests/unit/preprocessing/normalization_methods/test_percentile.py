"""Scaling between two percentiles."""

import numpy as np
import pandas as pd
from control_plates import (
    CHANNELS,
    chain,
    control_pixels,
    sites,
    step,
    values,
)
from fake_store import FakeStore

from moascope.preprocessing import normalization
from moascope.preprocessing.normalization_methods import percentile


def test_percentile_statistics_are_numpys_where_every_pixel_is_sampled(store):
    found = values(
        normalization.fit_plate(store, sites(store), chain(step("percentile", "controls")))
    )
    low, high = np.percentile(control_pixels(store), (1, 99), axis=1)
    np.testing.assert_allclose(found.loc["low"], low)
    np.testing.assert_allclose(found.loc["high"], high)


def test_percentiles_of_a_sample_are_near_those_of_all_pixels(store, monkeypatch):
    monkeypatch.setattr(percentile, "SAMPLE", 500)
    steps = chain(step("percentile", "controls", 10, 90))
    found = values(normalization.fit_plate(store, sites(store), steps))
    expected = np.percentile(control_pixels(store), (10, 90), axis=1)
    np.testing.assert_allclose(found.loc[["low", "high"]], expected, rtol=0.2)


def test_a_sample_takes_pixels_of_every_column(store, monkeypatch):
    columns = np.broadcast_to(np.arange(24, dtype=np.uint16), store.pixels.shape)
    flat = FakeStore(columns.copy(), CHANNELS)
    monkeypatch.setattr(percentile, "SAMPLE", 120)  # 1440 pixels: every 12th
    steps = chain(step("percentile", "controls", 5, 95))
    found = values(normalization.fit_plate(flat, sites(flat), steps))
    np.testing.assert_allclose(found.loc["low"], np.percentile(np.arange(24), 5), atol=1.5)
    np.testing.assert_allclose(found.loc["high"], np.percentile(np.arange(24), 95), atol=1.5)


def test_percentiles_of_an_image_become_0_and_1():
    batch = np.arange(101, dtype=np.uint16).reshape(1, 1, 1, 101) + 1000
    steps = chain(step("percentile", "image", 10, 90))
    found = normalization.apply(batch, pd.DataFrame(), steps, ["DNA"]).ravel()
    expected = np.clip((np.arange(101) - 10) / 80, 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
