"""Options of architectures: their names are those of Keras, their problems are found early."""

import keras
import pytest

from moascope.config.problems import check
from moascope.core.options import Section, restore
from moascope.networks.architectures import ACTIVATIONS, INITIALIZERS, PerceptronOptions
from moascope.networks.options import BackboneOptions, FrozenNetwork
from moascope.networks.registry import BACKBONES

SCRATCH = {"weights": "none"}
NOT_ALONE = {"glu", "threshold"}  # changes the shape; has parameters without defaults
NOT_RANDOM = {"constant", "identity", "ones", "stft", "zeros"}
NO_FUNCTION = {"deserialize", "get", "serialize"}


class Root(Section):
    model: BackboneOptions


def problems_of(**values):
    return check({"model": values}, Root)[0]


def names_in(module):
    return {name for name in vars(module) if not name.startswith("_") and name.islower()}


def test_activations_are_those_of_keras():
    assert set(ACTIVATIONS) == names_in(keras.activations) - NO_FUNCTION - NOT_ALONE
    x = keras.random.normal((2, 3, 3, 4), seed=1)
    assert all(keras.activations.get(name)(x).shape == x.shape for name in ACTIVATIONS)


def test_initializers_are_those_of_keras():
    assert set(INITIALIZERS) == names_in(keras.initializers) - NO_FUNCTION - NOT_RANDOM
    for name in INITIALIZERS:
        draw = keras.initializers.get(name)
        assert draw((5, 5, 3, 4)).shape == (5, 5, 3, 4)
        assert draw((3, 4)).shape == (3, 4)


@pytest.mark.parametrize(
    ("backbone", "key", "value", "message"),
    [
        ("mlp", "activation", "rleu", "did you mean 'relu'?"),
        ("mlp", "initializer", "he_norml", "did you mean 'he_normal'?"),
        ("convnet", "pooling", "averge", "did you mean 'average'?"),
        ("convnet", "normalization", "bach", "did you mean 'batch'?"),
        ("convnet", "kernel", 5, "unknown key 'kernel'; did you mean 'kernel_size'?"),
        ("convnet", "kernel_size", 0, "write a number of at least 1; got 0"),
        ("mlp", "hidden", [], "write a list with at least 1 entry; got []"),
        ("mlp", "max_norm", 0, "write a number above 0; got 0"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_its_place(backbone, key, value, message):
    (problem,) = problems_of(backbone=backbone, architecture={key: value}, **SCRATCH)
    assert problem.startswith(f"model.architecture.{key}: ")
    assert problem.endswith(message)


@pytest.mark.parametrize(
    ("backbone", "architecture", "reason"),
    [
        ("mlp", {"pooling": "max"}, "pooling has no effect with backbone 'mlp'"),
        ("ResNet50", {"l2": 0.1}, "l2 has no effect with backbone 'ResNet50'"),
        ("mlp", {"dropout": 0.5}, "dropout has no effect with one hidden layer"),
        ("convnet", {"dropout": 0.5, "dense": []}, "dropout has no effect with dense []"),
    ],
)
def test_an_option_without_effect_is_an_error(backbone, architecture, reason):
    (problem,) = problems_of(backbone=backbone, architecture=architecture, **SCRATCH)
    assert problem == f"model: architecture.{reason}; remove it"


def test_the_initializer_of_weights_from_a_file_is_an_error():
    (problem,) = problems_of(
        backbone="mlp", weights="a.h5", architecture={"initializer": "he_normal"}
    )
    reason = "initializer has no effect with weights 'a.h5'"
    assert problem == f"model: architecture.{reason}; remove it"


def test_null_is_as_if_absent():
    options = BackboneOptions(backbone="mlp", architecture={"pooling": None, "l2": None}, **SCRATCH)
    assert options.own_architecture() == PerceptronOptions()


def test_networks_without_published_weights_are_built_from_scratch():
    (problem,) = problems_of(backbone="mlp")
    assert problem.startswith("model: weights: there are no imagenet weights for mlp; set weights")
    assert BackboneOptions(backbone="mlp", weights=None).weights == "none"


def test_options_survive_the_way_to_a_job():
    given = FrozenNetwork(backbone="mlp", architecture={"hidden": [7, 5]}, **SCRATCH)
    plain = given.model_dump(mode="json")
    assert restore(FrozenNetwork, plain).own_architecture() == PerceptronOptions(hidden=[7, 5])


def test_defaults_go_together():
    assert all(backbone.options().problems() == [] for backbone in BACKBONES)
