"""Units of a plate are written with their hand-crafted features."""

import numpy as np
import pandas as pd
import pytest
from fake_store import FakeStore

from moascope.preprocessing import handcrafted_features, plate_units
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import CellUnits, Units

CHANNELS = ["DNA", "Actin"]


@pytest.fixture
def store():
    rng = np.random.default_rng(5)
    return FakeStore(rng.gamma(3, 300, (3, 2, 48, 64)).astype(np.uint16), CHANNELS)


def write(store, path, **units):
    sites = pd.DataFrame({"site_id": store.site_ids, "plate": "P1", "role": "treated"})
    thresholds = {f"threshold:{name}": 500.0 for name in CHANNELS}
    return plate_units.write_units(
        store,
        labels=None,
        sites=sites,
        quality=sites[["site_id"]].assign(flagged=False, **thresholds),
        statistics=pd.DataFrame(),
        normalization=Normalization(),
        options=Units(**units),
        brightfield=[],
        seed=1,
        out_npy=path,
    )


def test_rows_and_features_are_those_of_the_array(store, tmp_path):
    table = write(store, tmp_path / "u.npy", tiles=(1, 2), size=32)
    pixels = np.load(tmp_path / "u.npy")
    assert pixels.shape == (6, 32, 21, 2)
    assert list(table["unit_id"])[:2] == ["P1/A01/1#t0", "P1/A01/1#t1"]
    table.to_parquet(tmp_path / "u.parquet")
    found = handcrafted_features.read_columns([tmp_path / "u.parquet"])
    assert set(found) == set(handcrafted_features.FEATURES)
    for kind, features in found.items():
        expected = handcrafted_features.image_features(pixels, kind)
        np.testing.assert_allclose(features, expected, rtol=1e-5)


def test_cells_need_label_images(store, tmp_path):
    with pytest.raises(ValueError, match="there are no label images"):
        write(store, tmp_path / "u.npy", cells=CellUnits(crop=16))
