"""The U-Net as an engine: fitted, saved, and used on images of any size."""

import numpy as np
import pytest
from small_unet import USE, changed, discs

from moascope.core.errors import InputError
from moascope.networks import saving
from moascope.segmentation.implementations import unet
from moascope.segmentation.implementations.unet import UNet


def test_the_model_carries_what_it_was_tuned_to(trained_unet):
    model, history = trained_unet
    _, about = saving.load_model(model)
    assert about["channels"] == ["DNA"]
    assert about["options"]["network"]["filters"] == 4
    assert 0 <= about["validation"]["mean_ap"] <= 1
    assert {"seed_threshold", "mask_threshold", "min_area"} <= set(about["instances"])
    assert history["step"].tolist() == [125, 250]


def test_it_finds_bright_discs(trained_unet):
    image, labels = discs(9)
    found = UNet.load(trained_unet[0], ["DNA"], USE)(image)
    assert found.dtype == np.int32
    overlap = ((found > 0) & (labels > 0)).sum() / ((found > 0) | (labels > 0)).sum()
    assert overlap > 0.7


def test_an_image_smaller_than_a_tile_and_an_odd_one_are_segmented(trained_unet):
    engine = UNet.load(trained_unet[0], ["DNA"], USE)
    image, _ = discs(9)
    for shape in ((20, 30), (64, 41)):
        assert engine(image[:, : shape[0], : shape[1]]).shape == shape


def test_a_constant_image_has_no_objects(trained_unet):
    constant = np.full((1, 64, 64), 7000, np.uint16)
    found = UNet.load(trained_unet[0], ["DNA"], USE)(constant)
    assert found.shape == (64, 64)
    assert not found.any()


def test_an_empty_site_of_a_plate_has_no_objects(trained_unet):
    engine = UNet.load(trained_unet[0], ["DNA"], USE)
    empty = np.random.default_rng(3).poisson(100, (1, 64, 64)).astype(np.uint16)
    assert engine(empty).max() == 0  # noise alone
    faint = empty + 60 * (discs(5)[1] > 0).astype(np.uint16)  # a thirteenth as bright as usual
    assert engine(faint).max() > 0
    engine.hold_to([discs(1)[0], discs(2)[0], faint])
    assert engine(empty).max() == engine(faint).max() == 0
    assert engine(discs(9)[0]).max() >= 4


def test_debris_does_not_hide_objects(trained_unet):
    image, labels = discs(9)
    engine = UNet.load(trained_unet[0], ["DNA"], USE)
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


def test_the_users_parameters_override_stored_ones(trained_unet):
    image, _ = discs(9)
    stored = UNet.load(trained_unet[0], ["DNA"], USE)
    given = changed(USE, mask_threshold=0.9, seed_threshold=None, min_area=30)
    engine = UNet.load(trained_unet[0], ["DNA"], given)
    assert engine.parameters.mask_threshold == 0.9
    assert engine.parameters.seed_threshold == stored.parameters.seed_threshold
    assert (engine(image) > 0).sum() < (stored(image) > 0).sum()


def test_large_images_are_predicted_in_half_precision(trained_unet, monkeypatch):
    image, _ = discs(9)
    engine = UNet.load(trained_unet[0], ["DNA"], USE)
    whole = engine.predict(image)
    monkeypatch.setattr(unet, "_LARGE", 1000)
    small = engine.predict(image)
    for name, values in whole.items():
        assert small[name].dtype == np.float16
        np.testing.assert_allclose(small[name], values, atol=2e-3)


def test_turns_average_eight_predictions(trained_unet):
    image, _ = discs(9)
    engine = UNet.load(trained_unet[0], ["DNA"], changed(USE, test_time_augmentation=True))
    turned = engine.predict(np.rot90(image, axes=(1, 2)))
    for name, values in engine.predict(image).items():
        np.testing.assert_allclose(turned[name], np.rot90(values), atol=1e-4)


def test_a_model_of_other_channels_is_refused_with_what_to_set(trained_unet):
    with pytest.raises(InputError, match=r"such as channel_map: \{DNA: Hoechst\}, or correct"):
        UNet.load(trained_unet[0], ["Hoechst"], USE)


def test_a_channel_of_another_name_is_segmented_by_a_channel_map(trained_unet):
    options = changed(USE, channel_map={"DNA": "Hoechst"})
    engine = UNet.load(trained_unet[0], ["Actin", "Hoechst"], options)
    assert engine.channels == ["Hoechst"]
    assert UNet.load(trained_unet[0], ["Actin", "DNA"], USE).channels == ["DNA"]
