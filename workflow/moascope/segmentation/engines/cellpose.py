"""Cellpose (Pachitariu et al. 2025), as data."""

from __future__ import annotations

from pydantic import Field

from moascope.segmentation.engines.base import GivenModel, Method, SizeAdvice


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


CELLPOSE = Method(
    name="cellpose",
    options=CellposeOptions,
    load="moascope.segmentation.implementations.cellpose:load",
    environment="cellpose",
    finding_keys=("model", "diameter", "flow_threshold", "cellprob_threshold"),
    advice=SizeAdvice(
        "min_area or cellprob_threshold", "cellprob_threshold or max_area", size="diameter"
    ),
    memory_mb=8000,
    library="torch",
    sees_gpu="moascope.segmentation.implementations.cellpose:sees_gpu",
    packages=("cellpose",),
    most_channels=3,
)
