"""StarDist as an engine: given, or trained_stardist to annotated images."""

import json
import sys
import zipfile

import imagecodecs
import numpy as np
import pytest
from annotated_discs import discs
from small_stardist import HAS_STARDIST, needs_stardist

from moascope.core.errors import InputError
from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.matching import scores, tally


@pytest.mark.skipif(HAS_STARDIST, reason="StarDist is installed here")
def test_stardist_that_is_not_installed_is_explained(monkeypatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    with pytest.raises(InputError, match=r"engine stardist: .*--sdm conda.*pip install stardist"):
        stardist("2D_versatile_fluo")


def test_stardist_needs_a_process_of_its_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    with pytest.raises(InputError, match=r"TensorFlow runs with Keras 3.*process of its own"):
        stardist("2D_versatile_fluo")


@needs_stardist
def test_it_learns_to_find_discs(trained_stardist):
    path, history = trained_stardist
    assert history["step"].tolist() == [60, 120]
    assert history["loss"].is_monotonic_decreasing
    labels = discs((96, 112), 20, np.random.default_rng(7))
    image = np.random.default_rng(8).normal(500 + 3000 * (labels > 0), 50).astype(np.uint16)
    found = stardist(path, ["DNA"])(image[np.newaxis])
    assert found.dtype == np.int32
    assert found.shape == labels.shape
    assert scores(tally(labels, found))["ap"]["0.5"] > 0.5


@needs_stardist
def test_the_model_is_what_stardist_keeps_and_knows_where_it_comes_from(trained_stardist, tmp_path):
    path, _ = trained_stardist
    with zipfile.ZipFile(path) as archive:
        names = {"config.json", "thresholds.json", "weights_best.h5", "moascope.json"}
        assert set(archive.namelist()) == names
        about = json.loads(archive.read("moascope.json"))
        thresholds = json.loads(archive.read("thresholds.json"))
        archive.extractall(tmp_path / "model")
    assert about["channels"] == ["DNA"]
    assert about["options"]["training"]["steps"] == 120
    assert 0 < about["validation"]["mean_ap"] <= 1
    assert 0 < thresholds["prob"] < 1
    image = np.random.default_rng(0).integers(0, 4000, (1, 64, 64)).astype(np.uint16)
    np.testing.assert_array_equal(stardist(tmp_path / "model")(image), stardist(path)(image))


@needs_stardist
def test_a_stardist_model_is_run_by_path(shared_data):
    root = shared_data / "dsb2018"
    name = "1a75e9f15481d11084fe66bc2a5afac6dc5bec20ed56a7351a6d65ef0fe8762b"
    image, labels = (
        imagecodecs.png_decode((root / kind / f"{name}.png").read_bytes())
        for kind in ("images", "masks")
    )
    segment = stardist(shared_data / "stardist-dsb2018")
    found = segment(image[np.newaxis])
    assert found.dtype == np.int32
    assert scores(tally(labels, found))["ap"]["0.5"] > 0.55
    assert segment(np.zeros((1, 64, 64), np.uint16)).max() == 0
    sure = stardist(shared_data / "stardist-dsb2018", prob_threshold=0.95)
    assert sure(image[np.newaxis]).max() < found.max()
    noise = np.random.default_rng(0).normal(300, 20, (1, 256, 256)).astype(np.uint16)
    assert segment(noise).max() <= 2
    segment.hold_to([10 * image[np.newaxis].astype(np.uint16)])
    assert segment(noise).max() == 0


@needs_stardist
def test_a_file_that_is_no_zip_file_of_a_model_is_refused(trained_stardist, tmp_path):
    part = tmp_path / "part.zip"
    part.write_bytes(trained_stardist[0].read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"part\.zip: cannot be read as a zip file"):
        stardist(part)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("weights_best.h5", b"")
    with pytest.raises(InputError, match=r"other\.zip: is no StarDist model"):
        stardist(tmp_path / "other.zip")


@needs_stardist
def test_files_of_a_zip_file_stay_in_their_folder(trained_stardist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sly = tmp_path / "sly.zip"
    with zipfile.ZipFile(trained_stardist[0]) as whole, zipfile.ZipFile(sly, "w") as archive:
        for name in whole.namelist():
            archive.writestr(f"../../model/{name}", whole.read(name))
    assert stardist(sly)(np.zeros((1, 64, 64), np.uint16)).max() == 0
    assert [file.name for file in tmp_path.iterdir()] == ["sly.zip"]
