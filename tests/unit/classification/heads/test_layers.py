"""Fitted heads as Keras layers compute the probabilities of the heads."""

import keras
import numpy as np
import pytest
from blobs import blobs
from scipy.special import softmax

from moascope.classification.heads import fitting, layers
from moascope.classification.heads.base import LayerPlan
from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.svm import SvmOptions


def probabilities_of(head, features):
    tensor = keras.Input((features.shape[1],))
    model = keras.Model(tensor, layers.add_fitted_head(tensor, head))
    return np.asarray(model(features.astype("float32")), np.float64)


@pytest.mark.parametrize(
    "options", [LdaOptions(), SvmOptions(), BoostingOptions(n_estimators=7, max_depth=2)]
)
def test_layers_give_the_probabilities_of_a_head(options):
    features, labels = blobs(seed=1, d=6)
    head = fitting.fit_head(features, labels, options)
    expected = softmax(head.logits(features), axis=1)
    np.testing.assert_allclose(probabilities_of(head, features), expected, atol=1e-3)


class Head:
    """A head that names its first layer."""

    bias = np.array([0.5, -0.5])

    def __init__(self, layer, **options):
        self.plan = LayerPlan(layer, np.eye(2), options=options)

    def plan_layers(self):
        return self.plan


def test_a_head_brings_its_own_layers():
    features = np.array([[1.0, 2.0], [0.0, 0.0]])
    found = probabilities_of(Head("Rescaling", scale=3.0), features)
    np.testing.assert_allclose(found, softmax(3 * features + Head.bias, axis=1), atol=1e-6)


def test_a_head_with_an_unknown_layer_is_an_error():
    with pytest.raises(ValueError, match="no Keras layer 'Oddity'"):
        layers.add_fitted_head(keras.Input((2,)), Head("Oddity"))
