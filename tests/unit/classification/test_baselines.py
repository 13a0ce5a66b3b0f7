"""Baselines: what they learn from their features."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from moascope.classification import baselines
from moascope.core.errors import InputError

NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Fold:
    fold: int
    train: np.ndarray
    test: np.ndarray
    validation: np.ndarray = field(default_factory=lambda: NOBODY)
    repeat: int = 0

    @property
    def name(self) -> str:
        return f"fold {self.fold}"


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


def test_an_unknown_baseline_is_refused():
    with pytest.raises(
        InputError, match="'cell-size' is not known; use majority, layout, layout-lda"
    ):
        baselines.run_baselines({}, labelled("ab"), [], ["cell-size"])
