"""Explanations use the network of the fold that tested a unit, and show right and wrong ones."""

import numpy as np
import pandas as pd
import planted_task
import pytest

from moascope.classification.explanation.explain import choose_measured, choose_shown, explain
from moascope.classification.explanation.options import Explain
from moascope.core.errors import InputError

METHODS = ["grad-cam", "channel-ablation"]


def predictions(n=24, repeats=1):
    """A table of two folds, in which every fifth unit is called wrongly."""
    labels = np.arange(n) % 2
    called = np.where(np.arange(n) % 5 == 0, 1 - labels, labels)
    table = pd.DataFrame(
        {
            "unit_id": [f"u{number}" for number in range(n)],
            "fold": (np.arange(n) // 2) % 2,
            "moa": np.array(planted_task.CLASSES)[labels],
            "predicted": np.array(planted_task.CLASSES)[called],
            "p:bright": 1.0 - called,
            "p:dark": 1.0 * called,
        }
    )
    parts = [table.assign(repeat=number) for number in range(repeats)]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)


def test_right_and_wrong_units_of_every_class_are_shown():
    shown = choose_shown(predictions(repeats=2), 2, seed=1)
    right = shown["moa"] == shown["predicted"]
    assert shown["moa"].tolist() == ["bright"] * 4 + ["dark"] * 4
    assert right.tolist() == [True, True, False, False] * 2
    assert shown["unit_id"].is_unique
    assert (shown["repeat"] == 0).all()
    again = choose_shown(predictions(repeats=2), 2, seed=1)
    pd.testing.assert_frame_equal(shown, again)


def test_measured_units_are_balanced_by_class():
    table = predictions()
    few = table[(table["moa"] == "dark") | (table["unit_id"].isin(["u0", "u2", "u4"]))]
    chosen = choose_measured(few, 8, seed=1)
    assert chosen["moa"].value_counts().to_dict() == {"dark": 5, "bright": 3}
    assert len(choose_measured(few, 100, seed=1)) == len(few)


def run(read_network, *, has_folds, methods=METHODS, units_per_class=2):
    units, _, _ = planted_task.make_units(24, seed=5)
    return explain(
        "m",
        read_network,
        [units[:10].astype("float16"), units[10:].astype("float16")],
        [f"u{number}" for number in range(24)],
        predictions(),
        planted_task.CHANNELS,
        methods,
        Explain(units_per_class=units_per_class, measured_units=20),
        has_folds=has_folds,
        seed=1,
    )


def test_the_network_of_the_fold_explains_its_test_units():
    read, good, bad = [], planted_task.trained(), planted_task.build(seed=0)

    def read_network(fold):
        read.append(fold)
        return (good, bad)[fold]

    folds = run(read_network, has_folds=True)
    whole = run(lambda fold: good, has_folds=False)
    assert read == [0, 1]
    assert whole.units["unit_id"].tolist() == folds.units["unit_id"].tolist()
    fold_of = predictions().set_index("unit_id")["fold"]
    first = (fold_of[folds.units["unit_id"]] == 0).to_numpy()
    assert 0 < first.sum() < len(first)
    ours, theirs = folds.maps["grad-cam"], whole.maps["grad-cam"]
    np.testing.assert_allclose(ours[first], theirs[first], atol=2e-3)
    assert not np.allclose(ours[~first], theirs[~first], atol=0.05)
    assert ours.dtype == np.float16
    assert ours.max(axis=(1, 2))[first].tolist() == [1.0] * first.sum()


def test_scores_are_of_all_measured_units():
    scores = run(lambda fold: planted_task.trained(), has_folds=False).scores
    assert scores["target"].tolist() == ["", *planted_task.CHANNELS]
    assert (scores["n"] == 20).all()
    assert scores.loc[0, "accuracy"] == 1.0


def test_a_method_that_the_network_does_not_allow_is_named():
    model = planted_task.build(backbone="mlp", architecture={"hidden": [4]}, feature_layers=[])
    with pytest.raises(InputError, match="m: its network has no feature map"):
        run(lambda fold: model, has_folds=False)
