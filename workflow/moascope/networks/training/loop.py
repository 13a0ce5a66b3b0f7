"""Training loop of all networks: classifiers, perceptrons and the U-Net.

The loop feeds batches by itself instead of through `Model.fit`. It runs alike on every Keras
backend and needs no tf.data, whose autotuning stalls in TensorFlow 2.19 to 2.21. A training is
divided into periods: epochs, or steps between two validations. A period depends only on the ones
before, so that a killed training continues from its last checkpoint as if it had never stopped.
"""

from __future__ import annotations

import logging
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from moascope.core.errors import InputError
from moascope.networks.checkpoints import restore_checkpoint, save_checkpoint
from moascope.networks.divergence import check_loss
from moascope.networks.keras_defaults import keras
from moascope.networks.training.progress import Progress

logger = logging.getLogger(__name__)

Row = dict[str, float]
"""Scores of a period by name."""

History = Sequence[Mapping[str, float]]
"""A row per period so far."""


@dataclass(frozen=True)
class Batch:
    """Units and targets of a step, with its learning rate."""

    rate: float
    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None
    """(n,) weight of every item; None: all count the same."""


class Course(ABC):
    """Batches, validation and end of one training.

    Everything but the time limit depends on the history alone.
    """

    counted = "images"
    """What a batch consists of, for the log."""
    averages_weights = False
    """Whether running means of the weights are validated and kept. The optimizer holds them."""
    learning_rate: float
    """The option of this name, for messages."""

    @abstractmethod
    def prepare(self, history: History) -> None:
        """Compile the learner for the next period, where it is not yet compiled for that.

        Parameters
        ----------
        history : sequence of mappings
            A row per period so far.
        """

    @abstractmethod
    def batches(self, history: History) -> Iterator[Batch]:
        """Yield the batches of the next period."""

    @abstractmethod
    def name_step(self, history: History, number: int) -> str:
        """Return the name of a step of the next period, counted from 0, for the log."""

    @abstractmethod
    def share(self, history: History, n_steps: int) -> float:
        """Return which part of the training is done after some steps of the next period."""

    @abstractmethod
    def complete(self, history: History, row: Row) -> Row:
        """Validate, and return the row of a period.

        Parameters
        ----------
        history : sequence of mappings
            Rows of the periods before.
        row : dict
            Means of loss and metrics over the batches, and the last `learning_rate`.

        Returns
        -------
        dict
            All scores of the period.
        """

    @abstractmethod
    def is_best(self, history: History) -> bool:
        """Return whether the weights after the last period are the best so far."""

    @abstractmethod
    def is_over(self, history: History) -> bool:
        """Return whether the training ends after these periods."""

    @abstractmethod
    def log(self, history: History, progress: str) -> None:
        """Log the last period.

        Parameters
        ----------
        history : sequence of mappings
            A row per period so far.
        progress : str
            Speed and remaining time.
        """


def train(
    learner: keras.Model,
    core: keras.Model,
    course: Course,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    task: str = "",
    save_every: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[Row]:
    """Train until the course is over, and leave the best weights in `core`.

    Parameters
    ----------
    learner : keras.Model
        Takes the batches. `course.prepare` compiles it.
    core : keras.Model
        The part of the learner that is kept.
    course : Course
        Batches, validation and end.
    checkpoint : path or None
        Written every `save_every` periods. A checkpoint of the same task is continued.
    task : str
        Digest of everything that the training depends on.
    save_every : int
        Periods between checkpoints.
    callbacks : sequence of keras.callbacks.Callback
        Called as `Model.fit` does, with a period as an epoch. One that sets
        `learner.stop_training` ends the training.

    Returns
    -------
    list of dict
        A row per period.

    Raises
    ------
    InputError
        If the training diverges, or a batch holds NaN.
    """
    history: list[Row] = []
    best: list[np.ndarray] = []
    course.prepare(history)
    if checkpoint is not None:
        history, best = restore_checkpoint(checkpoint, task, learner, core, course.prepare)
        course.prepare(history)  # a damaged checkpoint may have prepared another period
    saved = len(history)
    learner.stop_training = False
    hooks = keras.callbacks.CallbackList(list(callbacks), model=learner)
    progress = Progress(course.counted, course.share(history, 0))
    hooks.on_train_begin()
    while not course.is_over(history) and not learner.stop_training:
        hooks.on_epoch_begin(len(history))
        row = _train_period(learner, course, history, hooks, progress)
        with _averaged(learner, course.averages_weights):
            row = course.complete(history, row)
            history.append(row)
            if course.is_best(history):
                best = core.get_weights()
        # Before it is saved: the optimizer of the next period is part of the checkpoint.
        course.prepare(history)
        if checkpoint is not None and len(history) - saved >= save_every:
            save_checkpoint(checkpoint, task, learner, history, best)
            saved = len(history)
        course.log(history, progress.describe(course.share(history, 0)))
        hooks.on_epoch_end(len(history) - 1, dict(row))
    if checkpoint is not None and len(history) > saved:
        save_checkpoint(checkpoint, task, learner, history, best)
    if best:
        core.set_weights(best)
    elif course.averages_weights and history:
        learner.optimizer.finalize_variable_values(learner.trainable_variables)
    hooks.on_train_end()
    return history


def _train_period(
    learner: keras.Model,
    course: Course,
    history: History,
    hooks: keras.callbacks.CallbackList,
    progress: Progress,
) -> Row:
    """Train for one period; return mean scores, NaN without a step, and the last rate."""
    scores: dict[str, list[float]] = {"loss": []}
    rate = 0.0
    progress.start_period()
    for number, batch in enumerate(course.batches(history)):
        rate = batch.rate
        learner.optimizer.learning_rate = rate
        hooks.on_train_batch_begin(number)
        # Scores of one batch alone: Keras resets its metrics before each.
        logs = learner.train_on_batch(
            batch.inputs, batch.targets, sample_weight=batch.weights, return_dict=True
        )
        if not math.isfinite(logs["loss"]):
            _explain(logs["loss"], batch, course, history, number)
        for name, value in logs.items():
            scores.setdefault(name, []).append(float(value))
        hooks.on_train_batch_end(number, logs)
        progress.count(len(batch.inputs))
        if progress.is_due():
            words = progress.describe(course.share(history, number + 1))
            place = course.name_step(history, number)
            logger.info("%s: loss %.4f (rate %.2g, %s)", place, logs["loss"], rate, words)
    means = {
        name: float(np.mean(values)) if values else math.nan for name, values in scores.items()
    }
    return {**means, "learning_rate": rate}


def _explain(loss: float, batch: Batch, course: Course, history: History, number: int) -> None:
    """Raise an error that says why a loss is not finite."""
    place = course.name_step(history, number)
    items = np.asarray(batch.inputs).reshape(len(batch.inputs), -1)
    n_broken = int((~np.isfinite(items).all(axis=1)).sum())
    if n_broken:
        raise InputError(
            f"training: {n_broken} of the {len(items)} {course.counted} in {place} hold NaN or "
            "infinite values. Check the images that they are made from."
        )
    check_loss(
        loss,
        f"{place} at the rate {batch.rate:.3g}",
        course.learning_rate,
        "switch mixed_precision off",
    )


@contextmanager
def _averaged(learner: keras.Model, averages: bool) -> Iterator[None]:
    """Put the running means of the weights in the place of the weights for a while."""
    if not averages:
        yield
        return
    own = learner.get_weights()
    learner.optimizer.finalize_variable_values(learner.trainable_variables)
    yield
    learner.set_weights(own)
