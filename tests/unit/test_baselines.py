"""Baselines: features against plain loops, and floors on real images."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from moascope import baselines
from moascope.errors import InputError
from moascope.heads import fit_predict_folds
from skimage.io import imread
from sklearn.metrics import balanced_accuracy_score

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


def images(seed: int = 0, shape: tuple[int, ...] = (3, 40, 36, 2)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_channel_mean_and_sd():
    batch = images()
    features = baselines.image_features(batch, "channel-mean-sd")
    expected = np.concatenate([batch.mean(axis=(1, 2)), batch.std(axis=(1, 2))], axis=1)
    np.testing.assert_allclose(features, expected, rtol=1e-5)


def test_percentiles_are_those_of_numpy():
    planes = images().transpose(0, 3, 1, 2)
    expected = np.percentile(planes, [5, 50, 99], axis=(2, 3), method="lower")
    np.testing.assert_array_equal(
        baselines._percentiles(planes, (5, 50, 99)), np.moveaxis(expected, 0, 2).reshape(3, -1)
    )


def test_correlations_are_those_of_numpy():
    planes = images(shape=(2, 20, 20, 3)).transpose(0, 3, 1, 2)
    for image, found in zip(planes, baselines._channel_correlations(planes), strict=True):
        expected = np.corrcoef(image.reshape(3, -1))
        np.testing.assert_allclose(found, expected[np.triu_indices(3, 1)], atol=1e-5)


def test_gradient_and_laplacian_of_known_surfaces():
    y, x = np.mgrid[:12, :14].astype(np.float32)
    ramp, bowl = 3 * x + 4 * y, x**2 + y**2
    planes = np.stack([ramp, bowl])[None]
    np.testing.assert_allclose(baselines._gradient_magnitude(planes)[0, 0], 5.0, rtol=1e-6)
    np.testing.assert_allclose(baselines._laplacian(planes)[0, 0], 0.0, atol=1e-4)
    np.testing.assert_allclose(baselines._laplacian(planes)[0, 1], 4.0, rtol=1e-5)


def test_halving_averages_two_by_two_pixels():
    plane = np.arange(20, dtype=np.float32).reshape(1, 1, 4, 5)
    assert baselines._halved(plane)[0, 0].tolist() == [[3, 5], [13, 15]]


def patterns_by_hand(plane: np.ndarray) -> np.ndarray:
    """Uniform local binary patterns, pixel by pixel."""
    counts = np.zeros(10)
    height, width = plane.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            ring = [
                int(plane[row + dy, column + dx] >= plane[row, column])
                for dy, dx in baselines._NEIGHBOURS
            ]
            changes = sum(ring[i] != ring[i - 1] for i in range(8))
            counts[sum(ring) if changes <= 2 else 9] += 1
    return counts / counts.sum()


def test_binary_patterns_are_those_of_a_loop():
    planes = images(shape=(2, 14, 12, 2)).transpose(0, 3, 1, 2)
    found = baselines._binary_patterns(planes).reshape(2, 2, 10)
    for image, patterns in zip(planes, found, strict=True):
        np.testing.assert_allclose(patterns, [patterns_by_hand(plane) for plane in image])


@pytest.mark.parametrize("turn", [lambda x: x[:, ::-1], lambda x: x.transpose(0, 2, 1, 3)])
def test_hand_made_features_do_not_depend_on_orientation(turn):
    batch = images(shape=(2, 64, 64, 3))
    np.testing.assert_allclose(
        baselines.image_features(turn(batch), "hand-made"),
        baselines.image_features(batch, "hand-made"),
        atol=1e-5,
    )


@pytest.mark.parametrize("kind", list(baselines.FEATURES))
def test_features_do_not_depend_on_the_chunk(kind, monkeypatch):
    batch = images(shape=(5, 32, 32, 2)).astype(np.float16)
    whole = baselines.image_features(batch, kind)
    monkeypatch.setattr(baselines, "_VALUES_PER_CHUNK", 2 * 32 * 32 * 2)
    np.testing.assert_allclose(baselines.image_features(batch, kind), whole, rtol=1e-6, atol=1e-7)
    assert whole.dtype == np.float32


@pytest.mark.parametrize("kind", list(baselines.FEATURES))
@pytest.mark.parametrize("shape", [(2, 64, 64, 3), (2, 68, 68, 1), (2, 7, 9, 2), (2, 30, 100, 5)])
def test_empty_images_of_any_shape_have_finite_features(kind, shape):
    features = baselines.image_features(np.zeros(shape, np.float16), kind)
    assert np.isfinite(features).all()
    assert len(features) == 2


def test_a_plate_without_images_has_no_rows_of_as_many_features():
    empty = baselines.image_features(images(shape=(0, 32, 32, 2)), "hand-made")
    full = baselines.image_features(images(shape=(1, 32, 32, 2)), "hand-made")
    assert empty.shape == (0, full.shape[1])


def test_hand_made_features_of_an_image_take_20_ms():
    batch = images(shape=(20, 256, 256, 3))
    baselines.image_features(batch[:2], "hand-made")
    started = time.process_time()
    baselines.image_features(batch, "hand-made")
    # Twice what is asked for: this is a test, not a benchmark.
    assert (time.process_time() - started) / len(batch) < 0.040


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        InputError, match="'haralick' has no image features; there are channel-mean"
    ):
        baselines.image_features(images(), "haralick")


def labelled(labels: str) -> pd.DataFrame:
    return pd.DataFrame({"unit_id": [f"u{k}" for k in range(len(labels))], "moa": list(labels)})


def test_majority_is_that_of_the_training_rows():
    units = labelled("aaabbbbb")
    fold = Fold(0, train=np.array([0, 1, 2, 3]), test=np.array([4, 5, 6, 7]))
    table = baselines.run_baselines({}, units, [fold], ["majority"])["majority"]
    assert table["predicted"].tolist() == ["a"] * 4
    assert table["p:a"].tolist() == [0.75] * 4
    assert table["moa"].tolist() == ["b"] * 4


def test_any_features_by_name_are_a_baseline():
    units = labelled("ab" * 20)
    rows = np.arange(40)
    counts = np.where(units["moa"] == "a", 10.0, 50.0)[:, None] + rows[:, None] % 3
    folds = [Fold(0, rows[:20], rows[20:]), Fold(1, rows[20:], rows[:20])]
    tables = baselines.run_baselines(
        {"cell-count": counts}, units, iter(folds), ["majority", "cell-count"]
    )
    assert list(tables) == ["majority", "cell-count"]
    assert (tables["cell-count"]["moa"] == tables["cell-count"]["predicted"]).all()
    assert list(tables["majority"].columns) == list(tables["cell-count"].columns)
    assert tables["majority"]["unit_id"].tolist() == tables["cell-count"]["unit_id"].tolist()


def test_the_head_of_baselines_can_be_chosen():
    units = labelled("ab" * 20)
    rows = np.arange(40)
    features = {"noise": np.random.default_rng(0).normal(size=(40, 3))}
    folds = [Fold(0, rows[:20], rows[20:])]
    lda = {"type": "lda", "shrinkage": "auto"}
    found = baselines.run_baselines(features, units, folds, ["noise"], head=lda)["noise"]
    expected = fit_predict_folds(features["noise"], units["unit_id"], units["moa"], folds, lda)
    pd.testing.assert_frame_equal(found, expected)


def test_a_baseline_without_features_is_refused():
    with pytest.raises(InputError, match="'cell-count' has no features"):
        baselines.run_baselines({}, labelled("ab"), [], ["cell-count"])


def accuracy_of(table: pd.DataFrame) -> float:
    return float((table["moa"] == table["predicted"]).mean())


def test_floors_on_real_fields(shared_data: Path):
    folder = shared_data / "bbbc021-lab"
    units = pd.read_csv(folder / "labels.csv").rename(columns={"filename": "unit_id"})
    paths = {path.name: path for path in folder.rglob("*.png")}
    pixels = np.stack([imread(paths[name]) for name in units["unit_id"]]).astype(np.float16) / 255
    features = {kind: baselines.image_features(pixels, kind) for kind in baselines.FEATURES}
    tables = baselines.run_baselines(
        features, units, leave_out(units["compound"]), list(baselines.FEATURES)
    )
    assert 0.58 < accuracy_of(tables["channel-mean-sd"]) < 0.70
    assert accuracy_of(tables["hand-made"]) > 0.877


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
    features = {"hand-made": baselines.image_features(pixels, "hand-made")}
    table = baselines.run_baselines(features, units, leave_out(units["plate"]), ["hand-made"])[
        "hand-made"
    ]
    assert balanced_accuracy_score(table["moa"], table["predicted"]) > 0.957
