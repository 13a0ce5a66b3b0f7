"""Files of classifiers, which describe the units that they take."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from moascope.networks.feature_columns import HAND_CRAFTED
from moascope.networks.keras_defaults import keras
from moascope.networks.saving import save_model

HAND_CRAFTED_INPUT = "hand_crafted"
"""Name of the input of a model that takes hand-crafted features."""


def save_classifier(
    model: keras.Model,
    path: str | os.PathLike[str],
    classes: Sequence[str],
    statistics: pd.DataFrame,
    given: Mapping[str, Any],
    *,
    unit_shape: Sequence[int],
    choice: Mapping[str, Any] | None = None,
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
    given : mapping
        `channels`, `normalization` and `unit_size` of the configuration.
    unit_shape : (int, int)
        Height and width of the units in pixels.
    choice : mapping or None
        Name of the chosen candidate, and score of each.
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
        **{key: given[key] for key in ("channels", "normalization", "unit_size")},
        "unit_shape": list(unit_shape),
        "inputs": inputs,
        "classes": list(classes),
        "statistics": statistics.to_dict("records"),
        **({"selection": dict(choice)} if choice else {}),
    }
    save_model(model, path, metadata)
