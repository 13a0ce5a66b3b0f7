"""One temperature makes confidences fit accuracies, by groups that were not trained on."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from blobs import Fold, blobs
from scipy.special import softmax
from sklearn.metrics import log_loss

from moascope.classification.heads import calibration, cross_validation, fitting
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.svm import SvmOptions
from moascope.report import models, verdicts

LDA = LdaOptions(shrinkage=0.01)
COLUMNS = ["p:a", "p:b", "p:c"]


def screen(seed=0, n_compounds=30, n_units=5, d=60, n_classes=3):
    """Units of compounds that each shift all their units: too few for as many features."""
    rng = np.random.default_rng(seed)
    compounds = np.arange(n_compounds).repeat(n_units)
    codes = compounds % n_classes
    features = rng.normal(size=(n_classes, d))[codes] * 0.4
    features += rng.normal(size=(n_compounds, d))[compounds]
    features += 0.5 * rng.normal(size=(len(compounds), d))
    return features, np.array(list("abcdefgh"))[codes], compounds


def leave_one_out(compounds):
    rows = np.arange(len(compounds))
    return [Fold(k, rows[compounds != k], rows[compounds == k]) for k in range(compounds.max() + 1)]


def predict(features, labels, compounds, how, head=LDA, groups=None):
    return cross_validation.fit_predict_folds(
        features,
        np.arange(len(labels)),
        labels,
        leave_one_out(compounds),
        head.model_copy(update={"calibrate": how}),
        groups=compounds if groups is None else groups,
    )


def mean_confidence(table):
    return table[COLUMNS].to_numpy().max(axis=1).mean()


SVM = SvmOptions()


@pytest.mark.parametrize(("head", "seed"), [(LDA, 0), (LDA, 2), (SVM, 0)])
def test_inner_folds_make_confidence_fit_accuracy_and_keep_the_calls(head, seed):
    features, labels, compounds = screen(seed)
    plain, calibrated = (predict(features, labels, compounds, how, head) for how in (False, "auto"))
    assert (plain["predicted"] == calibrated["predicted"]).all()
    accuracy = (plain["predicted"] == plain["moa"]).mean()
    gaps = [abs(mean_confidence(table) - accuracy) for table in (plain, calibrated)]
    assert gaps[0] > 0.15
    assert gaps[1] < 0.6 * gaps[0]
    assert log_loss(calibrated["moa"], calibrated[COLUMNS]) < log_loss(plain["moa"], plain[COLUMNS])
    assert (calibrated["uncalibrated"] == "").all()
    assert (plain["uncalibrated"] == calibration.SWITCHED_OFF).all()


def test_groups_are_kept_together():
    # By single units LDA looks certain and right, since others of the compound are in training.
    features, labels, compounds = screen()
    by_compound = predict(features, labels, compounds, "auto")
    by_unit = predict(features, labels, compounds, "auto", groups=np.arange(len(labels)))
    assert by_compound["temperature"].median() > 1.5 * by_unit["temperature"].median()


def test_test_units_do_not_change_the_temperature():
    features, labels, compounds = screen()
    changed, other = features.copy(), labels.copy()
    changed[compounds == 4] += 7
    other[compounds == 4] = "a"
    before = predict(features, labels, compounds, "auto")
    after = predict(changed, other, compounds, "auto")
    of_fold = [set(table.loc[table["fold"] == 4, "temperature"]) for table in (before, after)]
    assert of_fold[0] == of_fold[1]
    assert len(of_fold[0]) == 1


def test_too_few_groups_leave_probabilities_as_they_are_with_the_reason():
    features, labels, compounds = screen(n_compounds=4)  # two of a, one each of b and c
    table = predict(features, labels, compounds, "auto")
    plain = predict(features, labels, compounds, False)
    np.testing.assert_array_equal(table[COLUMNS], plain[COLUMNS])
    assert set(table["uncalibrated"]) == {calibration.TOO_FEW_GROUPS}
    assert calibration.summarise(table) == {
        "folds": 4,
        "calibrated_folds": 0,
        "reason": calibration.TOO_FEW_GROUPS,
    }


def test_rows_without_a_mistake_do_not_give_infinite_certainty():
    logits = np.eye(3)[np.arange(60) % 3] * 10
    found = calibration.temperature(logits, np.arange(60) % 3)
    confidence = softmax(logits / found, axis=1).max(axis=1)
    # The other two share 1 / 62 alike in the limit; the fit gives it to the likeliest.
    assert 0.95 < confidence.mean() < 0.99


def test_a_head_with_divided_logits_has_calibrated_probabilities():
    features, labels, compounds = screen()
    fit = partial(fitting.fit_head, options=LDA)
    found = calibration.calibrate_by_folds(features, labels, compounds, fit, 0)
    fitted = fit(features, labels)
    np.testing.assert_allclose(
        fitting.divide_logits(fitted, found.temperature).logits(features),
        fitted.logits(features) / found.temperature,
        rtol=1e-9,
    )


def test_calibration_is_the_same_in_every_run():
    features, labels, compounds = screen()
    pd.testing.assert_frame_equal(*(predict(features, labels, compounds, "auto") for _ in "ab"))


def test_validation_units_of_unknown_classes_are_left_out():
    features, labels = blobs(seed=3)
    fitted = fitting.fit_head(features[labels != "c"], labels[labels != "c"], LDA)
    only_c = labels == "c"
    found = calibration.calibrate_by_rows(fitted, features[only_c], labels[only_c])
    assert found == (1.0, calibration.NO_VALIDATION)


def entry_of(confidence, accuracy, found):
    bins = [
        {"n": 10, "confidence": confidence, "accuracy": accuracy},
        {"n": 0, "confidence": None, "accuracy": None},
    ]
    return {"details": {"reliability": bins}, "calibration": found, "split": "loco"}


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        (None, "set models.m.training.label_smoothing"),
        (
            {"folds": 3, "calibrated_folds": 0, "reason": calibration.SWITCHED_OFF},
            "set models.m.head.calibrate to auto",
        ),
        (
            {"folds": 3, "calibrated_folds": 2, "reason": calibration.TOO_FEW_GROUPS},
            "set aside units by splits.loco.validation, and set models.m.head.calibrate to true",
        ),
        ({"folds": 3, "calibrated_folds": 3}, "the test units are harder"),
    ],
)
def test_overconfidence_is_warned_of_with_the_key(found, fix):
    (warning,) = verdicts._confidence_warnings("m", entry_of(0.99, 0.8, found))
    assert warning.id == "overconfident"
    assert "19 points above" in warning.text
    assert fix in warning.text
    assert not list(verdicts._confidence_warnings("m", entry_of(0.85, 0.8, found)))


def test_the_report_says_what_was_done_and_names_the_key_where_nothing_was():
    found = {"folds": 3, "calibrated_folds": 3, "temperature": 4.26}
    assert models.describe_calibration(entry_of(0.8, 0.8, found)).endswith(
        "a temperature, 4.26 in the median, fitted in 3 of 3 folds to units outside training."
    )
    found["temperature"] = 99.9994
    assert "a temperature, 100.00 in the median, at the limit of the search, fitted" in (
        models.describe_calibration(entry_of(0.8, 0.8, found))
    )
    found = {"folds": 3, "calibrated_folds": 0, "reason": calibration.TOO_FEW_GROUPS}
    assert models.describe_calibration(entry_of(0.99, 0.8, found)) == (
        "Its confidence is above its accuracy by 19.0 points on average. Its probabilities are not "
        f"calibrated: {calibration.TOO_FEW_GROUPS} (key `calibrate` of the head)."
    )


def test_a_temperature_at_a_limit_of_the_search_is_known():
    logits = np.array([[9.0, 0.0], [0.0, 9.0]] * 20)
    wrong = np.array([1, 0] * 20)
    assert calibration.at_limit(calibration.temperature(logits, wrong))
    assert not calibration.at_limit(4.26)


def test_temperature_is_the_one_with_the_least_cross_entropy():
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(4000, 3)) * 2
    labels = np.array([rng.choice(3, p=p) for p in softmax(honest, axis=1)])
    assert calibration.temperature(5 * honest, labels) == pytest.approx(5, rel=0.1)
    assert calibration.temperature(honest / 4, labels) == pytest.approx(1 / 4, rel=0.1)
