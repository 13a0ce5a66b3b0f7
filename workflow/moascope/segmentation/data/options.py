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
        None, description="folder that paths are relative to; null: the folder of the sheet"
    )
    image: str = Field(
        "{image}", description="path of the image, with columns of the sheet in braces"
    )
    channels: dict[Name, str] = Field(
        {},
        description="for images with a file per channel, instead of `image`: the path of each, "
        "such as `{DNA: '{dna_path}', Actin: 'actin/{id}.tif'}`",
    )
    axes: str | None = Field(
        None,
        pattern="^[TZCYXS]+$",
        description="order of the axes in image files that do not say, such as CYX",
    )
    mask: str = Field(
        "{mask}",
        description="path of the label image (TIFF or PNG, a number per object), or of a folder "
        "with one binary mask per object",
    )
    name: str = Field(
        "",
        description="name of the image in tables and in `set_file`; empty: its file name without "
        "the ending",
    )
    group: str = Field(
        "",
        description="column that says which images belong together, such as the frames of a movie "
        "(columns in braces are filled in); a group may not be tested on if it was trained on, "
        "and intervals and tuning count groups; empty: every image stands for itself",
    )
    set_column: str = Field(
        "set", description="column that says train, validation or test, or is translated by `sets`"
    )
    sets: dict[str, Literal["train", "validation", "test", "unused"]] = Field(
        {}, description="what the values of `set_column` mean, where they are not these words"
    )
    set_file: FilePath | None = Field(
        None,
        description="JSON file with the lists train, val and test of image names, instead of "
        "`set_column`; images in no list are left out",
    )
    validation: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the training images, the last ones of the sheet, that are used for "
        "validation where the sheet names none",
    )
    pixel_size_um: float | None = Field(
        None, gt=0, description="pixel size in micrometres of the images; null: not known"
    )
    max_image_gigabytes: float = Field(
        MAX_GIGABYTES,
        gt=0,
        description="largest size in gigabytes of the decompressed pixels of an image or mask; "
        "what declares more is refused before memory is taken",
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
