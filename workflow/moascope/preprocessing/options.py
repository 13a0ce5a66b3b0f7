"""Options of the section `units`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moascope.core.options import Section, consistency_check, refuse, without_effect


class CellUnits(Section):
    """Crops around the cells that `segmentation.measure_with` finds."""

    crop: int = Field(64, ge=8, le=1024, description="side of the crops in pixels")
    border: Literal["drop", "pad"] = Field(
        "drop", description="crops beyond the border of the site. drop: leave out; pad: fill with 0"
    )
    mask_neighbours: bool = Field(False, description="set the pixels of other cells to 0")
    per_site: int | None = Field(
        None, ge=1, description="largest number of cells per site, drawn at random; null: all"
    )


class Units(Section):
    """Units of classification: images at training resolution."""

    size: int | None = Field(
        None,
        ge=16,
        le=4096,
        description="longer side of a unit in pixels after resizing; null: not resized",
    )
    cells: CellUnits | None = Field(
        None, description="crops of single cells as units; null: sites or tiles"
    )
    tiles: tuple[int, int] = Field(
        (1, 1), description="rows and columns of tiles that a site is divided into"
    )
    min_foreground: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="smallest share of foreground pixels of a tile; tiles below it are left out",
    )

    @consistency_check
    def _consistent(self) -> Units:
        if self.cells is not None:
            refuse(without_effect(self, {"min_foreground": "cells"}))
        if min(self.tiles) < 1 or max(self.tiles) > 64:
            raise ValueError("tiles must be between 1 and 64 in each direction")
        if self.cells is not None and max(self.tiles) > 1:
            raise ValueError("cells and tiles exclude each other; leave one out")
        return self
