"""The linear heads agree with scikit-learn and see training rows only."""

import numpy as np
import pytest
from blobs import Fold, blobs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from moascope.classification.heads import calibration, cross_validation, fitting, linear
from moascope.classification.heads.base import FittedHead, HeadOptions
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.logistic import LogisticOptions
from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.core.errors import InputError

LDA = LdaOptions(balanced=False, calibrate=False)
LOGISTIC = LogisticOptions(balanced=False, calibrate=False)


def probabilities(head: FittedHead, features: np.ndarray) -> np.ndarray:
    return softmax(head.logits(features), axis=1)


def thirds(n: int) -> list[Fold]:
    rows = np.arange(n)
    return [Fold(k, rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]


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


def test_balanced_lda_has_equal_priors():
    features, labels = blobs(seed=8)
    head = fitting.fit_head(features, labels, LDA.model_copy(update={"balanced": True}))
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(3, 1 / 3))
    np.testing.assert_allclose(
        probabilities(head, features),
        theirs.fit(features, labels).predict_proba(features),
        atol=1e-6,
    )


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


@pytest.mark.parametrize("options", [LDA, LOGISTIC])
def test_folds_give_a_table_of_their_test_rows(options):
    features, labels = blobs(seed=12, distance=3.0)
    names = np.array([f"unit {row}" for row in range(len(labels))])
    table = cross_validation.fit_predict_folds(
        features, names, labels, thirds(len(labels)), options
    )
    assert list(table.columns) == [
        *("unit_id", "repeat", "fold", "fold_name", "moa", "predicted"),
        *("temperature", "uncalibrated"),
        *("p:a", "p:b", "p:c"),
    ]
    assert sorted(table["unit_id"]) == sorted(names)
    assert (
        table["moa"].tolist()
        == labels[[int(name.split()[1]) for name in table["unit_id"]]].tolist()
    )
    np.testing.assert_allclose(table[["p:a", "p:b", "p:c"]].sum(axis=1), 1.0)
    best = table[["p:a", "p:b", "p:c"]].idxmax(axis=1).str.removeprefix("p:")
    assert (best == table["predicted"]).all()
    assert (table["moa"] == table["predicted"]).mean() > 0.9


@pytest.mark.parametrize("options", [LDA, LOGISTIC])
def test_a_prediction_does_not_depend_on_other_test_rows(options):
    features, labels = blobs(seed=13)
    rows = np.arange(len(labels))
    fold = Fold(0, rows[:60], rows[60:])
    changed = features.copy()
    changed[70:] = 1e6
    tables = [
        cross_validation.fit_predict_folds(x, rows, labels, [fold], options)
        for x in (features, changed)
    ]
    columns = ["p:a", "p:b", "p:c"]
    np.testing.assert_array_equal(tables[0][columns][:10], tables[1][columns][:10])


def test_test_labels_have_no_influence_on_probabilities():
    features, labels = blobs(seed=14)
    rows = np.arange(len(labels))
    fold = Fold(0, rows[:60], rows[60:])
    shuffled = labels.copy()
    shuffled[60:] = np.random.default_rng(0).permutation(shuffled[60:])
    tables = [
        cross_validation.fit_predict_folds(features, rows, y, [fold], LDA)
        for y in (labels, shuffled)
    ]
    np.testing.assert_array_equal(tables[0]["p:a"], tables[1]["p:a"])


def test_a_class_without_training_rows_has_probability_zero(caplog):
    features, labels = blobs(seed=15)
    rows = np.arange(len(labels))
    fold = Fold(0, rows[labels != "c"], rows[labels == "c"])
    table = cross_validation.fit_predict_folds(features, rows, labels, [fold], LDA)
    assert (table["p:c"] == 0).all()
    assert not (table["predicted"] == "c").any()
    assert "fold compound 0: no training units of c" in caplog.text


def test_a_fold_with_one_class_is_refused():
    features, labels = blobs(seed=16)
    rows = np.arange(len(labels))
    fold = Fold(0, rows[labels == "a"], rows[labels != "a"])
    with pytest.raises(
        InputError, match=r"fold 'compound 0': its .* training units have 1 classes"
    ):
        cross_validation.fit_predict_folds(features, rows, labels, [fold], LDA)


def test_a_unit_without_a_mechanism_is_named():
    features, labels = blobs(seed=17)
    labels = labels.copy()
    labels[4] = ""
    names = np.array([f"P1/A01/{row}" for row in range(len(labels))])
    with pytest.raises(InputError, match=r"unit P1/A01/4 .* mechanism is unknown \(1 such units\)"):
        cross_validation.fit_predict_folds(features, names, labels, thirds(len(labels)), LDA)


def test_rows_in_no_fold_may_lack_a_mechanism():
    features, labels = blobs(seed=18)
    labels = labels.copy()
    labels[80:] = ""
    table = cross_validation.fit_predict_folds(features, np.arange(90), labels, thirds(80), LDA)
    assert len(table) == 80


def test_no_folds_give_no_rows():
    features, labels = blobs(seed=19)
    table = cross_validation.fit_predict_folds(features, np.arange(90), labels, [], LDA)
    assert len(table) == 0
    assert "predicted" in table.columns


def test_features_that_are_not_numbers_are_refused():
    features, labels = blobs(seed=20)
    features[3, 4] = np.nan
    with pytest.raises(InputError, match="1 of the features"):
        fitting.fit_head(features, labels, LDA)


def test_an_unknown_head_is_refused():
    features, labels = blobs(seed=21)
    with pytest.raises(InputError, match="unknown type of head 'forest'; known: lda, logistic"):
        fitting.fit_head(features, labels, HeadOptions(type="forest"))


def test_a_network_is_not_fitted():
    features, labels = blobs(seed=21)
    with pytest.raises(InputError, match="'mlp' is a network, which is trained and not fitted"):
        fitting.fit_head(features, labels, MlpOptions())


def test_temperature_is_the_one_with_the_least_cross_entropy():
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(4000, 3)) * 2
    labels = np.array([rng.choice(3, p=p) for p in softmax(honest, axis=1)])
    assert calibration.temperature(5 * honest, labels) == pytest.approx(5, rel=0.1)
    assert calibration.temperature(honest / 4, labels) == pytest.approx(1 / 4, rel=0.1)


def test_calibration_improves_the_cross_entropy_and_keeps_the_calls():
    # Many features and few rows: the posteriors claim far too much.
    features, labels = blobs(seed=22, n=240, d=150, distance=0.3)
    rows = np.arange(240)
    fold = Fold(0, rows[:80], rows[160:], validation=rows[80:160])
    plain, calibrated = (
        cross_validation.fit_predict_folds(
            features,
            rows,
            labels,
            [fold],
            LDA.model_copy(update={"shrinkage": 0.01, "calibrate": how}),
        )
        for how in (False, True)
    )
    columns = ["p:a", "p:b", "p:c"]
    assert (plain["predicted"] == calibrated["predicted"]).all()
    assert log_loss(calibrated["moa"], calibrated[columns]) < log_loss(plain["moa"], plain[columns])


def test_calibration_without_validation_rows_changes_nothing():
    features, labels = blobs(seed=23)
    tables = [
        cross_validation.fit_predict_folds(
            features, np.arange(90), labels, thirds(90), LDA.model_copy(update={"calibrate": how})
        )
        for how in (False, True)
    ]
    np.testing.assert_array_equal(tables[0]["p:a"], tables[1]["p:a"])
