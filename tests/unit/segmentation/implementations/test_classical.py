"""The classical engine: sizes in diameters, a noise floor, and thresholds held to the plate."""

import imagecodecs
import numpy as np
import pytest
from scipy import ndimage

from moascope.core.errors import InputError
from moascope.segmentation.engines.options.classical import ClassicalOptions
from moascope.segmentation.implementations import classical
from moascope.segmentation.implementations.classical import (
    Classical,
    ClassicalParameters,
    parameters_of,
    segment_classical,
    tune_classical,
    tune_with,
)
from moascope.segmentation.matching import scores, tally


def test_bright_objects_are_found_and_told_apart(nuclei):
    image, truth = nuclei
    found = segment_classical(image, ClassicalParameters())
    assert found.dtype == np.int32
    assert found.max() == 5
    assert scores(tally(truth, found))["ap"]["0.8"] == 1


def test_brightness_and_its_scale_do_not_matter(nuclei):
    image, _ = nuclei
    found = segment_classical(image, ClassicalParameters())
    brighter = 3 * image.astype(np.float32) + 1000
    np.testing.assert_array_equal(found > 0, segment_classical(brighter, ClassicalParameters()) > 0)


@pytest.mark.parametrize("value", [0, 40_000])
def test_a_constant_16_bit_image_has_no_objects(value):
    image = np.full((1, 30, 40), value, np.uint16)
    assert not segment_classical(image, ClassicalParameters()).any()


def test_small_and_border_objects_are_removed_where_asked(nuclei):
    image, _ = nuclei
    assert segment_classical(image, ClassicalParameters(min_area=1.3)).max() == 0
    cut = image[:, 25:]
    kept = Classical(ClassicalParameters(clear_border=True))(cut)
    assert segment_classical(cut, ClassicalParameters()).max() == 5
    assert kept.max() == 3


def test_the_channel_is_chosen_and_checked(nuclei):
    image, _ = nuclei
    both = np.concatenate([np.zeros_like(image), image])
    assert segment_classical(both, ClassicalParameters(channel=1)).max() == 5
    with pytest.raises(InputError, match="channel 2 is to be segmented, but the image has 2 chan"):
        segment_classical(both, ClassicalParameters(channel=2))


def test_tuning_improves_the_parameters(nuclei):
    image, truth = nuclei
    start = ClassicalParameters(threshold_correction=0.1, local_weight=0.0)
    grid = {"threshold_correction": (0.1, 0.8), "min_distance": (0.15, 0.3)}
    best, tried = tune_classical([(image, truth)], grid, start)
    assert best.threshold_correction == 0.8
    assert best.local_weight == 0.0
    assert tried["mean_ap"].iloc[0] > tried["mean_ap"].iloc[-1]


@pytest.mark.parametrize("shape", [(64, 64), (61, 47), (1, 90), (7, 300)])
@pytest.mark.parametrize("radius", [0.5, 3.0, 15.0, 60.0])
def test_surroundings_are_those_of_the_gaussian_filter_of_scipy(shape, radius):
    plane = np.random.default_rng(0).gamma(2, 1000, shape).astype(np.float32)
    expected = ndimage.gaussian_filter(plane.astype(np.float64), radius)
    blurred = classical._blur(plane, radius)
    assert blurred.dtype == np.float32
    np.testing.assert_allclose(blurred, expected, rtol=0, atol=1e-6 * plane.max())


@pytest.mark.parametrize("radius", [15.0, 30.0, 60.0])
def test_objects_are_those_that_the_gaussian_filter_of_scipy_finds(nuclei, radius, monkeypatch):
    rough = np.random.default_rng(0).gamma(2, 10_000, (1, 150, 170))
    clouds = ndimage.gaussian_filter(rough, (0, 3, 3)).astype(np.uint16)
    parameters = ClassicalParameters(
        threshold_correction=0.1, local_radius=radius / 20, min_distance=0.05
    )
    found = [segment_classical(image, parameters) for image in (nuclei[0], clouds)]
    monkeypatch.setattr(classical, "_blur", ndimage.gaussian_filter)
    for image, labels in zip((nuclei[0], clouds), found, strict=True):
        assert labels.max() > 4
        np.testing.assert_array_equal(labels, segment_classical(image, parameters))


def test_real_nuclei_are_segmented_as_well_as_the_reference(shared_data):
    """Four test images of the benchmark, with what tuning on its validation images gave."""
    import json

    root = shared_data / "dsb2018"
    names = json.loads((root / "fluo_split.json").read_text())["test"][:4]
    total = 0.0
    for name in names:
        image, labels = (
            imagecodecs.png_decode((root / kind / f"{name}.png").read_bytes())
            for kind in ("images", "masks")
        )
        found = segment_classical(image[np.newaxis], ClassicalParameters())
        total += scores(tally(labels, found))["ap"]["0.5"]
    assert total / len(names) > 0.6


# --- noise and plates -------------------------------------------------------------------------


def noise_image(seed=0, mean=300, deviation=30, shape=(256, 256)):
    rng = np.random.default_rng(seed)
    return rng.normal(mean, deviation, (1, *shape)).round().astype(np.uint16)


