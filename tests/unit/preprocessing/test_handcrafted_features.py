"""Hand-made features, against plain loops."""

import numpy as np
import pandas as pd
import pytest

from moascope.core.errors import InputError
from moascope.preprocessing import handcrafted_features


def images(seed: int = 0, shape: tuple[int, ...] = (3, 40, 36, 2)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_channel_mean_and_sd():
    batch = images()
    features = handcrafted_features.image_features(batch, "channel-mean-sd")
    expected = np.concatenate([batch.mean(axis=(1, 2)), batch.std(axis=(1, 2))], axis=1)
    np.testing.assert_allclose(features, expected, rtol=1e-5)


def test_percentiles_are_those_of_numpy():
    planes = images().transpose(0, 3, 1, 2)
    expected = np.percentile(planes, [5, 50, 99], axis=(2, 3), method="lower")
    np.testing.assert_array_equal(
        handcrafted_features._percentiles(planes, (5, 50, 99)),
        np.moveaxis(expected, 0, 2).reshape(3, -1),
    )


def test_correlations_are_those_of_numpy():
    planes = images(shape=(2, 20, 20, 3)).transpose(0, 3, 1, 2)
    for image, found in zip(
        planes, handcrafted_features._channel_correlations(planes), strict=True
    ):
        expected = np.corrcoef(image.reshape(3, -1))
        np.testing.assert_allclose(found, expected[np.triu_indices(3, 1)], atol=1e-5)


def test_gradient_and_laplacian_of_known_surfaces():
    y, x = np.mgrid[:12, :14].astype(np.float32)
    ramp, bowl = 3 * x + 4 * y, x**2 + y**2
    planes = np.stack([ramp, bowl])[None]
    np.testing.assert_allclose(
        handcrafted_features._gradient_magnitude(planes)[0, 0], 5.0, rtol=1e-6
    )
    np.testing.assert_allclose(handcrafted_features._laplacian(planes)[0, 0], 0.0, atol=1e-4)
    np.testing.assert_allclose(handcrafted_features._laplacian(planes)[0, 1], 4.0, rtol=1e-5)


def test_halving_averages_two_by_two_pixels():
    plane = np.arange(20, dtype=np.float32).reshape(1, 1, 4, 5)
    assert handcrafted_features._halve(plane)[0, 0].tolist() == [[3, 5], [13, 15]]


def patterns_by_hand(plane: np.ndarray) -> np.ndarray:
    """Uniform local binary patterns, pixel by pixel."""
    counts = np.zeros(10)
    height, width = plane.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            ring = [
                int(plane[row + dy, column + dx] >= plane[row, column])
                for dy, dx in handcrafted_features._NEIGHBOURS
            ]
            changes = sum(ring[i] != ring[i - 1] for i in range(8))
            counts[sum(ring) if changes <= 2 else 9] += 1
    return counts / counts.sum()


def test_binary_patterns_are_those_of_a_loop():
    planes = images(shape=(2, 14, 12, 2)).transpose(0, 3, 1, 2)
    found = handcrafted_features._binary_patterns(planes).reshape(2, 2, 10)
    for image, patterns in zip(planes, found, strict=True):
        np.testing.assert_allclose(patterns, [patterns_by_hand(plane) for plane in image])


@pytest.mark.parametrize("turn", [lambda x: x[:, ::-1], lambda x: x.transpose(0, 2, 1, 3)])
def test_hand_crafted_features_do_not_depend_on_orientation(turn):
    batch = images(shape=(2, 64, 64, 3))
    np.testing.assert_allclose(
        handcrafted_features.image_features(turn(batch), "hand-crafted"),
        handcrafted_features.image_features(batch, "hand-crafted"),
        atol=1e-5,
    )


@pytest.mark.parametrize("kind", list(handcrafted_features.FEATURES))
def test_features_do_not_depend_on_the_chunk(kind, monkeypatch):
    batch = images(shape=(5, 32, 32, 2)).astype(np.float16)
    whole = handcrafted_features.image_features(batch, kind)
    monkeypatch.setattr(handcrafted_features, "_VALUES_PER_CHUNK", 2 * 32 * 32 * 2)
    np.testing.assert_allclose(
        handcrafted_features.image_features(batch, kind), whole, rtol=1e-6, atol=1e-7
    )
    assert whole.dtype == np.float32


@pytest.mark.parametrize("kind", list(handcrafted_features.FEATURES))
@pytest.mark.parametrize("shape", [(2, 64, 64, 3), (2, 68, 68, 1), (2, 7, 9, 2), (2, 30, 100, 5)])
def test_empty_images_of_any_shape_have_finite_features(kind, shape):
    features = handcrafted_features.image_features(np.zeros(shape, np.float16), kind)
    assert np.isfinite(features).all()
    assert len(features) == 2


def test_a_plate_without_images_has_no_rows_of_as_many_features():
    empty = handcrafted_features.image_features(images(shape=(0, 32, 32, 2)), "hand-crafted")
    full = handcrafted_features.image_features(images(shape=(1, 32, 32, 2)), "hand-crafted")
    assert empty.shape == (0, full.shape[1])


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        InputError, match="'haralick' has no image features; there are channel-mean"
    ):
        handcrafted_features.image_features(images(), "haralick")


