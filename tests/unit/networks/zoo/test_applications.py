import keras
import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks import backbones, layers
from moascope.networks.registry import APPLICATIONS, ChannelMapping
from moascope.networks.zoo import applications

RGB = ["a", "b", "c"]
RGB_MAPPING = ChannelMapping("rgb", RGB)


def images(n=2, size=64, channels=3, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), dtype="float32")


@pytest.mark.parametrize("name", ["ResNet50", "MobileNetV2", "DenseNet121", "EfficientNetB0"])
def test_inputs_reach_the_network_as_its_own_preprocessing_makes_them(name):
    scaling = applications.measure_input_scale(name)
    x = images(n=1, size=4)
    module = getattr(keras.applications, _module_of(name))
    expected = module.preprocess_input(255 * x)
    ours = layers.ChannelMap(scaling.order, scaling.scale, scaling.offset)(x)
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
        scaling = applications.measure_input_scale(name)
        assert sorted(scaling.order) == [0, 1, 2]
        assert min(scaling.scale) > 0


def test_weights_that_cannot_be_downloaded_are_an_error_without_a_url(monkeypatch):
    def no_network(**_):
        raise Exception("URL fetch failure on https://example.org: no route to host")

    monkeypatch.setattr(keras.applications, "VGG16", no_network)
    monkeypatch.setattr(no_network, "__module__", "keras.applications.vgg16", raising=False)
    with pytest.raises(InputError) as caught:
        backbones.build("VGG16", "imagenet", None, RGB, RGB_MAPPING, unit_shape=(64, 64))
    assert "imagenet weights of VGG16 are not on this machine" in str(caught.value)
    assert "http" not in str(caught.value)


def test_images_that_are_too_small_are_told_the_least_size():
    with pytest.raises(InputError, match=r"InceptionV3 cannot be built .* at least 75x75"):
        backbones.build("InceptionV3", "none", None, RGB, RGB_MAPPING, unit_shape=(74, 90))
