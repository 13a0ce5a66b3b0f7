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
        description="cellpose: largest flow error of an object; 0: no limit; null: default of "
        "Cellpose",
    )
    cellprob_threshold: float | None = Field(
        None,
        ge=-10,
        le=10,
        description="cellpose: lowest cell probability (logit) of a pixel of an object; null: "
        "default of Cellpose",
    )
