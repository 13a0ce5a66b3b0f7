"""Threshold and watershed, as data."""

from __future__ import annotations

from moascope.segmentation.engines.base import Method, SizeAdvice
from moascope.segmentation.engines.options.classical import USUAL_DIAMETER, ClassicalOptions

CLASSICAL = Method(
    name="classical",
    options=ClassicalOptions,
    load="moascope.segmentation.implementations.classical:load",
    environment="imaging",
    finding_keys=(
        "diameter",
        "polarity",
        "threshold",
        "smoothing",
        "threshold_correction",
        "min_distance",
    ),
    advice=SizeAdvice("min_area, smoothing or min_distance", "polarity, threshold or max_area"),
    measure="moascope.segmentation.implementations.classical:measure_size",
    tune="moascope.segmentation.implementations.classical:tune_job",
    model_file="json",
    usual_diameter=USUAL_DIAMETER,
)
