"""Multilayer perceptron on frozen features."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.training.loop import Plan, Trained, fit, predict
from moascope.classification.training.options import Training
from moascope.classification.training.samples import Samples, check_samples, fingerprint
from moascope.core.digests import array_digest
from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.saving import precision_policy

if TYPE_CHECKING:  # a change of how splits are made does not change a training
    from moascope.classification.labelled_units import Task


_SHORT_EPOCHS = 50  # between checkpoints


def add_head(x: keras.KerasTensor, head: MlpOptions, n_classes: int) -> keras.KerasTensor:
    """Add hidden layers and a softmax to features.

    Parameters
    ----------
    x : keras tensor
        `(n, d)`.
    head : MlpOptions
        Hidden layers, dropout and penalty.
    n_classes : int
        Number of classes.

    Returns
    -------
    keras tensor
        float32 `(n, n_classes)` probabilities. The input of the last layer is that of a layer
        `embedding`.
    """
    regularizer = keras.regularizers.L2(head.l2) if head.l2 else None
    for i, size in enumerate(head.hidden):
        if i:
            x = layers.Dropout(head.dropout)(x)
        x = layers.Dense(size, activation="relu", kernel_regularizer=regularizer)(x)
    x = layers.Activation("linear", name="embedding", dtype="float32")(x)
    x = layers.Dropout(head.dropout)(x)
    logits = layers.Dense(n_classes, kernel_regularizer=regularizer, name="logits")(x)
    # Softmax in half precision loses what separates confident classes.
    return layers.Activation("softmax", dtype="float32", name="probabilities")(logits)


def fit_mlp(
    features: np.ndarray,
    labels: np.ndarray,
    rows: Mapping[str, np.ndarray],
    classes: Sequence[str],
    head: MlpOptions,
    training: Training,
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    code: str = "",
    digest: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Trained:
    """Train a multilayer perceptron on frozen features.

    Parameters
    ----------
    features : numpy.ndarray
        float `(N, d)`, may be memory-mapped. Standardized inside the model with the mean and
        standard deviation of the training rows.
    labels, rows, classes, seed
        As for `fit_fold`.
    head : MlpOptions
        Layers.
    training : Training
        Options.
    checkpoint : path or None
        As for `fit_fold`, but written at the end and every fifty epochs, which are short.
    code : str
        As for `fit_fold`.
    digest : str or None
        `digests.array_digest` of `features`, where it is known already.
    callbacks : sequence of keras.callbacks.Callback
        Called as `Model.fit` does.

    Returns
    -------
    Trained
        The model takes features. There is no embedding.

    Raises
    ------
    InputError
        For unlabelled training rows, features that are NaN, or a training that diverges.
    """
    samples = Samples([features], np.asarray(labels), rows, list(classes))
    check_samples(samples)
    training = training.complete(is_fine_tuned=False)
    keras.utils.set_random_seed(seed)
    fitted_on = np.asarray(features[samples.of("train")], dtype="float64")
    n_broken = int((~np.isfinite(fitted_on).all(axis=1)).sum())
    if n_broken:
        raise InputError(
            f"features: those of {n_broken} training units are NaN or infinite. Check the images "
            "that they are of."
        )
    # A constant feature carries no information, and its variance cannot be divided by.
    variance = np.where(fitted_on.var(axis=0) > 0, fitted_on.var(axis=0), 1.0)
    with precision_policy(training.mixed_precision):
        inputs = keras.Input((features.shape[1],), name="features")
        standardize = layers.Normalization(
            mean=fitted_on.mean(axis=0).astype("float32"), variance=variance.astype("float32")
        )
        output = add_head(standardize(inputs), head, len(classes))
        model = keras.Model(inputs, output, name="mlp")
        task = ""
        if checkpoint is not None:
            contents = [digest or array_digest(features)]
            task = fingerprint(
                samples,
                contents,
                [head.model_dump(mode="json"), training.model_dump(mode="json"), seed, code],
            )
        plan = Plan(training, seed, checkpoint, task, _SHORT_EPOCHS, callbacks=callbacks)
        history = fit(model, model, samples, plan)
        (predictions,) = predict(model, samples, "test", training.batch_size)
    return Trained(model, history, predictions)


def fit_mlp_folds(
    features: np.ndarray,
    task: Task,
    head: MlpOptions,
    training: Training,
    *,
    seed: int,
    checkpoints: Sequence[str | os.PathLike[str]],
    code: str = "",
    callbacks: Callable[[int], Sequence[keras.callbacks.Callback]] = lambda number: (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train a multilayer perceptron in every fold, and predict its test units.

    Parameters
    ----------
    features : numpy.ndarray
        As for `fit_mlp`.
    task : Task
        Classes and folds.
    head, training
        As for `fit_mlp`.
    seed : int
        Repeat r has the seed `seed + r`.
    checkpoints : sequence of path
        As for `fit_mlp`, one per fold.
    code : str
        As for `fit_mlp`.
    callbacks : callable
        Takes the number of a fold, and returns what `fit_mlp` takes.

    Returns
    -------
    predictions : pandas.DataFrame
        As of `cross_validation.fit_predict_folds`.
    history : pandas.DataFrame
        `HISTORY_COLUMNS`, repeat and fold.

    Raises
    ------
    InputError
        As of `fit_mlp`.
    """
    tables, histories = [], []
    digest = array_digest(features)
    for number, (fold, checkpoint) in enumerate(zip(task.folds, checkpoints, strict=True)):
        trained = fit_mlp(
            features,
            task.labels,
            fold.rows,
            task.classes,
            head,
            training,
            seed=seed + fold.repeat,
            checkpoint=checkpoint,
            code=code,
            digest=digest,
            callbacks=callbacks(number),
        )
        tables.append(task.predictions(trained.predictions, fold))
        histories.append(trained.history.assign(repeat=fold.repeat, fold=fold.fold))
    return pd.concat(tables, ignore_index=True), pd.concat(histories, ignore_index=True)
