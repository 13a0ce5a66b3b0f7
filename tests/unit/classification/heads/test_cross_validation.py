"""The linear heads agree with scikit-learn and see training rows only."""

import numpy as np
import pytest
from blobs import Fold, blobs
from sklearn.metrics import log_loss

from moascope.classification.heads import cross_validation
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.logistic import LogisticOptions
from moascope.core.errors import InputError

LDA = LdaOptions(balanced=False, calibrate=False)
LOGISTIC = LogisticOptions(balanced=False, calibrate=False)


def thirds(n: int) -> list[Fold]:
    rows = np.arange(n)
    return [Fold(k, rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]


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
