"""Pairs of images that show the same picture, and adjacent crops."""

import numpy as np
import pandas as pd
import pytest
from unit_pictures import fields, pairs_of, quadrants

from moascope.core.errors import InputError
from moascope.splits import image_leakage
from moascope.splits.image_leakage import adjacent_crops, near_duplicates, reduce_images


def thumbnails(images):
    return reduce_images([images]).thumbnails


def test_duplicates_are_those_of_a_plain_correlation_matrix():
    images = fields(40)
    copies = images[:7] * np.float16(0.7) + np.float16(0.1)
    small = thumbnails(np.concatenate([images, copies])).astype(np.float64)
    channels = [np.corrcoef(small[..., c].reshape(len(small), -1)) for c in range(2)]
    expected = np.argwhere(np.triu(np.mean(channels, axis=0) >= 0.98, k=1))
    found = near_duplicates(small, 0.98)
    assert pairs_of(found) == {(int(a), int(b)) for a, b in expected}
    assert pairs_of(found) == {(i, 40 + i) for i in range(7)}


def test_a_noisy_copy_is_found_across_chunks():
    images = fields(2100, side=32)
    rng = np.random.default_rng(1)
    copies = images[[0, 1500]] + 0.01 * rng.standard_normal(images[:2].shape)
    found = near_duplicates(thumbnails(np.concatenate([images, copies.astype(np.float16)])), 0.98)
    assert pairs_of(found) == {(0, 2100), (1500, 2101)}


@pytest.mark.parametrize("turn", range(8))
def test_turned_and_mirrored_copies_are_found_when_asked(turn):
    images = fields(30)
    copy = np.rot90(images[3], turn % 4)
    copy = copy[:, ::-1] if turn >= 4 else copy
    small = thumbnails(np.concatenate([images, copy[None]]))
    assert pairs_of(near_duplicates(small, 0.98, orientations=True)) == {(3, 30)}
    assert bool(len(near_duplicates(small, 0.98))) == (turn == 0)


def test_a_common_background_is_not_a_duplicate():
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    vignette = (1 - 0.5 * (y**2 + x**2))[None, ..., None]
    images = vignette * 0.8 + 0.02 * fields(40, side=64).astype(np.float64)
    small = thumbnails(images.astype(np.float16))
    flat = small.reshape(40, -1).astype(np.float64)
    assert np.corrcoef(flat).min() > 0.98
    assert near_duplicates(small, 0.98).empty


def test_blank_images_are_not_duplicates_of_each_other():
    assert near_duplicates(thumbnails(np.zeros((20, 32, 32, 3), np.float16)), 0.98).empty


def test_many_copies_of_one_image_stay_within_bounds():
    images = np.repeat(fields(1, side=32), 700, axis=0)
    assert len(near_duplicates(thumbnails(images), 0.98)) == 100_000


def test_quadrants_of_a_field_are_found_and_nothing_else():
    images = reduce_images([quadrants(fields(30))])
    found = adjacent_crops(images.edges, np.repeat(np.arange(3), 40))
    first = np.arange(30) * 4
    right = {(i, i + 1) for i in first} | {(i + 2, i + 3) for i in first}
    below = {(i, i + 2) for i in first} | {(i + 1, i + 3) for i in first}
    ours = {name: pairs_of(part) for name, part in found.groupby("direction")}
    assert ours["right"] <= right
    assert ours["below"] <= below
    assert len(found) >= 0.7 * 120


def test_quadrants_are_found_on_a_plate_too_large_to_compare_all(monkeypatch):
    images = reduce_images([quadrants(fields(300, side=96))])
    plate = np.zeros(1200, int)
    whole = pairs_of(adjacent_crops(images.edges, plate))
    monkeypatch.setattr(image_leakage, "_MAX_ALL_PAIRS", 1000)
    monkeypatch.setattr(image_leakage, "_CHUNK", 512)
    screened = pairs_of(adjacent_crops(images.edges, plate))
    assert len(whole) >= 800
    assert len(screened & whole) >= 0.8 * len(whole)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("one_plate", [True, False])
def test_unrelated_images_are_not_adjacent(seed, one_plate):
    images = reduce_images([fields(200, side=48, seed=seed)])
    plate = np.zeros(200, int) if one_plate else np.arange(200) // 20
    assert adjacent_crops(images.edges, plate).empty


