"""Tiles of units."""

import base64

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
