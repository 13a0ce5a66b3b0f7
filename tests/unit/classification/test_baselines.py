"""Baselines: what they learn from their features."""

import numpy as np
import pandas as pd
import pytest
from blobs import Fold

from moascope.classification import baseline_registry, baselines
from moascope.classification.baseline_registry import Baseline
from moascope.classification.heads.kinds.svm import SvmOptions
from moascope.core.errors import InputError


def labelled(labels: str) -> pd.DataFrame:
    return pd.DataFrame({"unit_id": [f"u{k}" for k in range(len(labels))], "moa": list(labels)})


def test_majority_is_that_of_the_training_rows():
    units = labelled("aaabbbbb")
    fold = Fold(0, train=np.array([0, 1, 2, 3]), test=np.array([4, 5, 6, 7]))
    table = baselines.run_baselines({}, units, [fold], ["majority"])["majority"]
    assert table["predicted"].tolist() == ["a"] * 4
    assert table["p:a"].tolist() == [0.75] * 4
    assert table["moa"].tolist() == ["b"] * 4


def test_a_baseline_learns_from_its_features():
    units = labelled("ab" * 20)
    rows = np.arange(40)
    brightness = np.where(units["moa"] == "a", 10.0, 50.0)[:, None] + rows[:, None] % 3
    folds = [Fold(0, rows[:20], rows[20:]), Fold(1, rows[20:], rows[:20])]
    tables = baselines.run_baselines(
        {"channel-mean-sd": brightness}, units, iter(folds), ["majority", "channel-mean-sd"]
    )
    assert list(tables) == ["majority", "channel-mean-sd"]
    found = tables["channel-mean-sd"]
    assert (found["moa"] == found["predicted"]).all()
    of_heads = ["temperature", "uncalibrated"]  # majority has no head
    assert list(tables["majority"].columns) == list(found.drop(columns=of_heads).columns)
    assert tables["majority"]["unit_id"].tolist() == found["unit_id"].tolist()


def test_a_new_baseline_is_one_line(monkeypatch):
    texture = Baseline("texture-svm", "texture, SVM", "texture", SvmOptions(calibrate=False))
    monkeypatch.setattr(baseline_registry, "BASELINES", (*baseline_registry.BASELINES, texture))
    units, rows = labelled("ab" * 20), np.arange(40)
    features = {"texture": np.where(units["moa"] == "a", 10.0, 50.0)[:, None] + rows[:, None] % 3}
    folds = [Fold(0, rows[:20], rows[20:])]
    found = baselines.run_baselines(features, units, folds, ["texture-svm"])["texture-svm"]
    assert (found["moa"] == found["predicted"]).all()


def test_an_unknown_baseline_is_refused():
    with pytest.raises(InputError, match="unknown baseline 'cell-size'; did you mean 'cell-count'"):
        baselines.run_baselines({}, labelled("ab"), [], ["cell-size"])
