"""What the leakage audit finds, and what it leaves in peace."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from unit_pictures import fields, quadrants, units_table
from unit_tables import held_out_columns, make_split

from moascope.core.errors import InputError
from moascope.splits import image_leakage
from moascope.splits.audit import audit, raise_if_leaking
from moascope.splits.image_leakage import reduce_images
from moascope.splits.options import Audit

OPTIONS = Audit(groups=[])


def random_split(units, **options):
    return make_split(units, {"method": "stratified-k-fold", "folds": 3, **options}, seed=0)


def test_a_field_on_two_sides_is_counted_and_named():
    units = units_table(48, per_field=4)
    result = audit(
        units, *random_split(units), OPTIONS.model_copy(update={"groups": ["field", "well"]})
    )
    assert result["passed"] is False
    shared = result["groups"]["field"]["shared"]
    assert shared >= 10
    assert result["shared_groups"] == 2 * shared
    example = result["groups"]["field"]["examples"][0]
    assert example["group"].startswith("plate0/")
    assert set(example["sets"]) == {"train", "test"}
    assert f"{shared} groups of column 'field' are in two sets" in result["messages"][0]


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
    result = audit(units, split, groups, OPTIONS.model_copy(update={"groups": ["field"]}))
    assert result["groups"]["field"]["shared"] == expected > 0


def test_whole_fields_pass():
    units = units_table(48, per_field=4)
    options = {"method": "group-k-fold", "group": ["field"], "folds": 3, "validation": 0.3}
    result = audit(
        units,
        *make_split(units, options, seed=0),
        OPTIONS.model_copy(update={"groups": ["field", "well"]}),
    )
    assert result["shared_groups"] == 0
    assert result["messages"] == []


def test_wells_of_the_same_name_on_other_plates_are_other_wells():
    units = units_table(200)
    options = {"method": "leave-one-plate-out"}
    result = audit(
        units, *make_split(units, options, seed=0), OPTIONS.model_copy(update={"groups": ["well"]})
    )
    assert result["messages"] == []


def test_a_column_that_does_not_exist_is_refused():
    units = units_table(12)
    with pytest.raises(InputError, match="unknown group column 'feild': did you mean 'field'"):
        audit(units, *random_split(units), OPTIONS.model_copy(update={"groups": ["feild"]}))


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
    result = audit(
        units, spoiled, groups, OPTIONS.model_copy(update={"groups": ["batch"]}), held_out=held_out
    )
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
    result = audit(
        units, *random_split(units), OPTIONS.model_copy(update={"groups": ["field"]}), images
    )
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_duplicate_under_another_compound_fails_leave_one_compound_out():
    units = units_table(24)
    images = fields(24)
    images[5] = images[2]
    split = make_split(units, {"method": "leave-one-compound-out"}, seed=0)
    result = audit(units, *split, OPTIONS, reduce_images([images]))
    assert result["near_duplicates"]["pairs"] == 1
    (example,) = result["near_duplicates"]["examples"]
    assert (example["a"], example["b"]) == ("plate0/A03/0", "plate0/A06/0")
    assert "1 pair of nearly identical images is in two sets" in result["messages"][0]


def test_a_duplicate_on_one_side_does_not_fail():
    units = units_table(48, per_field=4)
    images = fields(48)
    images[1] = images[0]
    options = {"method": "group-k-fold", "group": ["field"], "folds": 3}
    result = audit(units, *make_split(units, options, seed=0), OPTIONS, reduce_images([images]))
    assert result["near_duplicates"]["found"] == 1
    assert result["near_duplicates"]["pairs"] == 0
    assert result["passed"]


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
    result = audit(units, *random_split(units), OPTIONS.model_copy(update={"groups": ["field"]}))
    raise_if_leaking(result, "random", "warn")
    assert "split 'random' leaks" in caplog.text


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
    assert (
        audit(units, *split, OPTIONS.model_copy(update={"orientations": False}), reduced)["passed"]
        is True
    )


def test_an_audit_without_images_does_not_pass(caplog):
    units = units_table(48, per_field=4)
    options = {"method": "group-k-fold", "group": ["field"], "folds": 3}
    split = make_split(units, options, seed=0)
    result = audit(units, *split, OPTIONS.model_copy(update={"groups": ["field"]}))
    assert result["passed"] is None
    assert result["reason"] == "images: audit.images is false"
    assert result["not_looked_at"] == [{"what": "images", "reason": "audit.images is false"}]
    caplog.set_level("INFO")
    raise_if_leaking(result, "fields", "error")
    assert "split fields: not checked: images (audit.images is false)" in caplog.text
    assert "passed" not in caplog.text


def test_an_audit_of_blank_images_does_not_pass():
    units = units_table(24)
    blank = reduce_images([np.zeros((24, 32, 32, 2), np.float16)])
    result = audit(
        units, *random_split(units), OPTIONS.model_copy(update={"groups": ["field"]}), blank
    )
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
    monkeypatch.setattr(image_leakage, "MAX_PAIRS", 10)
    units = units_table(48, per_field=6)
    images = fields(48)
    images[:6] = images[0]
    split = make_split(units, {"method": "group-k-fold", "group": ["field"], "folds": 2}, seed=0)
    result = audit(units, *split, OPTIONS, reduce_images([images]))
    assert result["passed"] is None
    assert result["reason"] == "further near-duplicates: the search stopped at 10 pairs"


def test_images_of_another_run_are_refused():
    units = units_table(12)
    images = reduce_images([fields(11, side=32)])
    with pytest.raises(InputError, match="11 unit images for 12 units"):
        audit(units, *random_split(units), OPTIONS, images)


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
        OPTIONS.model_copy(update={"groups": ["field", "well"], "orientations": True}),
        images,
    )
    assert result["passed"], result["messages"]


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
    assert example["correlation"] < OPTIONS.min_overlap_correlation < example["counts_as"]
    found = re.search(r"audit\.min_overlap_correlation ([0-9.]+) lets this", result["messages"][0])
    assert f"correlation {example['correlation']:.2f}, counts as" in result["messages"][0]
    options = OPTIONS.model_copy(update={"min_overlap_correlation": float(found[1])})
    assert audit(units, *split, options, reduce_images([images]))["messages"] == []
