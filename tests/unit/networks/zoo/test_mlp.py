import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks.architectures import PerceptronOptions
from moascope.networks.building import build_network
from moascope.networks.registry import find_backbone

MLP = find_backbone("mlp")


def test_a_perceptron_of_100_units_has_the_parameters_of_its_layers():
    network = build_network(MLP, None, (28, 28), 1)
    assert network.output_shape == (None, 100)
    assert network.count_params() == 28 * 28 * 100 + 100


def test_it_takes_any_size_and_any_number_of_channels():
    network = build_network(MLP, None, (7, 9), 5, PerceptronOptions(hidden=[6, 4]))
    assert network.predict_on_batch(np.zeros((2, 7, 9, 5))).shape == (2, 4)
    assert [layer.name for layer in network.layers[2:]] == ["dense1", "dense2"]


def test_dropout_stands_before_all_layers_but_the_first():
    options = PerceptronOptions(hidden=[6, 4, 3], dropout=0.25)
    network = build_network(MLP, None, (4, 4), 1, options)
    names = [layer.name for layer in network.layers if layer.name.endswith("dropout")]
    assert names == ["dense2_dropout", "dense3_dropout"]
    assert network.get_layer("dense2_dropout").rate == 0.25


def test_imagenet_weights_and_an_open_size_are_errors():
    with pytest.raises(InputError, match="no imagenet weights for mlp"):
        build_network(MLP, "imagenet", (28, 28), 3)
    with pytest.raises(InputError, match="input_size: mlp needs one"):
        build_network(MLP, None, None, 3)
