"""Description that is saved with a segmentation network."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class NetworkDescription(TypedDict):
    """Description of a network, see `unet.training.save`."""

    channels: list[str]
    """In the order of the last axis of the image."""
    outputs: Literal["classes", "distance", "both"]
    """Kinds of the maps."""
    multiple: int
    """Sides of images are multiples of this, in px."""
    instances: dict[str, Any]
    """Fields of `InstanceParameters`."""
    options: dict[str, Any]
    """Options that it was trained with, as plain values."""
    ensemble: NotRequired[int]
    """Number of networks, where there are several."""
    validation: NotRequired[dict[str, float]]
    """Scores on validation images, where it was tuned."""
    test_time_augmentation: NotRequired[bool]
    """Whether it was tuned with test-time augmentation, where it was tuned."""
    turns: NotRequired[bool]
    """The same, before version 0.2."""
