"""Files of classifiers, which describe the units that they take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import pandas as pd

from moascope.networks.feature_columns import HAND_CRAFTED
from moascope.networks.keras_defaults import keras
from moascope.networks.saving import save_model

if TYPE_CHECKING:
    from moascope.classification.selection import FinalChoice

HAND_CRAFTED_INPUT = "hand_crafted"
"""Name of the input of a model that takes hand-crafted features."""


class PreparedUnits(TypedDict):
    """Keys of the configuration that decide how units are prepared, as plain values."""

    channels: list[str]
    normalization: dict[str, Any]
    """The section `normalization`."""
    unit_size: int | None
    """The key `units.size`."""


def save_classifier(
    model: keras.Model,
    path: str | os.PathLike[str],
    classes: Sequence[str],
    statistics: pd.DataFrame,
    given: PreparedUnits,
    *,
    unit_shape: Sequence[int],
    choice: FinalChoice | None = None,
) -> None:
    """Write a classifier with a description of the units that it takes.

    Parameters
    ----------
    model : keras.Model
        From `final_model.classifier`, or units `(n, H, W, C)` to probabilities.
    path : path
        Ends in `.keras`.
    classes : sequence of str
        Their names, in the order of the probabilities.
    statistics : pandas.DataFrame
        Normalization statistics of the plates.
    given : PreparedUnits
        How the units were prepared; other keys are left out.
    unit_shape : (int, int)
        Height and width of the units in pixels.
    choice : FinalChoice or None
        The chosen candidate, and the score of each.
    """
    inputs = []
    for tensor in model.inputs:
        is_crafted = tensor.name == HAND_CRAFTED_INPUT
        content = (
            f"moascope.preprocessing.handcrafted_features.image_features(units, {HAND_CRAFTED!r})"
            if is_crafted
            else "units"
        )
        inputs.append({"name": tensor.name, "shape": list(tensor.shape[1:]), "content": content})
    metadata = {
        "channels": given["channels"],
        "normalization": given["normalization"],
        "unit_size": given["unit_size"],
        "unit_shape": list(unit_shape),
        "inputs": inputs,
        "classes": list(classes),
        "statistics": statistics.to_dict("records"),
    }
    if choice:
        metadata["selection"] = dict(choice)
    save_model(model, path, metadata)