def test_features_are_read_again_as_they_were_from_tables_of_any_plate(tmp_path):
    kept = {"hand-crafted": [], "channel-mean-sd": []}
    files = []
    for n in (3, 0, 2):
        pixels = images(shape=(n, 32, 32, 2))
        features = {
            kind: handcrafted_features.image_features(pixels, kind)
            for kind in handcrafted_features.FEATURES
        }
        for kind, values in features.items():
            kept[kind].append(values)
        units = pd.DataFrame({"unit_id": pd.Series([f"u{k}" for k in range(n)], dtype="str")})
        files.append(tmp_path / f"{n}.parquet")
        units.join(handcrafted_features.as_columns(features)).to_parquet(files[-1])
    found = handcrafted_features.read_columns(files)
    for kind, parts in kept.items():
        np.testing.assert_array_equal(found[kind], np.concatenate(parts), strict=True)
    units.to_parquet(files[1])
    with pytest.raises(InputError, match=r"0\.parquet: has no channel-mean-sd features"):
        handcrafted_features.read_columns(files)


def write_tables(folder, sizes):
    """Write tables of plates with hand-crafted features; give the paths and all features."""
    paths, parts = [], []
    for number, n in enumerate(sizes):
        pixels = images(seed=number, shape=(n, 32, 32, 2))
        features = {
            kind: handcrafted_features.image_features(pixels, kind)
            for kind in handcrafted_features.FEATURES
        }
        paths.append(folder / f"{number}.parquet")
        handcrafted_features.as_columns(features).to_parquet(paths[-1])
        parts.append(features["hand-crafted"])
    return paths, np.concatenate(parts)


def test_hand_crafted_features_follow_those_of_the_network_row_by_row(tmp_path):
    paths, crafted = write_tables(tmp_path, (3, 0, 2))
    network = np.arange(20, dtype=np.float32).reshape(5, 4)
    np.save(tmp_path / "network.npy", network)
    shape = handcrafted_features.join(tmp_path / "network.npy", paths, tmp_path / "joined.npy")
    joined = np.load(tmp_path / "joined.npy")
    np.testing.assert_array_equal(joined, np.hstack([network, crafted]), strict=True)
    assert joined.shape == shape


def test_hand_crafted_features_can_stand_alone(tmp_path):
    paths, crafted = write_tables(tmp_path, (2, 1))
    handcrafted_features.join(None, paths, tmp_path / "joined.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "joined.npy"), crafted, strict=True)


def test_features_of_another_number_of_units_are_not_joined(tmp_path):
    paths, _ = write_tables(tmp_path, (2, 1))
    np.save(tmp_path / "network.npy", np.zeros((4, 2), np.float32))
    with pytest.raises(InputError, match=r"network\.npy: features of 4 units, but .* have 3\. Del"):
        handcrafted_features.join(tmp_path / "network.npy", paths, tmp_path / "joined.npy")
    assert not (tmp_path / "joined.npy").exists()
