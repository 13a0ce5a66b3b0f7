"""Quality measures, in the order of their columns and reasons."""

from __future__ import annotations

from moascope.preprocessing.quality_measures import coverage, focus, intensity, saturation
from moascope.preprocessing.quality_measures.base import Flag, Measure

MEASURES: list[Measure] = [
    focus.MEASURE,
    saturation.MEASURE,
    coverage.MEASURE,
    intensity.MEASURE,
]


def flags() -> list[Flag]:
    """Return the reasons to flag a site, of all measures."""
    return [flag for measure in MEASURES for flag in measure.flags]
