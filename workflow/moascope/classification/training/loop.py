"""Training loop of classifiers: streamed from disk, and resumed after a stop.

The loop feeds batches by itself instead of through `Model.fit`. It runs alike on every Keras
backend and needs no tf.data, whose autotuning stalls in TensorFlow 2.19 to 2.21. An epoch depends
only on the seed and its number, so that a killed run continues from its last checkpoint.
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
from typing import Any

import numpy as np
import pandas as pd

from moascope.classification.streaming import images_per_call, read_batches, unit_places
from moascope.classification.training.options import Training
from moascope.classification.training.schedules import learning_rate
from moascope.core.errors import InputError
from moascope.core.text.suggestions import unknown
from moascope.networks.checkpoints import restore_checkpoint, save_checkpoint
from moascope.networks.divergence import check_loss
from moascope.networks.keras_defaults import keras

logger = logging.getLogger(__name__)

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")

OPTIMIZERS: dict[str, tuple[str, ...]] = {"adam": (), "sgd": ("momentum",)}
"""Names of optimizers in Keras, with the options that they take next to the learning rate."""


@dataclass(frozen=True)
class Samples:
    """Training data: arrays that stay on disk, their labels, and the rows of each set.

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
        """Return the row numbers of a set, int64; empty where there is none."""
        return np.asarray(self.rows.get(name, ()), dtype=np.int64)


@dataclass(frozen=True)
class Trained:
    """A trained model and what it predicts."""

    model: keras.Model
    """From units or features to probabilities."""
    history: pd.DataFrame
    """A row per epoch with `HISTORY_COLUMNS`."""
    predictions: np.ndarray
    """float32 (n_test, k) probabilities of the test rows."""
    embedding: np.ndarray | None = None
    """float32 (n_test, d), the input of the last layer, of networks that see images."""


def fit(
    learner: keras.Model,
    core: keras.Model,
    samples: Samples,
    training: Training,
    seed: int,
    checkpoint: str | os.PathLike[str] | None,
    task: str,
    save_every: int = 1,
) -> pd.DataFrame:
    """Train until the last epoch or no more progress; leave the best weights in `core`.

    Parameters
    ----------
    learner : keras.Model
        Takes the rows of the samples; may augment them before `core`.
    core : keras.Model
        The part of the learner that is kept; it returns probabilities `(n, k)`.
    samples : Samples
        Training and validation data.
    training : Training
        Options.
    seed : int
        Of the order of the rows.
    checkpoint : path or None
        Written every `save_every` epochs. A checkpoint of the same task is continued.
    task : str
        From `fingerprint`.
    save_every : int
        Epochs between checkpoints.

    Returns
    -------
    pandas.DataFrame
        A row per epoch with `HISTORY_COLUMNS`.

    Raises
    ------
    InputError
        For an unknown optimizer or schedule, or a training that diverges.
    """
    learner.compile(
        optimizer=make_optimizer(training),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing),
        metrics=["accuracy"],
        # XLA is far slower for depthwise networks on a CPU, and needs a matching CUDA compiler.
        jit_compile=False,
    )
    learner.optimizer.build(learner.trainable_variables)
    history: list[dict[str, float]] = []
    best: list[np.ndarray] = []
    if checkpoint is not None:
        history, best = restore_checkpoint(checkpoint, task, learner, core)
    saved = len(history)
    watched = "val_loss" if len(samples.of("validation")) else "loss"
    for epoch in range(len(history), training.epochs):
        if _is_over(history, watched, training.patience):
            break
        started = time.perf_counter()
        row = {"epoch": epoch + 1, **train_epoch(learner, samples, training, seed, history)}
        row.update(_scores(core, samples, "validation", training.batch_size))
        history.append(row)
        if watched == "val_loss" and row["val_loss"] <= min(r["val_loss"] for r in history):
            best = core.get_weights()
        if checkpoint is not None and len(history) - saved >= save_every:
            save_checkpoint(checkpoint, task, learner, history, best)
            saved = len(history)
        _log(row, training.epochs, time.perf_counter() - started)
    if checkpoint is not None and len(history) > saved:
        save_checkpoint(checkpoint, task, learner, history, best)
    if best:
        core.set_weights(best)
    return pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).astype({"epoch": "int64"})


