"""Layout of a screen: how closely class and place go together."""

import numpy as np
import pandas as pd
import pytest

from moascope.classification import layout


def wells(rows: list[tuple[str, int, int, str]], batch: str = "b") -> pd.DataFrame:
    """Units, one per well: plate, row, column and class."""
    table = pd.DataFrame(rows, columns=["plate", "row", "col", "moa"])
    table["well"] = [f"{'ABCDEFGH'[row]}{col + 1:02d}" for row, col in table[["row", "col"]].values]
    return table.assign(batch=batch)


def test_a_place_that_tells_the_class_has_a_v_of_one():
    table = np.array([[20, 0, 0], [0, 20, 0], [0, 0, 20]])
    assert layout.cramers_v(table) == pytest.approx(1)


def test_classes_dealt_out_evenly_have_a_v_of_zero():
    assert layout.cramers_v(np.full((3, 4), 5)) == 0


def test_v_of_a_published_formula():
    # phi2 = 0.25 for this table of 2 x 2; Bergsma (2013) with n = 40.
    table = np.array([[15, 5], [5, 15]])
    phi2 = 0.25 - 1 / 39
    assert layout.cramers_v(table) == pytest.approx(np.sqrt(phi2 / (1 - 1 / 39)))


def test_chance_does_not_make_a_large_v():
    rng = np.random.default_rng(0)
    found = [
        layout.cramers_v(pd.crosstab(rng.integers(0, 6, 60), rng.integers(0, 10, 60)).to_numpy())
        for _ in range(60)
    ]
    assert np.mean(found) < 0.12


def test_wells_are_counted_not_units():
    rows = [("P", 0, 0, "a"), ("P", 1, 1, "b")]
    once, often = wells(rows), wells(rows * 50)
    assert layout.association(once) == layout.association(often)


def test_controls_in_one_position_are_named():
    rows = [(f"P{n}", 1, 1, "DMSO") for n in range(3)]
    rows += [(f"P{n}", row, col, "a") for n in range(3) for row in (2, 3) for col in (3, 4, 5)]
    found = layout.association(wells(rows))
    assert found["position"]["single"] == {"DMSO": "B02"}
    assert found["row"]["single"] == {"DMSO": "B"}
    assert found["column"]["single"] == {"DMSO": "2"}
    assert found["plate"]["single"] == {}


def test_a_screen_of_one_batch_has_no_association_with_it():
    found = layout.association(wells([("P", 0, 0, "a"), ("P", 1, 1, "b")]))
    assert found["batch"]["cramers_v"] is None
    assert found["batch"]["reason"] == "one place or one class only"


def test_places_are_one_hot():
    features = layout.one_hot(wells([("P", 0, 0, "a"), ("Q", 0, 1, "b"), ("Q", 2, 1, "b")]))
    # Plates P and Q, one batch, rows A and C, columns 1 and 2.
    assert features.tolist() == [
        [1, 0, 1, 1, 0, 1, 0],
        [0, 1, 1, 1, 0, 0, 1],
        [0, 1, 1, 0, 1, 0, 1],
    ]


def test_v_is_not_defined_where_every_place_has_one_well():
    found = layout.association(
        wells([("P", row, col, "ab"[row % 2]) for row in range(4) for col in range(3)])
    )
    assert found["position"]["cramers_v"] is None
    assert found["position"]["reason"] == "too few wells for so many places"
