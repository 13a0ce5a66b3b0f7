"""The multilayer perceptron among the types of head."""

import pytest
from blobs import blobs

from moascope.classification.heads import fitting
from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.core.errors import InputError


def test_a_network_is_not_fitted():
    features, labels = blobs(seed=21)
    with pytest.raises(InputError, match="'mlp' is a network, which is trained and not fitted"):
        fitting.fit_head(features, labels, MlpOptions())
