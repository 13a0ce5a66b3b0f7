"""Columns of a table of features, each with its layer, statistic and channel pass.

Free of Keras, so that heads are fitted without it.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError

NETWORK = "network"
HAND_CRAFTED = "hand-crafted"


@dataclass(frozen=True)
class Block:
    """Neighbouring columns of one kind, in the table of a pass through a network."""

    channel_pass: int
    """From 0; there are several where every channel passes alone."""
    layer: str
    """Name of a layer; empty for the last one."""
    statistic: Literal["mean", "sd"]
    """Over positions. Layers without positions have only the mean."""
    size: int
    """Number of columns."""


@dataclass(frozen=True)
class FeatureChoice:
    """Features of a unit that a classifier sees."""

    features: tuple[str, ...]
    """`network`, `hand-crafted` or both."""
    feature_layers: tuple[str, ...] = ()
    """Layers of the network; empty: the last one."""
    pooling: str = "mean"
    """`mean` or `mean+sd`."""


def read_blocks(path: str | os.PathLike[str] | None) -> list[Block]:
    """Read the blocks of columns of a table of features.

    Parameters
    ----------
    path : path or None
        JSON file, a list of the fields of `Block`; None for hand-crafted features alone.

    Returns
    -------
    list of Block
        In the order of the columns.
    """
    if path is None:
        return []
    return [Block(**fields) for fields in json.loads(Path(path).read_text(encoding="utf-8"))]


def columns_of(choice: FeatureChoice, blocks: Sequence[Block], n_columns: int) -> NDArray[np.int64]:
    """Find the columns of a choice of features.

    Parameters
    ----------
    choice : FeatureChoice
        The features.
    blocks : sequence of Block
        The table's columns from the first on. Columns behind them are hand-crafted features.
    n_columns : int
        Width of the table.

    Returns
    -------
    (d,) int64
        Column numbers, in the order of the features of a network that is built for this choice
        alone, then of the hand-crafted features.

    Raises
    ------
    InputError
        If the table lacks features of the choice.
    """
    n_network = sum(block.size for block in blocks)
    parts: list[NDArray[np.int64]] = []
    if NETWORK in choice.features:
        parts += _network_columns(choice, blocks)
    if HAND_CRAFTED in choice.features:
        parts.append(np.arange(n_network, n_columns))
    columns = np.concatenate(parts) if parts else np.empty(0, np.int64)
    if not len(columns) or (HAND_CRAFTED in choice.features and n_columns <= n_network):
        raise InputError(
            f"features: the table of {n_columns} columns lacks some of {choice}. Delete it and "
            "run again."
        )
    return columns


def _network_columns(choice: FeatureChoice, blocks: Sequence[Block]) -> list[NDArray[np.int64]]:
    starts = itertools.accumulate((block.size for block in blocks), initial=0)
    found = {
        (block.channel_pass, block.layer, block.statistic): np.arange(start, start + block.size)
        for start, block in zip(starts, blocks, strict=False)
    }
    parts = []
    for channel_pass in sorted({block.channel_pass for block in blocks}):
        for layer in choice.feature_layers or ("",):
            if (channel_pass, layer, "mean") not in found:
                raise InputError(
                    f"features: the table has no layer {layer!r}. Delete it and run again."
                )
            parts.append(found[channel_pass, layer, "mean"])
            if choice.pooling == "mean+sd" and (channel_pass, layer, "sd") in found:
                parts.append(found[channel_pass, layer, "sd"])
    return parts
