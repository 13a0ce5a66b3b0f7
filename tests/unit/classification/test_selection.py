"""Candidates are chosen within training rows: classes of test rows change nothing."""

import numpy as np
import pandas as pd
import pytest
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
N_NOISE, N_SIGNAL = 6, 5
NOISE = selection.Candidate("noise", np.arange(N_NOISE), LDA)
SIGNAL = selection.Candidate("signal", np.arange(N_NOISE, N_NOISE + N_SIGNAL), LDA)
ALL = selection.Candidate("all", np.arange(N_NOISE + N_SIGNAL), LOGISTIC)


def screen(seed=0, n_compounds=9, n_units=8, n_classes=3):
    """Units of compounds, each with an offset of its own; the first features say nothing."""
    rng = np.random.default_rng(seed)
    compounds = np.arange(n_compounds).repeat(n_units)
    codes = compounds % n_classes
    centres = rng.normal(size=(n_classes, N_SIGNAL))
    signal = centres[codes] + 0.5 * rng.normal(size=(n_compounds, N_SIGNAL))[compounds]
    signal += 0.7 * rng.normal(size=(len(compounds), N_SIGNAL))
    noise = rng.normal(size=(n_compounds, N_NOISE))[compounds]
    noise += 0.1 * rng.normal(size=(len(compounds), N_NOISE))
    units = pd.DataFrame(
        {
            "unit_id": [f"u{row}" for row in range(len(compounds))],
            "compound": [f"c{number}" for number in compounds],
            "moa": np.array(list("abcdefgh"))[codes],
        }
    )
    return np.hstack([noise, signal]), units


def divide(labels, groups):
    return inner_folds.divide(labels, groups, 0, most_single_groups=20, n_folds=10)


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


def members_of(units):
    return pd.DataFrame({"unit_id": units["unit_id"], "group": units["compound"]})


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


def test_many_groups_are_held_out_several_at_a_time():
    features, units = screen(n_compounds=60, n_units=2)
    groups = inner_folds.inner_groups(units, members_of(units), ["compound"])
    inner = divide(units["moa"].to_numpy(str), groups)
    assert len(inner) == 10
    assert sorted(np.concatenate([fold.test for fold in inner])) == list(range(120))
    assert not any(set(groups[fold.train]) & set(groups[fold.test]) for fold in inner)
    (score,) = selection.choose(
        features, units["moa"].to_numpy(str), groups, np.arange(120), [SIGNAL], seed=0
    )
    assert score > 0.5


def test_classes_that_an_inner_fold_does_not_learn_are_not_scored():
    _, units = screen(n_compounds=7)  # class a: c0, c3, c6; b: c1, c4; c: c2, c5
    rows = np.flatnonzero(~units["compound"].isin(["c4"]))  # which leaves one compound of b
    groups = inner_folds.inner_groups(units, members_of(units), ["compound"])
    inner = divide(units["moa"].to_numpy(str)[rows], groups[rows])
    tested = {units["compound"].iloc[rows[row]] for fold in inner for row in fold.test}
    assert tested == {"c0", "c3", "c6", "c2", "c5"}


def test_nothing_to_hold_out_is_an_error_with_a_fix():
    features, units = screen(n_compounds=3)
    groups = inner_folds.inner_groups(units, members_of(units), ["compound"])
    with pytest.raises(InputError, match=r"only one group.*Remove the candidates, or add"):
        selection.choose(
            features, units["moa"].to_numpy(str), groups, np.arange(24), [SIGNAL], seed=0
        )


def test_inner_folds_keep_together_what_the_split_holds_out():
    _, units = screen(n_compounds=4, n_units=2)
    units["batch"] = ["b1", "b2"] * 4
    inside = members_of(units)[2:]
    by_compound = inner_folds.inner_groups(units, inside, ["compound", "batch"])
    assert list(by_compound) == [-1, -1, 0, 0, 1, 1, 2, 2]
    by_both = inner_folds.inner_groups(units, inside, ["compound+batch"])
    assert len(set(by_both[2:])) == 6
    of_the_split = inner_folds.inner_groups(units, inside.iloc[::-1], [])
    assert of_the_split[0] == -1
    pd.testing.assert_series_equal(
        pd.Series(of_the_split[2:]).groupby(by_compound[2:]).nunique(),
        pd.Series([1, 1, 1]),
        check_index_type=False,
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
