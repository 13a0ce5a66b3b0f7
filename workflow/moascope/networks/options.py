"""Options of a backbone and of its features. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model, model_serializer

from moascope.core.options import (
    FilePath,
    Section,
    Whole,
    consistency_check,
    refuse,
    restore,
    without_effect,
)
from moascope.networks.architectures import NetworkOptions
from moascope.networks.registry import APPLICATIONS, BACKBONES, Backbone, find_backbone

Weights = Annotated[FilePath, BeforeValidator(lambda value: "none" if value is None else value)]


class ArchitectureSection(Section):
    """Section `architecture` without the keys of networks, which `join_sections` adds."""

    @model_serializer
    def given(self) -> dict[str, Any]:
        """Return the keys that were set, with their values; null is as if absent.

        Plain values of the section are no more than these, so that keys of new networks change no
        parameters of rules.
        """
        values = {key: getattr(self, key) for key in type(self).model_fields}
        return {key: value for key, value in values.items() if value is not None}


def join_sections(backbones: Sequence[Backbone]) -> type[ArchitectureSection]:
    """Build the section whose keys are those of the architectures of all networks.

    Parameters
    ----------
    backbones : sequence of Backbone
        The networks.

    Returns
    -------
    type
        A section. A key of several networks has one meaning, and null for that of the network.
    """
    fields: dict[str, Any] = {}
    for backbone in backbones:
        for key, field in backbone.options.model_fields.items():
            if key in fields:
                continue
            annotation: Any = field.annotation
            for limit in field.metadata:
                annotation = Annotated[annotation, limit]
            if field.default is not None:
                annotation = annotation | None
            description = f"{_name_users(key, backbones)}{field.description}"
            fields[key] = (annotation, Field(None, description=description))
    return create_model(
        "Architecture",
        __base__=ArchitectureSection,
        __doc__="Options of the architecture of a network; null: as in docs/reference/networks.md.",
        **fields,
    )


def _name_users(key: str, backbones: Sequence[Backbone]) -> str:
    """Return the networks that have a key, as the beginning of its description."""
    able = [each for each in backbones if each.options.model_fields]
    users = [each.name for each in able if key in each.options.model_fields]
    others = [each.name for each in able if each.name not in users]
    if not others:
        return ""
    shown = ", ".join(users) if len(users) <= len(others) else f"all but {', '.join(others)}"
    return f"{shown}: "


if TYPE_CHECKING:
    Architecture = ArchitectureSection
else:
    Architecture = join_sections(BACKBONES)

_NAMES = ", ".join(each.name for each in BACKBONES if each.name not in APPLICATIONS)


class BackboneOptions(Section):
    """Backbone, its input and the layers whose outputs are features."""

    backbone: str = Field(
        "efficientnet-lite0",
        description=f"{_NAMES}, or the name of a keras.applications model",
    )
    weights: Weights = Field(
        "imagenet",
        description="imagenet, none or null (random weights), or the path of a weights file",
    )
    architecture: Architecture = Field(
        default_factory=Architecture, description="options of the network, where it has any"
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
    def _fits_its_backbone(self) -> BackboneOptions:
        backbone = find_backbone(self.backbone)
        problems = [
            f"architecture.{key} has no effect with backbone {self.backbone!r}; remove it"
            for key in self.architecture.given()
            if key not in backbone.options.model_fields
        ]
        if not problems:
            found = self.own_architecture().problems()
            problems = [f"architecture.{sentence}" for sentence in found]
        if self.weights not in ("none", "imagenet"):
            reasons = {"initializer": f"weights {self.weights!r}"}
            idle = without_effect(self.architecture, reasons) if not problems else []
            problems += [f"architecture.{sentence}" for sentence in idle]
        if self.weights == "imagenet" and not backbone.has_imagenet:
            problems.append(
                f"weights: there are no imagenet weights for {backbone.name}; set weights to none "
                "to train from scratch, or to the path of a weights file"
            )
        refuse(problems)
        return self

    def own_architecture(self) -> NetworkOptions:
        """Return the options of the network, with its own defaults for what is not set."""
        options = find_backbone(self.backbone).options
        return restore(options, self.architecture.given())


class FrozenNetwork(BackboneOptions):
    """Network that computes features and is not trained."""

    views: Annotated[Literal[1, 4, 8], Whole] = Field(
        8,
        description="frozen: number of views whose features are averaged. 1: the unit; 4: also "
        "its mirror images and half turn; 8: also quarter turns (square units only)",
    )
