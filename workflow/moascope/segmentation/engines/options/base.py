"""Options that several segmentation engines share.

This imports neither NumPy nor any network, so that a configuration is checked in no time.
"""

from __future__ import annotations

import typing
from typing import Literal

from pydantic import Field

from moascope.core.options import FilePath, Name, Section
from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation


class MethodOptions(Section):
    """Options that every method has."""

    diameter: Literal["auto"] | typing.Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="usual diameter in pixels of the objects of the screen (of a given model also "
        "of annotated images). unet, stardist: images are resized, so that it becomes the one that "
        "the model was trained on; auto: the size at which some 20 images show objects most "
        "clearly; null: by `pixel_size_um` of both, else as they are. classical: lengths are "
        "multiples of it; auto: estimated from some 20 images; null: the median of the annotated "
        "objects, or 20. cellpose: images are resized, so that it becomes 30 px; null: as they "
        "are, for objects of about 8 to 120 px",
    )
    min_area: int | None = Field(
        None,
        ge=1,
        description="smallest area of an object in pixels of the image; null: tuned, or that of "
        "the model",
    )
    max_area: int | None = Field(
        None, ge=1, description="largest area of an object in pixels of the image; null: no limit"
    )


class GivenModel(MethodOptions):
    """Options of methods that can use a given model."""

    model: FilePath | None = Field(
        None,
        description="unet: path of a model that MoAscope trained; stardist: folder or zip file of "
        "a model, or a pretrained name; cellpose: pretrained name or path; null: train (unet, "
        "stardist), tune (classical), or the engine's default (cellpose). A U-Net and "
        "`training` is trained further on the annotated images",
    )


class TrainedNetwork(GivenModel):
    """Options of networks that are trained on annotated images."""

    tune: bool = Field(
        False,
        description="unet, stardist, with `model` and without training: tune the stored parameters "
        "(thresholds; of a U-Net also prominence, smoothing and smallest area) on the annotated "
        "validation images. The results hold a copy of the model with them; keys that are set here "
        "stay as set",
    )
    channel_map: dict[Name, Name] = Field(
        {},
        description="unet, stardist, with a model that names its channels: which channel of the "
        "images each of them is, such as `{DNA: Hoechst}`; others keep their names",
    )
    training: NetworkTraining = Field(
        default_factory=NetworkTraining, description="unet, stardist: how it learns"
    )
    augmentation: PatchAugmentation = Field(
        default_factory=PatchAugmentation, description="unet, stardist: how patches are varied"
    )
