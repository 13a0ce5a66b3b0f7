"""Which images count as sharing content, and which only look alike."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter, rotate
from skimage.transform import resize

from moascope.splits.image_overlaps import (
    area_weights,
    count_flat,
    find_overlaps,
    grow_leaves,
    reduce_to_details,
)

SIDE = 128


def make_fields(n, seed=0, side=160, channels=2):
    """Draw random smooth pictures, larger than the units cut from them; range 0 to 1."""
    noise = np.random.default_rng(seed).standard_normal((n, side, side, channels))
    smooth = gaussian_filter(noise, (0, 3, 3, 0))
    return np.clip(0.4 + 0.2 * smooth / smooth.std(), 0, 1)


def crop(fields, y=0, x=0, side=SIDE):
    return fields[:, y : y + side, x : x + side]


def enlarge(images, side=SIDE):
    return np.stack([resize(image, (side, side), order=1) for image in images])


def find_copies(units, copies, **options):
    """Return for which units the copy was found, after checking that nothing else was."""
    details = np.concatenate([reduce_to_details(units), reduce_to_details(copies)])
    found = find_overlaps(details, 0.92, **options)
    n = len(units)
    assert (found["b"] == found["a"] + n).all()
    return set(found["a"])


def add_noise(images, strength=0.02):
    return images + np.random.default_rng(1).normal(0, strength, images.shape)


@pytest.fixture(scope="module")
def fields():
    return make_fields(24)


def turn_slightly(fields):
    return crop(rotate(fields, 2, axes=(1, 2), reshape=False, order=1, mode="reflect"), 16, 16)


MANIPULATIONS = {
    "copied": lambda fields: crop(fields, 16, 16),
    "with another gain": lambda fields: 0.7 * crop(fields, 16, 16) + 0.05,
    "with another gamma": lambda fields: np.sqrt(crop(fields, 16, 16)),
    "shifted": lambda fields: crop(fields, 12, 25),
    "shifted far": lambda fields: crop(fields, 32, 0),
    "turned by 2 degrees": turn_slightly,
    "cropped": lambda fields: enlarge(crop(fields, 20, 26, round(0.9 * SIDE))),
    "imaged again": lambda fields: add_noise(0.8 * crop(fields, 19, 13)),
    "mirrored": lambda fields: crop(fields, 16, 16)[:, :, ::-1],
    "turned": lambda fields: np.rot90(crop(fields, 16, 16), axes=(1, 2)),
    "turned and shifted": lambda fields: np.rot90(crop(fields, 20, 8), 3, axes=(1, 2)),
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_manipulated_copies_are_found_and_nothing_else(fields, name):
    copies = MANIPULATIONS[name](fields)
    assert len(find_copies(crop(fields, 16, 16), copies)) >= 23


def test_turned_copies_are_not_looked_for_when_switched_off(fields):
    units = crop(fields, 16, 16)
    assert find_copies(units, units[:, ::-1], orientations=False) == set()
    assert len(find_copies(units, crop(fields, 10, 20), orientations=False)) == 24


def test_crops_with_40_percent_in_common_are_found(fields):
    side = 100  # of 160: shifted by 60
    assert len(find_copies(crop(fields, 30, 0, side), crop(fields, 30, 60, side))) >= 23
    side = 117  # shifted by 43 in both directions
    assert len(find_copies(crop(fields, 0, 0, side), crop(fields, 43, 43, side))) >= 23


@pytest.mark.parametrize("channel", [0, 1])
def test_a_replaced_channel_does_not_hide_a_copy(fields, channel):
    units = crop(fields, 16, 16)
    copies = crop(fields, 14, 19).copy()
    copies[..., channel] = np.roll(copies[..., channel], 1, axis=0)
    details = np.concatenate([reduce_to_details(units), reduce_to_details(copies)])
    found = find_overlaps(details, 0.92)
    pairs = set(zip(found["a"].tolist(), found["b"].tolist(), strict=True))
    assert len({(row, row + 24) for row in range(24)} & pairs) >= 23


def test_a_single_channel_suffices():
    fields = make_fields(24, channels=1)
    assert len(find_copies(crop(fields, 16, 16), crop(fields, 4, 24))) >= 23


def test_the_correlation_and_the_common_area_are_reported():
    fields = make_fields(3)
    details = reduce_to_details(np.concatenate([crop(fields), crop(fields[:1], 32, 0)]))
    (pair,) = find_overlaps(details, 0.92).to_dict("records")
    assert (pair["a"], pair["b"]) == (0, 3)
    assert pair["correlation"] > 0.95
    assert pair["overlap"] == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("seed", range(2))
def test_unrelated_images_are_not_overlaps(seed):
    details = reduce_to_details(make_fields(300, seed=seed, side=64))
    assert find_overlaps(details, 0.92).empty


def test_round_cells_are_not_copies_of_each_other():
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    rng = np.random.default_rng(0)
    cells = []
    for radius in rng.uniform(0.4, 0.7, 100):
        disc = 1 / (1 + np.exp((np.hypot(y, x) - radius) / 0.05))
        texture = gaussian_filter(rng.standard_normal((64, 64)), 2)
        cells.append(0.2 + 0.5 * disc * (1 + texture / texture.std() * 0.1))
    details = reduce_to_details(np.stack(cells)[..., None])
    assert len(find_overlaps(details, 0.92)) == 0


def test_a_common_speck_in_empty_images_is_not_an_overlap():
    images = np.full((30, 96, 96, 2), 0.1)
    rng = np.random.default_rng(0)
    for image in images:
        y, x = rng.integers(16, 80, 2)
        image[y - 2 : y + 3, x - 2 : x + 3] = 0.8
    assert find_overlaps(reduce_to_details(images), 0.92).empty


def test_blank_images_are_counted_and_never_found():
    images = crop(make_fields(12), 16, 16).copy()
    images[[2, 5, 7]] = 0.3
    details = reduce_to_details(images)
    assert count_flat(details) == 3
    assert not details[[2, 5, 7]].any()
    assert find_overlaps(details, 0.92).empty


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_images_are_accepted(n):
    assert find_overlaps(reduce_to_details(make_fields(2)[:n]), 0.92).empty


def test_details_do_not_depend_on_gain_and_size():
    images = make_fields(4, side=96)
    details = reduce_to_details(images).astype(int)
    assert np.abs(details - reduce_to_details(0.5 * images + 0.1)).max() <= 1
    larger = reduce_to_details(np.repeat(np.repeat(images, 2, axis=1), 2, axis=2))
    assert np.abs(details - larger).max() <= 1


def test_area_weights_average_equal_stretches():
    weights = area_weights(6, 4)
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights @ np.arange(6) == pytest.approx([1 / 3, 5 / 3, 10 / 3, 14 / 3])


def test_leaves_hold_every_row_once_and_similar_rows_together():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3000, 8)).astype(np.float32)
    near = vectors + 0.01 * rng.standard_normal(vectors.shape).astype(np.float32)
    leaves = list(grow_leaves(np.concatenate([vectors, near]), rng, 256))
    assert max(map(len, leaves)) <= 256
    assert sorted(np.concatenate(leaves)) == list(range(6000))
    leaf = np.empty(6000, int)
    for number, rows in enumerate(leaves):
        leaf[rows] = number
    together = leaf[:3000] == leaf[3000:]
    assert together.mean() > 0.9


def test_threads_do_not_change_the_result(fields):
    units = np.concatenate([crop(fields, 16, 16), crop(fields, 4, 20)])
    details = np.concatenate([reduce_to_details(units)] * 2)
    one, two = (find_overlaps(details, 0.92, threads=threads) for threads in (1, 2))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pair_passes_above_what_it_counts_as(channels):
    fields = make_fields(10, channels=channels)
    copies = [add_noise(crop(fields, 12, 25), strength) for strength in (0.02, 0.05, 0.1)]
    details = reduce_to_details(np.concatenate([crop(fields, 16, 16), *copies]))
    pairs = find_overlaps(details, 0.7)
    assert (pairs["counts_as"] > pairs["correlation"] + 0.1).any()
    for requirement in (0.8, 0.9, 0.95):
        found = find_overlaps(details, requirement)
        expected = pairs[pairs["counts_as"] >= requirement]
        assert found[["a", "b"]].to_numpy().tolist() == expected[["a", "b"]].to_numpy().tolist()
