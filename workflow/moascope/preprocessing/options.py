"""Options of the sections `quality`, `normalization` and `units`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moascope.core.options import (
    Section,
    consistency_check,
    keys_of_other_methods,
    refuse,
    without_effect,
)


class Quality(Section):
    """When sites and plates are flagged. Sites are compared with their plate by robust z-scores."""

    focus_z: float = Field(4.0, gt=0, description="blurrier than the plate by this many MADs")
    max_saturated: float = Field(
        0.01,
        gt=0,
        le=1,
        description="share of saturated pixels: of a site above the plate's usual share, and of a "
        "plate (its mean, and a tenth of its sites)",
    )
    min_foreground: float = Field(
        0.01, ge=0, lt=1, description="share of pixels above background that a site must have"
    )
    intensity_z: float = Field(6.0, gt=0, description="brighter or dimmer by this many MADs")
    exclude_flagged: bool = Field(True, description="leave flagged sites out of classification")
    min_sharpness: float | None = Field(
        -1.85,
        ge=-9,
        le=3,
        description="a plate is out of focus below this: power of periods of 4 to 10 px over that "
        "of 10 to 40 px, decimal logarithm, median of its sites; null: plates are not judged",
    )
    min_sharpness_brightfield: float | None = Field(
        -1.3, ge=-9, le=3, description="the same for the channels under `input.brightfield`"
    )
    plate_z: float = Field(
        5.0,
        gt=0,
        description="a plate fails that is blurrier, dimmer, brighter or emptier than the other "
        "plates by this many MADs of logarithms (at the default, by a factor of 4.5 at least)",
    )
    exclude_flagged_plates: bool = Field(
        False, description="leave plates that fail as a whole out of classification"
    )


# Methods that use a key; keys that are not named are used by all.
_METHODS_OF_STEP_KEYS = {
    "scope": ("percentile", "zscore", "minmax"),
    "low": ("percentile",),
    "high": ("percentile",),
    "z_range": ("zscore",),
}


class NormalizationStep(Section):
    """One step of the intensity chain."""

    method: Literal["percentile", "zscore", "anscombe", "minmax"] = Field(
        description="what is done; anscombe is 2*sqrt(x + 3/8) and takes no scope"
    )
    scope: Literal["image", "plate", "controls"] = Field(
        "image", description="what the statistics are taken from"
    )
    low: float = Field(0.1, ge=0, lt=100, description="percentile: lower one, which becomes 0")
    high: float = Field(99.9, gt=0, le=100, description="percentile: upper one, which becomes 1")
    z_range: tuple[float, float] = Field(
        (-3.0, 9.0), description="zscore: z-scores that become 0 and 1, where it is the last step"
    )

    @consistency_check
    def _consistent(self) -> NormalizationStep:
        problems = keys_of_other_methods(self, _METHODS_OF_STEP_KEYS)
        if self.low >= self.high:
            problems.append(f"low ({self.low}) must be below high ({self.high})")
        if self.z_range[0] >= self.z_range[1]:
            problems.append("z_range must go from a lower to a higher z-score")
        refuse(problems)
        return self


class Normalization(Section):
    """How intensities are brought to a common scale, channel by channel."""

    steps: list[NormalizationStep] = Field(
        [{"method": "percentile", "scope": "image"}],  # type: ignore[list-item]
        description="applied in order; `[]`: images as they are, integers divided by the largest "
        "value of their type (255 or 65535), floats from 0 to 1",
    )
    treated_wells_in_statistics: bool = Field(
        False,
        description="allow scope `plate`, whose statistics see treated wells of test folds "
        "(never their labels); the report then says so",
    )

    @consistency_check
    def _honest(self) -> Normalization:
        idle = {"z_range": "steps behind it"}
        refuse(
            [
                f"steps[{number}].{sentence}"
                for number, step in enumerate(self.steps[:-1])
                for sentence in without_effect(step, idle)
            ]
        )
        if self.steps and self.steps[-1].method == "anscombe":
            raise ValueError(
                "steps must not end with 'anscombe', which leaves counts: add a zscore, percentile "
                "or minmax step behind it"
            )
        if not self.treated_wells_in_statistics:
            for number, step in enumerate(self.steps):
                if step.scope == "plate" and step.method != "anscombe":
                    raise ValueError(
                        f"steps[{number}].scope 'plate' takes statistics from treated wells, those "
                        "of test folds included; use 'controls' or 'image', or set "
                        "treated_wells_in_statistics: true and let the report say so"
                    )
        return self


class CellUnits(Section):
    """Squares around the cells that `segmentation.measure_with` finds."""

    crop: int = Field(64, ge=8, le=1024, description="side of the squares in pixels")
    border: Literal["drop", "pad"] = Field(
        "drop", description="squares beyond the rim of the site: leave out, or fill up with 0"
    )
    mask_neighbours: bool = Field(False, description="set the pixels of other cells to 0")
    per_site: int | None = Field(
        None, ge=1, description="at most so many cells of a site, drawn at random; null: all"
    )


class Units(Section):
    """What is classified: images at training resolution."""

    size: int | None = Field(
        None, ge=16, le=4096, description="longer side in pixels after resizing; null: native"
    )
    cells: CellUnits | None = Field(
        None, description="classify single cells instead of sites; null: sites or tiles"
    )
    tiles: tuple[int, int] = Field((1, 1), description="rows and columns of tiles cut from a site")
    min_foreground: float = Field(
        0.0, ge=0, lt=1, description="tiles with a smaller share of foreground are not used"
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
