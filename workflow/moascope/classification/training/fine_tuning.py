"""Fine-tuning a backbone, and the MLP head: one loop, streamed from disk, that can be resumed.

The loop feeds batches by itself instead of through `Model.fit`: it runs alike on every Keras
backend, needs no tf.data (whose autotuning stalls in TensorFlow 2.19 to 2.21), and what it does in
an epoch depends only on the seed and the number of the epoch, so that a killed run goes on from
its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from moascope.classification.features import (
    check_alike,
    images_per_call,
    prefetched,
    unit_places,
    with_views,
)
from moascope.classification.heads.base import FittedHead
from moascope.classification.heads.fitting import calibrate, divide_logits, fit_head
from moascope.classification.heads.kernel import KernelHead
from moascope.classification.heads.layers import kernel_layer, tree_layer
from moascope.classification.heads.linear import LinearHead
from moascope.classification.heads.registry import get, read_options
from moascope.classification.heads.trees import TreeHead
from moascope.classification.training import augmentation
from moascope.core.digests import array_digest, file_digest
from moascope.core.errors import InputError
from moascope.core.files import read_array
from moascope.networks import backbones
from moascope.networks import layers as networks_layers
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import DihedralViews
from moascope.networks.registry import nearest
from moascope.networks.saving import precision_policy, restored, save_checkpoint, save_model
from moascope.preprocessing.handcrafted_features import HAND_CRAFTED, image_features

if TYPE_CHECKING:  # what trains does not depend on how splits are made
    from moascope.classification.labelled_units import Task

logger = logging.getLogger(__name__)

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
HAND_CRAFTED_INPUT = "hand_crafted"
_LARGE_UNITS = 512  # px
_PLATEAU_FACTOR = 0.3
_PLATEAU_FLOOR = 1e-3
_SHORT_EPOCHS = 50  # of a perceptron between checkpoints
_ANY_SIDE = 224  # px: usual for networks pretrained on ImageNet


@dataclass(frozen=True)
class Samples:
    """What a model learns from: arrays that stay on disk, and which rows mean what.

    Parameters
    ----------
    stacks : sequence of arrays
        Units `(n, H, W, C)` or features `(n, d)`, memory-mapped or not.
    labels : numpy.ndarray
        int, class index per row of the arrays taken one after the other; -1 where unknown.
    rows : mapping
        Row numbers of `train`, `validation` (may be empty or absent) and `test`.
    classes : sequence of str
        Class names, in the order of their indices.
    """

    stacks: Sequence[np.ndarray]
    labels: np.ndarray
    rows: Mapping[str, np.ndarray]
    classes: Sequence[str]

    def of(self, name: str) -> np.ndarray:
        """Give the row numbers of a set, empty where there is none."""
        return np.asarray(self.rows.get(name, ()), dtype=np.int64)


def fit_fold(
    unit_files: Sequence[str | os.PathLike[str]],
    labels: np.ndarray,
    rows: Mapping[str, np.ndarray],
    classes: Sequence[str],
    channels: Sequence[str],
    options: Mapping[str, Any],
    augmentations: Sequence[Mapping[str, Any]] = (),
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    code: str = "",
) -> dict[str, Any]:
    """Fine-tune a backbone on the training units of one fold and predict its test units.

    Parameters
    ----------
    unit_files : sequence of path
        `.npy` arrays `(n, H, W, C)`, float16 in [0, 1]; read by batch.
    labels : numpy.ndarray
        int `(N,)`, class index of every unit of all files, one file after the other.
    rows : mapping
        `train`, `validation`, `test` to row numbers in 0 .. N-1. Without validation there is no
        early stopping, and the last epoch's weights are taken; with it those of the best epoch.
    classes : sequence of str
        Class names by index.
    channels : sequence of str
        Channel names, in the order of the units' last axis.
    options : mapping
        A model of the config: backbone, weights, channel_mapping, triple, input_size, transfer
        (`partial` or `full`), taps, pooling, head, unfreeze_from, augment, training. Batch
        normalization keeps its statistics and weights wherever the backbone is pretrained.
    augmentations : sequence of mappings
        As in the config; used where `augment` is true.
    seed : int
        Of weights, order, dropout and augmentation.
    checkpoint : path or None
        Written after every epoch; if it is there and belongs to the same task, training goes on
        from it. To be removed by the caller once the results are safe. The task is all that is
        given here, with every value of the files.
    code : str
        Digest of the code that trains, see `provenance.code_digest`; it is part of the task.

    Returns
    -------
    dict
        `predictions` float32 `(n_test, k)` probabilities, `embedding` float32 `(n_test, d)`,
        `history` DataFrame of `HISTORY_COLUMNS`, `model` keras.Model (image to probabilities).

    Raises
    ------
    InputError
        For options that do not go together, unknown layers, unlabelled training units, or a
        training that diverges.
    """
    stacks = [read_array(path, mapped=True) for path in unit_files]
    check_alike(stacks, unit_files)
    samples = Samples(stacks, np.asarray(labels), rows, list(classes))
    _check_samples(samples)
    keras.utils.set_random_seed(seed)
    training = options["training"]
    height, width = stacks[0].shape[1:3]
    with precision_policy(training["mixed_precision"]):
        core = _classifier(options, channels, len(classes), (height, width))
        augmenters = augmentation.build(augmentations, seed) if options["augment"] else []
        learner = _with_augmentation(core, augmenters)
        task = ""
        if checkpoint is not None:
            given = [channels, options, augmentations, seed, code, _weights_digest(options)]
            task = _fingerprint(samples, [array_digest(stack) for stack in stacks], given)
        history = _fit(learner, core, samples, training, seed, checkpoint, task)
        both = keras.Model(core.input, [core.get_layer("embedding").output, core.output])
        embedding, predictions = _predict(both, samples, "test", training["batch_size"])
    return {
        "predictions": predictions,
        "embedding": embedding,
        "history": history,
        "model": core,
    }


def check_model(
    options: Mapping[str, Any],
    channels: Sequence[str],
    unit_shape: tuple[int, int] | None,
) -> None:
    """Check that the network of a model can be built.

    Parameters
    ----------
    options : mapping
        A model of the config: backbone, weights, channel_mapping, triple, input_size, transfer,
        taps, pooling, views, head and unfreeze_from.
    channels : sequence of str
        Of the units.
    unit_shape : (int, int) or None
        Their height and width in pixels; None if that is not known.

    Raises
    ------
    InputError
        If a layer or a channel is unknown, weights are not to be had or do not fit, or units that
        are not square would have to be turned.
    """
    shape = unit_shape or (_ANY_SIDE, _ANY_SIDE)
    if unit_shape is None and options["backbone"] == "lenet" and not options["input_size"]:
        options = {**options, "weights": "none"}  # which are for units of one shape
    if options["transfer"] == "frozen":
        model = backbones.from_options(options, channels, shape)
        with_views(model, options["views"], shape)
    else:
        _classifier(options, channels, 2, shape)


def size_warning(
    name: str, options: Mapping[str, Any], unit_shape: tuple[int, int] | None
) -> dict[str, str] | None:
    """Warn of units that reach a network at a size that costs much time.

    Parameters
    ----------
    name : str
        Of the model.
    options : mapping
        `input_size` of the model.
    unit_shape : (int, int) or None
        Height and width of the units in pixels; None if that is not known.

    Returns
    -------
    dict or None
        id, about and text, where a side is longer than 512 px and `input_size` is null.
    """
    if unit_shape is None or options["input_size"] or max(unit_shape) <= _LARGE_UNITS:
        return None
    height, width = unit_shape
    factor = height * width / 256**2
    return {
        "id": "large-units",
        "about": f"models.{name}",
        "text": f"Units of {height} x {width} px reach the network of {name} at full size, which "
        f"takes {factor:.0f} times as long as 256 px. To change that, set units.size, units.tiles "
        f"or models.{name}.input_size.",
    }


def fit_mlp(
    features: np.ndarray,
    labels: np.ndarray,
    rows: Mapping[str, np.ndarray],
    classes: Sequence[str],
    head: Mapping[str, Any],
    training: Mapping[str, Any],
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    code: str = "",
    digest: str | None = None,
) -> dict[str, Any]:
    """Train a multi-layer perceptron on frozen features.

    Parameters
    ----------
    features : numpy.ndarray
        float `(N, d)`, may be memory-mapped. Standardized inside the model with the mean and
        standard deviation of the training rows.
    labels, rows, classes, seed
        As for `fit_fold`.
    head : mapping
        `hidden` (sizes of the hidden layers), `dropout` (after each) and `l2`.
    training : mapping
        As in the config.
    checkpoint : path or None
        As for `fit_fold`, but written at the end and every fifty epochs, which are short.
    code : str
        As for `fit_fold`.
    digest : str or None
        `digests.array_digest` of `features`, where it is known already.

    Returns
    -------
    dict
        `predictions`, `history` and `model` (features to probabilities), as for `fit_fold`.

    Raises
    ------
    InputError
        For unlabelled training rows, or a training that diverges.
    """
    samples = Samples([features], np.asarray(labels), rows, list(classes))
    _check_samples(samples)
    keras.utils.set_random_seed(seed)
    fitted_on = np.asarray(features[samples.of("train")], dtype="float64")
    # A constant feature has no variance to divide by, and tells nothing.
    variance = np.where(fitted_on.var(axis=0) > 0, fitted_on.var(axis=0), 1.0)
    with precision_policy(training["mixed_precision"]):
        inputs = keras.Input((features.shape[1],), name="features")
        standardize = layers.Normalization(
            mean=fitted_on.mean(axis=0).astype("float32"), variance=variance.astype("float32")
        )
        output = _head(standardize(inputs), head, len(classes))
        model = keras.Model(inputs, output, name="mlp")
        task = ""
        if checkpoint is not None:
            contents = [digest or array_digest(features)]
            task = _fingerprint(samples, contents, [head, training, seed, code])
        history = _fit(model, model, samples, training, seed, checkpoint, task, _SHORT_EPOCHS)
        (predictions,) = _predict(model, samples, "test", training["batch_size"])
    return {"predictions": predictions, "history": history, "model": model}


def fit_mlp_folds(
    features: np.ndarray,
    task: Task,
    options: Mapping[str, Any],
    *,
    seed: int,
    checkpoints: Sequence[str | os.PathLike[str]],
    code: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train a multi-layer perceptron on frozen features in every fold, and predict its test units.

    Parameters
    ----------
    features : numpy.ndarray
        As for `fit_mlp`.
    task : Task
        Classes and folds.
    options : mapping
        `head` and `training`, as for `fit_mlp`.
    seed : int
        Repeat r has the seed `seed + r`.
    checkpoints : sequence of path
        As for `fit_mlp`, one per fold.
    code : str
        As for `fit_mlp`.

    Returns
    -------
    predictions : pandas.DataFrame
        As of `heads.fit_predict_folds`.
    history : pandas.DataFrame
        `HISTORY_COLUMNS`, repeat and fold.

    Raises
    ------
    InputError
        As of `fit_mlp`.
    """
    tables, histories = [], []
    digest = array_digest(features)
    for fold, checkpoint in zip(task.folds, checkpoints, strict=True):
        done = fit_mlp(
            *(features, task.labels, fold.rows, task.classes),
            *(options["head"], options["training"]),
            seed=seed + fold.repeat,
            checkpoint=checkpoint,
            code=code,
            digest=digest,
        )
        tables.append(task.predictions(done["predictions"], fold))
        histories.append(done["history"].assign(repeat=fold.repeat, fold=fold.fold))
    return pd.concat(tables, ignore_index=True), pd.concat(histories, ignore_index=True)


