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
        description="classical: how the threshold is found; `triangle` for few or faint objects, "
        "`local` (Otsu of the difference to the surroundings) for uneven light",
    )
    correction: float | None = Field(
        None,
        gt=0,
        le=10,
        description="classical: factor of the threshold; below 1 more pixels belong to objects; "
        "null: tuned, or 0.8",
    )
    smoothing: float | None = Field(
        None,
        ge=0,
        le=1,
        description="classical: SD of the Gaussian that smoothes the image, in diameters; null: "
        "tuned, or 0.05",
    )
    separation: float | None = Field(
        None,
        gt=0,
        le=2,
        description="classical: smallest distance between centres of objects, in diameters; less "
        "splits more; null: tuned, or 0.3",
    )
