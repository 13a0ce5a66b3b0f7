"""Tuning of how objects are cut out of maps."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from small_unet import FURTHER, OPTIONS, TRAINING, USE, changed, discs, train_further

from moascope.core.errors import InputError
from moascope.networks import saving
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.implementations import unet_tuning
from moascope.segmentation.implementations.unet import UNet
from moascope.segmentation.implementations.unet_training import fit
from moascope.segmentation.implementations.unet_tuning import tune_saved
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.object_size import resized


@pytest.mark.parametrize("averages", [False, True])
def test_parameters_are_tuned_for_what_is_predicted(trained_unet, tmp_path, monkeypatch, averages):
    folder, given = trained_unet[0].parent, changed(USE, test_time_augmentation=averages)
    seen = []

    def chosen(samples, grid, start, groups):
        seen.extend(samples)
        tried = pd.DataFrame({"ap_50": [0.9], "mean_ap": [0.8]})
        return InstanceParameters(seed_threshold=0.21), tried

    monkeypatch.setattr(unet_tuning, "tune", chosen)
    network = folder / "unet.network.keras"
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        tune_saved([network], annotated, ["DNA"], given, tmp_path / "tuned.keras")
        (row,) = annotated.rows("validation")
        image = annotated.image(row)
    engine = UNet.load(tmp_path / "tuned.keras", ["DNA"], given)
    assert engine.parameters.seed_threshold == 0.21
    assert engine.about["validation"] == {"ap_50": 0.9, "mean_ap": 0.8}
    assert engine.about["test_time_augmentation"] is averages
    ((maps, _),) = seen
    for name, values in engine.predict(image).items():
        np.testing.assert_allclose(maps[name], values, atol=1e-6)


def test_of_several_networks_the_mean_of_the_maps_counts(trained_unet, tmp_path):
    folder = trained_unet[0].parent
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        options = changed(OPTIONS, training=changed(TRAINING, steps=125))
        other, checkpoint = tmp_path / "other.keras", tmp_path / "checkpoint.npz"
        fit(annotated, ["DNA"], options, other, seed=2, checkpoint=checkpoint)
        members = [folder / "unet.network.keras", tmp_path / "other.keras"]
        tune_saved(members, annotated, ["DNA"], USE, tmp_path / "both.keras")
    image = np.random.default_rng(1).random((1, 32, 48, 1)).astype(np.float32)
    maps = [
        np.asarray(UNet.load(path, ["DNA"], USE).network(image))
        for path in (*members, tmp_path / "both.keras")
    ]
    assert np.abs(maps[0] - maps[1]).max() > 0.1
    np.testing.assert_allclose(maps[2], (maps[0] + maps[1]) / 2, atol=1e-5)
    assert UNet.load(tmp_path / "both.keras", ["DNA"], USE).about["ensemble"] == 2
    assert UNet.load(trained_unet[0], ["DNA"], USE).about["ensemble"] == 1


def test_what_the_user_sets_is_not_tuned(trained_unet, tmp_path):
    folder, out = trained_unet[0].parent, tmp_path / "tuned.keras"
    given = changed(USE, prominence=0.33, min_area=17)
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        tune_saved([folder / "unet.network.keras"], annotated, ["DNA"], given, out)
    _, about = saving.load_model(out)
    assert (about["instances"]["prominence"], about["instances"]["min_area"]) == (0.33, 17)


def test_a_network_that_was_trained_further_knows_from_what(trained_unet, of_another_lab, tmp_path):
    out, _ = train_further(of_another_lab, tmp_path, trained_unet[0])
    tune_saved([out], of_another_lab, ["Actin", "Hoechst"], USE, tmp_path / "tuned.keras")
    about = saving.load_model(tmp_path / "tuned.keras")[1]
    assert about["channels"] == ["Hoechst"]
    assert about["options"]["network"]["depth"] == 2
    origin = about["started_from"]
    assert origin["model"] == str(trained_unet[0])
    assert origin["channels"] == ["DNA"]
    assert origin["sha256"] == hashlib.sha256(trained_unet[0].read_bytes()).hexdigest()
    engine = UNet.load(tmp_path / "tuned.keras", ["Actin", "Hoechst"], USE)
    assert engine.channels == ["Hoechst"]
    image, labels = discs(99)
    assert abs(int(engine(image).max()) - int(labels.max())) <= 1


def test_a_given_network_is_tuned_on_images_of_another_lab(trained_unet, of_another_lab, tmp_path):
    network, about = saving.load_model(trained_unet[0])
    poor = {**about["instances"], "mask_threshold": 0.99}
    start, tuned = tmp_path / "poor.keras", tmp_path / "tuned.keras"
    saving.save_model(network, start, {**about, "ensemble": 3, "instances": poor})
    options = changed(USE, channel_map={"DNA": "Hoechst"}, seed_threshold=0.35)
    seen = ["Actin", "Hoechst"]
    tune_saved([start], of_another_lab, seen, options, tuned, is_given=True)
    after = saving.load_model(tuned)[1]
    assert after["channels"] == ["DNA"]
    assert after["ensemble"] == 3
    assert after["instances"]["mask_threshold"] < 0.8
    assert after["instances"]["seed_threshold"] == 0.35  # as the user set it
    assert after["tuned_from"]["instances"] == poor
    assert after["tuned_from"]["sha256"] == hashlib.sha256(start.read_bytes()).hexdigest()
    image, labels = discs(99)
    image = np.concatenate([image[:, ::-1], image])
    engine = UNet.load(tuned, seen, changed(USE, channel_map={"DNA": "Hoechst"}))
    assert abs(int(engine(image[[seen.index("Hoechst")]]).max()) - int(labels.max())) <= 1


def test_parameters_are_tuned_at_the_magnification_that_is_predicted(
    trained_unet, tmp_path, monkeypatch
):
    folder, found = trained_unet[0].parent, {}

    def chosen(samples, grid, start, groups):
        ((maps, labels),) = samples
        found.update(maps=maps, labels=labels, start=start)
        return start, pd.DataFrame({"ap_50": [0.9], "mean_ap": [0.8]})

    monkeypatch.setattr(unet_tuning, "tune", chosen)
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        options, out = changed(USE, min_area=12), tmp_path / "tuned.keras"
        tune_saved([trained_unet[0]], annotated, ["DNA"], options, out, factor=0.5, is_given=True)
        (row,) = annotated.rows("validation")
        image, labels = annotated.image(row), annotated.labels(row)
    engine = UNet.load(trained_unet[0], ["DNA"], USE)
    expected = engine.predict(resized(image, 0.5))
    for name, values in expected.items():
        np.testing.assert_allclose(found["maps"][name], values, atol=1e-6)
    np.testing.assert_array_equal(found["labels"], labels[1::2, 1::2])
    assert found["start"].min_area == 3  # 12 px of the image
    kept = engine.about["instances"]["mask_threshold"]
    assert found["start"].mask_threshold == kept  # that of the model, not the usual one


def test_the_mean_of_networks_is_not_trained_further(trained_unet, of_another_lab, tmp_path):
    path, _ = train_further(of_another_lab, tmp_path, trained_unet[0])
    mean = tmp_path / "mean.keras"
    tune_saved([path, path], of_another_lab, ["Actin", "Hoechst"], USE, mean)
    with pytest.raises(InputError, match="averages several networks and cannot be trained"):
        train_further(of_another_lab, tmp_path, mean, changed(FURTHER, channel_map={}))
