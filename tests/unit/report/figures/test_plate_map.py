"""Heat maps of plates."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from figure_examples import plate, texts, wells


@pytest.mark.parametrize("plate_format", [96, 384, 1536])
def test_plate_maps_stay_small_and_name_their_corners(plate_format):
    svg = plate(wells(plate_format), plate_format)
    assert len(svg) < 150_000
    assert {"A", "1"} <= set(texts(svg))


def test_flagged_wells_are_marked_by_shape():
    def marks(table):
        return len(re.findall(r"<use[^>]*stroke: var\(--fg", plate(table)))

    unflagged = marks(wells().assign(flagged=False))
    assert marks(wells()) - unflagged == wells()["flagged"].sum()


def test_a_plate_with_missing_wells_and_values_is_drawn():
    table = wells().iloc[10:40].assign(value=np.nan)
    ElementTree.fromstring(plate(table, diverging=True, limits=(-6, 6), tick_format="+.0f"))


def test_a_zero_on_a_signed_key_has_no_sign():
    drawn = texts(plate(wells(), diverging=True, limits=(-6.0, 6.0), tick_format="+.0f"))
    assert {"−6", "0", "+6"} <= set(drawn)
