"""Content of the report, read from the files of a run."""

import fake_run
import numpy as np
import pandas as pd
import pytest
from report_pages import changed

from moascope.report import context as report_context


def test_examples_take_turns_between_compounds_and_leave_flagged_units_out(context):
    units = context.units
    chosen = dict(report_context.example_units(units, 1, 6))
    assert list(chosen) == ["control", *sorted(fake_run.MECHANISMS)]
    known = units.set_index("unit_id")
    for name in fake_run.MECHANISMS:
        assert known.loc[chosen[name][:3], "compound"].nunique() == 3
        assert known.loc[chosen[name], "usable"].all()


def test_flagged_units_are_examples_where_they_are_classified(context):
    units = context.units
    name = min(fake_run.MECHANISMS)
    units = units.assign(flagged=units["moa"] == name)
    assert name not in dict(report_context.example_units(units, 1, 6))
    assert len(dict(report_context.example_units(units, 1, 6, with_flagged=True))[name]) == 6


def test_only_the_pixels_that_are_shown_are_read(context):
    shown = {u for _, row in report_context.example_units(context.units, 1, 6) for u in row}
    assert shown <= set(context.images)
    assert len(context.images) < len(context.units)


def test_pixels_are_those_of_their_unit(context):
    units, images = context.units, context.images
    pixels = fake_run.pictures(units, _after_quality(units))
    for unit, image in images.items():
        row = units.index[units["unit_id"] == unit][0]
        np.testing.assert_array_equal(image, pixels[row].astype(np.float32))


def _after_quality(units):
    rng = np.random.default_rng(7)
    fake_run.quality_table(units, rng)
    return rng


def test_the_pixel_size_follows_resizing_and_tiling(context):
    quality = pd.DataFrame({"width": [512, 512], "pixel_size_um": 0.5})
    tiled = changed(context, config={**context.config, "units": {"tiles": [1, 2]}})
    options, images = tiled.options, [np.zeros((128, 128, 3))]
    size = report_context._pixel_size(options, quality, images)
    assert size == pytest.approx(0.5 * 256 / 128)
    for unknown in (np.nan, [0.5, 0.6], [0.5, np.nan]):
        other = quality.assign(pixel_size_um=unknown)
        assert report_context._pixel_size(options, other, images) is None
