import pytest

from moascope.core.errors import InputError
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping, find_backbone

RGB = ["a", "b", "c"]
INFLATE = ChannelMapping("inflate")
RGB_MAPPING = ChannelMapping("rgb", RGB)


def test_lenet_is_the_network_of_the_course_lab():
    model = backbones.build(
        "lenet-lab",
        "none",
        None,
        RGB,
        ChannelMapping("inflate"),
        pooling=None,
        unit_shape=(256, 256),
    )
    trunk = model.get_layer("trunk")
    assert trunk.get_layer("pool3").output.shape == (None, 4, 4, 64)
    assert model.output_shape == (None, 1024)


def test_the_former_name_stays_valid():
    assert find_backbone("lenet").name == "lenet-lab"


def test_imagenet_weights_for_lenet_are_an_error():
    with pytest.raises(InputError, match="no imagenet weights for lenet-lab"):
        backbones.build("lenet-lab", "imagenet", 28, RGB, RGB_MAPPING)


def test_images_of_an_open_size_are_an_error():
    with pytest.raises(InputError, match="input_size: lenet-lab needs one"):
        backbones.build("lenet-lab", "none", None, RGB, RGB_MAPPING)
