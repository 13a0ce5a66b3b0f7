"""The limits of a split are stated with its score."""

import dataclasses

import pandas as pd
import pytest
from report_contexts import context_of, split_of
from report_pages import changed
from unit_tables import make_split

from moascope.report import splits as report_splits


def context_with(options, format="table", groups=()):
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
    section = {"format": format, "channels": {"grey": 0}, "groups": {name: name for name in groups}}
    splits = {"s": split_of(options, table, members)}
    return context_of({"input": section}, splits=splits, units=units)


PATIENTS = {"method": "group-k-fold", "group": ["patient"]}


def test_compounds_that_are_also_in_training_are_stated():
    assert report_splits.describe_limits(context_with(PATIENTS), "s") == (
        "All test compounds were also in training: scores on a new compound may be lower."
    )


def test_compounds_that_are_partly_in_training_are_counted():
    rare = context_with(PATIENTS)
    rare.units.loc[rare.units["unit_id"].isin(["pA"]), "compound"] = "E"
    text = report_splits.describe_limits(rare, "s")
    assert "4 of 5 test compounds were also in training" in text


def test_groups_that_are_held_out_are_not_listed():
    both = {"method": "group-k-fold", "group": ["compound"]}
    assert report_splits.describe_limits(context_with(both), "s") == (
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
    assert report_splits.describe_limits(context_with(PATIENTS, "classes", groups), "s") == text


def test_splits_with_many_groups_are_drawn_as_bars(context):
    split = context.splits["loco"]
    rows = [
        (0, fold, f"fold {fold}", f"g{group:03d}", "test" if group % 3 == fold else "train")
        for fold in range(3)
        for group in range(100)
    ]
    table = pd.DataFrame(rows, columns=["repeat", "fold", "fold_name", "group", "set"])
    unit_ids = context.units["unit_id"].head(200)
    groups = pd.DataFrame({"unit_id": unit_ids, "group": [f"g{i // 2:03d}" for i in range(200)]})
    many = changed(context, splits={"loco": dataclasses.replace(split, table=table, groups=groups)})
    svg = report_splits.split_figure(many, "loco")
    assert "units in training, validation and test of 3 folds" in svg


def test_mixed_groups_stand_under_no_class(context):
    assert "Actin disruptors" in report_splits.split_figure(context, "loco")
    assert "Actin disruptors" not in report_splits.split_figure(context, "plates")
