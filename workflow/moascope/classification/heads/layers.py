"""Fitted heads as Keras layers, for models saved with a backbone."""

from __future__ import annotations

from typing import Any

from moascope.classification.heads.base import FittedHead
from moascope.networks import layers as own_layers
from moascope.networks.keras_defaults import layers


def add_fitted_head(x: Any, head: FittedHead) -> Any:
    """Add the layers of a fitted head to features.

    Parameters
    ----------
    x : keras tensor
        `(n, d)`.
    head : FittedHead
        From `fitting.fit_head`.

    Returns
    -------
    keras tensor
        float32 `(n, n_classes)` probabilities.

    Raises
    ------
    ValueError
        If there is no layer of the class that the head names.
    """
    plan = head.plan_layers()
    first = _find_class(plan.layer)(dtype="float32", **plan.options)
    x = first(x)
    if plan.arrays:
        first.set_weights(list(plan.arrays))
    dense = layers.Dense(len(head.bias), activation="softmax", dtype="float32", name="head")
    x = dense(x)
    dense.set_weights([plan.weights.astype("float32"), head.bias.astype("float32")])
    return x


def _find_class(name: str) -> Any:
    """Return the class of a layer of this library or of Keras."""
    for module in (own_layers, layers):
        if hasattr(module, name):
            return getattr(module, name)
    raise ValueError(f"there is no Keras layer {name!r}, which a head names")
