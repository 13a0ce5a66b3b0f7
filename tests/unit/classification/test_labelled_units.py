"""Labelled units and folds, read from the tables of a run."""

import numpy as np
import pandas as pd
import pytest

from moascope.classification.labelled_units import Task
from moascope.core.errors import InputError
from moascope.core.files import write_parquet

UNITS = pd.DataFrame({"unit_id": ["u0", "u1", "u2", "u3", "u4"], "moa": ["b", "a", "", "b", "a"]})
GROUPS = pd.DataFrame({"unit_id": ["u0", "u1", "u3", "u4"], "group": ["P", "Q", "R", "S"]})
SPLIT = pd.DataFrame(
    {
        "repeat": 0,
        "fold": [0, 0, 0, 0, 1, 1, 1, 1],
        "fold_name": ["one"] * 4 + ["two"] * 4,
        "set": ["train", "train", "test", "test", "test", "test", "train", "train"],
        "group": ["P", "Q", "R", "S"] * 2,
    }
)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in ("units", "groups", "split")]
    for table, path in zip((UNITS, GROUPS, SPLIT), paths, strict=True):
        write_parquet(table, path)
    return paths


def test_units_outside_of_the_split_have_no_class(files):
    task = Task.read(*files)
    assert task.classes == ["a", "b"]
    assert task.labels.tolist() == [1, 0, -1, 1, 0]


def test_folds_are_rows_of_the_units(files):
    first, second = Task.read(*files).folds
    assert (first.name, second.name) == ("one", "two")
    assert (first.train.tolist(), first.test.tolist()) == ([0, 1], [3, 4])
    assert (second.train.tolist(), second.test.tolist()) == ([3, 4], [0, 1])


def test_predictions_of_a_fold_name_its_test_units(files):
    task = Task.read(*files)
    table = task.predictions(np.array([[0.2, 0.8], [0.7, 0.3]]), task.folds[0])
    assert table["unit_id"].tolist() == ["u3", "u4"]
    assert table["moa"].tolist() == table["predicted"].tolist() == ["b", "a"]
    assert table["p:b"].tolist() == [0.8, 0.3]


def test_groups_of_other_units_are_refused(files):
    write_parquet(UNITS.assign(unit_id=[f"v{k}" for k in range(5)]), files[0])
    with pytest.raises(InputError):
        Task.read(*files)
