"""Boosted trees agree with scikit-learn."""

import numpy as np
import pytest
from blobs import blobs
from scipy.special import softmax
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.utils.class_weight import compute_sample_weight

from moascope.classification.heads import fitting
from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("depth", [1, 3, 5])
def test_probabilities_of_boosting_are_those_of_scikit_learn(n_classes, balanced, depth):
    features, labels = blobs(seed=3, n=90, d=30, n_classes=n_classes)
    new, _ = blobs(seed=4, n=40, d=30, n_classes=n_classes)
    options = BoostingOptions(n_estimators=30, max_depth=depth, balanced=balanced)
    ours = fitting.fit_head(features, labels, options, seed=5)
    theirs = GradientBoostingClassifier(
        n_estimators=30, learning_rate=0.1, max_depth=depth, max_features="sqrt", random_state=5
    ).fit(features, labels, compute_sample_weight("balanced", labels) if balanced else None)
    # Rows of the training set lie on both sides of thresholds as near as float32 can be.
    for rows in (features, new):
        np.testing.assert_allclose(
            softmax(ours.logits(rows), axis=1), theirs.predict_proba(rows), atol=1e-9
        )
