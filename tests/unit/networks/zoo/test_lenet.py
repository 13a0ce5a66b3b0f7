import pytest
from zoo import build, count_parameters

from moascope.core.errors import InputError
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping, find_backbone

RGB = ["a", "b", "c"]
INFLATE = ChannelMapping("inflate")
RGB_MAPPING = ChannelMapping("rgb", RGB)


def test_lenet5_has_the_maps_of_its_paper_and_about_as_many_parameters():
    network = build("lenet5", 32, channels=1)
    shapes = {name: network.get_layer(name).output.shape[1:] for name in ("c1", "s2", "c3", "s4")}
    assert shapes == {"c1": (28, 28, 6), "s2": (14, 14, 6), "c3": (10, 10, 16), "s4": (5, 5, 16)}
    assert network.output_shape == (None, 84)
    # The paper: 60,000, with 44 for pooling, without 900 for maps of c3 that see all of s2.
    assert count_parameters(network, 10) == 61_706


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
