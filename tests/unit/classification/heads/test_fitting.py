"""Fits of heads of all types."""

import numpy as np
import pytest
from blobs import blobs, moons
from sklearn.model_selection import GroupKFold

from moascope.classification.heads import fitting, kernel, trees
from moascope.classification.heads.base import HeadOptions
from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.svm import SvmOptions
from moascope.core.errors import InputError

LDA, SVM = LdaOptions(), SvmOptions()
BOOSTING = BoostingOptions(n_estimators=30)


def test_features_that_are_not_numbers_are_refused():
    features, labels = blobs(seed=20)
    features[3, 4] = np.nan
    with pytest.raises(InputError, match="1 of the features"):
        fitting.fit_head(features, labels, LDA)


def test_an_unknown_head_is_refused():
    features, labels = blobs(seed=21)
    with pytest.raises(InputError, match="unknown type of head 'forest'; known: lda, logistic"):
        fitting.fit_head(features, labels, HeadOptions(type="forest"))


@pytest.mark.parametrize(("options", "margin"), [(SVM, 0.08), (BOOSTING, 0.05)])
def test_crescents_are_told_apart_far_better_than_by_lda(options, margin):
    features, labels, groups = moons()
    accuracies = {}
    for head in (LDA, options):
        right = [
            np.asarray(fitted.classes)[fitted.logits(features[test]).argmax(axis=1)] == labels[test]
            for train, test in GroupKFold(6).split(features, labels, groups)
            for fitted in [fitting.fit_head(features[train], labels[train], head)]
        ]
        accuracies[head.type] = np.concatenate(right).mean()
    assert accuracies[options.type] > accuracies["lda"] + margin
    assert accuracies[options.type] > 0.95


@pytest.mark.parametrize("options", [SVM, BOOSTING])
def test_a_seed_gives_the_same_head(options):
    features, labels = blobs(seed=6)
    first, second = (fitting.fit_head(features, labels, options, seed=3) for _ in "ab")
    np.testing.assert_array_equal(first.logits(features), second.logits(features))


@pytest.mark.parametrize("options", [SVM, BOOSTING])
def test_rows_are_predicted_in_blocks(options, monkeypatch):
    features, labels = blobs(seed=7)
    head = fitting.fit_head(features, labels, options)
    whole = head.logits(features)
    monkeypatch.setattr(kernel, "ROWS_PER_BLOCK", 7)
    monkeypatch.setattr(trees, "_ROWS_PER_BLOCK", 7)
    np.testing.assert_allclose(head.logits(features), whole, atol=1e-12)
    assert head.logits(features[:0]).shape == (0, 3)


@pytest.mark.parametrize("options", [SVM, BOOSTING])
def test_constant_features_do_no_harm(options):
    features, labels = blobs(seed=8)
    features[:, :3] = 7.0
    assert np.isfinite(fitting.fit_head(features, labels, options).logits(features)).all()
    flat = np.full_like(features, 7.0)
    assert np.isfinite(fitting.fit_head(flat, labels, options).logits(flat)).all()