def test_a_common_illumination_does_not_make_images_adjacent():
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    vignette = (1 - 0.4 * (y**2 + x**2))[None, ..., None]
    images = (fields(200, side=64).astype(np.float64) * vignette).astype(np.float16)
    edges = reduce_images([images]).edges
    assert adjacent_crops(edges, np.zeros(200, int)).empty


def test_blank_and_too_few_images_are_not_adjacent():
    blank = reduce_images([np.zeros((20, 32, 32, 3), np.float16)])
    assert adjacent_crops(blank.edges, np.zeros(20, int)).empty
    few = reduce_images([quadrants(fields(1))])
    assert adjacent_crops(few.edges, np.zeros(4, int)).empty


def test_more_units_than_can_all_be_compared_still_show_their_copies(monkeypatch):
    monkeypatch.setattr(image_leakage, "_MAX_ALL_PAIRS", 1000)
    images = fields(2100, side=32)
    rng = np.random.default_rng(1)
    copies = images[[0, 1500]] + 0.01 * rng.standard_normal(images[:2].shape)
    found = near_duplicates(thumbnails(np.concatenate([images, copies.astype(np.float16)])), 0.98)
    assert pairs_of(found) == {(0, 2100), (1500, 2101)}


def test_reduce_images_are_plain_averages(tmp_path):
    images = np.random.default_rng(0).random((5, 96, 192, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", images[:3])
    reduced = reduce_images([tmp_path / "a.npy", images[3:]], chunk=2)
    blocks = images.reshape(5, 16, 6, 16, 12, 3).mean(axis=(2, 4))
    assert reduced.thumbnails == pytest.approx(blocks, abs=1e-3)
    right = images[:, :, -4:].mean(axis=2).reshape(5, 48, 2, 3).mean(axis=2)
    top = images[:, :2].mean(axis=1).reshape(5, 48, 4, 3).mean(axis=2)
    assert reduced.edges[:, 0] == pytest.approx(right, abs=1e-3)
    assert reduced.edges[:, 3] == pytest.approx(top, abs=1e-3)


def test_images_smaller_than_a_thumbnail_are_accepted():
    reduced = reduce_images([np.ones((2, 9, 9, 1), np.float16)])
    assert reduced.thumbnails.shape == (2, 16, 16, 1)
    assert reduced.edges.shape == (2, 4, 48, 1)
    assert (reduced.thumbnails == 1).all()


def test_no_images_at_all_are_refused():
    with pytest.raises(InputError, match="there are no unit images"):
        reduce_images([])


def is_neighbour(units, found):
    """Whether pairs are quadrants of one field that share a border.

    About 20 fields have their top and bottom row exchanged in the table, so "below" may go up.
    """
    a, b = units.iloc[found["a"]], units.iloc[found["b"]]
    one_field = a["field"].to_numpy() == b["field"].to_numpy()
    sites = a["site"].to_numpy() + b["site"].to_numpy()
    right = np.isin(sites, ["TLTR", "BLBR"]) & (found["direction"] == "right")
    below = np.isin(sites, ["TLBL", "TRBR", "BLTL", "BRTR"]) & (found["direction"] == "below")
    return one_field & (right | below).to_numpy()


def test_real_quadrants_are_found_and_nothing_else(lab):
    units, images = lab
    found = adjacent_crops(images.edges, pd.factorize(units["plate"])[0])
    assert is_neighbour(units, found).all()
    assert len(found) >= 0.75 * 660


def test_real_images_that_cannot_touch_are_not_adjacent(lab):
    units, images = lab
    for site in ("TL", "TR", "BL", "BR"):
        rows = (units["site"] == site).to_numpy()
        assert adjacent_crops(images.edges[rows], pd.factorize(units["plate"][rows])[0]).empty
        assert adjacent_crops(images.edges[rows], np.zeros(rows.sum(), int)).empty


def test_real_images_are_each_others_duplicates_only_when_copied(lab):
    _, images = lab
    copied = np.concatenate([images.thumbnails, images.thumbnails[:3]])
    assert pairs_of(near_duplicates(copied, 0.98)) == {(0, 660), (1, 661), (2, 662)}