def train_epoch(
    learner: keras.Model,
    samples: Samples,
    training: Training,
    seed: int,
    history: Sequence[Mapping[str, float]],
) -> dict[str, float]:
    """Train for one epoch.

    Parameters
    ----------
    learner, samples, training, seed
        As for `fit`.
    history : sequence of mappings
        A row per epoch so far.

    Returns
    -------
    dict
        Loss, accuracy and the last learning rate.

    Raises
    ------
    InputError
        If the training has diverged.
    """
    epoch = len(history)
    order = np.random.default_rng([seed, epoch]).permutation(samples.of("train"))
    step = min(training.batch_size, len(order))
    n_steps = len(order) // step
    # The rest after whole batches is left out of this epoch; each epoch has another order.
    order = order[: n_steps * step]
    one_hot = np.eye(len(samples.classes), dtype="float32")
    weight_of = compute_class_weights(samples) if training.class_weights else None
    sums = np.zeros(2)
    rate = 0.0
    places = unit_places(samples.stacks)[order]
    for i, batch in enumerate(read_batches(samples.stacks, places, step)):
        rate = learning_rate(training, epoch + i / n_steps, history)
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
    check_loss(loss, f"epoch {epoch + 1}", training.learning_rate, "switch mixed_precision off")
    return {"loss": loss, "accuracy": accuracy, "learning_rate": rate}


def _is_over(history: Sequence[Mapping[str, float]], watched: str, patience: int | None) -> bool:
    """Return whether the validation loss has not fallen for `patience` epochs."""
    if not patience or watched != "val_loss" or not history:
        return False
    losses = [row["val_loss"] for row in history]
    since = len(losses) - 1 - int(np.argmin(losses))
    if since >= patience:
        logger.info("no better validation loss for %d epochs: stopped early", since)
    return since >= patience


def make_optimizer(training: Training) -> keras.optimizers.Optimizer:
    """Build the optimizer of a training.

    Parameters
    ----------
    training : Training
        Names it, with its learning rate and its momentum.

    Returns
    -------
    keras.optimizers.Optimizer
        As Keras knows it by that name.

    Raises
    ------
    InputError
        If its name is none of `OPTIMIZERS`.
    """
    if training.optimizer not in OPTIMIZERS:
        raise InputError(
            f"training.optimizer: {unknown('optimizer', training.optimizer, OPTIMIZERS)}"
        )
    own = {name: getattr(training, name) for name in OPTIMIZERS[training.optimizer]}
    options = {"learning_rate": training.learning_rate, **own}
    return keras.optimizers.get({"class_name": training.optimizer, "config": options})


def compute_class_weights(samples: Samples) -> np.ndarray:
    """Return a weight per class, n / (k * n_class), that makes all classes count the same."""
    labels = samples.labels[samples.of("train")]
    counts = np.bincount(labels, minlength=len(samples.classes))
    present = counts > 0
    weights = np.zeros(len(counts), dtype="float32")
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights


def predict(model: keras.Model, samples: Samples, name: str, batch_size: int) -> list[np.ndarray]:
    """Predict the rows of one set.

    Parameters
    ----------
    model : keras.Model
        With one or more outputs.
    samples : Samples
        The rows.
    name : str
        Of the set.
    batch_size : int
        Largest number of rows per call.

    Returns
    -------
    list of numpy.ndarray
        float32 `(n, ...)`, one per output.
    """
    rows = samples.of(name)
    shapes = [output.shape[1:] for output in model.outputs]
    results = [np.empty((len(rows), *shape), dtype="float32") for shape in shapes]
    step = max(1, min(batch_size, len(rows)))
    if samples.stacks[0].ndim == 4:
        step = min(step, images_per_call(model, samples.stacks[0].shape[1:3]))
    done = 0
    for batch in read_batches(samples.stacks, unit_places(samples.stacks)[rows], step):
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
    (probabilities,) = predict(core, samples, name, batch_size)
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


def fingerprint(samples: Samples, contents: Sequence[str], given: Sequence[Any]) -> str:
    """Compute a digest of everything that a checkpoint must agree with.

    Parameters
    ----------
    samples : Samples
        Their labels, rows and classes count.
    contents : sequence of str
        Digests of the stacks.
    given : sequence
        Options, seed and the digest of the code, ready for JSON.

    Returns
    -------
    str
        Hexadecimal.
    """
    versions = [keras.__version__, keras.backend.backend()]
    about = [versions, list(contents), list(samples.classes), *given]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=list).encode())
    for rows in (samples.labels, *(samples.of(name) for name in ("train", "validation", "test"))):
        values = np.ascontiguousarray(rows, dtype=np.int64)
        digest.update(f"{len(values)} ".encode() + values.tobytes())
    return digest.hexdigest()


def check_samples(samples: Samples) -> None:
    """Check that a model can be trained on samples.

    Raises
    ------
    InputError
        For another number of labels than of rows, no training rows, or rows without a class.
    """
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
