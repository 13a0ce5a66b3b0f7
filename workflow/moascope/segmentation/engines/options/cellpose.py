"""Options of Cellpose (Pachitariu et al. 2025)."""

from __future__ import annotations

from pydantic import Field

from moascope.segmentation.engines.options.base import GivenModel


class CellposeOptions(GivenModel):
    """Options of Cellpose."""

    flow_threshold: float | None = Field(
        None,
        ge=0,
        le=10,
        description="cellpose: largest error of the flows of an object; 0: any; null: its default",
    )
    cellprob_threshold: float | None = Field(
        None,
        ge=-10,
        le=10,
        description="cellpose: lowest logit of a pixel of an object; null: its default",
    )
