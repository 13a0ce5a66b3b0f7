"""Options of the section `report`."""

from __future__ import annotations

from pydantic import Field

from moascope.core.options import Section


class Report(Section):
    """Options of the report."""

    title: str | None = Field(None, description="heading of the report; null: the name of the run")
    max_examples: int = Field(
        6, ge=1, le=50, description="largest number of example images per class"
    )
    max_plates: int = Field(
        12,
        ge=1,
        le=400,
        description="largest number of plate heat maps: worst plates first for quality, by name "
        "for cell counts",
    )
