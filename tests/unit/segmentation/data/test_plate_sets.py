"""Plates for training, tuning and scoring."""

import pytest

from moascope.core.errors import InputError
from moascope.segmentation.data.dataset import SETS
from moascope.segmentation.data.plate_sets import divide_plates

PLATES = ["P1", "P2", "P3", "P4"]
NONE = {"train": [], "validation": [], "test": []}


def test_plates_are_dealt_out_from_the_first():
    assert divide_plates(PLATES, NONE, SETS) == {
        **{"train": ["P1", "P2"], "validation": ["P3"], "test": ["P4"]}
    }


def test_plates_named_by_hand_are_taken():
    named = {"train": ["P4"], "validation": ["P1"], "test": ["P2"]}
    assert divide_plates(PLATES, named, SETS) == named


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({**NONE, "train": ["P1"]}, "segmentation.test_plates: no plate is named"),
        ({**NONE, "train": ["P7"]}, "train_plates: there is no plate 'P7'; there are: 'P1'"),
        ({**NONE, "train": ["P1"], "test": ["P1"]}, "'P1' is also in segmentation.train_plates"),
    ],
)
def test_plates_that_cannot_be_dealt_are_named(named, message):
    with pytest.raises(InputError, match=message):
        divide_plates(PLATES, named, SETS)


def test_two_plates_are_too_few_to_deal():
    with pytest.raises(InputError, match="2 plates are too few for training, validation and test"):
        divide_plates(PLATES[:2], NONE, SETS)


def test_given_models_need_test_plates_only():
    assert divide_plates(PLATES[:1], NONE, ["test"]) == {"test": ["P1"]}
    assert divide_plates(PLATES, {**NONE, "test": ["P2"]}, ["test"]) == {"test": ["P2"]}
