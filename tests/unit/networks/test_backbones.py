import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping

RGB = ["a", "b", "c"]
RGB_MAPPING = ChannelMapping("rgb", RGB)


def images(n=2, size=64, channels=3, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), dtype="float32")


@pytest.fixture(scope="module")
def lite0():
    return backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, ["block10_add", "block4_add"]
    )


def test_taps_give_their_pooled_channels_in_order(lite0):
    assert lite0.predict_on_batch(images()).shape == (2, 112 + 40)


def test_the_network_is_cut_behind_the_deepest_tap(lite0):
    names = {layer.name for layer in lite0.get_layer("trunk").layers}
    assert "block10_add" in names
    assert not any(name.startswith(("block11", "top")) for name in names)


def test_folding_batch_normalization_changes_nothing_but_rounding():
    maps = backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, ["block10_add"], pooling=None
    )
    pooled = backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, ["block10_add"]
    )
    x = images()
    expected = maps.predict_on_batch(x).mean(axis=(1, 2))
    np.testing.assert_allclose(pooled.predict_on_batch(x), expected, rtol=1e-3, atol=1e-3)


def test_folding_leaves_a_tapped_convolution_alone():
    feature_layers = ["block3_depthwise_conv"]
    maps = backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, feature_layers, pooling=None
    )
    pooled = backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, feature_layers
    )
    expected = maps.predict_on_batch(images()).mean(axis=(1, 2))
    np.testing.assert_allclose(pooled.predict_on_batch(images()), expected, rtol=1e-3, atol=1e-3)


def test_channels_are_picked_by_name():
    names = ["DAPI", "Tubulin", "Actin", "spare"]
    mapping = ChannelMapping("rgb", ["Actin", "Tubulin", "DAPI"])
    four = backbones.build("efficientnet-lite0", "imagenet", None, names, mapping, ["block2_add"])
    three = backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, ["block2_add"]
    )
    x = images(channels=4)
    np.testing.assert_allclose(
        four.predict_on_batch(x), three.predict_on_batch(x[..., [2, 1, 0]]), atol=1e-5
    )


def test_per_channel_joins_the_features_of_grey_passes():
    model = backbones.build(
        "efficientnet-lite0",
        "imagenet",
        None,
        ["x", "y"],
        ChannelMapping("per-channel"),
        ["block2_add"],
    )
    rgb = backbones.build("efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, ["block2_add"])
    x = images(channels=2)
    expected = [rgb.predict_on_batch(np.repeat(x[..., [c]], 3, axis=-1)) for c in (0, 1)]
    np.testing.assert_allclose(model.predict_on_batch(x), np.hstack(expected), atol=1e-5)


def test_an_inflated_network_answers_grey_images_as_the_original():
    model = backbones.build(
        "efficientnet-lite0",
        "imagenet",
        None,
        list("vwxyz"),
        ChannelMapping("inflate"),
        ["block2_add"],
    )
    rgb = backbones.build("efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, ["block2_add"])
    grey = images(channels=1)
    np.testing.assert_allclose(
        model.predict_on_batch(np.repeat(grey, 5, axis=-1)),
        rgb.predict_on_batch(np.repeat(grey, 3, axis=-1)),
        rtol=1e-3,
        atol=1e-3,
    )


def test_pooling_can_add_the_standard_deviation():
    arguments = ("efficientnet-lite0", "imagenet", None, RGB, RGB_MAPPING, ["block2_add"])
    maps = backbones.build(*arguments, pooling=None).predict_on_batch(images())
    both = backbones.build(*arguments, pooling="mean+sd").predict_on_batch(images())
    expected = np.hstack([maps.mean(axis=(1, 2)), maps.std(axis=(1, 2))])
    np.testing.assert_allclose(both, expected, rtol=1e-3, atol=1e-3)


def test_units_are_resized_inside_the_model():
    model = backbones.build(
        "efficientnet-lite0", "none", 48, RGB, RGB_MAPPING, ["stem_relu"], pooling=None
    )
    assert model.predict_on_batch(images(size=64)).shape == (2, 24, 24, 32)


def test_mobilenet_runs_with_a_local_weights_file(shared_data):
    (path,) = (shared_data / "weights").glob("*.h5")
    model = backbones.build("MobileNetV2", str(path), None, RGB, RGB_MAPPING, unit_shape=(96, 96))
    features = model.predict_on_batch(images(size=96))
    random = backbones.build("MobileNetV2", "none", None, RGB, RGB_MAPPING, unit_shape=(96, 96))
    assert features.shape == (2, 1280)
    assert np.isfinite(features).all()
    assert np.abs(features - random.predict_on_batch(images(size=96))).max() > 0.1


def test_an_unknown_tap_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"no layer 'block10_addd'\. Did you mean block10_add"):
        backbones.build("efficientnet-lite0", "none", None, RGB, RGB_MAPPING, ["block10_addd"])


def test_an_unknown_channel_is_an_error():
    mapping = ChannelMapping("rgb", ["DNA", "b", "c"])
    with pytest.raises(InputError, match="rgb_channels: there is no channel 'DNA'"):
        backbones.build("efficientnet-lite0", "none", None, RGB, mapping)


def test_rgb_channels_must_be_named_where_there_are_not_three_channels():
    with pytest.raises(InputError, match="set rgb_channels to three channels"):
        backbones.build("efficientnet-lite0", "none", None, ["x"], ChannelMapping("rgb"))
