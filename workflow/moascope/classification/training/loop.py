"""Training of classifiers: streamed from disk, and resumed after a stop.

An epoch depends only on the seed and its number, see `networks.training.loop`.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from moascope.classification.streaming import images_per_call, read_batches, unit_places
from moascope.classification.training.options import USUAL_PATIENCE, Training
from moascope.classification.training.samples import Samples
from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras
from moascope.networks.layers import has_batch_normalization
from moascope.networks.training import loop
from moascope.networks.training.losses import LOSSES, build_loss
from moascope.networks.training.optimizers import OPTIMIZERS, Limits, build_optimizer
from moascope.networks.training.schedules import SCHEDULES, compute_rate

logger = logging.getLogger(__name__)

HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")

_MOST_CHECKED = 20  # training units per class


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


@dataclass(frozen=True)
class Trunk:
    """The part of a network that is pretrained, and how much of it learns."""

    freeze: Callable[[bool], None]
    """Sets which of its layers learn: none of them for true, else those of the options."""
    layers: Sequence[keras.layers.Layer]
    """Its layers, from the image on."""


@dataclass(frozen=True)
class Plan:
    """A training, without what is trained."""

    training: Training
    seed: int
    """Of the order of the rows."""
    checkpoint: str | os.PathLike[str] | None = None
    """Written every `save_every` epochs. A checkpoint of the same task is continued."""
    task: str = ""
    """From `samples.fingerprint`."""
    save_every: int = 1
    """Epochs between checkpoints."""
    last_epoch: int | None = None
    """Epoch after which the training ends; None: as the options say. Rates stay as they are."""
    callbacks: Sequence[keras.callbacks.Callback] = ()
    """Called as `Model.fit` does."""


def fit(
    learner: keras.Model,
    core: keras.Model,
    samples: Samples,
    plan: Plan,
    trunk: Trunk | None = None,
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
    plan : Plan
        Options, which are complete, seed and checkpoint.
    trunk : Trunk or None
        Pretrained part of the core; None: all of it is new.

    Returns
    -------
    pandas.DataFrame
        A row per epoch with `HISTORY_COLUMNS`.

    Raises
    ------
    InputError
        For a batch of one with batch normalization, a patience without validation units, or a
        training that diverges.
    """
    course = ClassifierCourse(learner, core, samples, plan, trunk)
    history = loop.train(
        learner,
        core,
        course,
        checkpoint=plan.checkpoint,
        task=plan.task,
        save_every=plan.save_every,
        callbacks=plan.callbacks,
    )
    for text in find_warnings(core, samples, history, plan.training):
        logger.warning("%s", text)
    return pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).astype({"epoch": "int64"})


