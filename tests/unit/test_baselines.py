"""Baselines: features against plain loops, and floors on real images."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from skimage.io import imread
from sklearn.metrics import balanced_accuracy_score

from moascope import baselines, handmade
from moascope.errors import InputError

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


def leave_out(groups: pd.Series) -> list[Fold]:
    """One fold per group."""
    return [
        Fold(k, np.flatnonzero(groups != name), np.flatnonzero(groups == name))
        for k, name in enumerate(sorted(groups.unique()))
    ]


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
    assert list(tables["majority"].columns) == list(found.columns)
    assert tables["majority"]["unit_id"].tolist() == found["unit_id"].tolist()


def test_an_unknown_baseline_is_refused():
    with pytest.raises(InputError, match="'cell-size' is not known; use majority, channel-mean"):
        baselines.run_baselines({}, labelled("ab"), [], ["cell-size"])


def accuracy_of(table: pd.DataFrame) -> float:
    return float((table["moa"] == table["predicted"]).mean())


def test_floors_on_real_fields(shared_data: Path):
    folder = shared_data / "bbbc021-lab"
    units = pd.read_csv(folder / "labels.csv").rename(columns={"filename": "unit_id"})
    paths = {path.name: path for path in folder.rglob("*.png")}
    pixels = np.stack([imread(paths[name]) for name in units["unit_id"]]).astype(np.float16) / 255
    features = {kind: handmade.image_features(pixels, kind) for kind in handmade.FEATURES}
    names = [name for name, (kind, _) in baselines.HEADS.items() if kind in features]
    tables = baselines.run_baselines(features, units, leave_out(units["compound"]), names)
    assert 0.58 < accuracy_of(tables["channel-mean-sd"]) < 0.70
    assert accuracy_of(tables["hand-made"]) > 0.877
    assert accuracy_of(tables["hand-made-lda"]) > 0.95


def test_floors_on_real_cells(shared_data: Path):
    folder = shared_data / "bbbc021-cells16"
    units = pd.read_csv(folder / "labels.csv").rename(columns={"filename": "unit_id"})
    cells = np.stack([tifffile.imread(folder / "images" / name) for name in units["unit_id"]])
    pixels = np.moveaxis(cells, 1, -1).astype(np.float32)
    for plate in units["plate"].unique():
        of_plate = (units["plate"] == plate).to_numpy()
        controls = pixels[of_plate & (units["compound"] == "DMSO").to_numpy()]
        mean, sd = controls.mean(axis=(0, 1, 2)), controls.std(axis=(0, 1, 2))
        pixels[of_plate] = np.clip(((pixels[of_plate] - mean) / sd + 3) / 12, 0, 1)
    features = {"hand-made": handmade.image_features(pixels, "hand-made")}
    table = baselines.run_baselines(features, units, leave_out(units["plate"]), ["hand-made"])[
        "hand-made"
    ]
    assert balanced_accuracy_score(table["moa"], table["predicted"]) > 0.957
