"""Logistic regression agrees with scikit-learn."""

import numpy as np
import pytest
from blobs import blobs
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from moascope.classification.heads import fitting
from moascope.classification.heads.base import FittedHead
from moascope.classification.heads.kinds.logistic import LogisticOptions

LOGISTIC = LogisticOptions(balanced=False, calibrate=False)


def probabilities(head: FittedHead, features: np.ndarray) -> np.ndarray:
    return softmax(head.logits(features), axis=1)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(("n", "d"), [(90, 12), (30, 120)])
@pytest.mark.parametrize("balanced", [False, True])
def test_logistic_gives_the_posteriors_of_scikit_learn(n, d, n_classes, balanced):
    features, labels = blobs(seed=7, n=n, d=d, n_classes=n_classes, distance=0.4)
    ours = fitting.fit_head(features, labels, LOGISTIC.model_copy(update={"balanced": balanced}))
    weight = "balanced" if balanced else None
    theirs = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight=weight, max_iter=5000, tol=1e-8)
    ).fit(features, labels)
    assert ours.classes == tuple(theirs.classes_)
    np.testing.assert_allclose(
        probabilities(ours, features), theirs.predict_proba(features), atol=2e-3
    )
