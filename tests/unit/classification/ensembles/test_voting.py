"""Ensembles: joined unit by unit, compared with hand-worked votes."""

import pandas as pd
import pytest

from moascope.classification.ensembles.options import Ensemble
from moascope.classification.ensembles.voting import combine
from moascope.core.errors import InputError

UNITS = ["u1", "u2", "u3"]


def table(*probabilities_of_a, repeat=0, units=UNITS):
    """Return predictions of the classes a and b, given the probabilities of a; all are truly a."""
    p = pd.Series(probabilities_of_a)
    called = p.ge(0.5).map({True: "a", False: "b"})
    return pd.DataFrame(
        {
            "unit_id": units,
            "repeat": repeat,
            "fold": 0,
            "fold_name": "fixed",
            "moa": "a",
            "predicted": called,
            "p:a": p,
            "p:b": 1 - p,
        }
    )


THREE = {"x": table(0.9, 0.6, 0.4), "y": table(0.1, 0.6, 0.3), "z": table(0.4, 0.1, 0.9)}


def called(tables, how):
    result = combine(tables, Ensemble(members=list(tables), combine=how))
    assert result["unit_id"].tolist() == UNITS
    assert (result["n_voters"] == 3).all()
    return result["predicted"].tolist()


def test_the_mean_of_probabilities_and_the_vote_are_as_worked_by_hand():
    # Means of a: 0.467, 0.433, 0.533. Votes for a: 1, 2 and 1 of 3.
    assert called(THREE, "mean") == ["b", "b", "a"]
    assert called(THREE, "vote") == ["b", "a", "b"]


def test_repetitions_of_one_model_are_voters():
    repeats = pd.concat([t.assign(repeat=i) for i, t in enumerate(THREE.values())])
    assert called({"x": repeats}, "vote") == called(THREE, "vote")
    assert set(combine({"x": repeats}, Ensemble(members=["x"]))["repeat"]) == {0}


def test_the_order_of_units_does_not_matter():
    shuffled = {name: t.iloc[::-1] for name, t in THREE.items()}
    assert called({**THREE, "y": shuffled["y"]}, "mean") == called(THREE, "mean")


def test_a_tie_goes_to_the_larger_mean_probability():
    tables = {"x": table(0.9, 0.6, 0.6), "y": table(0.4, 0.1, 0.3)}
    result = combine(tables, Ensemble(members=["x", "y"], combine="vote"))
    assert result["predicted"].tolist() == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (table(0.9, 0.1, units=UNITS[:2]), "'y' predicts other units"),
        (table(0.9, 0.6, 0.4).rename(columns={"p:b": "p:c"}), "'y' predicts other classes"),
        (
            pd.concat([table(0.9, 0.6, 0.4), table(0.9, 0.1, repeat=1, units=UNITS[:2])]),
            "'y' does not predict every unit",
        ),
    ],
)
def test_models_that_cannot_vote_together_are_refused(other, message):
    with pytest.raises(InputError, match=message):
        combine({"x": THREE["x"], "y": other}, Ensemble(members=["x", "y"]))
