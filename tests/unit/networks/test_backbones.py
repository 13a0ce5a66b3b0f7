import keras
import numpy as np
import pytest
import skimage.data
import skimage.transform

from moascope.core.errors import InputError
from moascope.networks import backbones
from moascope.networks.registry import APPLICATIONS, BACKBONES, canonical_name

RGB = ["a", "b", "c"]
TRIPLE = {"kind": "triple", "triple": RGB}


def images(n=2, size=64, channels=3, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), dtype="float32")


@pytest.fixture(scope="module")
def lite0():
    return backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, TRIPLE, ["block10_add", "block4_add"]
    )


@pytest.mark.parametrize(
    ("picture", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {967, 968})]
)
def test_lite0_recognises_everyday_pictures(picture, classes):
    image = getattr(skimage.data, picture)() / 255.0
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = skimage.transform.resize(
        image[top : top + side, left : left + side], (224, 224), anti_aliasing=True
    )
    logits = backbones.lite0_classifier().predict_on_batch(square[None].astype("float32"))
    assert int(logits.argmax()) in classes


def test_taps_give_their_pooled_channels_in_order(lite0):
    assert lite0.predict_on_batch(images()).shape == (2, 112 + 40)


def test_the_network_is_cut_behind_the_deepest_tap(lite0):
    names = {layer.name for layer in lite0.get_layer("trunk").layers}
    assert "block10_add" in names
    assert not any(name.startswith(("block11", "top")) for name in names)


def test_folding_batch_normalization_changes_nothing_but_rounding():
    maps = backbones.build(
        "efficientnet-lite0", "imagenet", None, RGB, TRIPLE, ["block10_add"], pooling=None
    )
    pooled = backbones.build("efficientnet-lite0", "imagenet", None, RGB, TRIPLE, ["block10_add"])
    x = images()
    expected = maps.predict_on_batch(x).mean(axis=(1, 2))
    np.testing.assert_allclose(pooled.predict_on_batch(x), expected, rtol=1e-3, atol=1e-3)


def test_folding_leaves_a_tapped_convolution_alone():
    taps = ["block3_depthwise_conv"]
    maps = backbones.build("efficientnet-lite0", "imagenet", None, RGB, TRIPLE, taps, pooling=None)
    pooled = backbones.build("efficientnet-lite0", "imagenet", None, RGB, TRIPLE, taps)
    expected = maps.predict_on_batch(images()).mean(axis=(1, 2))
    np.testing.assert_allclose(pooled.predict_on_batch(images()), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["Xception", "MobileNetV3Small", "ResNet50"])