def fit_final_head(
    features: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    options: Mapping[str, Any],
    seed: int,
    groups: np.ndarray | None = None,
) -> FittedHead | keras.Model:
    """Fit a head to all labelled units: the one that is shipped, as no test set is left for it.

    Parameters
    ----------
    features : numpy.ndarray
        float `(N, d)`, may be memory-mapped.
    labels : numpy.ndarray
        int `(N,)`, index into `classes`; -1 for units that have no label or are left out.
    classes : sequence of str
        Class names.
    options : mapping
        `head`, and for a multilayer perceptron `training`.
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
    head = read_options(options["head"])
    if get(head.type).is_network:
        none = np.empty(0, dtype=np.int64)
        sets = {"train": rows, "validation": none, "test": none}
        trained = fit_mlp(
            features, labels, sets, classes, head.model_dump(), options["training"], seed=seed
        )
        model: keras.Model = trained["model"]
        return model
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
    """Put a fitted head on what it sees, so that one model predicts.

    Parameters
    ----------
    extractor : keras.Model or None
        `(n, H, W, C)` to `(n, d)`, from `features.with_views`; None for hand-crafted
        features alone.
    head : FittedHead or keras.Model
        From `fitting.fit_head`, or the `model` of `fit_mlp`. Its features are those of the
        extractor, then the hand-crafted ones.
    n_hand_crafted : int
        How many features of `moascope.preprocessing.handcrafted_features` the head sees.

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
            # Standardized apart: folded into the weights, features that hardly vary lose digits.
            scale = np.maximum(head.scale, 1e-6)  # which the layer does not cut off
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
        float16 `(n, H, W, C)`, prepared as its metadata say; may be memory-mapped.

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
    given: Mapping[str, Any],
    *,
    unit_shape: Sequence[int],
    choice: Mapping[str, Any] | None = None,
) -> None:
    """Write a classifier with all that its units must be.

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
    given : mapping
        `channels`, `normalization` and `unit_size` of the configuration.
    unit_shape : (int, int)
        Height and width of the units in pixels.
    choice : mapping or None
        What was chosen among candidates: name, and score of each.
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


# --- the model --------------------------------------------------------------------------------


def _classifier(
    options: Mapping[str, Any],
    channels: Sequence[str],
    n_classes: int,
    unit_shape: tuple[int, int],
) -> keras.Model:
    """Build image -> probabilities, with the layers frozen that are not to learn."""
    features = backbones.build(
        options["backbone"],
        options["weights"],
        options["input_size"],
        channels,
        {"kind": options["channel_mapping"], "triple": options["triple"]},
        options["taps"],
        pooling=None,
        unit_shape=unit_shape,
    )
    _freeze(features.get_layer("trunk"), options)
    pooled = networks_layers.pool(features.output, options["pooling"])
    head = options["head"]
    hidden = head["hidden"] if head["type"] == "mlp" else []
    output = _head(pooled, {**head, "hidden": hidden}, n_classes)
    return keras.Model(features.input, output, name=features.name)


def _freeze(trunk: keras.Model, options: Mapping[str, Any]) -> None:
    is_pretrained = options["weights"] not in (None, "none")
    transfer, first = options["transfer"], options["unfreeze_from"]
    if transfer not in ("partial", "full"):
        raise InputError(f"transfer: {transfer!r} is not fine-tuning; use partial or full.")
    names = [layer.name for layer in trunk.layers]
    n_frozen = 0
    if transfer == "partial":
        if not is_pretrained:
            raise InputError(
                "transfer: partial keeps random weights where weights is none. Use full, or "
                "pretrained weights."
            )
        if first not in names:
            raise InputError(
                f"unfreeze_from: {options['backbone']} has no layer {first!r}. "
                f"{nearest(backbones.similar(str(first), names))}"
                "transfer: partial needs the first layer that is to learn."
            )
        n_frozen = names.index(first)
    for i, layer in enumerate(trunk.layers):
        is_norm = isinstance(layer, layers.BatchNormalization)
        # The statistics of a few small batches are worse than the ones that came with it.
        layer.trainable = i >= n_frozen and not (is_norm and is_pretrained)


def _head(x: Any, head: Mapping[str, Any], n_classes: int) -> Any:
    regularizer = keras.regularizers.L2(head["l2"]) if head["l2"] else None
    for i, size in enumerate(head["hidden"]):
        if i:
            x = layers.Dropout(head["dropout"])(x)
        x = layers.Dense(size, activation="relu", kernel_regularizer=regularizer)(x)
    x = layers.Activation("linear", name="embedding", dtype="float32")(x)
    x = layers.Dropout(head["dropout"])(x)
    logits = layers.Dense(n_classes, kernel_regularizer=regularizer, name="logits")(x)
    # Softmax in half precision loses what separates confident classes.
    return layers.Activation("softmax", dtype="float32", name="probabilities")(logits)


def _with_augmentation(core: keras.Model, augmenters: Sequence[layers.Layer]) -> keras.Model:
    """Put augmentation in front for training only, so that it is no part of what is saved."""
    if not augmenters:
        return core
    image = keras.Input(core.input_shape[1:], name="unit")
    x = image
    for layer in augmenters:
        x = layer(x)
    return keras.Model(image, core(x), name="learner")


# --- the loop ---------------------------------------------------------------------------------


def _fit(
    learner: keras.Model,
    core: keras.Model,
    samples: Samples,
    training: Mapping[str, Any],
    seed: int,
    checkpoint: str | os.PathLike[str] | None,
    task: str,
    save_every: int = 1,
) -> pd.DataFrame:
    """Train until the last epoch or no more progress; leave the best weights in `core`."""
    learner.compile(
        optimizer=_optimizer(training),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=training["label_smoothing"]),
        metrics=["accuracy"],
        # XLA is far slower for depthwise networks on a CPU, and needs a matching CUDA compiler.
        jit_compile=False,
    )
    learner.optimizer.build(learner.trainable_variables)
    history: list[dict[str, float]] = []
    best: list[np.ndarray] = []
    if checkpoint is not None:
        history, best = restored(checkpoint, task, learner, core)
    saved = len(history)
    watched = "val_loss" if len(samples.of("validation")) else "loss"
    for epoch in range(len(history), training["epochs"]):
        if _is_over(history, watched, training["patience"]):
            break
        started = time.perf_counter()
        row = {"epoch": epoch + 1, **_epoch(learner, samples, training, seed, history)}
        row.update(_scores(core, samples, "validation", training["batch_size"]))
        history.append(row)
        if watched == "val_loss" and row["val_loss"] <= min(r["val_loss"] for r in history):
            best = core.get_weights()
        if checkpoint is not None and len(history) - saved >= save_every:
            save_checkpoint(checkpoint, task, learner, history, best)
            saved = len(history)
        _log(row, training["epochs"], time.perf_counter() - started)
    if checkpoint is not None and len(history) > saved:
        save_checkpoint(checkpoint, task, learner, history, best)
    if best:
        core.set_weights(best)
    return pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).astype({"epoch": "int64"})


def _epoch(
    learner: keras.Model,
    samples: Samples,
    training: Mapping[str, Any],
    seed: int,
    history: Sequence[Mapping[str, float]],
) -> dict[str, float]:
    epoch = len(history)
    order = np.random.default_rng([seed, epoch]).permutation(samples.of("train"))
    step = min(training["batch_size"], len(order))
    n_steps = len(order) // step
    # What is left over from whole batches sits out this epoch; the next one is shuffled anew.
    order = order[: n_steps * step]
    one_hot = np.eye(len(samples.classes), dtype="float32")
    weight_of = _class_weights(samples) if training["class_weights"] else None
    sums = np.zeros(2)
    rate = 0.0
    places = unit_places(samples.stacks)[order]
    for i, batch in enumerate(prefetched(samples.stacks, places, step)):
        rate = _learning_rate(training, epoch + i / n_steps, history)
        learner.optimizer.learning_rate = rate
        labels = samples.labels[order[i * step : (i + 1) * step]]
        # One batch's own figures: Keras resets its metrics before each.
        logs = learner.train_on_batch(
            batch,
            one_hot[labels],
            sample_weight=None if weight_of is None else weight_of[labels],
            return_dict=True,
        )
        sums += logs["loss"], logs["accuracy"]
    loss, accuracy = (float(value) for value in sums / n_steps)
    if not math.isfinite(loss):
        raise InputError(
            f"training: the loss is {loss} in epoch {epoch + 1}, so it has diverged. Lower "
            f"learning_rate (now {training['learning_rate']}), or switch mixed_precision off."
        )
    return {"loss": loss, "accuracy": accuracy, "learning_rate": rate}


def _learning_rate(
    training: Mapping[str, Any], epoch: float, history: Sequence[Mapping[str, float]]
) -> float:
    """Give the rate at a moment of the training, `epoch` counted with fractions."""
    base = float(training["learning_rate"])
    if training["schedule"] == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * epoch / training["epochs"]))
    if training["schedule"] == "plateau":
        return _plateau_rate(base, history, max(1, (training["patience"] or 4) // 2))
    return base


def _plateau_rate(base: float, history: Sequence[Mapping[str, float]], wait: int) -> float:
    """Cut the rate whenever the loss has not fallen for `wait` epochs."""
    rate, best, since = base, math.inf, 0
    for row in history:
        loss = row["loss"] if math.isnan(row["val_loss"]) else row["val_loss"]
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since >= wait:
            rate, since = max(rate * _PLATEAU_FACTOR, base * _PLATEAU_FLOOR), 0
    return rate


def _is_over(history: Sequence[Mapping[str, float]], watched: str, patience: int | None) -> bool:
    """Tell whether validation has not improved for `patience` epochs."""
    if not patience or watched != "val_loss" or not history:
        return False
    losses = [row["val_loss"] for row in history]
    since = len(losses) - 1 - int(np.argmin(losses))
    if since >= patience:
        logger.info("no better validation loss for %d epochs: stopped early", since)
    return since >= patience


def _optimizer(training: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    if training["optimizer"] == "adam":
        return keras.optimizers.Adam(training["learning_rate"])
    return keras.optimizers.SGD(training["learning_rate"], momentum=training["momentum"])


def _class_weights(samples: Samples) -> np.ndarray:
    """Weight classes so that each has the same say: n / (k * n_class)."""
    labels = samples.labels[samples.of("train")]
    counts = np.bincount(labels, minlength=len(samples.classes))
    present = counts > 0
    weights = np.zeros(len(counts), dtype="float32")
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights


def _predict(model: keras.Model, samples: Samples, name: str, batch_size: int) -> list[np.ndarray]:
    """Give every output of a model for the rows of one set, float32."""
    rows = samples.of(name)
    shapes = [output.shape[1:] for output in model.outputs]
    results = [np.empty((len(rows), *shape), dtype="float32") for shape in shapes]
    step = max(1, min(batch_size, len(rows)))
    if samples.stacks[0].ndim == 4:
        step = min(step, images_per_call(model, samples.stacks[0].shape[1:3]))
    done = 0
    for batch in prefetched(samples.stacks, unit_places(samples.stacks)[rows], step):
        outputs = model.predict_on_batch(batch)
        n_wanted = min(step, len(rows) - done)
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        for result, output in zip(results, outputs, strict=True):
            result[done : done + n_wanted] = np.asarray(output)[:n_wanted]
        done += n_wanted
    return results


def _scores(core: keras.Model, samples: Samples, name: str, batch_size: int) -> dict[str, float]:
    rows = samples.of(name)
    if not len(rows):
        return {"val_loss": math.nan, "val_accuracy": math.nan}
    (probabilities,) = _predict(core, samples, name, batch_size)
    labels = samples.labels[rows]
    true = np.maximum(probabilities[np.arange(len(rows)), labels], keras.config.epsilon())
    return {
        "val_loss": float(np.log(1 / true).mean()),
        "val_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
    }


def _log(row: Mapping[str, float], n_epochs: int, seconds: float) -> None:
    validation = ""
    if not math.isnan(row["val_loss"]):
        validation = f", validation loss {row['val_loss']:.4f} accuracy {row['val_accuracy']:.3f}"
    logger.info(
        "epoch %d/%d: loss %.4f accuracy %.3f%s (rate %.2g, %.1f s)",
        row["epoch"],
        n_epochs,
        row["loss"],
        row["accuracy"],
        validation,
        row["learning_rate"],
        seconds,
    )


# --- checkpoints ------------------------------------------------------------------------------


def _fingerprint(samples: Samples, contents: Sequence[str], given: Sequence[Any]) -> str:
    """Digest everything that a checkpoint must agree with.

    `contents` are the digests of the stacks, and `given` are the options, the seed and the digest
    of the code.
    """
    versions = [keras.__version__, keras.backend.backend()]
    about = [versions, list(contents), list(samples.classes), *given]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=list).encode())
    for rows in (samples.labels, *(samples.of(name) for name in ("train", "validation", "test"))):
        values = np.ascontiguousarray(rows, dtype=np.int64)
        digest.update(f"{len(values)} ".encode() + values.tobytes())
    return digest.hexdigest()


def _weights_digest(options: Mapping[str, Any]) -> str:
    """Digest the file that a training starts from; published weights are told by their name."""
    weights = options["weights"]
    is_file = weights not in (None, "none", "imagenet")
    return file_digest(weights) if is_file else str(weights)


def _check_samples(samples: Samples) -> None:
    n = sum(len(stack) for stack in samples.stacks)
    if len(samples.labels) != n:
        raise InputError(f"labels: {len(samples.labels)} labels for {n} units; give one for each.")
    if not len(samples.of("train")):
        raise InputError("split: a fold without training units. Check the groups of the split.")
    for name in ("train", "validation"):
        labels = samples.labels[samples.of(name)]
        n_unknown = int(((labels < 0) | (labels >= len(samples.classes))).sum())
        if n_unknown:
            raise InputError(
                f"labels: {n_unknown} {name} units have no class. Leave unlabelled units out of "
                "the split, or label them."
            )
