"""Quality measures, and which sites they flag."""

import numpy as np
import pandas as pd
import pytest
from fake_store import FakeStore
from pictures import cells
from skimage.filters import threshold_otsu
from skimage.io import imread

from moascope.core.errors import InputError
from moascope.preprocessing import foreground, plate_quality, quality
from moascope.preprocessing.quality_measures import saturation
from moascope.preprocessing.quality_measures.options import Quality
from moascope.simulation import phenotypes, screen
from moascope.simulation.options import Simulate

OPTIONS = Quality(focus_z=4.0, max_saturated=0.02, min_foreground=0.02, intensity_z=6.0)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def measured(pixels, channels=("DNA",)):
    return quality.measure_plate(FakeStore(pixels, channels))


def reasons(pixels, channels=("DNA",), **options):
    return list(
        quality.flag(measured(pixels, channels), OPTIONS.model_copy(update=options))["reasons"]
    )


def test_measures_do_not_depend_on_the_rest_of_the_batch(rng):
    images = cells(rng, n=5, side=64)
    together = quality.measure_images(images, [False])
    for k in range(len(images)):
        alone = quality.measure_images(images[k : k + 1], [False])
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], together[name][k], rtol=1e-6)


# ---------------------------------------------------------------- intensities and saturation


def test_percentiles_mean_and_sd_are_numpys(rng):
    images = rng.integers(0, 4096, (3, 2, 101, 101)).astype(np.uint16)
    table = measured(images, ["a", "b"])
    for c, channel in enumerate(["a", "b"]):
        flat = images[:, c].reshape(3, -1)
        for q in (1, 50, 99):
            np.testing.assert_array_equal(table[f"p{q}:{channel}"], np.percentile(flat, q, axis=1))
        np.testing.assert_allclose(table[f"mean:{channel}"], flat.mean(axis=1))
        np.testing.assert_allclose(table[f"sd:{channel}"], flat.std(axis=1))


def test_shares_at_the_maximum_are_counted():
    ordered = np.array([[0, 1, 2, 5, 5, 5, 9, 9], [3] * 8])
    at, below = saturation.share_at_maximum(ordered)
    assert list(at) == [2 / 8, 1.0]
    assert list(below) == [3 / 8, 0.0]


@pytest.mark.parametrize("ceiling", [1023, 4095, 16383, 65535])
def test_clipping_is_found_at_the_level_of_the_camera(ceiling, rng):
    pixels = np.minimum(rng.gamma(4, ceiling / 40, (6, 1, 64, 64)), ceiling)
    pixels[2, 0, :8] = ceiling * 1.5
    clipped = np.minimum(pixels, ceiling).astype(np.uint16)
    saturated = measured(clipped)["saturated:DNA"]
    assert saturated[2] == pytest.approx(8 / 64, abs=0.01)
    assert saturated.drop(2).max() < 1e-3


def test_the_brightest_pixel_of_an_unclipped_plate_is_not_saturation(rng):
    table = measured(rng.gamma(4, 100, (10, 1, 64, 64)).astype(np.uint16))
    assert (table["saturated:DNA"] == 0).all()


def test_a_black_channel_is_not_saturated(rng):
    images = cells(rng, n=5, side=48)
    pixels = np.concatenate([images, np.zeros_like(images)], axis=1)
    table = measured(pixels, ["DNA", "unused"])
    assert (table["saturated:unused"] == 0).all()
    assert np.isfinite(table.drop(columns="site_id").to_numpy(float)).all()
    assert set(quality.flag(table, OPTIONS)["reasons"]) == {""}


# ---------------------------------------------------------------- foreground


def test_otsu_splits_as_scikit_image_does(rng):
    values = np.sort(np.concatenate([rng.normal(10, 2, 4000), rng.normal(20, 4, 1500)]))
    expected = values > threshold_otsu(values, nbins=4096)
    assert np.mean(values > foreground._otsu(values)) == pytest.approx(expected.mean(), abs=0.002)


def test_foreground_is_the_area_of_cells_and_nothing_on_an_empty_field(rng):
    images = cells(rng, n=20, side=128, count=15, blur=0.5)
    images[3] = cells(rng, side=128, count=0)[0]
    share = measured(images)["foreground:DNA"]
    # A disc's edge is where its signal has fallen to half: 100 + 60 + 750 counts.
    discs = (images[:, 0] > 910).mean(axis=(1, 2))
    assert discs[3] == 0
    assert share[3] < 0.005
    np.testing.assert_allclose(share, discs, atol=0.05)


def test_a_plate_without_cells_has_no_foreground(rng):
    assert (measured(cells(rng, n=12, count=0))["foreground:DNA"] < 0.01).all()


def test_the_threshold_follows_gain_and_offset(rng):
    images = cells(rng, n=12).astype(np.float32)
    table, other = measured(images), measured(images * 4 + 500)
    assert other["threshold:DNA"][0] == pytest.approx(table["threshold:DNA"][0] * 4 + 500, rel=0.01)
    np.testing.assert_allclose(other["foreground:DNA"], table["foreground:DNA"], atol=0.005)


