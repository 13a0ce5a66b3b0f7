"""What a split does not test is said beside its score."""

import pandas as pd
import pytest
from unit_tables import make_split

from moascope.report import checks


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
    split = {"config": options, "table": table, "groups": members, "audit": {}}
    section = {"format": format, "groups": {name: name for name in groups}}
    return {"splits": {"s": split}, "units": units, "config": {"input": section}}


PATIENTS = {"method": "group-k-fold", "group": ["patient"]}


def test_compounds_that_training_had_as_well_are_said_beside_the_headline():
    assert checks.caveat(context(PATIENTS), "s") == (
        "All test compounds were in training as well, so a new compound may do worse."
    )


def test_compounds_of_which_training_had_some_are_counted():
    given = context(PATIENTS)
    rare = given["units"]["unit_id"].isin(["pA"])
    given["units"].loc[rare, "compound"] = "E"
    assert "4 of 5 test compounds were in training as well" in checks.caveat(given, "s")


def test_what_is_held_out_is_not_said():
    both = {"method": "group-k-fold", "group": ["compound"]}
    assert checks.caveat(context(both), "s") == (
        "All test batches were in training as well, so a new batch may do worse."
    )


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        (["patient"], ""),
        (
            ["patient", "slide"],
            "All test slides were in training as well, so a new slide may do worse.",
        ),
    ],
)
def test_images_without_plates_are_counted_by_their_free_groups(groups, text):
    assert checks.caveat(context(PATIENTS, "classes", groups), "s") == text
