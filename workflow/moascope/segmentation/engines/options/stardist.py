"""Options of StarDist (Schmidt et al. 2018)."""

from __future__ import annotations

from pydantic import Field

from moascope.segmentation.engines.options.base import TrainedNetwork


class StarDistOptions(TrainedNetwork):
    """Options of StarDist."""

    n_rays: int = Field(
        32,
        ge=3,
        le=256,
        description="stardist: number of rays (directions) in which the distance to the border is "
        "predicted",
    )
    grid: int = Field(
        2,
        ge=1,
        le=8,
        description="stardist: downsampling factor of the predictions (1, 2, 4 or 8)",
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
        description="stardist: largest overlap of two objects in non-maximum suppression; null: "
        "that of the model",
    )
