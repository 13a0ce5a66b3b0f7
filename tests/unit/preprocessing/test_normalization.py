"""Intensity transforms, and what their statistics are allowed to see."""

import numpy as np
import pandas as pd
import pytest
from control_plates import (
    ANSCOMBE,
    CHANNELS,
    CONTROLS,
    KENSERT,
    chain,
    control_pixels,
    sites,
    step,
    values,
)
from fake_store import FakeStore
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from moascope.core.errors import InputError
from moascope.preprocessing import normalization
from moascope.preprocessing.normalization_methods import percentile
from moascope.preprocessing.normalization_methods.options import Normalization

METHODS = ["percentile", "zscore", "minmax"]


# ---------------------------------------------------------------- statistics


@pytest.mark.parametrize("method", METHODS)
def test_statistics_do_not_depend_on_the_batches(method, store, monkeypatch):
    monkeypatch.setattr(percentile, "SAMPLE", 700)
    whole = normalization.fit_plate(store, sites(store), chain(step(method, "controls")))
    monkeypatch.setattr(normalization, "batch_size", lambda shape: 1)
    single = normalization.fit_plate(store, sites(store), chain(step(method, "controls")))
    pd.testing.assert_frame_equal(whole, single, rtol=1e-12)


def test_later_steps_learn_from_what_earlier_ones_give(store):
    found = values(normalization.fit_plate(store, sites(store), KENSERT), 1)
    expected = 2 * np.sqrt(control_pixels(store) + 3 / 8)
    np.testing.assert_allclose(found.loc["mean"], expected.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.loc["sd"], expected.std(axis=1), rtol=1e-5)


def test_the_table_says_what_it_was_taken_from(store):
    table = normalization.fit_plate(store, sites(store), KENSERT)
    assert list(table.columns) == list(normalization.COLUMNS)
    assert set(table["n_images"]) == {3}
    assert set(table["source"]) == {"controls"}
    assert set(table["plate"]) == {"P1"}
    assert list(table["channel"]) == ["DNA", "DNA", "Actin", "Actin"]
    assert list(table["statistic"]) == ["mean", "sd"] * 2


def test_an_empty_table_has_the_types_of_a_full_one(store):
    empty = normalization.fit_plate(store, sites(store), chain(step("percentile")))
    full = normalization.fit_plate(store, sites(store), chain(step("minmax", "controls")))
    assert len(empty) == 0
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


# ---------------------------------------------------------------- what must not be seen


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("before", [[], [ANSCOMBE]])
def test_treated_wells_never_change_the_statistics_of_controls(method, before, store):
    steps = chain(*before, step(method, "controls"))
    before = normalization.fit_plate(store, sites(store), steps)
    treated = [k for k in range(8) if k not in CONTROLS]
    store.pixels[treated] = 65535 - store.pixels[treated]
    pd.testing.assert_frame_equal(normalization.fit_plate(store, sites(store), steps), before)


def test_treated_wells_are_not_even_read(store):
    normalization.fit_plate(store, sites(store), chain(step("zscore", "controls")))
    assert sorted(store.read_sites) == CONTROLS


def test_labels_are_neither_needed_nor_looked_at(store):
    table = sites(store)
    assert not {"moa", "compound", "concentration", "treatment"} & set(table)
    before = normalization.fit_plate(store, table, KENSERT)
    shuffled = table.assign(moa=list("hgfedcba"), compound=list("abcdefgh"))
    pd.testing.assert_frame_equal(normalization.fit_plate(store, shuffled, KENSERT), before)


def test_flagged_controls_do_not_enter(store):
    table = normalization.fit_plate(
        store, sites(store, flagged=[3]), chain(step("zscore", "controls"))
    )
    np.testing.assert_allclose(
        values(table).loc["mean"], control_pixels(store, [0, 4]).mean(axis=1)
    )
    assert set(table["n_images"]) == {2}


def test_quarantined_sites_are_passed_over(store):
    table = sites(store)
    kept = FakeStore(store.pixels[1:], CHANNELS)
    kept.site_ids = store.site_ids[1:]
    found = values(normalization.fit_plate(kept, table, chain(step("zscore", "controls"))))
    np.testing.assert_allclose(found.loc["mean"], control_pixels(store, [3, 4]).mean(axis=1))


@pytest.mark.parametrize(
    ("controls", "flagged", "words"),
    [([], [], "no control"), ([1, 2], [1, 2], "all 2 control sites are flagged or unreadable")],
)
def test_a_plate_without_usable_controls_is_an_error(controls, flagged, words, store):
    table = sites(store, controls, flagged)
    with pytest.raises(InputError, match=f"plate 'P1'.*{words}.*input.controls"):
        normalization.fit_plate(store, table, chain(step("zscore", "controls")))


def test_statistics_of_the_whole_plate_are_computed_where_they_are_allowed(store):
    steps = Normalization(steps=[step("zscore", "plate")], treated_wells_in_statistics=True)
    table = normalization.fit_plate(store, sites(store), steps)
    expected = control_pixels(store, range(8)).mean(axis=1)
    np.testing.assert_allclose(values(table).loc["mean"], expected)
    assert set(table["source"]) == {"plate"}
    with pytest.raises(InputError, match="every site is flagged"):
        normalization.fit_plate(store, sites(store, flagged=range(8)), steps)


