"""StarDist as an engine: given, or fitted to annotated images."""

import importlib.util
import json
import os
import sys
import zipfile

import imagecodecs
import numpy as np
import pytest
from annotated_discs import discs, write_discs

from moascope.core.errors import InputError
from moascope.segmentation.engines.options.stardist import StarDistOptions
from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation
from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.implementations.stardist_training import fit
from moascope.segmentation.implementations.stardist_tuning import tune_given
from moascope.segmentation.matching import scores, tally
from moascope.segmentation.stardist.files import shown_channels

HAS_STARDIST = importlib.util.find_spec("stardist") is not None
needs_stardist = pytest.mark.skipif(not HAS_STARDIST, reason="StarDist is not installed here")

TRAINING = NetworkTraining(
    steps=120, batch_size=4, patch_size=48, validate_every=60, learning_rate=2e-3
)
OPTIONS = StarDistOptions(
    n_rays=16,
    grid=2,
    training=TRAINING,
    augmentation=PatchAugmentation(warp=0.0, gamma=0.0, contrast=0.0),
)


def changed(**training):
    return OPTIONS.model_copy(update={"training": TRAINING.model_copy(update=training)})


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


def test_a_patch_that_does_not_go_with_the_grid_is_refused(tmp_path):
    with (
        write_discs(tmp_path) as annotated,
        pytest.raises(InputError, match="patch_size: 40 px is no multiple of 16 px, which a grid"),
    ):
        fit(annotated, changed(patch_size=40), tmp_path / "model.zip", seed=1)


