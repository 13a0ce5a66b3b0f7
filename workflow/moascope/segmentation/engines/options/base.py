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
        description="usual diameter in pixels of the objects of the screen; of a given model, "
        "also of annotated images. unet, stardist: images are resized to the diameter that the "
        "model was trained on; auto: the size at which 20 images show objects most clearly; null: "
        "by `pixel_size_um` of both, otherwise not resized. classical: unit of its lengths; auto: "
        "estimated from 20 images; null: the median of the annotated objects, or 20. cellpose: "
        "images are resized to a diameter of 30 px; null: not resized, for objects of about 8 to "
        "120 px",
    )
    min_area: int | None = Field(
        None,
        ge=1,
        description="smallest area of an object in pixels of the original image; null: tuned, or "
        "that of the model",
    )
    max_area: int | None = Field(
        None,
        ge=1,
        description="largest area of an object in pixels of the original image; null: no limit",
    )


class GivenModel(MethodOptions):
    """Options of methods that can use a given model."""

    model: FilePath | None = Field(
        None,
        description="unet: path of a model trained by MoAscope; with `training`, it is trained "
        "further on the annotated images. stardist: folder or zip file of a model, or name of a "
        "pretrained one. cellpose: name of a pretrained model, or path. null: a new model (unet, "
        "stardist), or the default of Cellpose",
    )


class TrainedNetwork(GivenModel):
    """Options of networks that are trained on annotated images."""

    tune: bool = Field(
        False,
        description="unet, stardist: tune the parameters of the given `model` on the annotated "
        "validation images: thresholds; of a U-Net also prominence, smoothing and smallest area. "
        "Keys that are set here stay as set; the results contain a copy of the tuned model",
    )
    channel_map: dict[Name, Name] = Field(
        {},
        description="unet, stardist: image channel for each channel of a given model, such as "
        "`{DNA: Hoechst}`; other channels keep their names",
    )
    training: NetworkTraining = Field(
        default_factory=NetworkTraining, description="unet, stardist: training options"
    )
    augmentation: PatchAugmentation = Field(
        default_factory=PatchAugmentation,
        description="unet, stardist: augmentation of training patches",
    )