def test_folding_holds_for_networks_of_keras_applications(name):
    keras.utils.set_random_seed(1)
    network = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(96, 96, 3)
    )
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([w + rng.uniform(0, 0.2, w.shape) for w in layer.get_weights()])
    x = images(size=96) * 2 - 1
    expected = network.predict_on_batch(x)
    folded = backbones.folded(network).predict_on_batch(x)
    np.testing.assert_allclose(folded, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_channels_are_picked_by_name():
    names = ["DAPI", "Tubulin", "Actin", "spare"]
    mapping = {"kind": "triple", "triple": ["Actin", "Tubulin", "DAPI"]}
    four = backbones.build("efficientnet-lite0", "imagenet", None, names, mapping, ["block2_add"])
    three = backbones.build("efficientnet-lite0", "imagenet", None, RGB, TRIPLE, ["block2_add"])
    x = images(channels=4)
    np.testing.assert_allclose(
        four.predict_on_batch(x), three.predict_on_batch(x[..., [2, 1, 0]]), atol=1e-5
    )


def test_per_channel_joins_the_features_of_grey_passes():
    model = backbones.build(
        "efficientnet-lite0", "imagenet", None, ["x", "y"], {"kind": "per-channel"}, ["block2_add"]
    )
    rgb = backbones.build("efficientnet-lite0", "imagenet", None, RGB, TRIPLE, ["block2_add"])
    x = images(channels=2)
    expected = [rgb.predict_on_batch(np.repeat(x[..., [c]], 3, axis=-1)) for c in (0, 1)]
    np.testing.assert_allclose(model.predict_on_batch(x), np.hstack(expected), atol=1e-5)


def test_an_inflated_network_answers_grey_images_as_the_original():
    model = backbones.build(
        "efficientnet-lite0", "imagenet", None, list("vwxyz"), {"kind": "inflate"}, ["block2_add"]
    )
    rgb = backbones.build("efficientnet-lite0", "imagenet", None, RGB, TRIPLE, ["block2_add"])
    grey = images(channels=1)
    np.testing.assert_allclose(
        model.predict_on_batch(np.repeat(grey, 5, axis=-1)),
        rgb.predict_on_batch(np.repeat(grey, 3, axis=-1)),
        rtol=1e-3,
        atol=1e-3,
    )


def test_pooling_can_add_the_standard_deviation():
    arguments = ("efficientnet-lite0", "imagenet", None, RGB, TRIPLE, ["block2_add"])
    maps = backbones.build(*arguments, pooling=None).predict_on_batch(images())
    both = backbones.build(*arguments, pooling="mean+sd").predict_on_batch(images())
    expected = np.hstack([maps.mean(axis=(1, 2)), maps.std(axis=(1, 2))])
    np.testing.assert_allclose(both, expected, rtol=1e-3, atol=1e-3)


def test_units_are_resized_inside_the_model():
    model = backbones.build(
        "efficientnet-lite0", "none", 48, RGB, TRIPLE, ["stem_relu"], pooling=None
    )
    assert model.predict_on_batch(images(size=64)).shape == (2, 24, 24, 32)


def test_lenet_is_the_network_of_the_course_lab():
    model = backbones.build(
        "lenet", "none", None, RGB, {"kind": "inflate"}, pooling=None, unit_shape=(256, 256)
    )
    trunk = model.get_layer("trunk")
    assert trunk.get_layer("pool3").output.shape == (None, 4, 4, 64)
    assert model.output_shape == (None, 1024)


def test_mobilenet_runs_with_a_local_weights_file(shared_data):
    (path,) = (shared_data / "weights").glob("*.h5")
    model = backbones.build("MobileNetV2", str(path), None, RGB, TRIPLE, unit_shape=(96, 96))
    features = model.predict_on_batch(images(size=96))
    random = backbones.build("MobileNetV2", "none", None, RGB, TRIPLE, unit_shape=(96, 96))
    assert features.shape == (2, 1280)
    assert np.isfinite(features).all()
    assert np.abs(features - random.predict_on_batch(images(size=96))).max() > 0.1


@pytest.mark.parametrize("name", ["ResNet50", "MobileNetV2", "DenseNet121", "EfficientNetB0"])
def test_inputs_reach_the_network_as_its_own_preprocessing_makes_them(name):
    order, scale, offset = backbones._application_preprocessing(name)
    x = images(n=1, size=4)
    module = getattr(keras.applications, _module_of(name))
    expected = module.preprocess_input(255 * x)
    ours = backbones.ChannelMap(order, scale, offset)(x)
    np.testing.assert_allclose(np.asarray(ours), expected, atol=1e-3)


def _module_of(name):
    return {
        "ResNet50": "resnet",
        "MobileNetV2": "mobilenet_v2",
        "DenseNet121": "densenet",
        "EfficientNetB0": "efficientnet",
    }[name]


def test_the_zoo_lists_every_model_of_keras_applications():
    known = {name for name, member in vars(keras.applications).items() if callable(member)}
    assert set(APPLICATIONS) == known


def test_every_model_of_keras_applications_has_an_affine_preprocessing():
    for name in APPLICATIONS:
        order, scale, _ = backbones._application_preprocessing(name)
        assert sorted(order) == [0, 1, 2]
        assert min(scale) > 0


@pytest.mark.parametrize(
    ("given", "meant"), [("resnet50", "ResNet50"), ("EfficientNet_Lite0", "efficientnet-lite0")]
)
def test_names_are_forgiving(given, meant):
    assert canonical_name(given) == meant
    assert meant in BACKBONES


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"there is no 'ResNet51'\. Did you mean ResNet50"):
        canonical_name("ResNet51")


def test_an_unknown_tap_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"no layer 'block10_addd'\. Did you mean block10_add"):
        backbones.build("efficientnet-lite0", "none", None, RGB, TRIPLE, ["block10_addd"])


def test_an_unknown_channel_is_an_error():
    mapping = {"kind": "triple", "triple": ["DNA", "b", "c"]}
    with pytest.raises(InputError, match="triple: there is no channel 'DNA'"):
        backbones.build("efficientnet-lite0", "none", None, RGB, mapping)


def test_a_triple_must_be_named_where_there_are_not_three_channels():
    with pytest.raises(InputError, match="Name the three that are to be red, green and blue"):
        backbones.build("efficientnet-lite0", "none", None, ["x"], {"kind": "triple"})


def test_weights_of_another_network_are_an_error(tmp_path):
    path = tmp_path / "small.weights.h5"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save_weights(path)
    with pytest.raises(InputError, match="does not hold the weights of mobilenetv2"):
        backbones.build("MobileNetV2", str(path), None, RGB, TRIPLE, unit_shape=(96, 96))


def test_a_missing_weights_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*gone\.h5"):
        backbones.build("ResNet50", str(tmp_path / "gone.h5"), None, RGB, TRIPLE)


def test_weights_that_cannot_be_downloaded_are_an_error_without_a_url(monkeypatch):
    def no_network(**_):
        raise Exception("URL fetch failure on https://example.org: no route to host")

    monkeypatch.setattr(keras.applications, "VGG16", no_network)
    monkeypatch.setattr(no_network, "__module__", "keras.applications.vgg16", raising=False)
    with pytest.raises(InputError) as caught:
        backbones.build("VGG16", "imagenet", None, RGB, TRIPLE, unit_shape=(64, 64))
    assert "imagenet weights of VGG16 are not on this machine" in str(caught.value)
    assert "http" not in str(caught.value)


def test_imagenet_weights_for_lenet_are_an_error():
    with pytest.raises(InputError, match="no imagenet weights for lenet"):
        backbones.build("lenet", "imagenet", 28, RGB, TRIPLE)
