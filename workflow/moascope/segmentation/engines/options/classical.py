"""Options of threshold and watershed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moascope.segmentation.engines.options.base import MethodOptions

USUAL_DIAMETER = 20.0
"""Diameter of objects in px where neither the user nor annotated images tell it."""


class ClassicalOptions(MethodOptions):
    """Options of threshold and watershed."""

    polarity: Literal["bright", "dark"] = Field(
        "bright", description="classical: objects are brighter or darker than the background"
    )
    threshold: Literal["otsu", "triangle", "local"] = Field(
        "otsu",
        description="classical: method of the threshold. otsu: usual images; triangle: few or "
        "faint objects; local: uneven illumination (Otsu of the difference from the surroundings)",
    )
    threshold_correction: float | None = Field(
        None,
        gt=0,
        le=10,
        description="classical: factor that the threshold is multiplied by; lower values make "
        "objects larger; null: tuned, or 0.8",
    )
    smoothing: float | None = Field(
        None,
        ge=0,
        le=1,
        description="classical: SD of the Gaussian filter, in diameters; null: tuned, or 0.05",
    )
    min_distance: float | None = Field(
        None,
        gt=0,
        le=2,
        description="classical: smallest distance between the centres of objects, in diameters; "
        "lower values split more; null: tuned, or 0.3",
    )
