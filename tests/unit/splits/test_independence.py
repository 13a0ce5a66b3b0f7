"""Independent units: what is too fine for a split is refused."""

import pytest
from unit_tables import held_out_columns

from moascope.core.errors import InputError
from moascope.splits.independence import independent_unit, plural


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({"method": "leave-one-compound-out"}, ["compound"]),
        ({"method": "leave-one-plate-out"}, ["plate"]),
        ({"method": "leave-one-batch-out"}, ["batch"]),
        ({"method": "leave-compound-and-batch-out"}, ["compound", "batch"]),
        ({"method": "group-k-fold", "group": ["plate", "well"]}, ["plate+well"]),
        ({"method": "stratified-k-fold"}, []),
        ({"method": "fixed"}, []),
    ],
)
def test_splits_hold_out_their_columns(options, columns):
    assert held_out_columns(options) == columns


@pytest.mark.parametrize(
    ("held_out", "name"),
    [
        (["compound"], "compound"),
        (["compound", "batch"], "compound"),
        (["plate"], "plate"),
        (["batch"], "batch"),
        (["field"], "field"),
        ([], "compound"),
    ],
)
def test_the_automatic_unit_is_what_is_held_out(held_out, name):
    assert independent_unit(held_out, "auto").name == name


def test_columns_of_the_sheet_can_be_held_out():
    found = independent_unit(["donor"], "auto")
    assert found.columns == ("donor",)
    assert independent_unit(["donor+well"], "auto").columns == ("donor", "plate", "well")


@pytest.mark.parametrize("chosen", ["field", "well", "plate", "batch"])
def test_units_finer_than_held_out_compounds_are_refused(chosen):
    with pytest.raises(InputError) as error:
        independent_unit(["compound"], chosen, "loco")
    assert str(error.value) == (
        f"evaluation.independent_unit: '{chosen}' is finer than what the split 'loco' holds out "
        "(compound), so its intervals would be too narrow. Fix: set it to auto or compound"
    )


@pytest.mark.parametrize("chosen", ["field", "well", "compound"])
def test_units_finer_than_held_out_plates_are_refused(chosen):
    with pytest.raises(InputError, match=r"holds out \(plate\).*set it to auto or plate or batch"):
        independent_unit(["plate"], chosen, "plates")


@pytest.mark.parametrize(
    ("held_out", "chosen"),
    [(["plate"], "batch"), (["field"], "compound"), (["well"], "plate"), ([], "plate")],
)
def test_coarser_units_are_taken(held_out, chosen):
    assert independent_unit(held_out, chosen).name == chosen


def test_an_unknown_unit_is_refused():
    with pytest.raises(InputError, match=r"unknown unit 'day'\. Use auto, field, well, compound"):
        independent_unit([], "day")


@pytest.mark.parametrize(
    ("held_out", "chosen"),
    [([], "field"), ([], "well"), (["compound", "batch"], "batch"), (["compound+plate"], "plate")],
)
def test_units_that_cross_what_belongs_together_are_refused(held_out, chosen):
    with pytest.raises(InputError, match="is finer than what the split"):
        independent_unit(held_out, chosen, "s")


def test_names_are_read_with_what_they_are_unique_in():
    assert independent_unit(["field"], "auto").columns == ("plate", "well", "field")
    assert independent_unit(["site"], "auto").columns == ("plate", "well", "site")


@pytest.mark.parametrize(
    ("unit", "n", "words"),
    [
        ("compound", 18, "18 compounds"),
        ("batch", 10, "10 batches"),
        ("plate", 1, "1 plate"),
        ("patient", 9, "9 patients"),
        ("patient", 1, "1 patient"),
        ("patient_id", 9, "9 groups of patient_id"),
        ("plate x replicate", 4, "4 groups of plate x replicate"),
    ],
)
def test_numbers_of_units_are_written_in_words(unit, n, words):
    assert plural(unit, n) == words


@pytest.mark.parametrize("held_out", [["patient"], []])
def test_a_free_group_is_an_independent_unit(held_out):
    found = independent_unit(held_out, "patient", "s", ["patient", "slide"])
    assert (found.name, found.columns) == ("patient", ("patient",))


@pytest.mark.parametrize("chosen", ["slide", "compound", "well"])
def test_other_units_than_a_held_out_free_group_are_refused(chosen):
    with pytest.raises(InputError, match=r"holds out \(patient\).*set it to auto or patient$"):
        independent_unit(["patient"], chosen, "s", ["patient", "slide"])


def test_images_are_too_fine_where_free_groups_are_declared():
    with pytest.raises(
        InputError, match=r"groups of input\.groups \(patient\).*set it to auto or patient"
    ):
        independent_unit([], "image", "s", ["patient"], has_plates=False)
    assert independent_unit([], "image", "s", has_plates=False).name == "image"


def test_free_groups_are_named_where_a_unit_is_unknown():
    with pytest.raises(InputError, match=r"unknown unit 'patent'\. Use .*batch, patient"):
        independent_unit([], "patent", "s", ["patient"])
