"""From maps to objects."""

from dataclasses import replace

import numpy as np
import pytest
from disc_maps import MAPS, TOUCHING, discs, perfect_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction

from moascope.segmentation.instances import (
    InstanceParameters,
    as_maps,
    fill_holes,
    foreground,
    height,
    label_objects,
    parameters_for,
)
from moascope.segmentation.matching import scores, tally

PLAIN = InstanceParameters(smoothing=0, min_area=1)


@pytest.mark.parametrize("names", [("classes",), ("distance",), ("classes", "distance")])
def test_touching_objects_are_told_apart(names):
    maps = {name: MAPS[name] for name in names}
    parameters = InstanceParameters(mask_threshold=0.02 if names == ("distance",) else 0.5)
    found = label_objects(maps, parameters)
    assert found.dtype == np.int32
    assert scores(tally(TOUCHING, found))["ap"]["0.9"] == 1


def test_half_precision_maps_give_the_same_objects():
    half = {name: values.astype(np.float16) for name, values in MAPS.items()}
    parameters = InstanceParameters()
    np.testing.assert_array_equal(
        label_objects(half, parameters) > 0, label_objects(MAPS, parameters) > 0
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 0.9), st.floats(0.1, 0.8), st.integers(0, 40))
def test_objects_are_consecutive_connected_and_inside_the_mask(seed, seed_at, mask_at, min_area):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(40, 50)), 2)
    maps = {"distance": np.clip(0.5 + 3 * smooth, 0, 1).astype(np.float32)}
    parameters = InstanceParameters(
        prominence=0.05,
        seed_threshold=seed_at,
        mask_threshold=mask_at,
        smoothing=0.5,
        min_area=min_area,
        fill_holes=False,
    )
    labels = label_objects(maps, parameters)
    assert set(np.unique(labels)) - {0} == set(range(1, labels.max() + 1))
    assert not (labels[maps["distance"] <= mask_at]).any()
    for label in range(1, labels.max() + 1):
        mask = labels == label
        assert ndimage.label(mask)[1] == 1
        assert mask.sum() >= min_area


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_nothing_predicted_gives_no_objects(value):
    found = label_objects({"distance": np.full((30, 40), value, np.float32)}, PLAIN)
    assert found.shape == (30, 40)
    assert not found.any()


def test_everything_foreground_is_one_object():
    assert (label_objects({"distance": np.ones((30, 40), np.float32)}, PLAIN) == 1).all()


def test_small_objects_are_removed_and_the_rest_renumbered():
    maps = {"distance": np.zeros((12, 12), np.float32)}
    maps["distance"][1:3, 1:3] = maps["distance"][5:10, 5:10] = 1
    assert label_objects(maps, PLAIN).max() == 2
    kept = label_objects(maps, replace(PLAIN, min_area=5))
    np.testing.assert_array_equal(kept, (maps["distance"] > 0) & (np.arange(12) > 3))


def test_objects_at_the_border_go_where_asked():
    maps = {"distance": np.zeros((12, 12), np.float32)}
    maps["distance"][:3, 4:8] = maps["distance"][5:10, 5:11] = 1
    kept = label_objects(maps, replace(PLAIN, clear_border=True))
    assert kept.max() == 1
    assert kept[7, 7] == 1


def test_holes_are_filled_where_asked():
    maps = {"distance": np.zeros((12, 12), np.float32)}
    maps["distance"][2:10, 2:10] = 1
    maps["distance"][4:6, 4:6] = 0
    assert label_objects(maps, PLAIN)[4, 4] == 1
    assert label_objects(maps, replace(PLAIN, fill_holes=False))[4, 4] == 0


