"""Options of a backbone and of its features. Free of TensorFlow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moascope.core.options import FilePath, Section, Whole, consistency_check
from moascope.networks.registry import canonical_name


class BackboneOptions(Section):
    """Backbone, its input and the layers whose outputs are features."""

    backbone: str = Field(
        "efficientnet-lite0",
        description="efficientnet-lite0, lenet, or the name of a keras.applications model",
    )
    weights: FilePath = Field(
        "imagenet", description="imagenet, none (random weights), or the path of a weights file"
    )
    channel_mapping: Literal["rgb", "inflate", "per-channel"] = Field(
        "rgb",
        description="conversion of channels to the RGB input of the network. rgb: three chosen "
        "channels; inflate: the first layer extended to all channels; per-channel: one pass per "
        "channel, features concatenated",
    )
    rgb_channels: list[str] | None = Field(
        None, description="channels used as red, green and blue; null: the three of the screen"
    )
    input_size: int | None = Field(
        None,
        ge=16,
        le=2048,
        description="side of the input of the network in pixels; null: that of the units",
    )
    feature_layers: list[str] = Field(
        [],
        description="layers whose outputs are features; empty: the last layer. Fine-tuning uses "
        "at most one",
    )
    pooling: Literal["mean", "mean+sd"] = Field(
        "mean",
        description="pooling of features over positions: mean, or mean and standard deviation",
    )

    @consistency_check
    def _names_a_backbone(self) -> BackboneOptions:
        canonical_name(self.backbone)
        return self


class FrozenNetwork(BackboneOptions):
    """Network that computes features and is not trained."""

    views: Annotated[Literal[1, 4, 8], Whole] = Field(
        8,
        description="frozen: number of views whose features are averaged. 1: the unit; 4: also "
        "its mirror images and half turn; 8: also quarter turns (square units only)",
    )
