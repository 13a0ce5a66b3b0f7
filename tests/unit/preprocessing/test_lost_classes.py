"""Classes of which quality control leaves no unit."""

import pandas as pd
import pytest

from moascope.core.errors import InputError
from moascope.preprocessing import lost_classes
from moascope.preprocessing.units import leave_out


def tables(reasons, names=("squares", "dark discs")):
    """Make 30 units of each class; the last class is flagged for the given reasons."""
    labels = [name for name in names for _ in range(30)]
    sites = [f"{name}/{k}.png" for k, name in enumerate(labels)]
    flagged = [name == names[-1] for name in labels]
    units = pd.DataFrame({"unit_id": sites, "site_id": sites, "moa": labels, "plate": "p"})
    units = units.assign(role="treated", flagged=flagged, usable=True)
    quality = units[["site_id"]].assign(reasons=[reasons if flag else "" for flag in flagged])
    return leave_out(units, flagged=True), quality


def check(units, quality, channels=("grey",)):
    return lost_classes.check(units, quality, include_controls=False, channels=channels)


def test_a_lost_class_is_named_with_its_flags_and_the_fix():
    with pytest.raises(InputError) as caught:
        check(*tables("empty"))
    assert str(caught.value) == (
        "a split needs at least two classes, found only the class 'squares' after quality "
        "control: 30 of 30 'dark discs' are flagged (empty: 30). Fix: set input.brightfield: "
        "[grey] if objects are dark or textured, or quality.exclude_flagged: false"
    )


def test_brightfield_is_no_fix_of_other_flags():
    with pytest.raises(InputError) as caught:
        check(*tables("saturated;blurred"))
    assert "(blurred: 30, saturated: 30)" in str(caught.value) or (
        "(saturated: 30, blurred: 30)" in str(caught.value)
    )
    assert str(caught.value).endswith("Fix: set quality.exclude_flagged: false")


def test_a_class_that_is_lost_beside_two_others_is_said():
    assert check(*tables("empty", ("a", "b", "c"))) == [
        "Class lost as a whole: 30 of 30 'c' are flagged (empty: 30)."
    ]


def test_units_without_foreground_are_counted_apart():
    units, quality = tables("empty")
    units = units.assign(flagged=False)
    with pytest.raises(InputError, match="30 of 30 'dark discs' have too little foreground"):
        check(units, quality.assign(reasons=""))


def test_nothing_is_said_where_flagged_images_are_kept():
    units, quality = tables("empty")
    assert check(units.assign(usable=True), quality) == []
