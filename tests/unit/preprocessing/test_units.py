"""What is classified: tiles, resizing and the arrays that training reads."""

import errno

import numpy as np
import pandas as pd
import pytest
from fake_store import FakeStore
from pictures import brightfield

from moascope.core.errors import InputError
from moascope.preprocessing import normalization, quality, units
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import Units

CHANNELS = ["DNA", "Actin"]
STEPS = Normalization(steps=[{"method": "minmax", "scope": "image"}])


@pytest.fixture
def store():
    rng = np.random.default_rng(5)
    return FakeStore(rng.gamma(3, 300, (5, 2, 48, 64)).astype(np.uint16), CHANNELS)


def tables(store, flagged=()):
    n = len(store.site_ids)
    sites = pd.DataFrame(
        {
            "site_id": store.site_ids,
            "plate": "P1",
            "well": [f"A{k + 1:02d}" for k in range(n)],
            "role": "treated",
            "moa": [f"moa {k}" for k in range(n)],
            "path:DNA": "/somewhere",
            "index:DNA": -1,
            "bytes:DNA": 3,
            "mtime_ns:DNA": 4,
        }
    )
    quality = pd.DataFrame(
        {
            "site_id": store.site_ids,
            "flagged": [k in flagged for k in range(n)],
            "threshold:DNA": 500.0,
            "threshold:Actin": 800.0,
        }
    )
    return sites, quality


def prepare(store, path, size=None, tiles=(1, 1), min_foreground=0.0, steps=STEPS, flagged=()):
    sites, quality = tables(store, flagged)
    statistics = normalization.fit_plate(store, units.with_flags(sites, quality), steps)
    table = units.prepare_plate(
        store,
        sites,
        quality,
        statistics,
        steps,
        options=Units(size=size, tiles=tiles, min_foreground=min_foreground),
        out_npy=path,
    )
    return table, np.load(path, mmap_mode="r")


# ---------------------------------------------------------------- resizing


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((48, 64), None, (48, 64)), ((48, 64), 32, (24, 32)), ((64, 48), 128, (128, 96)),
     ((1000, 3), 100, (100, 1))],
)  # fmt: skip
def test_the_longer_side_becomes_the_size(shape, size, expected):
    assert units.resized_shape(shape, size) == expected


# ---------------------------------------------------------------- tiles


def test_tiles_follow_each_other_row_by_row():
    image = np.arange(24).reshape(1, 1, 4, 6)
    tiles = units.cut_tiles(image, (2, 3))
    assert tiles.shape == (6, 1, 2, 2)
    assert tiles[0, 0].tolist() == [[0, 1], [6, 7]]
    assert tiles[1, 0].tolist() == [[2, 3], [8, 9]]
    assert tiles[3, 0].tolist() == [[12, 13], [18, 19]]


def test_what_does_not_divide_is_left_out_at_both_rims():
    image = np.arange(49).reshape(1, 1, 7, 7)
    tiles = units.cut_tiles(image, (1, 2))
    assert tiles.shape == (2, 1, 7, 3)
    assert tiles[0, 0, 0].tolist() == [0, 1, 2]
    assert units.cut_tiles(image, (5, 5))[0, 0].tolist() == [[8]]


def test_tiles_of_several_sites_and_channels_are_not_mixed_up():
    images = np.random.default_rng(0).integers(0, 99, (3, 2, 8, 10))
    tiles = units.cut_tiles(images, (2, 2)).reshape(3, 4, 2, 4, 5)
    np.testing.assert_array_equal(tiles[2, 3], images[2, :, 4:, 5:])


def test_more_tiles_than_pixels_are_an_error(store, tmp_path):
    with pytest.raises(InputError, match=r"units.tiles \(50, 1\): images of 48 x 64 pixels"):
        prepare(store, tmp_path / "u.npy", tiles=(50, 1))
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- plates


def test_units_are_the_normalized_sites_channel_last(store, tmp_path):
    table, pixels = prepare(store, tmp_path / "u.npy")
    assert pixels.dtype == np.float16
    assert pixels.shape == (5, 48, 64, 2)
    expected = normalization.apply(store.pixels, pd.DataFrame(), STEPS, CHANNELS)
    np.testing.assert_allclose(pixels, np.moveaxis(expected, 1, -1), atol=5e-4)
    assert list(table["unit_id"]) == store.site_ids
    assert (table["tile"] == 0).all()


def test_the_table_has_the_metadata_and_not_the_files(store, tmp_path):
    table, _ = prepare(store, tmp_path / "u.npy", flagged=[2])
    assert list(table.columns) == [
        "unit_id", "site_id", "plate", "well", "role", "moa", "tile", "flagged", "usable",
    ]  # fmt: skip
    assert list(table["flagged"]) == [False, False, True, False, False]
    assert table["usable"].all()
    assert table[["flagged", "usable"]].dtypes.unique().tolist() == [np.dtype(bool)]


