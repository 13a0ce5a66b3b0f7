"""Options of StarDist (Schmidt et al. 2018)."""

from __future__ import annotations

from pydantic import Field

from moascope.segmentation.engines.options.base import TrainedNetwork


class StarDistOptions(TrainedNetwork):
    """Options of StarDist."""

    n_rays: int = Field(
        32, ge=3, le=256, description="stardist: directions in which the border is looked for"
    )
    grid: int = Field(
        2,
        ge=1,
        le=8,
        description="stardist: side (1, 2, 4 or 8 px) of what shares a prediction",
    )
    prob_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="stardist: lowest probability of an object; null: that of the model",
    )
    nms_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="stardist: largest overlap of two objects; null: that of the model",
    )
