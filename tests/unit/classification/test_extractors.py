"""Feature extractors of final models."""

import numpy as np
import pytest

from moascope.classification.choices import Choice
from moascope.classification.extractors import build_for_choice, count_outputs
from moascope.core.options import restore
from moascope.networks.keras_defaults import keras
from moascope.networks.options import FrozenNetwork

SHAPE = (32, 32)
NETWORK = restore(
    FrozenNetwork,
    {"backbone": "efficientnet-lite0", "weights": "none", "channel_mapping": "inflate", "views": 1},
)


def choice(*features):
    options = {"feature_layers": ["block2_add"], "pooling": "mean", "head": {"type": "lda"}}
    return Choice.model_validate({"features": list(features), **options})


def test_hand_crafted_features_alone_need_no_network():
    assert build_for_choice(choice("hand-crafted"), None, ["a"], SHAPE) is None
    assert count_outputs(None) == 0


def test_the_chosen_layer_gives_the_features():
    model = build_for_choice(choice("network"), NETWORK, ["a", "b"], SHAPE)
    assert count_outputs(model) == 24  # channels of the second block
    assert model.input_shape == (None, *SHAPE, 2)


def test_random_weights_do_not_depend_on_what_was_fitted_before():
    units = np.random.default_rng(0).random((2, *SHAPE, 1)).astype("float32")
    maps = []
    for draws in (0, 3):
        keras.utils.set_random_seed(5)
        keras.layers.Dense(draws + 1).build((None, 4))
        model = build_for_choice(choice("network"), NETWORK, ["a"], SHAPE, weights_seed=1)
        maps.append(model.predict_on_batch(units))
    np.testing.assert_array_equal(*maps)


def test_a_network_that_is_missing_is_an_error():
    with pytest.raises(ValueError, match="there is no network"):
        build_for_choice(choice("network"), None, ["a"], SHAPE)
