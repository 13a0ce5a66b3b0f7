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
        "imagenet", description="imagenet, none, or the path of a weights file"
    )
    channel_mapping: Literal["triple", "inflate", "per-channel"] = Field(
        "triple",
        description="three chosen channels; first-layer inflation to all channels; or one pass "
        "per channel with concatenated features",
    )
    triple: list[str] | None = Field(
        None, description="the channels fed as red, green, blue; null: there are exactly three"
    )
    input_size: int | None = Field(
        None, ge=16, le=2048, description="side fed to the backbone; null: that of the units"
    )
    taps: list[str] = Field(
        [],
        description="layers whose outputs are features; empty: the last; fine-tuning takes one "
        "at most",
    )
    pooling: Literal["mean", "mean+sd"] = Field("mean", description="of features over positions")

    @consistency_check
    def _names_a_backbone(self) -> BackboneOptions:
        canonical_name(self.backbone)
        return self


class FrozenNetwork(BackboneOptions):
    """Network that computes features and is not trained."""

    views: Annotated[Literal[1, 4, 8], Whole] = Field(
        8,
        description="frozen: views whose features are averaged: the unit (1), its mirror images "
        "and half turn (4), and those turned by a quarter (8, for square units)",
    )