def discs(n_side=6, radius=9, pitch=40, level=2000):
    """A site with discs in a square grid and camera noise, and their labels."""
    image = noise_image(shape=(n_side * pitch,) * 2).astype(float)
    y, x = np.mgrid[: n_side * pitch, : n_side * pitch]
    number = 1 + (y // pitch) * n_side + x // pitch
    inside = np.hypot(y % pitch - pitch // 2, x % pitch - pitch // 2) <= radius
    labels = (number * inside).astype(np.int32)
    return (image + level * (labels > 0)).astype(np.uint16), labels


@pytest.mark.parametrize("threshold", ["otsu", "triangle", "local"])
@pytest.mark.parametrize("polarity", ["bright", "dark"])
@pytest.mark.parametrize("deviation", [0.4, 3, 60])
def test_noise_alone_has_no_objects(threshold, polarity, deviation):
    parameters = ClassicalParameters(threshold=threshold, polarity=polarity)
    assert segment_classical(noise_image(deviation=deviation), parameters).max() == 0


@pytest.mark.parametrize("threshold", ["otsu", "triangle", "local"])
@pytest.mark.parametrize("polarity", ["bright", "dark"])
def test_each_method_finds_objects_of_its_polarity(threshold, polarity):
    image, truth = discs()
    if polarity == "dark":
        image = (5000 - image).astype(np.uint16)
    parameters = ClassicalParameters(threshold=threshold, polarity=polarity)
    assert scores(tally(truth, segment_classical(image, parameters)))["ap"]["0.7"] == 1


def test_surroundings_do_not_matter_to_the_local_method():
    image, truth = discs()
    ramp = np.linspace(0, 6000, image.shape[2])
    tilted = (image + ramp).astype(np.uint16)
    local = segment_classical(tilted, ClassicalParameters(threshold="local"))
    assert scores(tally(truth, local))["ap"]["0.5"] == 1
    otsu = segment_classical(tilted, ClassicalParameters(local_weight=0))
    assert scores(tally(truth, otsu))["ap"]["0.5"] < 0.7


def test_an_empty_well_of_a_plate_has_no_objects():
    usual, _ = discs()
    dust = noise_image(shape=usual.shape[1:])
    dust[0, 40:56, 40:56] += 200  # well above the noise, and far below any object of the plate
    engine = Classical(ClassicalParameters())
    assert engine(dust).max() == 1
    engine.hold_to([usual, usual, dust])
    assert engine(dust).max() == 0
    assert engine(usual).max() == 36


@pytest.mark.parametrize("threshold", ["otsu", "triangle", "local"])
def test_debris_costs_no_objects_but_those_it_lies_on(threshold):
    usual, truth = discs()
    debris = usual.copy()
    y, x = np.mgrid[: debris.shape[1], : debris.shape[2]]
    bits = np.zeros(truth.shape, bool)
    for place in (40, 120, 200):
        bits |= np.hypot(y - place, x - place) < 8
    debris[0][bits] = 60_000
    engine = Classical(ClassicalParameters(threshold=threshold))
    engine.hold_to([usual, usual, debris])
    found = engine(debris)
    whole = np.setdiff1d(np.arange(1, 37), truth[bits])
    known = np.where(np.isin(truth, whole), truth, 0)
    hit = sum((found[known == k] > 0).mean() > 0.8 for k in whole)
    assert hit >= 0.9 * len(whole)
    assert Classical(ClassicalParameters())(debris).max() < 36  # what a plate is needed for


@pytest.mark.parametrize("threshold", ["otsu", "triangle", "local"])
def test_an_overexposed_image_keeps_a_threshold_of_its_own(threshold):
    usual, truth = discs()
    blurred = ndimage.gaussian_filter(usual[0].astype(float), 3) - 300
    overexposed = (300 + 20 * blurred).clip(0, 65535).astype(np.uint16)[None]
    engine = Classical(ClassicalParameters(threshold=threshold))
    engine.hold_to([usual, usual, overexposed])
    assert scores(tally(truth, engine(overexposed)))["ap"]["0.5"] > 0.9


# --- options ----------------------------------------------------------------------------------


def test_lengths_follow_the_diameter():
    image, truth = discs()
    large = np.kron(image[0], np.ones((4, 4), np.uint16))[None]
    wide = np.kron(truth, np.ones((4, 4), np.int32))
    found = segment_classical(large, ClassicalParameters(diameter=72))
    assert scores(tally(wide, found))["ap"]["0.8"] == 1


def test_the_users_parameters_come_before_stored_ones():
    stored = ClassicalParameters(threshold_correction=0.5, smoothing=0.1, diameter=30.0)
    options = ClassicalOptions(threshold_correction=0.9, polarity="dark", min_area=100)
    parameters = parameters_of(options, stored)
    assert (parameters.threshold_correction, parameters.smoothing) == (0.9, 0.1)
    assert (parameters.polarity, parameters.diameter) == ("dark", 30)
    assert parameters.pixels(parameters.min_area) == 100
    assert parameters_of(ClassicalOptions()) == ClassicalParameters()


def test_tuning_measures_the_diameter_and_leaves_what_the_user_set():
    image, truth = discs(n_side=3)
    tuned = tune_with(ClassicalOptions(threshold_correction=0.33), [(image, truth)] * 2)
    assert tuned.diameter == pytest.approx(18, abs=0.5)
    assert tuned.threshold_correction == 0.33
    options = ClassicalOptions(diameter=40.0, threshold_correction=0.5)
    assert tune_with(options, [(image, truth)]).diameter == 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "otso"}, "threshold: 'otso' is none of otsu, triangle, local"),
        ({"polarity": "grey"}, "polarity: 'grey' is none of bright, dark"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        segment_classical(noise_image(), ClassicalParameters(**options))
