"""The support vector machine agrees with scikit-learn."""

import numpy as np
import pytest
from blobs import blobs
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from moascope.classification.heads import fitting
from moascope.classification.heads.kinds.svm import SvmOptions


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("gamma", ["scale", "auto", 0.01])
def test_decision_values_of_the_svm_are_those_of_scikit_learn(n_classes, balanced, gamma):
    features, labels = blobs(seed=1, n=90, d=12, n_classes=n_classes)
    new, _ = blobs(seed=2, n=40, d=12, n_classes=n_classes)
    ours = fitting.fit_head(features, labels, SvmOptions(gamma=gamma, balanced=balanced))
    machine = SVC(C=1.0, gamma=gamma, class_weight="balanced" if balanced else None)
    theirs = make_pipeline(StandardScaler(), OneVsRestClassifier(machine)).fit(features, labels)
    expected = theirs.decision_function(new)
    if n_classes == 2:
        expected = np.stack([-expected, expected], axis=1)
    np.testing.assert_allclose(ours.logits(new), expected, atol=2e-3)
