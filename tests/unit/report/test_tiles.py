"""Tiles of units."""

import base64
import copy

import numpy as np
from report_pages import changed

from moascope.report import tiles as report_tiles


def test_a_large_image_does_not_make_a_large_report(context):
    rng = np.random.default_rng(0)
    images = {unit: rng.random((700, 900, 3)) for unit in list(context.images)[:3]}
    painter = report_tiles.Painter(changed(context, images={**context.images, **images}))
    for image in images.values():
        assert max(painter.draw(image).shape) <= 160
        assert len(base64.b64decode(painter.source(image).split(",")[1])) < 60_000


def test_every_augmentation_has_a_row_with_its_name_and_settings(context):
    config = copy.deepcopy(context.config)
    elastic = {"name": "elastic", "fraction": 0.05, "nodes": 4}
    config["augmentation"] = [{"name": "flip", "probability": 0.5}, elastic]
    sheet = np.random.default_rng(0).random((4, 3, 16, 16, 3))
    shown = changed(context, config=config, augmentation=sheet)
    rows = report_tiles.augmentation_section(shown, report_tiles.Painter(context))
    assert [row["name"] for row in rows] == ["flip", "elastic", "all together", "all together"]
    assert rows[0]["settings"] == "50% of the units"
    assert rows[1]["settings"] == "fraction 0.05, nodes 4"
    assert {len(row["tiles"]) for row in rows} == {3}
