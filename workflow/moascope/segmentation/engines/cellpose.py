"""Cellpose (Pachitariu et al. 2025), as data."""

from __future__ import annotations

from moascope.segmentation.engines.base import Method, SizeAdvice
from moascope.segmentation.engines.options.cellpose import CellposeOptions

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
