"""A quality measure is one object and one line in the registry."""

import numpy as np
import pytest
from fake_store import FakeStore
from pictures import cells

from moascope.preprocessing import quality
from moascope.preprocessing.quality_measures import registry
from moascope.preprocessing.quality_measures.base import Flag, Measure, columns_of, keep_values
from moascope.preprocessing.quality_measures.options import Quality

STRIPES = Measure(
    name="stripes",
    measure_images=lambda images: {"stripes": images.pixels.mean(axis=3).std(axis=2)},
    summarize_plate=lambda channel: keep_values(channel, ["stripes"]),
    flags=(
        Flag(
            "striped",
            find=lambda table, options: (columns_of(table, "stripes") > 1000).any(axis=1),
            deviation=lambda table: columns_of(table, "stripes").max(axis=1),
        ),
    ),
)


@pytest.fixture
def with_stripes(monkeypatch):
    monkeypatch.setattr(registry, "MEASURES", [*registry.MEASURES, STRIPES])


@pytest.mark.usefixtures("with_stripes")
def test_a_new_measure_has_its_column_and_flags_sites():
    images = cells(np.random.default_rng(0), n=12, side=64)
    images[3, 0, ::2] += 20_000
    table = quality.measure_plate(FakeStore(images, ["DNA"]))
    assert table["stripes:DNA"].idxmax() == 3
    reasons = quality.flag(table, Quality())["reasons"].str.split(";")
    assert [row for row, names in reasons.items() if "striped" in names] == [3]
    assert quality.deviations(table)["striped"].idxmax() == 3


def test_reasons_are_named_once():
    reasons = [flag.reason for flag in registry.flags()]
    assert reasons == ["out-of-focus", "saturated", "empty", "dim", "bright"]
