"""Options of the section `quality`."""

from __future__ import annotations

from pydantic import Field

from moascope.core.options import Section


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
