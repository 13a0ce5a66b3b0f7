"""Options of the sections `quality`, `normalization` and `units`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moascope.core.options import (
    OneOf,
    Section,
    consistency_check,
    keys_of_other_methods,
    refuse,
    without_effect,
)
from moascope.preprocessing.normalization_methods import registry
from moascope.preprocessing.normalization_methods.base import StepKeys


class Quality(Section):
    """Quality control. Sites are compared with their plate by robust z-scores."""

    focus_z: float = Field(
        4.0,
        gt=0,
        description="robust z-score of the focus; sites that are blurrier than their plate by "
        "more than this are flagged",
    )
    max_saturated: float = Field(
        0.01,
        gt=0,
        le=1,
        description="largest share of saturated pixels; of a site: above the usual share of its "
        "plate; of a plate: on average and in 90 % of its sites",
    )
    min_foreground: float = Field(
        0.01, ge=0, lt=1, description="smallest share of foreground pixels of a site"
    )
    intensity_z: float = Field(
        6.0,
        gt=0,
        description="robust z-score of the mean intensity; sites that are brighter or dimmer than "
        "their plate by more than this are flagged",
    )
    exclude_flagged: bool = Field(True, description="exclude flagged sites from classification")
    min_sharpness: float | None = Field(
        -1.85,
        ge=-9,
        le=3,
        description="smallest sharpness of a plate in focus (median of its sites): log10 of the "
        "power at periods of 4 to 10 px over that at 10 to 40 px; null: no limit",
    )
    min_sharpness_brightfield: float | None = Field(
        -1.3,
        ge=-9,
        le=3,
        description="smallest sharpness of a plate for the channels in `input.brightfield`; null: "
        "no limit",
    )
    plate_z: float = Field(
        5.0,
        gt=0,
        description="robust z-score of logarithms; a plate fails if it is blurrier, dimmer, "
        "brighter or emptier than the other plates by more than this. 5 means a factor of at "
        "least 4.5",
    )
    exclude_flagged_plates: bool = Field(
        False, description="exclude plates that fail as a whole from classification"
    )


class NormalizationStep(StepKeys):
    """One step of the normalization of intensities."""

    method: Annotated[str, OneOf(tuple(registry.names()))] = Field(
        description="normalization method; anscombe is 2*sqrt(x + 3/8) and takes no scope"
    )

    def takes_statistics_of_plate(self) -> bool:
        """Check whether statistics come from several images of a plate."""
        return bool(registry.find_method(self.method).statistics) and self.scope != "image"

    @consistency_check
    def _consistent(self) -> NormalizationStep:
        keys = [key for key in StepKeys.model_fields if key != "method"]
        methods = {
            key: tuple(method.name for method in registry.METHODS if key in method.keys)
            for key in keys
        }
        problems = keys_of_other_methods(self, methods)
        if self.low >= self.high:
            problems.append(f"low ({self.low}) must be below high ({self.high})")
        if self.z_range[0] >= self.z_range[1]:
            problems.append("z_range must go from a lower to a higher z-score")
        refuse(problems)
        return self


class Normalization(Section):
    """Normalization of intensities to a common scale, channel by channel."""

    steps: list[NormalizationStep] = Field(
        [{"method": "percentile", "scope": "image"}],  # type: ignore[list-item]
        description="steps in order; `[]`: not normalized, but integers are divided by the "
        "largest value of their type (255 or 65535), and floats must be from 0 to 1",
    )
    treated_wells_in_statistics: bool = Field(
        False,
        description="allow scope `plate`, whose statistics include treated wells of test folds "
        "(never their labels); the report then says so",
    )

    def takes_statistics_of(self, scope: str) -> bool:
        """Check whether any step takes its statistics from a scope other than single images."""
        return any(step.takes_statistics_of_plate() and step.scope == scope for step in self.steps)

    @consistency_check
    def _without_leaks(self) -> Normalization:
        idle = {"z_range": "steps behind it"}
        refuse(
            [
                f"steps[{number}].{sentence}"
                for number, step in enumerate(self.steps[:-1])
                for sentence in without_effect(step, idle)
            ]
        )
        if self.steps and registry.find_method(self.steps[-1].method).to_unit_range is None:
            last = [method.name for method in registry.METHODS if method.to_unit_range is not None]
            raise ValueError(
                f"steps must not end with {self.steps[-1].method!r}, which does not bring "
                f"intensities to [0, 1]: add a step {', '.join(last[:-1])} or {last[-1]} behind it"
            )
        if not self.treated_wells_in_statistics:
            for number, step in enumerate(self.steps):
                if step.takes_statistics_of_plate() and step.scope == "plate":
                    raise ValueError(
                        f"steps[{number}].scope 'plate' takes statistics from treated wells, those "
                        "of test folds included; use 'controls' or 'image', or set "
                        "treated_wells_in_statistics: true and let the report say so"
                    )
        return self


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