def test_only_background_inside_one_object_is_a_hole():
    labels = np.array(
        [
            [0, 0, 1, 1, 0, 0],
            [1, 1, 1, 0, 2, 2],
            [1, 0, 1, 0, 2, 0],
            [1, 1, 1, 0, 2, 2],
            [0, 0, 1, 2, 0, 0],
        ],
        np.int32,
    )
    expected = labels.copy()
    expected[2, 1] = 1  # enclosed by 1; what 1 and 2 enclose together stays, and so does the border
    np.testing.assert_array_equal(fill_holes(labels), expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_holes_are_those_that_scipy_fills_object_by_object(seed):
    labels = np.random.default_rng(seed).integers(0, 4, (9, 9)).astype(np.int32)
    pieces, n_pieces = ndimage.label(labels == 0)
    expected = labels.copy()
    for piece in range(1, n_pieces + 1):
        for label in (1, 2, 3):
            filled = ndimage.binary_fill_holes(labels == label)
            around = labels[ndimage.binary_dilation(pieces == piece)]
            if filled[pieces == piece].all() and set(around) <= {0, label}:
                expected[pieces == piece] = label
    np.testing.assert_array_equal(fill_holes(labels), expected)


def test_output_channels_are_named():
    output = np.random.default_rng(0).random((4, 5, 4)).astype(np.float32)
    assert set(as_maps(output)) == {"classes", "distance"}
    assert set(as_maps(output[..., :3])) == {"classes"}
    assert set(as_maps(output[..., :1])) == {"distance"}
    np.testing.assert_array_equal(as_maps(output)["distance"], output[..., 3])
    two = as_maps(output[..., :2])
    np.testing.assert_array_equal(foreground(two), output[..., 0])
    np.testing.assert_array_equal(height(two), output[..., 1])


def test_the_relief_joins_interior_and_distance():
    np.testing.assert_allclose(
        height(MAPS), (MAPS["classes"][..., 1] + MAPS["distance"]) / 2, atol=1e-6
    )
    np.testing.assert_array_equal(foreground(MAPS) > 0.5, TOUCHING > 0)


def in_order(labels: np.ndarray) -> np.ndarray:
    """Number objects in the order in which they come."""
    _, first, numbers = np.unique(labels, return_index=True, return_inverse=True)
    return first.argsort().argsort()[numbers].reshape(labels.shape)


def hills(seed: int, size: int, levels: int | None = None) -> np.ndarray:
    """A landscape in (0, 1], of a few steps if wanted, so that peaks are flat and equally high."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 3)
    field = (field - field.min()) / np.ptp(field) + 0.01
    field = np.ceil(field * levels) / levels if levels else field
    return np.clip(field, 0, 1).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.15, 0.3]))
def test_objects_are_the_h_maxima_of_the_height(seed, prominence):
    """As by reconstruction, which is another way to the same."""
    relief = hills(seed, 60)
    lowered, edges = relief - np.float32(prominence), ndimage.generate_binary_structure(2, 1)
    levelled = np.pad(reconstruction(lowered, relief, footprint=edges), 1)
    _, expected = ndimage.label(local_maxima(levelled, connectivity=1))
    parameters = replace(PLAIN, prominence=prominence, seed_threshold=0, mask_threshold=0)
    found = label_objects({"distance": relief}, parameters)
    assert found.max() == expected


@pytest.mark.parametrize("levels", [None, 12])
def test_blocks_give_the_objects_of_any_landscape(levels):
    """Where no object is wider than the margin."""
    parameters = replace(PLAIN, seed_threshold=0.6, mask_threshold=0.6)
    for seed in range(20):
        maps = {"distance": hills(seed, 150, levels)}
        whole = label_objects(maps, parameters)
        in_blocks = label_objects(maps, parameters, block=64, margin=48)
        assert in_blocks.max() == whole.max() > 3, seed


def test_blocks_give_the_objects_of_the_whole_image():
    rng = np.random.default_rng(0)
    centres = [tuple(centre) for centre in rng.integers(0, 300, (60, 2))]
    maps = {"distance": perfect_maps(discs(300, centres, 12))["distance"]}
    parameters = InstanceParameters(mask_threshold=0.05)
    whole = label_objects(maps, parameters)
    in_blocks = label_objects(maps, parameters, block=64, margin=32)
    assert in_blocks.max() == whole.max() > 30
    assert (in_order(in_blocks) != in_order(whole)).mean() < 0.001


def test_an_object_larger_than_block_and_margin_stays_one():
    maps = {"distance": np.zeros((200, 200), np.float32)}
    maps["distance"][5:190, 80:130] = 1
    assert label_objects(maps, PLAIN, block=32, margin=8).max() == 1


def test_what_is_smaller_than_nearly_all_known_objects_is_none():
    labels = np.repeat(np.arange(101, dtype=np.int32), 100).reshape(-1, 50)
    small = (labels > 0) & (labels < 4) & (np.arange(50) > 15)
    labels[small] = 0  # three of a hundred objects have 32 px, the others 100
    assert parameters_for([labels]) == InstanceParameters(min_area=32)
    assert parameters_for([np.eye(9, dtype=np.int32), np.zeros((4, 4), np.int32)]).min_area == 10
    few = np.repeat([1, 2, 3], [20, 500, 500]).reshape(1, -1)
    assert parameters_for([few]).min_area == 20  # none of a few is too small
    assert parameters_for([]) == InstanceParameters()
