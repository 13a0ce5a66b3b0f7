"""Fitted heads as Keras layers compute what the heads do up to their weights."""

import keras
import numpy as np
from blobs import blobs

from moascope.classification.heads import fitting, layers
from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions
from moascope.classification.heads.kinds.svm import SvmOptions


def outputs_of(build, head, features):
    tensor = keras.Input((features.shape[1],))
    model = keras.Model(tensor, build(head, tensor))
    return np.asarray(model(features.astype("float32")), np.float64)


def test_a_kernel_layer_gives_the_decision_values_before_its_weights():
    features, labels = blobs(seed=1, d=6)
    head = fitting.fit_head(features, labels, SvmOptions())
    values = outputs_of(layers.kernel_layer, head, features)
    assert values.shape == (len(features), len(head.support))
    np.testing.assert_allclose(values @ head.weights + head.bias, head.logits(features), atol=1e-3)


def test_a_layer_of_trees_gives_their_sums():
    features, labels = blobs(seed=2, d=6)
    head = fitting.fit_head(features, labels, BoostingOptions(n_estimators=7, max_depth=2))
    values = outputs_of(layers.tree_layer, head, features)
    np.testing.assert_allclose(values @ head.weights + head.bias, head.logits(features), atol=1e-4)
