"""Final classifiers: fitted to all labelled units, and joined with their network."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from moascope.classification.heads.base import FittedHead, HeadOptions
from moascope.classification.heads.fitting import calibrate, divide_logits, fit_head
from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.heads.layers import add_fitted_head
from moascope.classification.saved_model import HAND_CRAFTED_INPUT
from moascope.classification.streaming import images_per_call
from moascope.classification.training.options import Training
from moascope.classification.training.perceptron import fit_mlp
from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import DihedralViews
from moascope.preprocessing.handcrafted_features import HAND_CRAFTED, image_features

logger = logging.getLogger(__name__)


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
    return keras.Model(inputs, add_fitted_head(x, head), name="classifier")


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
