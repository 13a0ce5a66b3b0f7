"""Training of StarDist."""

import zipfile

import numpy as np
import pytest
from annotated_discs import write_discs
from small_stardist import OPTIONS, changed, needs_stardist

from moascope.core.errors import InputError
from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.implementations.stardist_training import fit


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
