"""Networks built from their entries in the registry."""

import dataclasses
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks.building import build_network, find_input_scale
from moascope.networks.registry import InputScale, find_backbone

MLP = find_backbone("mlp")


def test_a_network_has_the_defaults_of_its_architecture():
    network = build_network(MLP, None, (4, 5), 3)
    assert network.count_params() == 4 * 5 * 3 * 100 + 100


def test_weights_of_a_file_are_loaded(tmp_path):
    keras.utils.set_random_seed(1)
    saved = build_network(MLP, None, (4, 4), 2)
    saved.save_weights(tmp_path / "m.weights.h5")
    loaded = build_network(MLP, str(tmp_path / "m.weights.h5"), (4, 4), 2)
    for one, other in zip(saved.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_published_weights_and_a_size_are_needed_where_the_network_says_so():
    with pytest.raises(InputError, match="weights: there are no imagenet weights for mlp"):
        build_network(MLP, "imagenet", (4, 4), 3)
    with pytest.raises(InputError, match="input_size: mlp needs one"):
        build_network(MLP, None, None, 3)


def test_the_scale_of_the_input_is_a_value_or_a_function_of_the_name(monkeypatch):
    def scale_of(name):
        return InputScale(scale=(float(len(name)),) * 3)

    monkeypatch.setitem(sys.modules, "scales", SimpleNamespace(scale_of=scale_of))
    assert find_input_scale(MLP) == MLP.input_scale
    named = dataclasses.replace(MLP, input_scale="scales:scale_of")
    assert find_input_scale(named) == InputScale(scale=(3.0, 3.0, 3.0))
