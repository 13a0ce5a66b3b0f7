"""Shrinkage LDA with its options."""

import numpy as np
from blobs import blobs
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from moascope.classification.heads import fitting
from moascope.classification.heads.base import FittedHead
from moascope.classification.heads.kinds.lda import LdaOptions

LDA = LdaOptions(balanced=False, calibrate=False)


def probabilities(head: FittedHead, features: np.ndarray) -> np.ndarray:
    return softmax(head.logits(features), axis=1)


def test_balanced_lda_has_equal_priors():
    features, labels = blobs(seed=8)
    head = fitting.fit_head(features, labels, LDA.model_copy(update={"balanced": True}))
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(3, 1 / 3))
    np.testing.assert_allclose(
        probabilities(head, features),
        theirs.fit(features, labels).predict_proba(features),
        atol=1e-6,
    )
