"""Quality measures, and which sites they flag."""

import numpy as np
import pandas as pd
import pytest
from fake_store import FakeStore
from pictures import cells
from quality_tables import OPTIONS, measured, reasons
from skimage.io import imread

from moascope.core.errors import InputError
from moascope.preprocessing import plate_quality, quality
from moascope.preprocessing.quality_measures.options import Quality
from moascope.simulation import phenotypes, screen
from moascope.simulation.options import Simulate


def test_measures_do_not_depend_on_the_rest_of_the_batch(rng):
    images = cells(rng, n=5, side=64)
    together = quality.measure_images(images, [False])
    for k in range(len(images)):
        alone = quality.measure_images(images[k : k + 1], [False])
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], together[name][k], rtol=1e-6)


def test_a_plate_measured_site_by_site_is_the_plate_measured_at_once(rng, monkeypatch):
    store = FakeStore(cells(rng, n=7, side=32), ["DNA"])
    whole = quality.measure_plate(store)
    monkeypatch.setattr(quality, "batch_size", lambda shape: 1)
    pd.testing.assert_frame_equal(quality.measure_plate(store), whole, rtol=1e-6)
    assert list(whole["site_id"]) == store.site_ids


def test_images_too_small_to_judge_are_an_error():
    with pytest.raises(
        InputError, match=r"8 x 20 pixels are too small for quality control.*at least 16"
    ):
        measured(np.zeros((2, 1, 8, 20), np.uint8))


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