class ClassifierCourse(loop.Course):
    """Epochs of a classifier, until the last one or no better validation loss.

    Parameters
    ----------
    learner, core, samples, plan, trunk
        As for `fit`.
    """

    def __init__(
        self,
        learner: keras.Model,
        core: keras.Model,
        samples: Samples,
        plan: Plan,
        trunk: Trunk | None,
    ) -> None:
        self._learner, self._core, self._samples = learner, core, samples
        self._plan, self._trunk = plan, trunk
        self._training = plan.training
        self._is_head_only: bool | None = None  # not compiled yet
        self._is_validated = len(samples.of("validation")) > 0
        if self._training.patience is not None and not self._is_validated:
            raise InputError(
                "training.patience: there are no validation units whose loss could stop the "
                "training. Remove it, or set validation units aside in the split."
            )
        self._batch_size = min(self._training.batch_size, len(samples.of("train")))
        self._weight_of = None
        if self._training.class_weights and not self._training.balanced_sampling:
            self._weight_of = samples.class_weights()
        self.learning_rate = float(self._training.learning_rate or math.nan)
        self._schedule = SCHEDULES.own(self._training, self._training.schedule)
        self.averages_weights = self._training.ema is not None
        self.counted = "images" if samples.stacks[0].ndim == 4 else "units"

    def prepare(self, history: loop.History) -> None:
        """Compile for the head alone, or for all that learns, where that changes."""
        is_head_only = self._trunk is not None and len(history) < self._training.head_epochs
        if is_head_only is self._is_head_only:
            return
        self._is_head_only = is_head_only
        if self._trunk is not None:
            self._trunk.freeze(is_head_only)
        if self._batch_size == 1 and has_batch_normalization(self._core):
            raise InputError(
                "training.batch_size: batch normalization cannot learn from one unit per step. "
                "Raise batch_size, or set freeze_batch_norm to true."
            )
        training = self._training
        limits = Limits(training.clip_norm, training.clip_value, training.ema)
        factors = None
        if self._trunk is not None and training.layer_decay < 1 and not is_head_only:
            factors = compute_layer_factors(self._trunk.layers, training.layer_decay)
        name = training.optimizer or ""
        self._learner.compile(
            optimizer=build_optimizer(
                name, OPTIMIZERS.own(training, name), self.learning_rate, limits, factors
            ),
            loss=build_loss(
                training.loss, LOSSES.own(training, training.loss), training.label_smoothing
            ),
            metrics=["accuracy"],
            # XLA is far slower for depthwise networks on a CPU, and needs a matching CUDA compiler.
            jit_compile=False,
        )
        self._learner.optimizer.build(self._learner.trainable_variables)

    def batches(self, history: loop.History) -> Iterator[loop.Batch]:
        """Yield the batches of an epoch, in an order of its own."""
        samples, step = self._samples, self._batch_size
        is_balanced = self._training.balanced_sampling
        order = samples.order_of_epoch(self._plan.seed, len(history), is_balanced=is_balanced)
        n_steps = len(order) // step
        # The rest after whole batches is left out of this epoch; each epoch has another order.
        order = order[: n_steps * step]
        one_hot = np.eye(len(samples.classes), dtype="float32")
        places = unit_places(samples.stacks)[order]
        for i, batch in enumerate(read_batches(samples.stacks, places, step)):
            labels = samples.labels[order[i * step : (i + 1) * step]]
            weights = None if self._weight_of is None else self._weight_of[labels]
            yield loop.Batch(self._rate(history, i / n_steps), batch, one_hot[labels], weights)

    def _rate(self, history: loop.History, part: float) -> float:
        """Compute the learning rate in an epoch, a part of which is over."""
        training = self._training
        if self._is_head_only:
            return float(training.head_learning_rate or math.nan)
        n_before = training.head_epochs if self._trunk is not None else 0
        return compute_rate(
            training.schedule,
            self._schedule,
            self.learning_rate,
            training.warm_up or 0.0,
            len(history) - n_before + part,
            training.epochs - n_before,
            history[n_before:],
        )

    def name_step(self, history: loop.History, number: int) -> str:
        """Return epoch and batch."""
        n_steps = len(self._samples.of("train")) // self._batch_size
        return f"epoch {len(history) + 1}/{self._n_epochs}, batch {number + 1}/{n_steps}"

    @property
    def _n_epochs(self) -> int:
        return self._plan.last_epoch or self._training.epochs

    def share(self, history: loop.History, n_steps: int) -> float:
        """Return the share of all epochs."""
        of_epoch = n_steps / (len(self._samples.of("train")) // self._batch_size)
        return (len(history) + of_epoch) / self._n_epochs

    def complete(self, history: loop.History, row: loop.Row) -> loop.Row:
        """Predict the validation units, and return their scores with those of training."""
        return {"epoch": len(history) + 1, **row, **self._validate()}

    def _validate(self) -> loop.Row:
        samples, rows = self._samples, self._samples.of("validation")
        if not len(rows):
            return {"val_loss": math.nan, "val_accuracy": math.nan}
        (probabilities,) = predict(self._core, samples, "validation", self._training.batch_size)
        labels = samples.labels[rows]
        weights = np.ones(len(rows))
        if self._training.class_weights or self._training.balanced_sampling:
            weights = 1 / np.bincount(labels)[labels]
        true = np.maximum(probabilities[np.arange(len(rows)), labels], keras.config.epsilon())
        is_right = probabilities.argmax(axis=1) == labels
        return {
            "val_loss": float(np.average(np.log(1 / true), weights=weights)),
            "val_accuracy": float(np.average(is_right, weights=weights)),
        }

    def is_best(self, history: loop.History) -> bool:
        """Return whether the last epoch has the lowest validation loss."""
        last = history[-1]["val_loss"]
        return self._is_validated and last <= min(row["val_loss"] for row in history)

    def is_over(self, history: loop.History) -> bool:
        """Return whether all epochs are over, or the validation loss no longer falls."""
        if len(history) >= self._n_epochs:
            return True
        if not self._is_validated or not history:
            return False
        since = len(history) - 1 - int(np.argmin([row["val_loss"] for row in history]))
        is_stuck = since >= (self._training.patience or USUAL_PATIENCE)
        if is_stuck:
            logger.info("no better validation loss for %d epochs: stopped early", since)
        return is_stuck

    def log(self, history: loop.History, progress: str) -> None:
        """Log the scores of the last epoch."""
        row, validation = history[-1], ""
        if not math.isnan(row["val_loss"]):
            validation = (
                f", validation loss {row['val_loss']:.4f} accuracy {row['val_accuracy']:.3f}"
            )
        logger.info(
            "epoch %d/%d: loss %.4f accuracy %.3f%s (rate %.2g, %s)",
            row["epoch"],
            self._n_epochs,
            row["loss"],
            row["accuracy"],
            validation,
            row["learning_rate"],
            progress,
        )


def compute_layer_factors(
    trunk: Sequence[keras.layers.Layer], layer_decay: float
) -> dict[str, float]:
    """Compute factors of learning rates that fall from the head to the image.

    Parameters
    ----------
    trunk : sequence of keras.layers.Layer
        Layers below the head, from the image on.
    layer_decay : float
        Factor from each layer with weights that learn to the one before it.

    Returns
    -------
    dict of str to float
        By path of a variable; `layer_decay` for the last layer, its square for the one before it,
        and so on.
    """
    learning = [layer for layer in trunk if layer.trainable_variables]
    return {
        variable.path: layer_decay**depth
        for depth, layer in enumerate(reversed(learning), start=1)
        for variable in layer.trainable_variables
    }


def find_warnings(
    model: keras.Model, samples: Samples, history: loop.History, training: Training
) -> list[str]:
    """Find signs that a classifier has not learned what it should.

    Parameters
    ----------
    model : keras.Model
        Trained; returns probabilities `(n, k)`.
    samples : Samples
        Training and validation data. Without validation units, some training units are predicted.
    history : sequence of mappings
        A row per epoch.
    training : Training
        Options.

    Returns
    -------
    list of str
        A sentence per sign: a class that is never predicted, and validation at chance where all
        training units are right.
    """
    name = "validation" if len(samples.of("validation")) else "train"
    checked = samples.take(name, _MOST_CHECKED if name == "train" else None)
    (probabilities,) = predict(model, checked, name, training.batch_size)
    labels = checked.labels[checked.of(name)]
    n_predicted = np.bincount(probabilities.argmax(axis=1), minlength=len(samples.classes))
    n_true = np.bincount(labels, minlength=len(samples.classes))
    kind = {"validation": "validation", "train": "training"}[name]
    found = [
        f"class {each!r} is never predicted, although {n_true[i]} of {len(labels)} {kind} units "
        "that were looked at have it. Train for longer, or check class_weights and labels."
        for i, each in enumerate(samples.classes)
        if n_true[i] and not n_predicted[i]
    ]
    if name == "train" or not history:
        return found
    last = history[-1]
    shares = n_true[n_true > 0] / len(labels)
    is_weighted = training.class_weights or training.balanced_sampling
    chance = 1 / len(shares) if is_weighted else float(shares.max())
    spread = math.sqrt(chance * (1 - chance) / len(labels))
    if len(shares) > 1 and last["accuracy"] == 1 and last["val_accuracy"] <= chance + 2 * spread:
        found.append(
            f"all training units are classified correctly, but only {last['val_accuracy']:.0%} of "
            f"the validation units, and chance is {chance:.0%}: the network has learned the "
            "training units by heart. Use augmentation, dropout or fewer trained layers, and check "
            "the labels."
        )
    return found


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
        float32 `(n, ...)`, one per output, probabilities last.

    Raises
    ------
    InputError
        If a prediction is NaN.
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
    broken = rows[~np.isfinite(results[-1]).all(axis=-1)]
    if len(broken) == len(rows) > 0:
        raise InputError(
            f"training: all predictions of {name} units are NaN, so it has diverged. Lower "
            "learning_rate."
        )
    if len(broken):
        raise InputError(
            f"units: {len(broken)} of the {len(rows)} {name} units, such as number {broken[0]}, "
            "lead to predictions that are NaN. Check the images that they are made from."
        )
    return results
