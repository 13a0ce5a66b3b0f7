import keras
import pytest

from moascope.core.errors import InputError
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping

RGB = ["a", "b", "c"]
RGB_MAPPING = ChannelMapping("rgb", RGB)


def test_weights_of_another_network_are_an_error(tmp_path):
    path = tmp_path / "small.weights.h5"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save_weights(path)
    with pytest.raises(InputError, match="does not hold the weights of mobilenetv2"):
        backbones.build("MobileNetV2", str(path), None, RGB, RGB_MAPPING, unit_shape=(96, 96))


def test_a_missing_weights_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*gone\.h5"):
        backbones.build("ResNet50", str(tmp_path / "gone.h5"), None, RGB, RGB_MAPPING)
