"""Layers of augmentations that Keras lacks."""

import keras
import numpy as np
import pytest

from moascope.classification.training import augmentation
from moascope.classification.training.options import Augmentation
from moascope.core.errors import InputError


def images(n=4, size=24, channels=5, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), dtype="float32")


def augmented(x, *augmentations, seed=1):
    layers = augmentation.build([Augmentation(**each) for each in augmentations], seed)
    return np.asarray(augmentation.apply(layers, keras.ops.convert_to_tensor(x)))


def test_gain_scales_each_channel_of_each_image_by_one_factor():
    x = images(n=16) + 0.1
    ratio = augmented(x, {"name": "channel_gain", "fraction": 0.25}) / x
    assert np.ptp(ratio, axis=(1, 2)).max() < 1e-5
    factors = ratio[:, 0, 0]
    assert len(np.unique(factors.round(4))) > 0.9 * factors.size
    assert 0.75 <= factors.min() < factors.max() <= 1.25


def test_noise_has_the_configured_standard_deviation():
    x = np.full((4, 64, 64, 3), 0.5, "float32")
    assert augmented(x, {"name": "noise", "sd": 0.1}).std() == pytest.approx(0.1, rel=0.02)


def test_quarter_turns_need_square_images():
    (layer,) = augmentation.build([Augmentation(name="quarter_turn")], 0)
    with pytest.raises(InputError, match="quarter_turn needs square units; these are 8 x 12 px"):
        layer(np.zeros((1, 8, 12, 1), "float32"), training=True)


def test_a_mask_covers_rectangles_of_its_size_in_all_channels():
    x = np.random.default_rng(0).random((40, 20, 30, 3), dtype="float32") + 0.1
    covered = augmented(x, {"name": "mask", "rectangles": 1, "side": 0.3}) == 0
    assert (covered.any(axis=-1) == covered.all(axis=-1)).all()
    for image in covered[..., 0]:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (6, 9)
        assert image.sum() == 6 * 9
    first = {tuple(np.argwhere(image)[0]) for image in covered[..., 0]}
    assert len(first) > 30


def test_several_rectangles_cover_more_and_may_overlap():
    x = images(n=100) + 0.1
    share = (augmented(x, {"name": "mask", "rectangles": 4, "side": 0.25})[..., 0] == 0).mean(
        (1, 2)
    )
    assert share.max() == pytest.approx(4 / 16)
    assert 1 / 16 <= share.min() < share.max()


def test_a_mask_can_hold_the_mean_of_each_channel():
    x = images(n=6)
    masked = augmented(x, {"name": "mask", "fill": "mean", "side": 0.4})
    for image, original in zip(masked, x, strict=True):
        changed = (image != original).any(axis=-1)
        assert changed.any()
        means = np.broadcast_to(original.mean(axis=(0, 1)), image[changed].shape)
        np.testing.assert_allclose(image[changed], means, rtol=1e-5)


def test_channel_dropout_blanks_whole_channels_and_never_all():
    x = images(n=300) + 0.1
    dropped = augmented(x, {"name": "channel_dropout", "fraction": 0.3}) == 0
    by_channel = dropped.any(axis=(1, 2))
    np.testing.assert_array_equal(by_channel, dropped.all(axis=(1, 2)))
    assert by_channel.mean() == pytest.approx(0.3, abs=0.05)
    severe = augmented(x, {"name": "channel_dropout", "fraction": 0.9}) == 0
    assert not severe.all(axis=-1).any()


@pytest.mark.parametrize("probability", [1.0, 0.5])
def test_channel_dropout_needs_two_channels(probability):
    entry = Augmentation(name="channel_dropout", probability=probability)
    with pytest.raises(InputError, match="channel_dropout needs at least two channels"):
        augmentation.check([entry], (8, 8), n_channels=1)


def test_the_layers_survive_saving():
    for name in ("quarter_turn", "channel_gain", "noise"):
        (layer,) = augmentation.build([Augmentation(name=name)], 5)
        twin = type(layer).from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()