def test_a_plate_measured_site_by_site_is_the_plate_measured_at_once(rng, monkeypatch):
    store = FakeStore(cells(rng, n=7, side=32), ["DNA"])
    whole = quality.measure_plate(store)
    monkeypatch.setattr(quality, "batch_size", lambda shape: 1)
    pd.testing.assert_frame_equal(quality.measure_plate(store), whole, rtol=1e-6)
    assert list(whole["site_id"]) == store.site_ids


def test_images_too_small_to_judge_are_an_error():
    with pytest.raises(InputError, match=r"8 x 20 pixels are too small to judge.*at least 16"):
        measured(np.zeros((2, 1, 8, 20), np.uint8))


# ---------------------------------------------------------------- flags


def test_bad_sites_are_flagged_with_their_reason_and_good_ones_are_not(rng):
    images = cells(rng, n=40)
    images[4] = cells(rng, blur=6)[0]
    images[11] = cells(rng, count=0)[0]
    images[20] = np.minimum(cells(rng, gain=60000)[0].astype(int) * 30, 65535)
    found = reasons(images)
    assert found[4] == "out-of-focus"
    assert found[11].startswith("empty")
    assert found[20] == "saturated;bright"
    assert [reason for k, reason in enumerate(found) if k not in (4, 11, 20)] == [""] * 37


@pytest.mark.parametrize("sites", [1, 2, 4, 12])
def test_alike_sites_of_a_small_plate_are_not_flagged(sites, rng):
    assert reasons(cells(rng, n=sites)) == [""] * sites


def test_few_or_many_cells_are_not_a_fault(rng):
    counts = [6, 8, 10, 12, 20, 30, 12, 12, 12, 12]
    images = np.concatenate([cells(rng, count=count) for count in counts])
    assert reasons(images) == [""] * len(counts)


def test_saturation_is_compared_with_the_plates_usual_share(rng):
    images = cells(rng, n=12, gain=1000)
    clipped = np.minimum(images, 700)  # every cell of every site clips
    assert (measured(clipped)["saturated:DNA"] > 0.03).all()
    assert reasons(clipped, max_saturated=0.2) == [""] * 12


def test_an_unstained_site_is_dim_and_a_glowing_one_bright(rng):
    images = np.concatenate([cells(rng, n=20, gain=8000), cells(rng, n=20, gain=8000)], axis=1)
    images[5, 1] = cells(rng, gain=100)[0, 0]
    images[9, 0] += np.uint16(30000)
    found = reasons(images, ["DNA", "Actin"])
    assert (found[5], found[9]) == ("dim", "bright")
    assert sum(map(bool, found)) == 2


def test_limits_come_from_the_options(rng):
    images = cells(rng, n=20)
    images[4] = cells(rng, blur=6)[0]
    assert reasons(images)[4] == "out-of-focus"
    assert reasons(images, focus_z=40.0)[4] == ""


def test_flags_belong_to_their_row_whatever_the_index(rng):
    images = cells(rng, n=12)
    images[4] = cells(rng, count=0)[0]
    table = measured(images)
    table.index = table.index[::-1]
    flagged = quality.flag(table, OPTIONS)
    assert list(np.flatnonzero(flagged["flagged"])) == [4]
    assert flagged["flagged"].dtype == bool
    assert ((flagged["reasons"] != "") == flagged["flagged"]).all()


def test_every_planted_bad_well_of_the_demo_is_flagged_and_hardly_a_good_one(tmp_path):
    sheet, truth = screen.simulate_plate(0, Simulate(), tmp_path, seed=3)
    pixels = np.stack(
        [
            [imread(tmp_path / row[name]) for name in phenotypes.CHANNELS]
            for _, row in sheet.iterrows()
        ]
    )
    found = quality.flag(measured(pixels, phenotypes.CHANNELS), Quality())
    planted = truth["planted_problem"].to_numpy()
    for problem, reason in zip(planted, found["reasons"], strict=True):
        assert problem in reason
    assert found["flagged"][planted == ""].mean() <= 0.02
    table = found.assign(plate="P1", status="ok")
    medians = plate_quality.plate_medians(table, phenotypes.CHANNELS)
    assert plate_quality.judge(medians, phenotypes.CHANNELS, Quality()) == {}
    assert plate_quality.suspected_brightfield(table, phenotypes.CHANNELS) == {}


def test_deviations_are_those_that_flag(rng):
    images = cells(rng, n=30)
    images[2] = cells(rng, blur=4.0)[0]
    images[5] //= 30
    images[8] *= 6
    table = measured(images)
    z = quality.deviations(table)
    for reason, sign in (("dim", -1), ("bright", 1)):
        size = (sign * z[reason]).sort_values(ascending=False)
        limit = float(size.iloc[:2].mean())
        flagged = quality.flag(table, OPTIONS.model_copy(update={"intensity_z": limit}))
        found = flagged["reasons"].str.split(";").map(lambda names, r=reason: r in names)
        assert list(np.flatnonzero(found)) == [size.index[0]]
    assert z["out-of-focus"].idxmin() == 2
