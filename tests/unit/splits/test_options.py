"""Options of splits."""

import pytest
from pydantic import ValidationError

from moascope.splits.options import METHODS, Audit, Split


@pytest.mark.parametrize(
    ("method", "key", "value", "has_effect"),
    [
        ("group-k-fold", "group", ["well"], True),
        ("leave-one-group-out", "group", ["well"], True),
        ("stratified-k-fold", "group", ["well"], False),
        ("group-k-fold", "folds", 3, True),
        ("stratified-k-fold", "folds", 3, True),
        ("leave-one-plate-out", "folds", 3, False),
        ("fixed", "file", "f.csv", True),
        ("leave-one-batch-out", "file", "f.csv", False),
    ],
)
def test_keys_belong_to_methods(method, key, value, has_effect):
    if has_effect:
        assert getattr(Split(method=method, **{key: value}), key) == value
        return
    given = {"method": method, key: value}
    with pytest.raises(ValidationError, match=f"{key} has no effect with method '{method}'"):
        Split(**given)


def test_leaving_out_a_group_needs_its_name():
    with pytest.raises(ValidationError, match="'leave-one-group-out' also needs group"):
        Split(method="leave-one-group-out")
    for method in METHODS:
        if method != "leave-one-group-out":
            assert Split(method=method).group == ["compound"]


@pytest.mark.parametrize("method", METHODS)
def test_units_are_set_aside_by_share_or_by_a_list(method):
    group = {"group": ["well"]} if method == "leave-one-group-out" else {}
    assert Split(method=method, **group).may_validate() == (method == "fixed")
    assert Split(method=method, validation=0.2, **group).may_validate()


@pytest.mark.parametrize("key", ["min_correlation", "min_overlap_correlation", "orientations"])
def test_an_audit_without_images_compares_none(key):
    assert getattr(Audit(**{key: True}), key)
    with pytest.raises(ValidationError, match=f"{key} has no effect with images false"):
        Audit(images=False, **{key: True})


@pytest.mark.parametrize(
    "keys", [{"folds": 1}, {"repeats": 0}, {"validation": 0.6}, {"group": []}, {"method": "random"}]
)
def test_values_are_limited(keys):
    with pytest.raises(ValidationError, match=next(iter(keys))):
        Split(**{"method": "group-k-fold", **keys})
