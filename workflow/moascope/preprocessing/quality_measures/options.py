"""Options of the section `quality`."""

from __future__ import annotations

from pydantic import Field

from moascope.core.options import Section


class Quality(Section):
    """Quality control. Sites are compared with their plate by robust z-scores."""

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
