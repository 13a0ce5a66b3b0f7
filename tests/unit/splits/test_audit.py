"""What the leakage audit finds, and what it leaves in peace."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from skimage.io import imread

from moascope.core.errors import InputError
from moascope.splits import audit as leakage
from moascope.splits.audit import (
    adjacent_crops,
    audit,
    near_duplicates,
    raise_if_leaking,
    reduce_images,
)
from moascope.splits.independence import held_out_columns
from moascope.splits.make import make_split

OPTIONS = {
    "groups": [],
    "min_correlation": 0.98,
    "min_overlap_correlation": 0.92,
    "orientations": True,
}


def fields(n, side=128, seed=0, sigma=3.0):
    """Random smooth two-channel pictures, float16 (n, side, side, 2), range 0 to 1."""
    noise = np.random.default_rng(seed).standard_normal((n, side, side, 2))
    smooth = gaussian_filter(noise, (0, sigma, sigma, 0))
    smooth -= smooth.min()
    return (smooth / smooth.max()).astype(np.float16)


def quadrants(images):
    """Cut every picture into its quadrants, in the order top left, top right, bottom left, ..."""
    n, side, _, channels = images.shape
    half = side // 2
    cut = images.reshape(n, 2, half, 2, half, channels).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut.reshape(n * 4, half, half, channels))


def units_table(n, per_field=1, n_classes=2):
    """One well per field; the class changes from field to field."""
    field = np.arange(n) // per_field
    well = [f"{'ABCDEFGH'[i // 12 % 8]}{i % 12 + 1:02d}" for i in field]
    plate = [f"plate{i // 96}" for i in field]
    units = pd.DataFrame({"plate": plate, "well": well})
    units["site"] = (np.arange(n) % per_field).astype(str)
    units["unit_id"] = units["plate"] + "/" + units["well"] + "/" + units["site"]
    units["field"] = units["plate"] + "/" + units["well"]
    units["moa"] = [f"moa{i % n_classes}" for i in field]
    units["compound"] = [f"compound{i}" for i in field]
    return units.assign(batch="Week1", role="treated", usable=True)


def random_split(units, **options):
    return make_split(units, {"method": "stratified-k-fold", "folds": 3, **options}, seed=0)


def pairs_of(found):
    return set(zip(found["a"].tolist(), found["b"].tolist(), strict=True))


@pytest.fixture(scope="module")
def lab(shared_data):
    """Units and pictures of the real set; its quadrants of a field are its only relatives."""
    folder = shared_data / "bbbc021-lab"
    labels = pd.read_csv(folder / "labels.csv", dtype={"replicate": str})
    units = labels.rename(columns={"quadrant": "site", "week": "batch"})
    units["unit_id"] = units["plate"] + "/" + units["well"] + "/" + units["site"]
    units = units.assign(role="treated", usable=True)
    images = reduce_images(
        (imread(folder / "images" / name)[None] / np.float32(255)) for name in units["filename"]
    )
    return units, images


# --- groups ---------------------------------------------------------------------------------------


def test_a_field_on_two_sides_is_counted_and_named():
    units = units_table(48, per_field=4)
    result = audit(units, *random_split(units), OPTIONS | {"groups": ["field", "well"]})
    assert result["passed"] is False
    shared = result["groups"]["field"]["shared"]
    assert shared >= 10
    assert result["shared_groups"] == 2 * shared
    example = result["groups"]["field"]["examples"][0]
    assert example["group"].startswith("plate0/")
    assert set(example["sets"]) == {"train", "test"}
    assert f"{shared} groups of column 'field' stand on two sides" in result["messages"][0]


def test_the_shared_groups_are_those_of_a_plain_count():
    units = units_table(60, per_field=3)
    split, groups = random_split(units, validation=0.3, repeats=2)
    sides = (
        groups.merge(split, on="group")
        .merge(units[["unit_id", "field"]], on="unit_id")
        .groupby(["repeat", "fold", "field"])["set"]
        .nunique()
    )
    expected = sides[sides > 1].index.get_level_values("field").nunique()
    result = audit(units, split, groups, OPTIONS | {"groups": ["field"]})
    assert result["groups"]["field"]["shared"] == expected > 0


def test_whole_fields_pass():
    units = units_table(48, per_field=4)
    options = {"method": "group-k-fold", "group": ["field"], "folds": 3, "validation": 0.3}
    result = audit(
        units, *make_split(units, options, seed=0), OPTIONS | {"groups": ["field", "well"]}
    )
    assert result["shared_groups"] == 0
    assert result["messages"] == []


def test_wells_of_the_same_name_on_other_plates_are_other_wells():
    units = units_table(200)
    options = {"method": "leave-one-plate-out"}
    result = audit(units, *make_split(units, options, seed=0), OPTIONS | {"groups": ["well"]})
    assert result["messages"] == []


def test_a_column_that_does_not_exist_is_refused():
    units = units_table(12)
    with pytest.raises(InputError, match="unknown group column 'feild': did you mean 'field'"):
        audit(units, *random_split(units), OPTIONS | {"groups": ["feild"]})


def test_what_the_split_holds_out_is_checked_without_being_asked_for():
    units = units_table(48, n_classes=2)
    units["compound"] = [f"compound{i % 6}" for i in range(48)]
    units["batch"] = [f"Week{i // 6 % 4}" for i in range(48)]
    options = {"method": "leave-compound-and-batch-out", "validation": 0.1}
    split, groups = make_split(units, options, seed=0)
    held_out = held_out_columns(options)
    assert audit(units, split, groups, OPTIONS, held_out=held_out)["messages"] == []
    # A table edited by hand: what was left out of the first fold is learned from all the same.
    first = split[split["fold"] == 0].iloc[0]
    absent = set(groups["group"]) - set(split.loc[split["fold"] == 0, "group"])
    added = pd.DataFrame({**first, "group": name, "set": "train"} for name in sorted(absent))
    spoiled = pd.concat([split, added], ignore_index=True)
    assert audit(units, spoiled, groups, OPTIONS)["messages"] == []
    result = audit(units, spoiled, groups, OPTIONS | {"groups": ["batch"]}, held_out=held_out)
    assert list(result["groups"]) == ["compound", "batch"]
    assert all(found["shared"] > 0 for found in result["groups"].values())
    assert result["passed"] is False


def test_columns_that_are_held_out_together_are_checked_together():
    units = units_table(48, per_field=4)
    options = {"method": "group-k-fold", "group": ["plate", "compound"], "folds": 3}
    held_out = held_out_columns(options)
    result = audit(units, *make_split(units, options, seed=0), OPTIONS, held_out=held_out)
    assert result["messages"] == []
    result = audit(units, *random_split(units), OPTIONS, held_out=held_out)
    assert result["groups"]["plate+compound"]["shared"] > 0


def test_the_result_is_plain_json():
    units = units_table(48, per_field=4)
    images = reduce_images([quadrants(fields(12))])
    result = audit(units, *random_split(units), OPTIONS | {"groups": ["field"]}, images)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


# --- near-duplicates ------------------------------------------------------------------------------


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


def test_a_duplicate_under_another_compound_fails_leave_one_compound_out():
    units = units_table(24)
    images = fields(24)
    images[5] = images[2]
    split = make_split(units, {"method": "leave-one-compound-out"}, seed=0)
    result = audit(units, *split, OPTIONS, reduce_images([images]))
    assert result["near_duplicates"]["pairs"] == 1
    (example,) = result["near_duplicates"]["examples"]
    assert (example["a"], example["b"]) == ("plate0/A03/0", "plate0/A06/0")
    assert "1 pair of nearly identical images stands on two sides" in result["messages"][0]


def test_a_duplicate_on_one_side_does_not_fail():
    units = units_table(48, per_field=4)
    images = fields(48)
    images[1] = images[0]
    options = {"method": "group-k-fold", "group": ["field"], "folds": 3}
    result = audit(units, *make_split(units, options, seed=0), OPTIONS, reduce_images([images]))
    assert result["near_duplicates"]["found"] == 1
    assert result["near_duplicates"]["pairs"] == 0
    assert result["passed"]


# --- adjacent crops -------------------------------------------------------------------------------


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
    monkeypatch.setattr(leakage, "_MAX_ALL_PAIRS", 1000)
    monkeypatch.setattr(leakage, "_CHUNK", 512)
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


def test_splitting_quadrants_at_random_fails_without_any_column():
    units = units_table(80, per_field=4)
    images = reduce_images([quadrants(fields(20))])
    result = audit(units, *random_split(units), OPTIONS, images)
    assert result["passed"] is False
    with pytest.raises(
        InputError, match=r"split 'random' leaks(.|\n)*pairs of adjacent crops(.|\n)*group-k-fold"
    ):
        raise_if_leaking(result, "random", "error")


def test_a_leak_that_is_only_to_be_reported_does_not_stop_the_run(caplog):
    units = units_table(48, per_field=4)
    result = audit(units, *random_split(units), OPTIONS | {"groups": ["field"]})
    raise_if_leaking(result, "random", "warn")
    assert "split 'random' leaks" in caplog.text


# --- overlaps -------------------------------------------------------------------------------------


def test_a_shifted_image_under_another_compound_fails():
    units = units_table(24)
    images = fields(24)
    images[5] = np.roll(images[2], (9, -6), axis=(0, 1))
    split = make_split(units, {"method": "leave-one-compound-out"}, seed=0)
    result = audit(units, *split, OPTIONS, reduce_images([images]))
    assert result["near_duplicates"]["found"] == 0
    assert result["overlaps"]["pairs"] == 1
    (example,) = result["overlaps"]["examples"]
    assert (example["a"], example["b"]) == ("plate0/A03/0", "plate0/A06/0")
    assert "1 pair of images with common content" in result["messages"][0]


def test_a_copy_is_not_counted_as_an_overlap_too():
    units = units_table(24)
    images = fields(24)
    images[5] = images[2]
    split = make_split(units, {"method": "leave-one-compound-out"}, seed=0)
    result = audit(units, *split, OPTIONS, reduce_images([images]))
    assert (result["near_duplicates"]["found"], result["overlaps"]["found"]) == (1, 0)


def test_turned_images_are_looked_for_unless_switched_off():
    units = units_table(24)
    images = fields(24)
    images[5] = np.rot90(images[2])
    split = make_split(units, {"method": "leave-one-compound-out"}, seed=0)
    reduced = reduce_images([images])
    assert audit(units, *split, OPTIONS, reduced)["passed"] is False
    assert audit(units, *split, OPTIONS | {"orientations": False}, reduced)["passed"] is True


# --- what was not looked at -----------------------------------------------------------------------


def test_an_audit_without_images_does_not_pass(caplog):
    units = units_table(48, per_field=4)
    options = {"method": "group-k-fold", "group": ["field"], "folds": 3}
    split = make_split(units, options, seed=0)
    result = audit(units, *split, OPTIONS | {"groups": ["field"]})
    assert result["passed"] is None
    assert result["reason"] == "images: audit.images is false"
    assert result["not_looked_at"] == [{"what": "images", "reason": "audit.images is false"}]
    caplog.set_level("INFO")
    raise_if_leaking(result, "fields", "error")
    assert "split fields: not looked at: images (audit.images is false)" in caplog.text
    assert "passed" not in caplog.text


def test_an_audit_of_blank_images_does_not_pass():
    units = units_table(24)
    blank = reduce_images([np.zeros((24, 32, 32, 2), np.float16)])
    result = audit(units, *random_split(units), OPTIONS | {"groups": ["field"]}, blank)
    assert result["passed"] is None
    assert result["reason"].startswith("images: 24 of 24 units have no contrast")
    assert result["near_duplicates"] is None


def test_some_blank_images_are_listed_and_the_others_compared():
    units = units_table(24)
    images = fields(24)
    images[[3, 7]] = 0
    result = audit(units, *random_split(units), OPTIONS, reduce_images([images]))
    assert result["passed"] is True
    assert {"what": "images of 2 of 24 units", "reason": "they have no contrast"} in result[
        "not_looked_at"
    ]


def test_too_few_units_for_adjacent_crops_are_listed():
    units = units_table(6)
    result = audit(units, *random_split(units), OPTIONS, reduce_images([fields(6)]))
    assert result["adjacent_crops"] is None
    assert result["not_looked_at"][-1]["what"] == "adjacent crops"
    assert "6 units are too few" in result["not_looked_at"][-1]["reason"]


def test_a_search_that_was_cut_short_does_not_pass(monkeypatch):
    monkeypatch.setattr(leakage, "_MAX_PAIRS", 10)
    units = units_table(48, per_field=6)
    images = fields(48)
    images[:6] = images[0]
    split = make_split(units, {"method": "group-k-fold", "group": ["field"], "folds": 2}, seed=0)
    result = audit(units, *split, OPTIONS, reduce_images([images]))
    assert result["passed"] is None
    assert result["reason"] == "further near-duplicates: the search stopped at 10 pairs"


def test_more_units_than_can_all_be_compared_still_show_their_copies(monkeypatch):
    monkeypatch.setattr(leakage, "_MAX_ALL_PAIRS", 1000)
    images = fields(2100, side=32)
    rng = np.random.default_rng(1)
    copies = images[[0, 1500]] + 0.01 * rng.standard_normal(images[:2].shape)
    found = near_duplicates(thumbnails(np.concatenate([images, copies.astype(np.float16)])), 0.98)
    assert pairs_of(found) == {(0, 2100), (1500, 2101)}


# --- thumbnails and edges -------------------------------------------------------------------------


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


def test_images_of_another_run_are_refused():
    units = units_table(12)
    images = reduce_images([fields(11, side=32)])
    with pytest.raises(InputError, match="11 unit images for 12 units"):
        audit(units, *random_split(units), OPTIONS, images)


def test_no_images_at_all_are_refused():
    with pytest.raises(InputError, match="there are no unit images"):
        reduce_images([])


# --- the real set ---------------------------------------------------------------------------------


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


def test_real_quadrants_split_at_random_are_named_without_field_or_well(lab):
    units, images = lab
    result = audit(units, *random_split(units, folds=5), OPTIONS, images)
    assert result["adjacent_crops"]["pairs"] >= 400
    assert result["near_duplicates"]["found"] == 0
    with pytest.raises(InputError, match="pairs of adjacent crops, cut from one field"):
        raise_if_leaking(result, "random", "error")


@pytest.mark.parametrize(
    "options",
    [
        {"method": "leave-one-compound-out", "validation": 0.1},
        {"method": "leave-one-plate-out"},
        {"method": "group-k-fold", "group": ["field"], "folds": 5, "validation": 0.1},
    ],
)
def test_real_set_split_by_groups_raises_no_false_alarm(lab, options):
    units, images = lab
    result = audit(
        units,
        *make_split(units, options, seed=0),
        OPTIONS | {"groups": ["field", "well"], "orientations": True},
        images,
    )
    assert result["passed"], result["messages"]


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


def test_a_pair_with_common_content_says_which_value_lets_it_pass():
    units = units_table(24)
    images = fields(24)
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.normal(0, 1, images[2].shape), (2, 2, 0))
    noise *= 0.85 * images[2].std() / noise.std()
    images[5] = np.roll(images[2], (6, 9), axis=(0, 1)) + noise
    split = make_split(units, {"method": "leave-one-compound-out"}, seed=0)
    result = audit(units, *split, OPTIONS, reduce_images([images]))
    (example,) = result["overlaps"]["examples"]
    assert example["correlation"] < OPTIONS["min_overlap_correlation"] < example["counts_as"]
    found = re.search(r"audit\.min_overlap_correlation ([0-9.]+) lets this", result["messages"][0])
    assert f"correlation {example['correlation']:.2f}, counts as" in result["messages"][0]
    options = {**OPTIONS, "min_overlap_correlation": float(found[1])}
    assert audit(units, *split, options, reduce_images([images]))["messages"] == []
