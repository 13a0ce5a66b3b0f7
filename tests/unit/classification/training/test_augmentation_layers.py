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


def test_the_layers_survive_saving():
    for name in ("quarter_turn", "channel_gain", "noise"):
        (layer,) = augmentation.build([Augmentation(name=name)], 5)
        twin = type(layer).from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()
