"""The kernel machine and the boosted trees agree with scikit-learn, saved and loaded too."""

import numpy as np
import pytest
from blobs import blobs
from scipy.special import softmax
from sklearn.datasets import make_moons
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import GroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from moascope.classification.heads import fitting, kernel, trees
from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.svm import SvmOptions

LDA = LdaOptions()
SVM = SvmOptions()
BOOSTING = BoostingOptions(n_estimators=30)


def moons(seed=0, n_units=240):
    """Return two crescents, their classes, and groups of units that are of one class each."""
    rng = np.random.default_rng(seed)
    points, codes = make_moons(n_units, noise=0.1, random_state=seed)
    groups = 12 * codes + rng.integers(0, 12, n_units)
    return 3 * points, np.array(["a", "b"])[codes], groups


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


def test_thresholds_are_rounded_down():
    for value in np.random.default_rng(0).normal(size=100):
        rounded = trees._floor(value)
        assert rounded <= value < np.nextafter(rounded, np.float32(np.inf))


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


def test_an_svm_learns_from_a_sample_of_very_many_units_and_says_so(monkeypatch, caplog):
    features, labels, _ = moons(n_units=480)
    monkeypatch.setattr(kernel, "MOST_ROWS", 100)
    head = fitting.fit_head(features, labels, SVM)
    assert len(head.support) <= 100
    assert (
        "svm: fitted to 100 of 480 training units, sampled evenly from all classes" in caplog.text
    )
    called = np.asarray(head.classes)[head.logits(features).argmax(axis=1)]
    assert (called == labels).mean() > 0.9


@pytest.mark.parametrize("options", [SVM, BOOSTING])
def test_constant_features_do_no_harm(options):
    features, labels = blobs(seed=8)
    features[:, :3] = 7.0
    assert np.isfinite(fitting.fit_head(features, labels, options).logits(features)).all()
    flat = np.full_like(features, 7.0)
    assert np.isfinite(fitting.fit_head(flat, labels, options).logits(flat)).all()
