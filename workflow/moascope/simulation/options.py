"""Options of the section `simulate`."""

from __future__ import annotations

from pydantic import Field

from moascope.core.options import (
    Section,
    consistency_check,
)


class Simulate(Section):
    """Synthetic screen (used when input.format is simulate)."""

    plates: int = Field(4, ge=1, le=2000, description="number of plates")
    batches: int = Field(
        2, ge=1, le=100, description="number of imaging batches that the plates are divided into"
    )
    image_size: int = Field(256, ge=64, le=2048, description="side of a field of view in pixels")
    sites_per_well: int = Field(1, ge=1, le=16, description="number of fields of view per well")
    controls_per_plate: int = Field(12, ge=1, le=95, description="number of DMSO wells per plate")
    mechanisms: int = Field(6, ge=1, le=6, description="number of mechanisms of action")
    compounds: int = Field(3, ge=1, le=8, description="number of compounds per mechanism")
    doses: int = Field(3, ge=1, le=6, description="number of doses per compound")
    bad_wells_per_plate: int = Field(
        3,
        ge=0,
        le=24,
        description="number of bad wells per plate: in turn out of focus, saturated and empty",
    )
    damaged_file: bool = Field(False, description="truncate one TIFF file of the first plate")

    @consistency_check
    def _fits(self) -> Simulate:
        if self.batches > self.plates:
            raise ValueError(f"batches ({self.batches}) must not exceed plates ({self.plates})")
        wells = self.mechanisms * self.compounds * self.doses + self.controls_per_plate
        if wells > 96:
            raise ValueError(
                f"{wells} wells do not fit on a plate of 96; lower mechanisms, compounds, doses or "
                "controls_per_plate"
            )
        if self.bad_wells_per_plate > wells:
            raise ValueError(
                f"bad_wells_per_plate ({self.bad_wells_per_plate}) must not exceed the {wells} "
                "wells in use"
            )
        return self
