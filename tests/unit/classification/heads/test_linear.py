"""The linear heads agree with scikit-learn."""

import numpy as np
import pytest
from blobs import blobs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from moascope.classification.heads import fitting, linear
from moascope.classification.heads.base import FittedHead
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.logistic import LogisticOptions
from moascope.core.errors import InputError

LDA = LdaOptions(balanced=False, calibrate=False)
LOGISTIC = LogisticOptions(balanced=False, calibrate=False)


def probabilities(head: FittedHead, features: np.ndarray) -> np.ndarray:
    return softmax(head.logits(features), axis=1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(12, 80),
    d=st.integers(1, 100),
    n_classes=st.integers(2, 5),
    shrinkage=st.sampled_from(["auto", 0.1, 0.7, 1.0]),
)
def test_lda_gives_the_posteriors_of_scikit_learn(seed, n, d, n_classes, shrinkage):
    features, labels = blobs(seed, n, d, n_classes)
    new, _ = blobs(seed + 1, 30, d, n_classes)
    ours = linear.ShrinkageLDA(shrinkage).fit(features, labels)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(features, labels)
    np.testing.assert_allclose(ours.predict_proba(new), theirs.predict_proba(new), atol=1e-6)
    np.testing.assert_allclose(
        softmax(ours.decision_function(features), axis=1),
        theirs.predict_proba(features),
        atol=1e-6,
    )


def test_lda_takes_priors_as_scikit_learn_does():
    features, labels = blobs(seed=1)
    priors = [0.6, 0.3, 0.1]
    ours = linear.ShrinkageLDA("auto", priors).fit(features, labels)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    np.testing.assert_allclose(
        ours.predict_proba(features),
        theirs.fit(features, labels).predict_proba(features),
        atol=1e-6,
    )


def test_plain_lda_agrees_with_scikit_learn():
    features, labels = blobs(seed=2)
    ours = linear.ShrinkageLDA(0.0).fit(features, labels)
    theirs = LinearDiscriminantAnalysis(solver="svd").fit(features, labels)
    np.testing.assert_allclose(
        ours.predict_proba(features), theirs.predict_proba(features), atol=1e-6
    )


@pytest.mark.parametrize("d", [10, 200])
@pytest.mark.parametrize("shrinkage", ["auto", 0.5])
def test_constant_features_change_nothing(d, shrinkage):
    features, labels = blobs(seed=3, d=d)
    constant = features.copy()
    constant[:, ::4] = 7.0
    ours = linear.ShrinkageLDA(shrinkage).fit(constant, labels)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(constant, labels)
    np.testing.assert_allclose(
        ours.predict_proba(constant), theirs.predict_proba(constant), atol=1e-6
    )


def test_plain_lda_survives_more_features_than_rows():
    features, labels = blobs(seed=4, n=30, d=60)
    lda = linear.ShrinkageLDA(0.0).fit(features, labels)
    assert np.isfinite(lda.predict_proba(features)).all()


@pytest.mark.parametrize("shape", [(10, 40), (40, 10), (5, 1)])
def test_the_amount_of_shrinkage_is_that_of_scikit_learn(shape):
    rows = np.random.default_rng(0).normal(size=shape)
    rows -= rows.mean(axis=0)
    assert linear._ledoit_wolf(rows) == pytest.approx(ledoit_wolf_shrinkage(rows))


@pytest.mark.parametrize("shrinkage", [-0.1, 1.5, "much", None])
def test_impossible_shrinkage_is_refused(shrinkage):
    features, labels = blobs(seed=6)
    with pytest.raises(InputError, match=r"shrinkage is .*; use auto or a number from 0 to 1"):
        linear.ShrinkageLDA(shrinkage).fit(features, labels)


def test_lda_needs_more_rows_than_classes():
    with pytest.raises(InputError, match="2 training rows of 2 classes"):
        linear.ShrinkageLDA().fit(np.eye(2), np.array(["a", "b"]))


@pytest.mark.parametrize("options", [LDA, LOGISTIC])
def test_a_head_is_one_dense_layer(options):
    features, labels = blobs(seed=9)
    head = fitting.fit_head(features, labels, options)
    kernel, bias = head.dense()
    assert kernel.shape == (20, 3)
    np.testing.assert_allclose(
        softmax(features @ kernel + bias, axis=1), probabilities(head, features), atol=1e-12
    )
    np.testing.assert_allclose(
        softmax((features - head.mean) / head.scale @ head.weights + head.bias, axis=1),
        probabilities(head, features),
        atol=1e-9,
    )


def test_prediction_in_blocks_is_prediction_at_once(monkeypatch):
    features, labels = blobs(seed=11)
    head = fitting.fit_head(features, labels, LDA)
    whole = probabilities(head, features)
    monkeypatch.setattr(linear, "ROWS_PER_BLOCK", 7)
    np.testing.assert_allclose(probabilities(head, features), whole, atol=1e-12)
    assert probabilities(head, features[:0]).shape == (0, 3)
