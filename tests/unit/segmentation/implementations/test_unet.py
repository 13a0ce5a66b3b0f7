"""The U-Net as an engine: fitted, saved, and used on images of any size."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from moascope.core.errors import InputError
from moascope.networks import saving
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask
from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation
from moascope.segmentation.engines.options.unet import Network, UNetOptions
from moascope.segmentation.implementations import unet, unet_tuning
from moascope.segmentation.implementations.unet import UNet
from moascope.segmentation.implementations.unet_training import fit
from moascope.segmentation.implementations.unet_tuning import tune_saved
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.object_size import resized

USE = UNetOptions(tile=64, overlap=16)
TRAINING = NetworkTraining(
    steps=250, batch_size=4, patch_size=32, validate_every=125, learning_rate=0.01
)
OPTIONS = UNetOptions(
    network=Network(encoder="none", depth=2, filters=4, normalization="none"),
    training=TRAINING,
    augmentation=PatchAugmentation(warp=0.0, gamma=0.0, contrast=0.0),
)


def changed(options, **values):
    """Options with other values for some keys."""
    return options.model_copy(update=values)


def discs(seed, size=64):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for number, place in enumerate(rng.choice(9, 5, replace=False), start=1):
        cy, cx = 12 + 20 * (place // 3), 12 + 20 * (place % 3)
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 49] = number
    return rng.poisson(np.where(labels > 0, 900, 100)).astype(np.uint16)[None], labels


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unet")
    pairs = [discs(k) for k in range(6)]
    rows = pd.DataFrame(
        {
            "name": [f"i{k}" for k in range(6)],
            "set": ["train"] * 4 + ["validation", "test"],
            "group": [f"g{k}" for k in range(6)],
            "image": range(6),
            "mask": range(6),
        }
    )
    files = folder / "set.h5", folder / "set.parquet"
    write(
        rows,
        ["DNA"],
        *files,
        read_image=lambda k: pairs[k][0],
        read_labels=lambda k: Mask(pairs[k][1], ()),
    )
    network, checkpoint = folder / "unet.network.keras", folder / "checkpoint.npz"
    with AnnotatedSet(*files) as annotated:
        history = fit(annotated, ["DNA"], OPTIONS, network, seed=1, checkpoint=checkpoint)
        tune_saved([network], annotated, ["DNA"], USE, folder / "unet.keras")
    return folder / "unet.keras", history


def test_the_model_carries_what_it_was_tuned_to(fitted):
    model, history = fitted
    _, about = saving.load_model(model)
    assert about["channels"] == ["DNA"]
    assert about["options"]["network"]["filters"] == 4
    assert 0 <= about["validation"]["mean_ap"] <= 1
    assert {"seed_threshold", "mask_threshold", "min_area"} <= set(about["instances"])
    assert history["step"].tolist() == [125, 250]


@pytest.mark.parametrize("averages", [False, True])
def test_parameters_are_tuned_for_what_is_predicted(fitted, tmp_path, monkeypatch, averages):
    folder, given = fitted[0].parent, changed(USE, test_time_augmentation=averages)
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


def test_of_several_networks_the_mean_of_the_maps_counts(fitted, tmp_path):
    folder = fitted[0].parent
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
    assert UNet.load(fitted[0], ["DNA"], USE).about["ensemble"] == 1


def test_it_finds_bright_discs(fitted):
    image, labels = discs(9)
    found = UNet.load(fitted[0], ["DNA"], USE)(image)
    assert found.dtype == np.int32
    overlap = ((found > 0) & (labels > 0)).sum() / ((found > 0) | (labels > 0)).sum()
    assert overlap > 0.7


def test_an_image_smaller_than_a_tile_and_an_odd_one_are_segmented(fitted):
    engine = UNet.load(fitted[0], ["DNA"], USE)
    image, _ = discs(9)
    for shape in ((20, 30), (64, 41)):
        assert engine(image[:, : shape[0], : shape[1]]).shape == shape


def test_a_constant_image_has_no_objects(fitted):
    constant = np.full((1, 64, 64), 7000, np.uint16)
    found = UNet.load(fitted[0], ["DNA"], USE)(constant)
    assert found.shape == (64, 64)
    assert not found.any()


def test_an_empty_site_of_a_plate_has_no_objects(fitted):
    engine = UNet.load(fitted[0], ["DNA"], USE)
    empty = np.random.default_rng(3).poisson(100, (1, 64, 64)).astype(np.uint16)
    assert engine(empty).max() == 0  # noise alone
    faint = empty + 60 * (discs(5)[1] > 0).astype(np.uint16)  # a thirteenth as bright as usual
    assert engine(faint).max() > 0
    engine.hold_to([discs(1)[0], discs(2)[0], faint])
    assert engine(empty).max() == engine(faint).max() == 0
    assert engine(discs(9)[0]).max() >= 4


def test_debris_does_not_hide_objects(fitted):
    image, labels = discs(9)
    engine = UNet.load(fitted[0], ["DNA"], USE)
    debris = image.copy()
    debris[0, :6, :6] = 30_000
    visible = labels > 0
    visible[:14, :14] = False  # beneath the debris, and at its edge

    def found(picture):
        return np.mean((engine(picture) > 0)[visible])

    before = found(debris)
    engine.hold_to([discs(1)[0], discs(2)[0], image])
    after, clean = found(debris), found(image)
    assert after > 0.9 * clean > 1.8 * before, (before, after, clean)


def test_the_users_parameters_override_stored_ones(fitted):
    image, _ = discs(9)
    stored = UNet.load(fitted[0], ["DNA"], USE)
    given = changed(USE, mask_threshold=0.9, seed_threshold=None, min_area=30)
    engine = UNet.load(fitted[0], ["DNA"], given)
    assert engine.parameters.mask_threshold == 0.9
    assert engine.parameters.seed_threshold == stored.parameters.seed_threshold
    assert (engine(image) > 0).sum() < (stored(image) > 0).sum()


def test_what_the_user_sets_is_not_tuned(fitted, tmp_path):
    folder, out = fitted[0].parent, tmp_path / "tuned.keras"
    given = changed(USE, prominence=0.33, min_area=17)
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        tune_saved([folder / "unet.network.keras"], annotated, ["DNA"], given, out)
    _, about = saving.load_model(out)
    assert (about["instances"]["prominence"], about["instances"]["min_area"]) == (0.33, 17)


def test_large_images_are_predicted_in_half_precision(fitted, monkeypatch):
    image, _ = discs(9)
    engine = UNet.load(fitted[0], ["DNA"], USE)
    whole = engine.predict(image)
    monkeypatch.setattr(unet, "_LARGE", 1000)
    small = engine.predict(image)
    for name, values in whole.items():
        assert small[name].dtype == np.float16
        np.testing.assert_allclose(small[name], values, atol=2e-3)


def test_turns_average_eight_predictions(fitted):
    image, _ = discs(9)
    engine = UNet.load(fitted[0], ["DNA"], changed(USE, test_time_augmentation=True))
    turned = engine.predict(np.rot90(image, axes=(1, 2)))
    for name, values in engine.predict(image).items():
        np.testing.assert_allclose(turned[name], np.rot90(values), atol=1e-4)


def test_a_model_of_other_channels_is_refused_with_what_to_set(fitted):
    with pytest.raises(InputError, match=r"such as channel_map: \{DNA: Hoechst\}, or correct"):
        UNet.load(fitted[0], ["Hoechst"], USE)


def test_a_channel_of_another_name_is_segmented_by_a_channel_map(fitted):
    options = changed(USE, channel_map={"DNA": "Hoechst"})
    engine = UNet.load(fitted[0], ["Actin", "Hoechst"], options)
    assert engine.channels == ["Hoechst"]
    assert UNet.load(fitted[0], ["Actin", "DNA"], USE).channels == ["DNA"]


FURTHER = UNetOptions(
    channel_map={"DNA": "Hoechst"},
    training=changed(TRAINING, steps=2, validate_every=2, learning_rate=1e-5),
    augmentation=OPTIONS.augmentation,
)


@pytest.fixture
def of_another_lab(tmp_path):
    """Annotated images of other channels, in another order."""
    pairs = [discs(20 + k) for k in range(3)]
    names = ["a", "b", "c"]
    rows = pd.DataFrame({"name": names, "group": names, "image": range(3), "mask": range(3)})
    files = tmp_path / "set.h5", tmp_path / "set.parquet"
    write(
        rows.assign(set=["train", "validation", "test"]),
        ["Actin", "Hoechst"],
        *files,
        read_image=lambda k: np.concatenate([pairs[k][0][:, ::-1], pairs[k][0]]),
        read_labels=lambda k: Mask(pairs[k][1], ()),
    )
    with AnnotatedSet(*files) as annotated:
        yield annotated


def train_further(annotated, folder, start, options=FURTHER):
    out, checkpoint = folder / "network.keras", folder / "further.npz"
    seen = ["Actin", "Hoechst"]
    return out, fit(annotated, seen, options, out, seed=1, checkpoint=checkpoint, start=start)


def test_a_given_network_is_trained_further_from_its_weights(fitted, of_another_lab, tmp_path):
    out, history = train_further(of_another_lab, tmp_path, fitted[0])
    assert history["step"].tolist() == [2]
    before, after = (saving.load_model(path)[0] for path in (fitted[0], out))
    pairs = zip(before.get_weights(), after.get_weights(), strict=True)
    change = [np.abs(a - b).max() for a, b in pairs]
    assert 0 < max(change) < 1e-4  # two steps of at most 1e-5 from there, not from anywhere else
    assert history["loss"].iloc[-1] < 0.6  # that of a new network is above 1


def test_a_network_that_was_trained_further_knows_from_what(fitted, of_another_lab, tmp_path):
    out, _ = train_further(of_another_lab, tmp_path, fitted[0])
    tune_saved([out], of_another_lab, ["Actin", "Hoechst"], USE, tmp_path / "tuned.keras")
    about = saving.load_model(tmp_path / "tuned.keras")[1]
    assert about["channels"] == ["Hoechst"]
    assert about["options"]["network"]["depth"] == 2
    origin = about["started_from"]
    assert origin["model"] == str(fitted[0])
    assert origin["channels"] == ["DNA"]
    assert origin["sha256"] == hashlib.sha256(fitted[0].read_bytes()).hexdigest()
    engine = UNet.load(tmp_path / "tuned.keras", ["Actin", "Hoechst"], USE)
    assert engine.channels == ["Hoechst"]
    image, labels = discs(99)
    assert abs(int(engine(image).max()) - int(labels.max())) <= 1


def test_a_given_network_is_tuned_on_images_of_another_lab(fitted, of_another_lab, tmp_path):
    network, about = saving.load_model(fitted[0])
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


def test_parameters_are_tuned_at_the_magnification_that_is_predicted(fitted, tmp_path, monkeypatch):
    folder, found = fitted[0].parent, {}

    def chosen(samples, grid, start, groups):
        ((maps, labels),) = samples
        found.update(maps=maps, labels=labels, start=start)
        return start, pd.DataFrame({"ap_50": [0.9], "mean_ap": [0.8]})

    monkeypatch.setattr(unet_tuning, "tune", chosen)
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        options, out = changed(USE, min_area=12), tmp_path / "tuned.keras"
        tune_saved([fitted[0]], annotated, ["DNA"], options, out, factor=0.5, is_given=True)
        (row,) = annotated.rows("validation")
        image, labels = annotated.image(row), annotated.labels(row)
    engine = UNet.load(fitted[0], ["DNA"], USE)
    expected = engine.predict(resized(image, 0.5))
    for name, values in expected.items():
        np.testing.assert_allclose(found["maps"][name], values, atol=1e-6)
    np.testing.assert_array_equal(found["labels"], labels[1::2, 1::2])
    assert found["start"].min_area == 3  # 12 px of the image
    kept = engine.about["instances"]["mask_threshold"]
    assert found["start"].mask_threshold == kept  # that of the model, not the usual one


def test_a_patch_that_the_given_network_cannot_take_is_refused(fitted, of_another_lab, tmp_path):
    options = changed(FURTHER, training=changed(FURTHER.training, patch_size=34))
    with pytest.raises(InputError, match="34 px is no multiple of 4 px, which a network of depth"):
        train_further(of_another_lab, tmp_path, fitted[0], options)


def test_the_mean_of_networks_is_not_trained_further(fitted, of_another_lab, tmp_path):
    path, _ = train_further(of_another_lab, tmp_path, fitted[0])
    mean = tmp_path / "mean.keras"
    tune_saved([path, path], of_another_lab, ["Actin", "Hoechst"], USE, mean)
    with pytest.raises(InputError, match="the mean of several networks, which cannot be trained"):
        train_further(of_another_lab, tmp_path, mean, changed(FURTHER, channel_map={}))
