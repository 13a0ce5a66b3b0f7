"""Final classifiers: fitted to all labelled units, and saved with their network as one model."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from moascope.classification.choices import NETWORK, Choice
from moascope.classification.features import with_views
from moascope.classification.heads.base import FittedHead, HeadOptions
from moascope.classification.heads.fitting import calibrate, divide_logits, fit_head
from moascope.classification.heads.kernel import KernelHead
from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.heads.layers import kernel_layer, tree_layer
from moascope.classification.heads.linear import LinearHead
from moascope.classification.heads.trees import TreeHead
from moascope.classification.streaming import images_per_call
from moascope.classification.training.options import Training
from moascope.classification.training.perceptron import fit_mlp
from moascope.core.errors import InputError
from moascope.networks.backbones import build_extractor
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import DihedralViews
from moascope.networks.options import FrozenNetwork
from moascope.networks.saving import save_model
from moascope.preprocessing.handcrafted_features import HAND_CRAFTED, image_features

if TYPE_CHECKING:
    from moascope.classification.selection import FinalChoice

logger = logging.getLogger(__name__)

HAND_CRAFTED_INPUT = "hand_crafted"


class PreparedUnits(TypedDict):
    """Keys of the configuration that decide how units are prepared, as plain values."""

    channels: list[str]
    normalization: dict[str, Any]
    """The section `normalization`."""
    unit_size: int | None
    """The key `units.size`."""


def fit_final_head(
    features: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    head: HeadOptions,
    training: Training | None,
    seed: int,
    groups: np.ndarray | None = None,
) -> FittedHead | keras.Model:
    """Fit a head to all labelled units, which leaves none to test it.

    Parameters
    ----------
    features : numpy.ndarray
        float `(N, d)`, may be memory-mapped.
    labels : numpy.ndarray
        int `(N,)`, index into `classes`; -1 for units that have no label or are left out.
    classes : sequence of str
        Class names.
    head : HeadOptions
        Type and options of the head.
    training : Training or None
        Of a multilayer perceptron.
    seed : int
        Of weights and order.
    groups : numpy.ndarray or None
        int `(N,)` from `inner_folds.inner_groups`, to calibrate by where the head says
        ``calibrate: auto``. All units are trained on, so that ``true`` finds none to calibrate by.

    Returns
    -------
    FittedHead or keras.Model
        As `classifier` takes it.
    """
    rows = np.flatnonzero(labels >= 0)
    if isinstance(head, MlpOptions):
        if training is None:
            raise ValueError("a multilayer perceptron needs options of its training")
        none = np.empty(0, dtype=np.int64)
        sets = {"train": rows, "validation": none, "test": none}
        training = training.without_validation(is_fine_tuned=False)
        return fit_mlp(features, labels, sets, classes, head, training, seed=seed).model
    names = np.asarray(classes)[labels]
    fitted = fit_head(features[rows], names[rows], head, seed)
    found = calibrate(
        fitted,
        features,
        names,
        head,
        train=rows,
        validation=rows[:0],
        groups=groups,
        seed=seed,
    )
    if found.reason:
        logger.info("the probabilities of the saved model are not calibrated: %s", found.reason)
    return divide_logits(fitted, found.temperature)


def build_for_choice(
    choice: Choice,
    network: FrozenNetwork | None,
    channels: Sequence[str],
    unit_shape: tuple[int, int],
    weights_seed: int | None = None,
) -> keras.Model | None:
    """Build the network that gives the features of a choice.

    Parameters
    ----------
    choice : Choice
        Of the final model; its layers and pooling replace those of the network.
    network : FrozenNetwork or None
        Backbone, channels and views; None where no candidate has a network.
    channels : sequence of str
        Of the units.
    unit_shape : (int, int)
        Their height and width in pixels.
    weights_seed : int or None
        Seed of random weights, the one of the pass that computed the features; None for others.

    Returns
    -------
    keras.Model or None
        From units `(n, H, W, C)` to features `(n, d)`; None where the choice has hand-crafted
        features only.
    """
    if NETWORK not in choice.features:
        return None
    if network is None:
        raise ValueError("features of a network were chosen, but there is no network")
    seen = network.model_copy(
        update={"feature_layers": choice.feature_layers, "pooling": choice.pooling}
    )
    if weights_seed is not None:
        keras.utils.set_random_seed(weights_seed)
    extractor = build_extractor(seen, channels, unit_shape)
    return with_views(extractor, network.views, unit_shape)


def count_output(extractor: keras.Model | None) -> int:
    """Return the number of features of an extractor; 0 without one."""
    return 0 if extractor is None else int(extractor.output_shape[-1])


def classifier(
    extractor: keras.Model | None, head: FittedHead | keras.Model, n_hand_crafted: int = 0
) -> keras.Model:
    """Join a fitted head and its network in one model.

    Parameters
    ----------
    extractor : keras.Model or None
        `(n, H, W, C)` to `(n, d)`, from `features.with_views`; None for hand-crafted
        features alone.
    head : FittedHead or keras.Model
        From `fitting.fit_head`, or the `model` of `fit_mlp`. Its features are those of the
        extractor, then the hand-crafted ones.
    n_hand_crafted : int
        Number of features of `moascope.preprocessing.handcrafted_features` that the head takes.

    Returns
    -------
    keras.Model
        To `(n, n_classes)` probabilities, from the units `(n, H, W, C)`, the input
        `hand_crafted` `(n, n_hand_crafted)`, or both in this order.
    """
    inputs = [] if extractor is None else [extractor.input]
    parts = [] if extractor is None else [extractor.output]
    if n_hand_crafted:
        inputs.append(keras.Input((n_hand_crafted,), name=HAND_CRAFTED_INPUT))
        parts.append(inputs[-1])
    x = parts[0] if len(parts) == 1 else layers.Concatenate(name="joined_features")(parts)
    inputs = inputs if len(inputs) > 1 else inputs[0]
    if isinstance(head, keras.Model):
        return keras.Model(inputs, head(x), name="classifier")
    dense = layers.Dense(len(head.bias), activation="softmax", dtype="float32", name="head")
    weights = head.weights
    match head:
        case LinearHead():
            # Not folded into the weights, since features that hardly vary would lose digits.
            scale = np.maximum(head.scale, 1e-6)  # the layer cuts off smaller ones
            standardize = layers.Normalization(
                mean=head.mean.astype("float32"),
                variance=(scale**2).astype("float32"),
                dtype="float32",
            )
            x = standardize(x)
            weights = weights * (scale / head.scale)[:, None]
        case KernelHead():
            x = kernel_layer(head, x)
        case TreeHead():
            x = tree_layer(head, x)
        case _:
            raise TypeError(f"a head of the class {type(head).__name__} has no Keras layers")
    model = keras.Model(inputs, dense(x), name="classifier")
    dense.set_weights([weights.astype("float32"), head.bias.astype("float32")])
    return model


def predict_units(model: keras.Model, units: np.ndarray) -> np.ndarray:
    """Predict the classes of units with a saved classifier.

    Parameters
    ----------
    model : keras.Model
        From `load_model`. Where it has the input `hand_crafted`, these features are computed here.
    units : numpy.ndarray
        float16 `(n, H, W, C)`, prepared as its metadata say. May be memory-mapped.

    Returns
    -------
    numpy.ndarray
        float32 `(n, n_classes)`, in the order of the metadata's classes.

    Raises
    ------
    InputError
        If the units have another number of hand-crafted features than the model takes.
    """
    names = [tensor.name for tensor in model.inputs]
    given: dict[str, np.ndarray] = {name: units for name in names if name != HAND_CRAFTED_INPUT}
    if HAND_CRAFTED_INPUT in names:
        given[HAND_CRAFTED_INPUT] = image_features(units, HAND_CRAFTED)
        expected = model.inputs[names.index(HAND_CRAFTED_INPUT)].shape[-1]
        if given[HAND_CRAFTED_INPUT].shape[1] != expected:
            raise InputError(
                f"units: their shape {units.shape[1:]} (height, width, channels) gives "
                f"{given[HAND_CRAFTED_INPUT].shape[1]} hand-crafted features, and the model takes "
                f"{expected}. Prepare units as the metadata of the model say."
            )
    views = max(
        (layer.views for layer in model.layers if isinstance(layer, DihedralViews)), default=1
    )
    step = max(1, images_per_call(model, units.shape[1:3]) // views)
    parts = []
    for start in range(0, len(units), step):
        batch = [given[name][start : start + step] for name in names]
        parts.append(np.asarray(model.predict_on_batch(batch if len(batch) > 1 else batch[0])))
    return np.concatenate(parts) if parts else np.empty((0, model.output_shape[-1]), "float32")


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
        From `classifier`, or units `(n, H, W, C)` to probabilities.
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