def test_a_set_without_training_images_is_refused(tmp_path):
    with write_discs(tmp_path) as annotated:
        annotated.table["set"] = "test"
        with pytest.raises(InputError, match="has no training images"):
            fit(annotated, OPTIONS, tmp_path / "model.zip", seed=1)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A model that was trained on discs for a moment, and how it went."""
    folder = tmp_path_factory.mktemp("stardist")
    out = folder / "model.zip"
    with write_discs(folder) as annotated:
        history = fit(annotated, OPTIONS, out, seed=1)
    return out, history


@needs_stardist
def test_it_learns_to_find_discs(fitted):
    path, history = fitted
    assert history["step"].tolist() == [60, 120]
    assert history["loss"].is_monotonic_decreasing
    labels = discs((96, 112), 20, np.random.default_rng(7))
    image = np.random.default_rng(8).normal(500 + 3000 * (labels > 0), 50).astype(np.uint16)
    found = stardist(path, ["DNA"])(image[np.newaxis])
    assert found.dtype == np.int32
    assert found.shape == labels.shape
    assert scores(tally(labels, found))["ap"]["0.5"] > 0.5


@needs_stardist
def test_the_model_is_what_stardist_keeps_and_knows_where_it_comes_from(fitted, tmp_path):
    path, _ = fitted
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


def saved_model(folder, about):
    """Write the files of a model that say what it expects."""
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        if about is not None:
            archive.writestr("moascope.json", json.dumps(about))
    return path


def test_a_model_of_other_channels_is_refused_with_what_to_set(tmp_path):
    path = saved_model(tmp_path, {"channels": ["DNA"]})
    assert shown_channels(path, ["Actin", "DNA"], {}) == ["DNA"]
    assert shown_channels(path, ["Hoechst"], {"DNA": "Hoechst"}) == ["Hoechst"]
    with pytest.raises(InputError, match=r"such as channel_map: \{DNA: Actin\}"):
        shown_channels(path, ["Actin"], {})


def test_a_model_that_names_no_channels_is_shown_those_of_the_images(tmp_path):
    path = saved_model(tmp_path, None)
    assert shown_channels(path, ["Hoechst"], {}) == ["Hoechst"]
    assert shown_channels("2D_versatile_fluo", ["Hoechst"], {}) == ["Hoechst"]
    with pytest.raises(InputError, match=r"does not name its channels\. Remove channel_map"):
        shown_channels(path, ["Hoechst"], {"DNA": "Hoechst"})


def read_zip(path, name):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(name))


@needs_stardist
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_thresholds_of_a_given_model_are_tuned_in_a_copy(fitted, tmp_path, factor):
    start, out = tmp_path / "given", tmp_path / "tuned.zip"
    with zipfile.ZipFile(fitted[0]) as archive:
        archive.extractall(start)
    poor = {"prob": 0.99, "nms": 0.1}
    (start / "thresholds.json").write_text(json.dumps(poor))
    files = {file.name: file.read_bytes() for file in start.iterdir()}
    options = StarDistOptions(channel_map={"DNA": "Hoechst"})
    with write_discs(tmp_path, channels=("Actin", "Hoechst")) as annotated:
        tune_given(start, annotated, ["Actin", "Hoechst"], options, out, factor=factor)
        (row, _) = annotated.rows("validation")
        image, labels = annotated.image(row), annotated.labels(row)
    assert {file.name: file.read_bytes() for file in start.iterdir()} == files
    assert read_zip(out, "thresholds.json")["prob"] < 0.9
    about, before = read_zip(out, "moascope.json"), read_zip(fitted[0], "moascope.json")
    assert about["tuned_from"] == {"model": str(start), "thresholds": poor}
    assert about["channels"] == ["DNA"]
    assert about["diameter"] == before["diameter"]
    if factor == 1:
        assert about["validation"]["mean_ap"] > 0.2
        assert scores(tally(labels, stardist(start)(image)))["ap"]["0.5"] < 0.1
        assert scores(tally(labels, stardist(out)(image)))["ap"]["0.5"] > 0.5


@needs_stardist
def test_a_model_without_a_description_is_tuned(fitted, tmp_path):
    start, out = tmp_path / "plain.zip", tmp_path / "tuned.zip"
    with zipfile.ZipFile(fitted[0]) as whole, zipfile.ZipFile(start, "w") as archive:
        for name in whole.namelist():
            if name != "moascope.json":
                archive.writestr(name, whole.read(name))
    with write_discs(tmp_path) as annotated:
        tune_given(start, annotated, ["DNA"], StarDistOptions(), out)
    assert "channels" not in read_zip(out, "moascope.json")
    assert shown_channels(out, ["Hoechst"], {}) == ["Hoechst"]
    with (
        write_discs(tmp_path, channels=("DNA", "Actin")) as annotated,
        pytest.raises(InputError, match="takes 1 channel, but the image has 2"),
    ):
        tune_given(start, annotated, ["DNA", "Actin"], StarDistOptions(), out)


@needs_stardist
def test_the_same_seed_gives_the_same_training(tmp_path):
    short = changed(steps=3, validate_every=2)
    with write_discs(tmp_path) as annotated:
        first, again, other = (
            fit(annotated, short, tmp_path / f"{k}.zip", seed=seed)
            for k, seed in enumerate([1, 1, 2])
        )
    assert first["step"].tolist() == [2, 3]
    np.testing.assert_allclose(first["loss"], again["loss"], rtol=1e-4)
    assert not np.allclose(first["loss"], other["loss"], rtol=1e-4)


@needs_stardist
def test_images_of_several_channels_are_learnt_from(tmp_path):
    with write_discs(tmp_path, channels=("DNA", "Actin")) as annotated:
        fit(annotated, changed(steps=2), tmp_path / "model.zip", seed=1)
        image = annotated.image(0)
    engine = stardist(tmp_path / "model.zip", ["DNA", "Actin"])
    assert engine(image).shape == image.shape[1:]
    with pytest.raises(InputError, match="takes 2 channels, but the image has 1"):
        engine(image[:1])


@needs_stardist
def test_more_channels_than_the_model_knows_are_refused_and_named(tmp_path):
    with write_discs(tmp_path) as annotated:
        fit(annotated, changed(steps=2), tmp_path / "model.zip", seed=1)
        image = annotated.image(0)
    (tmp_path / "plain").mkdir()
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        others = [name for name in archive.namelist() if name != "moascope.json"]
        archive.extractall(tmp_path / "plain", others)
    engine = stardist(tmp_path / "plain", ["DNA", "Actin", "Tubulin"])
    with pytest.raises(InputError, match=r"takes 1 channel, but the image has 3 \(DNA, Actin, Tub"):
        engine(np.repeat(image, 3, axis=0))


@needs_stardist
def test_time_ends_a_training_early(tmp_path, caplog):
    with write_discs(tmp_path) as annotated:
        options = changed(steps=100_000, max_minutes=1e-6)
        history = fit(annotated, options, tmp_path / "model.zip", seed=1)
    assert history["step"].tolist() == [1]
    # The learning rate is that of step 1 of 100,000, however short the time.
    assert history["learning_rate"].iloc[0] < 1e-4
    assert "stopped at max_minutes (1e-06) after 1 of 100,000 steps" in caplog.text


@needs_stardist
def test_without_validation_images_the_last_weights_are_taken(tmp_path):
    with write_discs(tmp_path, sets=("train",) * 3) as annotated:
        history = fit(annotated, changed(steps=2), tmp_path / "model.zip", seed=1)
    assert history["mean_ap"].isna().all()
    assert stardist(tmp_path / "model.zip")(np.zeros((1, 64, 64), np.uint16)).shape == (64, 64)


@needs_stardist
def test_a_training_that_diverges_is_explained(tmp_path):
    with (
        write_discs(tmp_path) as annotated,
        pytest.raises(InputError, match=r"has diverged. Lower learning_rate \(now inf\)"),
    ):
        fit(annotated, changed(learning_rate=float("inf")), tmp_path / "model.zip", seed=1)
    assert not (tmp_path / "model.zip").exists()


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
def test_unknown_stardist_models_are_refused():
    with pytest.raises(InputError, match=r"'2D_versatile' is neither a folder .*2D_versatile_fluo"):
        stardist("2D_versatile")


@needs_stardist
def test_a_damaged_stardist_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"has no weights \(weights_best\.h5\)"):
        stardist(tmp_path)
    (tmp_path / "weights_best.h5").write_bytes(os.urandom(100))
    with pytest.raises(InputError, match="cannot be read as a StarDist model"):
        stardist(tmp_path)


@needs_stardist
def test_a_file_that_is_no_zip_file_of_a_model_is_refused(fitted, tmp_path):
    part = tmp_path / "part.zip"
    part.write_bytes(fitted[0].read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"part\.zip: cannot be read as a zip file"):
        stardist(part)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("weights_best.h5", b"")
    with pytest.raises(InputError, match=r"other\.zip: is no StarDist model"):
        stardist(tmp_path / "other.zip")


@needs_stardist
def test_files_of_a_zip_file_stay_in_their_folder(fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sly = tmp_path / "sly.zip"
    with zipfile.ZipFile(fitted[0]) as whole, zipfile.ZipFile(sly, "w") as archive:
        for name in whole.namelist():
            archive.writestr(f"../../model/{name}", whole.read(name))
    assert stardist(sly)(np.zeros((1, 64, 64), np.uint16)).max() == 0
    assert [file.name for file in tmp_path.iterdir()] == ["sly.zip"]
