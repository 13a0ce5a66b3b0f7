"""Options of the U-Net that MoAscope trains."""

from __future__ import annotations

import typing
from typing import Literal

from pydantic import Field

from moascope.core.options import Section, Whole
from moascope.segmentation.engines.options.base import TrainedNetwork


class Network(Section):
    """Architecture of the U-Net."""

    encoder: Literal["efficientnet-lite0", "none"] = Field(
        "efficientnet-lite0",
        description="encoder pretrained on ImageNet; none: convolutions trained from scratch",
    )
    depth: int = Field(
        4,
        ge=1,
        le=6,
        description="number of downsampling steps; at most 5 with a pretrained encoder",
    )
    filters: int = Field(8, ge=1, le=256, description="number of filters at full resolution")
    normalization: Literal["batch", "group", "none"] = Field(
        "none", description="normalization after every convolution outside a pretrained encoder"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate at the lowest resolution")
    outputs: Literal["classes", "distance", "both"] = Field(
        "both",
        description="predicted maps. classes: background, interior and boundary; distance: "
        "distance to the border of the object, relative to its centre",
    )
    deep_supervision: bool = Field(
        False, description="also compute the loss for coarser predictions of deeper levels"
    )
    binning: typing.Annotated[Literal[1, 2, 4, 8], Whole] = Field(
        1,
        description="binning of pixels before the network, as a side in pixels; objects have full "
        "resolution. 2 or more suits objects of about 100 px or larger: the network sees them "
        "whole, in a quarter of the time",
    )


class UNetOptions(TrainedNetwork):
    """Options of the U-Net."""

    network: Network = Field(default_factory=Network, description="unet: architecture")
    ensemble: int = Field(
        1,
        ge=1,
        le=20,
        description="unet: number of networks whose predictions are averaged, trained with the "
        "seeds `seed`, `seed` + 1 and so on",
    )
    test_time_augmentation: bool = Field(
        False, description="unet: average the predictions for all eight flips and quarter turns"
    )
    tile: int = Field(
        1280,
        ge=64,
        le=8192,
        description="unet: largest side of a tile in pixels; smaller images are predicted whole",
    )
    overlap: int | None = Field(
        None,
        ge=0,
        le=2048,
        description="unet: overlap of tiles in pixels; null: 320, but at most half a tile. With "
        "320, maps of a trained default network differ by less than 0.0001 from those of the "
        "whole image",
    )
    prominence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="unet: smallest prominence of an object's peak (height above the saddle to a "
        "higher peak); lower values split more; null: tuned",
    )
    seed_threshold: float | None = Field(
        None, ge=0, le=1, description="unet: lowest peak value of an object; null: tuned"
    )
    mask_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="unet: lowest foreground value of a pixel of an object; null: tuned",
    )
    export: bool = Field(
        False,
        description="unet: also write a BioImage.IO package with ONNX weights and one annotated "
        "image as its test; needs the extra `export`",
    )
