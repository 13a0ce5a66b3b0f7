"""Multilayer perceptron, which is trained as a network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moascope.classification.heads.base import NETWORKS, HeadOptions, HeadType


class MlpOptions(HeadOptions):
    """Options of a multilayer perceptron; without hidden layers the end of a tuned network."""

    type: Literal["mlp"] = "mlp"
    hidden: list[Annotated[int, Field(ge=1, le=8192)]] = Field(
        [256], description="width of each hidden layer"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout rate, in fine-tuning as well")
    l2: float = Field(0.0, ge=0, description="L2 penalty on weights, in fine-tuning as well")


MLP = HeadType(
    "mlp",
    "a multilayer perceptron",
    MlpOptions,
    fit=None,
    may_be_candidate=False,
    environment=NETWORKS,
)