def test_a_chain_that_ends_in_counts_is_refused(store):
    with pytest.raises(ValidationError, match="must not end with 'anscombe'"):
        Normalization(steps=[ANSCOMBE])
    with pytest.raises(InputError, match=r"the last step, 'anscombe', does not bring"):
        normalization.apply(store.pixels, pd.DataFrame(), chain(ANSCOMBE), CHANNELS)


# ---------------------------------------------------------------- images as they are


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65_535)])
def test_without_steps_integers_are_divided_by_the_largest_of_their_type(dtype, largest):
    batch = np.array([0, 51, largest], dtype).reshape(1, 1, 1, 3)
    result = normalization.apply(batch, normalization._table([]), chain(), ["DNA"])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.ravel(), [0, 51 / largest, 1], rtol=1e-6)


def test_without_steps_floats_from_0_to_1_stay_as_they_are():
    batch = np.array([0, 0.25, 1], np.float32).reshape(1, 1, 1, 3)
    np.testing.assert_array_equal(
        normalization.apply(batch, normalization._table([]), chain(), ["DNA"]), batch
    )


@pytest.mark.parametrize("value", [-0.5, 1.5, 4096])
def test_without_steps_floats_of_another_range_are_refused(value):
    batch = np.array([0, value], np.float32).reshape(1, 1, 1, 2)
    with pytest.raises(InputError, match=r"normalization.steps: \[\] takes .* Add a step such as"):
        normalization.apply(batch, normalization._table([]), chain(), ["DNA"])


def test_without_steps_no_statistics_are_computed(store):
    assert normalization.fit_plate(store, sites(store), chain()).empty
    assert store.read_sites == []


# ---------------------------------------------------------------- applying


def test_the_chain_of_kensert_2019_is_its_formula(store):
    statistics = normalization.fit_plate(store, sites(store), KENSERT)
    found = normalization.apply(store.pixels, statistics, KENSERT, CHANNELS)
    stable = 2 * np.sqrt(store.pixels + 3 / 8)
    controls = stable[CONTROLS]
    z = (stable - controls.mean((0, 2, 3), keepdims=True)) / controls.std((0, 2, 3), keepdims=True)
    low, high = z.min((2, 3), keepdims=True), z.max((2, 3), keepdims=True)
    np.testing.assert_allclose(found, (z - low) / (high - low), atol=1e-5)


def test_statistics_are_found_by_channel_name(store):
    steps = chain(step("zscore", "controls"))
    statistics = normalization.fit_plate(store, sites(store), steps)
    straight = normalization.apply(store.pixels, statistics, steps, CHANNELS)
    swapped = normalization.apply(store.pixels[:, ::-1], statistics, steps, CHANNELS[::-1])
    np.testing.assert_array_equal(swapped[:, ::-1], straight)
    with pytest.raises(InputError, match=r"no zscore values \(step 0\) for channel 'Tubulin'"):
        normalization.apply(store.pixels, statistics, steps, ["DNA", "Tubulin"])


@pytest.mark.parametrize("scope", ["image", "controls"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_constant_images_stay_finite(method, scope, dtype):
    store = FakeStore(np.full((8, 2, 16, 16), 77, dtype), CHANNELS)
    steps = chain(step(method, scope))
    statistics = normalization.fit_plate(store, sites(store), steps)
    found = normalization.apply(store.pixels, statistics, steps, CHANNELS)
    assert (found == found[0, 0, 0, 0]).all()
    assert found[0, 0, 0, 0] == pytest.approx(0.25 if method == "zscore" else 0)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint16, (4, 2, 5, 7)),
    st.lists(
        st.builds(
            step,
            st.sampled_from([*METHODS, "anscombe"]),
            st.sampled_from(["image", "controls"]),
        ),
        max_size=3,
    ),
    st.sampled_from(METHODS),
)
def test_every_chain_gives_finite_float32_in_0_to_1_and_leaves_its_input_alone(pixels, steps, last):
    store, options, before = FakeStore(pixels, CHANNELS), chain(*steps, step(last)), pixels.copy()
    statistics = normalization.fit_plate(store, sites(store, [0, 1]), options)
    found = normalization.apply(pixels, statistics, options, CHANNELS)
    assert found.dtype == np.float32
    assert found.shape == pixels.shape
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_array_equal(pixels, before)


def test_statistics_survive_being_written(store, tmp_path):
    statistics = normalization.fit_plate(store, sites(store), KENSERT)
    statistics.to_parquet(tmp_path / "s.parquet")
    read = pd.read_parquet(tmp_path / "s.parquet")
    np.testing.assert_array_equal(
        normalization.apply(store.pixels, read, KENSERT, CHANNELS),
        normalization.apply(store.pixels, statistics, KENSERT, CHANNELS),
    )
