"""Candidates are chosen within training rows: classes of test rows change nothing."""

import numpy as np
import pandas as pd
import pytest
from inner_screens import N_NOISE, N_SIGNAL, members_of, screen
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from moascope.classification import selection
from moascope.classification.heads import cross_validation
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.logistic import LogisticOptions
from moascope.classification.heads.kinds.svm import SvmOptions
from moascope.core.errors import InputError
from moascope.networks.feature_columns import Block
from moascope.splits import inner_folds
from moascope.splits.folds import Fold

LDA = LdaOptions(balanced=False, calibrate=False)
LOGISTIC = LogisticOptions(balanced=False, calibrate=False)
NOISE = selection.Candidate("noise", np.arange(N_NOISE), LDA)
SIGNAL = selection.Candidate("signal", np.arange(N_NOISE, N_NOISE + N_SIGNAL), LDA)
ALL = selection.Candidate("all", np.arange(N_NOISE + N_SIGNAL), LOGISTIC)


def folds_of(units):
    rows = np.arange(len(units))
    return [
        Fold(
            *(0, number, name),
            train=rows[units["compound"] != name],
            validation=rows[:0],
            test=rows[units["compound"] == name],
        )
        for number, name in enumerate(units["compound"].unique())
    ]


def predict(features, units, candidates=(NOISE, SIGNAL, ALL), folds=None):
    return selection.fit_predict_folds(
        features,
        units["unit_id"].to_numpy(str),
        units["moa"].to_numpy(str),
        folds or folds_of(units),
        candidates,
        inner_folds.inner_groups(units, members_of(units), ["compound"]),
        seed=1,
    )


@pytest.mark.parametrize("seed", range(4))
def test_classes_of_test_units_change_neither_the_choice_nor_the_predictions(seed):
    features, units = screen(seed)
    rng = np.random.default_rng(seed)
    probabilities = ["p:a", "p:b", "p:c"]
    for fold in folds_of(units):
        scrambled = units.copy()
        scrambled.loc[fold.test, "moa"] = rng.choice(list("abc"), len(fold.test))
        table, choice = predict(features, units, folds=[fold])
        other, other_choice = predict(features, scrambled, folds=[fold])
        pd.testing.assert_frame_equal(choice, other_choice)
        pd.testing.assert_series_equal(table["predicted"], other["predicted"])
        np.testing.assert_array_equal(table[probabilities], other[probabilities])


def test_features_of_test_units_do_not_change_the_choice():
    features, units = screen()
    fold = folds_of(units)[0]
    changed = features.copy()
    changed[fold.test] += 100
    pd.testing.assert_frame_equal(
        predict(features, units, folds=[fold])[1], predict(changed, units, folds=[fold])[1]
    )


def test_classes_of_validation_units_do_not_change_the_choice():
    features, units = screen()
    fold = folds_of(units)[0]
    is_validation = np.isin(fold.train, np.flatnonzero(units["compound"] == "c3"))
    fold = Fold(*(0, 0, "c0"), fold.train[~is_validation], fold.train[is_validation], fold.test)
    scrambled = units.copy()
    scrambled.loc[fold.validation, "moa"] = "b"
    pd.testing.assert_frame_equal(
        predict(features, units, folds=[fold])[1], predict(features, scrambled, folds=[fold])[1]
    )


@pytest.mark.parametrize("candidate", [NOISE, SIGNAL])
def test_inner_scores_are_those_of_scikit_learn(candidate):
    features, units = screen(n_compounds=12)
    labels = units["moa"].to_numpy(str)
    groups = inner_folds.inner_groups(units, members_of(units), ["compound"])
    rows = np.flatnonzero(units["compound"] != "c0")
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    predicted = cross_val_predict(
        make_pipeline(StandardScaler(), lda),
        features[rows][:, candidate.columns],
        labels[rows],
        groups=groups[rows],
        cv=LeaveOneGroupOut(),
    )
    (score,) = selection.choose(features, labels, groups, rows, [candidate], seed=0)
    assert score == pytest.approx(balanced_accuracy_score(labels[rows], predicted))


def test_the_best_candidate_is_chosen_and_predicts_as_it_does_alone():
    features, units = screen()
    table, choice = predict(features, units, candidates=(NOISE, SIGNAL))
    chosen = choice[choice["chosen"]]
    assert list(chosen["candidate"]) == ["signal"] * 9
    alone = cross_validation.fit_predict_folds(
        features[:, SIGNAL.columns],
        units["unit_id"].to_numpy(str),
        units["moa"].to_numpy(str),
        folds_of(units),
        SIGNAL.head,
    )
    pd.testing.assert_frame_equal(table, alone)


def test_of_equal_candidates_the_first_is_chosen():
    features, units = screen()
    twin = selection.Candidate("twin", SIGNAL.columns, LDA)
    _, choice = predict(features, units, candidates=(twin, SIGNAL))
    assert set(choice.loc[choice["chosen"], "candidate"]) == {"twin"}
    assert choice.groupby("fold")["chosen"].sum().eq(1).all()


def test_nothing_to_hold_out_is_an_error_with_a_fix():
    features, units = screen(n_compounds=3)
    groups = inner_folds.inner_groups(units, members_of(units), ["compound"])
    with pytest.raises(InputError, match=r"only one group.*Remove the candidates, or add"):
        selection.choose(
            features, units["moa"].to_numpy(str), groups, np.arange(24), [SIGNAL], seed=0
        )


def test_the_saved_model_is_chosen_by_all_units_of_the_split():
    features, units = screen()
    members = members_of(units)
    chosen, scores = selection.choose_once(
        features, units, members, [NOISE, SIGNAL], ["compound"], seed=0
    )
    assert chosen is SIGNAL
    assert scores["chosen"] == "signal"
    assert scores["balanced_accuracy"]["signal"] > scores["balanced_accuracy"]["noise"]
    assert selection.choose_once(features, units, members, [ALL], ["compound"], seed=0) == (
        ALL,
        None,
    )


def test_candidates_find_their_columns():
    blocks = [Block(0, "block2_add", "mean", 2), Block(0, "block2_add", "sd", 2)]
    options = {
        "mean": {
            "features": ["network"],
            "feature_layers": ["block2_add"],
            "pooling": "mean",
            "head": LDA.model_dump(),
        },
        "all": {
            "features": ["network", "hand-crafted"],
            "feature_layers": ["block2_add"],
            "pooling": "mean+sd",
            "head": LOGISTIC.model_dump(),
        },
    }
    first, second = selection.candidates_of(selection.read_choices(options), blocks, 7)
    assert (first.name, list(first.columns), first.head) == ("mean", [0, 1], LDA)
    assert list(second.columns) == list(range(7))


def test_a_kernel_machine_is_chosen_where_classes_are_not_linear():
    rng = np.random.default_rng(0)
    _, units = screen(n_compounds=12, n_units=10, n_classes=2)
    angles = rng.uniform(0, 2 * np.pi, len(units))
    radius = np.where(units["moa"] == "a", 1.0, 2.5) + 0.2 * rng.normal(size=len(units))
    features = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    svm = SvmOptions()
    kernel = selection.Candidate("kernel", np.arange(2), svm)
    linear = selection.Candidate("linear", np.arange(2), LDA)
    table, choice = predict(features, units, candidates=(linear, kernel))
    assert set(choice.loc[choice["chosen"], "candidate"]) == {"kernel"}
    assert (table["predicted"] == table["moa"]).mean() > 0.95
    assert (table["uncalibrated"] == "").all()