def test_tiles_are_named_and_resized(store, tmp_path):
    table, pixels = prepare(store, tmp_path / "u.npy", size=16, tiles=(2, 2))
    assert pixels.shape == (20, 12, 16, 2)
    assert list(table["unit_id"][:5]) == [
        *(f"{store.site_ids[0]}#t{k}" for k in range(4)), f"{store.site_ids[1]}#t0",
    ]  # fmt: skip
    assert list(table["moa"][3:5]) == ["moa 0", "moa 1"]
    whole = normalization.apply(store.pixels, pd.DataFrame(), STEPS, CHANNELS)
    expected = units.resize(whole[1:2, :, :24, 32:], (12, 16))[0]
    np.testing.assert_allclose(np.moveaxis(pixels[5], -1, 0), expected, atol=5e-4)


def test_near_empty_tiles_are_not_usable(store, tmp_path):
    store.pixels[...] = 100
    store.pixels[0, 0, :24, :32] = 501  # tile 0: DNA above its threshold
    store.pixels[0, 1, 24:, :32] = 799  # tile 2: Actin below its threshold
    store.pixels[1, 1, 24:26, 32:] = 801  # tile 3: 2 of 24 rows
    table, _ = prepare(store, tmp_path / "u.npy", tiles=(2, 2), min_foreground=0.08)
    assert list(table.loc[table["usable"], "unit_id"]) == ["P1/A01/1#t0", "P1/A01/2#t3"]


def test_sites_that_were_quarantined_are_absent(store, tmp_path):
    sites, quality = tables(store)
    store.site_ids, store.pixels = store.site_ids[1:], store.pixels[1:]
    table = units.prepare_plate(
        store, sites, quality[1:], pd.DataFrame(), STEPS, Units(), tmp_path / "u.npy"
    )
    assert list(table["moa"]) == ["moa 1", "moa 2", "moa 3", "moa 4"]
    assert len(np.load(tmp_path / "u.npy")) == 4


def test_rows_follow_the_store_whatever_the_order_of_the_tables(store, tmp_path):
    straight, pixels = prepare(store, tmp_path / "a.npy", flagged=[1])
    sites, quality = tables(store, flagged=[1])
    table = units.prepare_plate(
        store, sites[::-1], quality.sample(frac=1, random_state=0), pd.DataFrame(), STEPS,
        Units(), tmp_path / "b.npy",
    )  # fmt: skip
    pd.testing.assert_frame_equal(table, straight)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), pixels)


def test_batches_do_not_show(store, tmp_path, monkeypatch):
    whole, pixels = prepare(store, tmp_path / "a.npy", size=30, tiles=(2, 1))
    monkeypatch.setattr(units, "batch_size", lambda shape: 2)
    table, again = prepare(store, tmp_path / "b.npy", size=30, tiles=(2, 1))
    pd.testing.assert_frame_equal(table, whole)
    np.testing.assert_allclose(again, pixels, atol=1e-3)


def test_a_store_of_another_run_is_an_error(store, tmp_path):
    sites, quality = tables(store)
    with pytest.raises(InputError, match=r"1 sites.*lacks, for example 'P1/A01/5'"):
        units.prepare_plate(
            store, sites[:4], quality, pd.DataFrame(), STEPS, Units(), tmp_path / "u.npy"
        )


def test_an_interrupted_plate_leaves_nothing_behind(store, tmp_path, monkeypatch):
    def fail(images, shape):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(units, "resize", fail)
    with pytest.raises(InputError, match=r"u\.npy: cannot be written .No space left on device"):
        prepare(store, tmp_path / "u.npy")
    assert not list(tmp_path.iterdir())


def test_with_flags_keeps_the_sites_that_have_a_quality(store):
    sites, quality = tables(store, flagged=[3])
    found = units.with_flags(sites, quality[1:])
    assert list(found["site_id"]) == store.site_ids[1:]
    assert list(found["flagged"]) == [False, False, True, False]


def test_flagged_units_and_failed_plates_are_left_out():
    table = pd.DataFrame(
        {
            "plate": ["P1", "P1", "P2", "P2"],
            "flagged": [True, False, False, False],
            "usable": [True, True, True, False],
        }
    )
    assert list(units.leave_out(table, flagged=False)["usable"]) == [True, True, True, False]
    assert list(units.leave_out(table, flagged=True)["usable"]) == [False, True, True, False]
    found = units.leave_out(table, flagged=False, failed_plates=["P1"])
    assert list(found["usable"]) == [False, False, True, False]
    with pytest.raises(InputError, match="all 2 plates fail quality control"):
        units.leave_out(table, flagged=False, failed_plates=["P1", "P2"])


def test_tiles_of_brightfield_are_judged_by_texture(tmp_path):
    rng = np.random.default_rng(0)
    pixels = brightfield(rng, n=4, side=96)
    pixels[:, :, :, :48] = brightfield(rng, n=4, side=96, count=0)[:, :, :, :48]
    store = FakeStore(pixels, ["BF"])
    sites, quality_table = tables(store)
    measured = quality.measure_plate(store, ["BF"])
    quality_table = quality_table.assign(**{"threshold:BF": measured["threshold:BF"]})
    table = units.prepare_plate(
        store,
        sites,
        quality_table,
        pd.DataFrame(),
        STEPS,
        options=Units(tiles=(1, 2), min_foreground=0.05),
        out_npy=tmp_path / "u.npy",
        brightfield=["BF"],
    )
    assert list(table["usable"]) == [False, True] * 4
