"""Options of the section `segmentation.annotated`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moascope.core.image_limits import MAX_GIGABYTES
from moascope.core.options import (
    FilePath,
    Name,
    Rooted,
    consistency_check,
    refuse,
    without_effect,
)


class Annotated(Rooted):
    """Images with reference masks that belong to no screen."""

    paths = ("sheet", "images", "set_file")

    sheet: FilePath = Field(description="CSV/TSV with one row per image")
    images: FilePath | None = Field(
        None,
        description="folder that paths in the sheet are relative to; null: the folder of the sheet",
    )
    image: str = Field("{image}", description="path of the image; names of columns stand in braces")
    channels: dict[Name, str] = Field(
        {},
        description="path of the image of each channel, for one file per channel (instead of "
        "`image`), such as `{DNA: '{dna_path}', Actin: 'actin/{id}.tif'}`",
    )
    axes: str | None = Field(
        None,
        pattern="^[TZCYXS]+$",
        description="order of the axes in image files that do not name them, for example CYX",
    )
    mask: str = Field(
        "{mask}",
        description="path of the reference mask: a label image (TIFF or PNG, one number per "
        "object), or a folder with one binary mask per object",
    )
    name: str = Field(
        "",
        description="name of the image in tables and in `set_file`; empty: the file name without "
        "its ending",
    )
    group: str = Field(
        "",
        description="column with the group of an image, such as the movie of a frame; names of "
        "columns stand in braces. A group is not both trained and tested on; intervals and tuning "
        "count groups; empty: every image is a group",
    )
    set_column: str = Field(
        "set",
        description="column with train, validation or test, or with values that `sets` translates",
    )
    sets: dict[str, Literal["train", "validation", "test", "unused"]] = Field(
        {},
        description="set of each value of `set_column`, if the values are not the names of the "
        "sets",
    )
    set_file: FilePath | None = Field(
        None,
        description="JSON file with lists train, val and test of image names, instead of "
        "`set_column`; images in no list are left out",
    )
    validation: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the training images that are used for validation if the sheet names "
        "none: the last ones of the sheet",
    )
    pixel_size_um: float | None = Field(
        None, gt=0, description="pixel size of the images in micrometres; null: unknown"
    )
    max_image_gigabytes: float = Field(
        MAX_GIGABYTES,
        gt=0,
        description="largest decompressed size of an image or mask in gigabytes; larger ones are "
        "refused before memory is allocated",
    )

    @consistency_check
    def _one_source(self) -> Annotated:
        idle = ("set_column", "sets") if self.set_file is not None else ()
        problems = without_effect(self, dict.fromkeys(idle, f"set_file {self.set_file!r}"))
        if self.channels and self.image != "{image}":
            problems.append(
                "image and channels both name the images; keep image (all channels in one file) or "
                "channels (a file for each)"
            )
        refuse(problems)
        return self
