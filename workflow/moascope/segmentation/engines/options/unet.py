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
        description="pretrained on ImageNet, or convolutions trained from scratch",
    )
    depth: int = Field(
        4, ge=1, le=6, description="how often the resolution is halved; at most 5 if pretrained"
    )
    filters: int = Field(8, ge=1, le=256, description="channels at full resolution")
    normalization: Literal["batch", "group", "none"] = Field(
        "none", description="after every convolution but those of a pretrained encoder"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="at the lowest resolution")
    outputs: Literal["classes", "distance", "both"] = Field(
        "both",
        description="background, interior and boundary; the distance to the border of the object, "
        "relative to its centre; or both",
    )
    deep_supervision: bool = Field(
        False, description="learn from coarser predictions of deeper levels as well"
    )
    binning: typing.Annotated[Literal[1, 2, 4, 8], Whole] = Field(
        1,
        description="side in pixels of the squares that are averaged before the network sees them; "
        "2 or more for objects of some 100 px and above, which then take a quarter of the time "
        "and are seen whole; objects are cut out at full resolution",
    )


class UNetOptions(TrainedNetwork):
    """Options of the U-Net."""

    network: Network = Field(default_factory=Network, description="unet: what it looks like")
    ensemble: int = Field(
        1,
        ge=1,
        le=20,
        description="unet: networks that are trained with the seeds `seed`, `seed` + 1 and so on, "
        "and whose maps are averaged",
    )
    test_time_augmentation: bool = Field(
        False, description="unet: average the maps of all eight flips and quarter turns"
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
        description="unet: overlap of tiles in pixels; null: 320, with which maps of a trained "
        "default network differ by less than 0.0001 from those of the whole image, but at most "
        "half a tile",
    )
    prominence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="unet: height of a peak above the saddle to a higher one that makes it an "
        "object of its own; less splits more; null: tuned",
    )
    seed_threshold: float | None = Field(
        None, ge=0, le=1, description="unet: lowest top of an object; null: tuned"
    )
    mask_threshold: float | None = Field(
        None, ge=0, le=1, description="unet: lowest foreground of a pixel of an object; null: tuned"
    )
    export: bool = Field(
        False,
        description="unet: also write the network as a BioImage.IO package with ONNX weights, "
        "which holds an annotated image as its test; needs the extra `export`",
    )
