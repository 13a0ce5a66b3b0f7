"""Networks built from their entries in the registry."""

import dataclasses
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from zoo import build

from moascope.core.errors import InputError
from moascope.networks.building import build_network, find_input_scale
from moascope.networks.registry import BACKBONES, InputScale, find_backbone
from moascope.networks.saving import load_model, save_model

OWN = [backbone.name for backbone in BACKBONES if not backbone.has_imagenet]
LEAST = {"convnet": 16, "lenet5": 16, "keras-course": 16, "alexnet": 67, "zeiler-fergus": 53}
SMALL = {"resnet34": 32, "resnet18": 32, "googlenet": 32, "fly-eye": 29, "mlp": 16, "lenet-lab": 16}
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


@pytest.mark.parametrize("name", OWN)
def test_it_takes_any_number_of_channels_and_images_of_any_shape(name):
    height = (LEAST | SMALL)[name]
    network = build(name, (height, height + 7), channels=5)
    images = np.random.default_rng(0).random((2, height, height + 7, 5), dtype="float32")
    features = network.predict_on_batch(images)
    assert features.shape[0] == 2
    assert np.isfinite(features).all()
    assert features.std() > 0


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_images_that_are_too_small_are_told_the_least_size(name, least):
    build(name, least)
    message = rf"input_size: {name} takes images of at least {least} x {least} px, and these have"
    with pytest.raises(InputError, match=message):
        build(name, (least + 9, least - 1))


@pytest.mark.parametrize("name", ["fly-eye", "googlenet"])
def test_saved_networks_with_layers_of_our_own_are_read_again(name, tmp_path):
    network = build(name, 32, max_norm=2.0, l1=0.1)
    path = tmp_path / "network.keras"
    save_model(network, path, {})
    images = np.random.default_rng(0).random((1, 32, 32, 3), dtype="float32")
    again = load_model(path)[0]
    np.testing.assert_array_equal(again.predict_on_batch(images), network.predict_on_batch(images))
    assert len(again.losses) == len(network.losses) > 0


def test_weights_of_another_network_are_refused(tmp_path):
    path = str(tmp_path / "mlp.weights.h5")
    build("mlp", 16).save_weights(path)
    assert build_network(find_backbone("mlp"), path, (16, 16), 3).output_shape == (None, 100)
    with pytest.raises(InputError, match="does not hold the weights of lenet5"):
        build_network(find_backbone("lenet5"), path, (16, 16), 3)


@pytest.mark.parametrize("name", ["lenet5", "fly-eye"])
def test_a_network_learns_two_kinds_of_images(name):
    keras.utils.set_random_seed(1)
    network = build(name, 16, channels=1)
    features = network.output
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(network.input, keras.layers.Dense(2)(features))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    labels = np.arange(16) % 2
    rows = np.random.default_rng(0).random((16, 16, 16, 1), dtype="float32")
    rows[labels == 1, ::2] += 1.0
    losses = [model.train_on_batch(rows, labels) for _ in range(12)]
    assert losses[-1] < losses[0]
