"""Choices of features and a head, among which the classifier of every fold is selected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, SerializeAsAny

from moascope.classification.heads.base import HeadOptions
from moascope.classification.heads.registry import read_options
from moascope.core.options import Section

NETWORK, HAND_CRAFTED = "network", "hand-crafted"

AnyHead = SerializeAsAny[
    Annotated[
        HeadOptions,
        BeforeValidator(
            lambda value: value if isinstance(value, HeadOptions) else read_options(value)
        ),
    ]
]
"""Options of a head, read with the class of its type and written with all its keys."""


class Choice(Section):
    """Features and head of one classifier, without options that have no effect."""

    features: list[Literal["network", "hand-crafted"]]
    """The network first."""
    feature_layers: list[str]
    """Layers of the network; empty: the last one."""
    pooling: Literal["mean", "mean+sd"]
    head: AnyHead
