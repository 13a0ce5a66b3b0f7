"""Quality of whole plates."""

import numpy as np
import pandas as pd
import pytest
from fake_store import FakeStore
from pictures import brightfield, cells
from scipy import ndimage

from moascope.preprocessing import plate_quality, quality
from moascope.preprocessing.quality_measures.options import Quality

OPTIONS = Quality()
CHANNEL = ["DNA"]


@pytest.fixture(scope="module")
def images():
    """Images of one plate, in focus, that do not clip."""
    return cells(np.random.default_rng(3), n=12, side=128, count=20)


def as_uint16(images):
    return np.clip(np.rint(images), 0, 65535).astype(np.uint16)


def blurred(images, sigma, noise=3.0):
    """Blur as optics do, before the camera adds its noise."""
    soft = ndimage.gaussian_filter(images.astype(float), (0, 0, sigma, sigma))
    return as_uint16(soft + np.random.default_rng(0).normal(0, noise, soft.shape))


def clipped(images, share):
    """Clip a share of the pixels as a 12-bit camera in a 16-bit file does."""
    level = np.quantile(images, 1 - share)
    return as_uint16(np.minimum(images * (4095 / level), 4095))


def table(brightfield=(), **plates):
    tables = []
    for name, pixels in plates.items():
        measured = quality.measure_plate(FakeStore(pixels, CHANNEL, name), brightfield)
        tables.append(quality.flag(measured, OPTIONS).assign(plate=name, status="ok"))
    return pd.concat(tables, ignore_index=True)


def judged(brightfield=(), options=None, **plates):
    medians = plate_quality.plate_medians(table(brightfield, **plates), CHANNEL)
    found = plate_quality.judge(
        medians, CHANNEL, OPTIONS.model_copy(update=options or {}), brightfield
    )
    return {name: list(reasons) for name, reasons in found.items()}


def others(rng_seed=0, n=4):
    rng = np.random.default_rng(rng_seed)
    return {
        f"P{k}": cells(rng, n=6, side=128, count=20, gain=1500 * rng.uniform(0.7, 1.4))
        for k in range(n)
    }


def test_a_good_plate_passes_alone(images):
    assert judged(P1=images) == {}


@pytest.mark.parametrize("sigma", [3, 4, 6])
def test_a_plate_that_is_out_of_focus_as_a_whole_fails_alone(images, sigma):
    soft = blurred(images, sigma)
    assert not table(P1=soft)["flagged"].any()
    assert judged(P1=soft) == {"P1": ["out-of-focus"]}


def test_the_limit_of_sharpness_comes_from_the_options(images):
    soft = blurred(images, 4)
    assert judged(P1=soft, options={"min_sharpness": None}) == {}
    assert judged(P1=soft, options={"min_sharpness": -9.0}) == {}


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_plate_that_clips_as_a_whole_fails_alone(images, share):
    assert judged(P1=clipped(images, share))["P1"][0] == "saturated"


def test_a_hot_pixel_does_not_hide_that_a_plate_clips(images):
    pixels = clipped(images, 0.1)
    pixels[3, 0, 5, 5] = 20000
    assert judged(P1=pixels)["P1"][0] == "saturated"


def test_a_plate_that_clips_in_few_pixels_passes(images):
    assert judged(P1=clipped(images, 0.002)) == {}


def test_one_saturated_site_does_not_fail_the_plate(images):
    pixels = np.repeat(images, 2, axis=0)
    pixels[3] = 65535
    found = plate_quality.plate_medians(table(P1=pixels), CHANNEL)
    assert table(P1=pixels)["saturated:DNA"].mean() > 0.01
    assert found.loc["P1", "saturated:DNA"] == 0


def test_plates_of_one_screen_differ_within_limits(images):
    assert judged(**others(), Odd=images) == {}


def test_noise_and_emptiness_are_not_out_of_focus():
    empty = cells(np.random.default_rng(1), n=8, side=128, count=0)
    assert judged(P1=empty) == {"P1": ["mostly-flagged"]}


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: blurred(x, 2), "blurrier"),
        (lambda x: as_uint16(x / 10.0), "dimmer"),
        (lambda x: as_uint16(x * 8.0), "brighter"),
    ],
)
def test_a_plate_is_compared_with_the_others_however_few(images, change, reason, n):
    options = {"min_sharpness": None}
    found = judged(**others(n=n), Odd=change(images), options=options)
    assert reason in found["Odd"]
    if n > 1:  # of two plates that differ, either can be the odd one
        assert set(found) == {"Odd"}


def test_a_plate_with_few_cells_is_emptier_than_the_others():
    sparse = cells(np.random.default_rng(2), n=6, side=128, count=2)
    assert judged(**others(), Odd=sparse) == {"Odd": ["emptier"]}


def test_the_text_names_channel_value_and_limit(images):
    medians = plate_quality.plate_medians(table(P1=clipped(images, 0.1)), CHANNEL)
    text = plate_quality.judge(medians, CHANNEL, OPTIONS)["P1"]["saturated"]
    assert text.startswith("DNA: ")
    assert text.endswith("% of pixels, limit 1.0%")


def test_sites_that_could_not_be_read_are_passed_over(images):
    measured = table(P1=images)
    lost = pd.DataFrame({"plate": ["P1", "P2"], "status": "quarantined", "flagged": None})
    medians = plate_quality.plate_medians(pd.concat([measured, lost]), CHANNEL)
    assert list(medians.index) == ["P1"]
    assert medians.loc["P1", "sites"] == len(images)


# ---------------------------------------------------------------- brightfield


def test_a_blurred_brightfield_plate_fails():
    sharp = brightfield(np.random.default_rng(4), n=8, side=128)
    assert judged(["DNA"], P1=sharp) == {}
    assert judged(["DNA"], P1=blurred(sharp, 3)) == {"P1": ["out-of-focus"]}


def test_an_undeclared_brightfield_channel_is_suspected(images):
    bright = brightfield(np.random.default_rng(4), n=8, side=128)
    suspected = plate_quality.suspected_brightfield
    assert suspected(table(P1=bright), CHANNEL) == {"DNA": 8}
    assert suspected(table(["DNA"], P1=bright), CHANNEL, ["DNA"]) == {}
    assert suspected(table(P1=images), CHANNEL) == {}


def test_a_relief_as_of_dic_is_suspected():
    images = cells(np.random.default_rng(4), n=12, side=128, blur=0.5)
    y, x = np.gradient(images.astype(float), axis=(2, 3))
    relief = as_uint16(20000 + 10 * (x + y))
    assert plate_quality.suspected_brightfield(table(P1=relief), CHANNEL)["DNA"] > 6


def test_constant_images_are_not_suspected():
    black = np.zeros((4, 1, 64, 64), np.uint16)
    assert plate_quality.suspected_brightfield(table(P1=black), CHANNEL) == {}
