"""The limits of a split are stated with its score."""

import pandas as pd
import pytest
from report_contexts import context_of, split_of

from moascope.report import splits as report_splits
from moascope.splits.make import make_split


def context(options, format="table", groups=()):
    """Four patients see both compounds of each of two classes; a fold per pair of patients."""
    rows = [
        (f"{patient}{compound}", moa, compound, patient)
        for patient in "pqrs"
        for moa, compound in (("x", "A"), ("x", "B"), ("y", "C"), ("y", "D"))
    ]
    units = pd.DataFrame(rows, columns=["unit_id", "moa", "compound", "patient"])
    units = units.assign(role="treated", usable=True, flagged=False, batch=units["patient"])
    units = units.assign(slide=units["compound"])
    table, members = make_split(units, {"folds": 2, "validation": 0.0, **options}, seed=0)
    section = {"format": format, "groups": {name: name for name in groups}}
    splits = {"s": split_of(options, table, members)}
    return context_of({"input": section}, splits=splits, units=units)


PATIENTS = {"method": "group-k-fold", "group": ["patient"]}


def test_compounds_that_are_also_in_training_are_stated():
    assert report_splits.describe_limits(context(PATIENTS), "s") == (
        "All test compounds were also in training: scores on a new compound may be lower."
    )


def test_compounds_that_are_partly_in_training_are_counted():
    rare = context(PATIENTS)
    rare.units.loc[rare.units["unit_id"].isin(["pA"]), "compound"] = "E"
    text = report_splits.describe_limits(rare, "s")
    assert "4 of 5 test compounds were also in training" in text


def test_groups_that_are_held_out_are_not_listed():
    both = {"method": "group-k-fold", "group": ["compound"]}
    assert report_splits.describe_limits(context(both), "s") == (
        "All test batches were also in training: scores on a new batch may be lower."
    )


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        (["patient"], ""),
        (
            ["patient", "slide"],
            "All test slides were also in training: scores on a new slide may be lower.",
        ),
    ],
)
def test_images_without_plates_are_counted_by_their_free_groups(groups, text):
    assert report_splits.describe_limits(context(PATIENTS, "classes", groups), "s") == text
