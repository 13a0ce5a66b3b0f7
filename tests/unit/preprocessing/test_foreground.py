"""Foreground of brightfield channels."""

import numpy as np
import pytest
from fake_store import FakeStore
from pictures import brightfield, cells
from skimage.filters import threshold_otsu
from skimage.io import imread

from moascope.preprocessing import foreground, quality
from moascope.preprocessing.quality_measures.options import Quality

OPTIONS = Quality()


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_the_noise_level_is_that_of_the_noise(rng):
    image = brightfield(rng)[0, 0] * 0.0 + rng.normal(100, 7, (96, 96))
    assert foreground.noise_level(image) == pytest.approx(7, rel=0.05)


def test_noise_is_found_beneath_structure(rng):
    y, x = np.mgrid[:96, :96]
    image = 500 * np.sin(x / 9) * np.cos(y / 7) + rng.normal(0, 7, (96, 96))
    assert foreground.noise_level(image) == pytest.approx(7, rel=0.1)


def test_texture_does_not_know_dark_from_bright(rng):
    image = cells(rng)[0, 0].astype(float)
    np.testing.assert_allclose(foreground.texture(-image), foreground.texture(image), atol=1e-6)


def test_without_brightfield_the_signal_is_the_image(rng):
    images = cells(rng)
    assert foreground.signal(images, [False]) is images


def test_only_brightfield_channels_become_texture(rng):
    images = np.concatenate([cells(rng, n=2), brightfield(rng, n=2)], axis=1)
    found = foreground.signal(images, [False, True])
    np.testing.assert_array_equal(found[:, 0], images[:, 0])
    np.testing.assert_allclose(found[1, 1], foreground.texture(images[1, 1]), rtol=1e-5)


def flagged(images, declared):
    table = quality.measure_plate(FakeStore(images, ["BF"]), ["BF"] if declared else [])
    return quality.flag(table, OPTIONS)


def test_dark_cells_on_a_bright_background_are_foreground_where_declared(rng):
    images = brightfield(rng, n=12)
    images[4] = brightfield(rng, count=0)[0]
    undeclared, declared = (flagged(images, yes) for yes in (False, True))
    assert undeclared["reasons"][4] == ""  # the bright background passes for cells
    assert list(declared["reasons"]) == ["empty" if k == 4 else "" for k in range(12)]


def test_sparse_dark_cells_are_called_empty_unless_declared(rng):
    images = brightfield(rng, n=12, count=4)
    undeclared, declared = (list(flagged(images, yes)["reasons"]) for yes in (False, True))
    assert undeclared.count("empty") > 6
    assert declared == [""] * 12


def test_good_dic_frames_are_not_empty_where_declared(shared_data):
    paths = sorted((shared_data / "dic-hela/images").iterdir())[::14]
    frames = np.stack([imread(path)[None, :256, :256] for path in paths])
    assert "empty" in set(flagged(frames, declared=False)["reasons"])
    assert set(flagged(frames, declared=True)["reasons"]) == {""}


def test_a_plate_without_cells_has_no_textured_foreground(rng):
    found = flagged(brightfield(rng, n=8, count=0), declared=True)
    assert (found["foreground:BF"] < 0.01).all()
    assert (found["reasons"] == "empty").all()


def test_an_even_bright_background_is_saturated_only_at_the_maximum_of_a_camera(rng):
    def saturated(ceiling, level):
        images = np.minimum(brightfield(rng, n=6, level=level), ceiling)
        return quality.measure_plate(FakeStore(images, ["BF"]), ["BF"])["saturated:BF"]

    assert (saturated(2500, 3000.0) == 0).all()
    assert (saturated(1023, 1200.0) > 0.3).all()


def test_otsu_splits_as_scikit_image_does(rng):
    values = np.sort(np.concatenate([rng.normal(10, 2, 4000), rng.normal(20, 4, 1500)]))
    expected = values > threshold_otsu(values, nbins=4096)
    assert np.mean(values > foreground._otsu(values)) == pytest.approx(expected.mean(), abs=0.002)
