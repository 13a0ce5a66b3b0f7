"""Training of a U-Net on annotated images."""

import hashlib

import numpy as np
import pytest
from small_unets import FURTHER, USE, changed, discs, train_further

from moascope.core.errors import InputError
from moascope.networks import saving
from moascope.segmentation.implementations.unet import UNet
from moascope.segmentation.implementations.unet_tuning import tune_saved


def test_a_given_network_is_trained_further_from_its_weights(fitted_unet, of_another_lab, tmp_path):
    out, history = train_further(of_another_lab, tmp_path, fitted_unet[0])
    assert history["step"].tolist() == [2]
    before, after = (saving.load_model(path)[0] for path in (fitted_unet[0], out))
    pairs = zip(before.get_weights(), after.get_weights(), strict=True)
    change = [np.abs(a - b).max() for a, b in pairs]
    assert 0 < max(change) < 1e-4  # two steps of at most 1e-5 from there, not from anywhere else
    assert history["loss"].iloc[-1] < 0.6  # that of a new network is above 1


def test_a_network_that_was_trained_further_knows_from_what(fitted_unet, of_another_lab, tmp_path):
    out, _ = train_further(of_another_lab, tmp_path, fitted_unet[0])
    tune_saved([out], of_another_lab, ["Actin", "Hoechst"], USE, tmp_path / "tuned.keras")
    about = saving.load_model(tmp_path / "tuned.keras")[1]
    assert about["channels"] == ["Hoechst"]
    assert about["options"]["network"]["depth"] == 2
    origin = about["started_from"]
    assert origin["model"] == str(fitted_unet[0])
    assert origin["channels"] == ["DNA"]
    assert origin["sha256"] == hashlib.sha256(fitted_unet[0].read_bytes()).hexdigest()
    engine = UNet.load(tmp_path / "tuned.keras", ["Actin", "Hoechst"], USE)
    assert engine.channels == ["Hoechst"]
    image, labels = discs(99)
    assert abs(int(engine(image).max()) - int(labels.max())) <= 1


def test_a_patch_that_the_given_network_cannot_take_is_refused(
    fitted_unet, of_another_lab, tmp_path
):
    options = changed(FURTHER, training=changed(FURTHER.training, patch_size=34))
    with pytest.raises(InputError, match="34 px is no multiple of 4 px, which a network of depth"):
        train_further(of_another_lab, tmp_path, fitted_unet[0], options)


def test_the_mean_of_networks_is_not_trained_further(fitted_unet, of_another_lab, tmp_path):
    path, _ = train_further(of_another_lab, tmp_path, fitted_unet[0])
    mean = tmp_path / "mean.keras"
    tune_saved([path, path], of_another_lab, ["Actin", "Hoechst"], USE, mean)
    with pytest.raises(InputError, match="the mean of several networks, which cannot be trained"):
        train_further(of_another_lab, tmp_path, mean, changed(FURTHER, channel_map={}))
