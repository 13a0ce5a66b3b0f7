"""Training a segmentation network: streamed patches, early stopping on validation AP, resume.

What a step does depends only on the seed and the number of the step, see `networks.training.loop`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import pandas as pd

from moascope.core.digests import file_digest
from moascope.core.errors import InputError
from moascope.core.options import Section
from moascope.networks import transforms
from moascope.networks.keras_defaults import keras
from moascope.networks.saving import precision_policy
from moascope.networks.training import loop
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.patches import Patches
from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.instances import (
    InstanceParameters,
    as_maps,
    label_objects,
    parameters_for,
)
from moascope.segmentation.matching import Tally, tally
from moascope.segmentation.schedule import (
    HISTORY_COLUMNS,
    is_best,
    is_out_of_time,
    log_stop,
    log_validation,
    position,
    rate_of,
    scores_of,
    stopped_by,
)
from moascope.segmentation.unet import architecture
from moascope.segmentation.unet.targets import loss, n_maps, targets
from moascope.segmentation.unet.tiling import Function, predict_tiled

logger = logging.getLogger(__name__)

_MOMENTUM = 0.99  # of the running mean of the weights: it spans some hundred steps


def train(
    annotated: AnnotatedSet,
    network: Network,
    training: NetworkTraining,
    augmentation: PatchAugmentation,
    *,
    seed: int,
    start: keras.Model | None = None,
    origin: str = "",
    checkpoint: str | os.PathLike[str] | None = None,
    code: str = "",
) -> dict[str, Any]:
    """Train a network on an annotated set.

    What is validated and kept are running means of the weights (Polyak and Juditsky 1992), which
    swing less from step to step than the weights themselves.

    Parameters
    ----------
    annotated : AnnotatedSet
        It is read patch by patch. Without validation images there is no early stopping, and the
        last weights are taken; with them those of the best validation.
    network, training, augmentation
        Options.
    seed : int
        Of weights, dropout, patches and augmentation.
    start : keras.Model or None
        A network that `saving.load` read, of the same options and channels, to train further. It is
        changed. Normalization that was folded in stays so, and it has no deep supervision.
    origin : str
        Digest of the file of `start`; it is part of the task.
    checkpoint : path or None
        Written after every validation; if it is there and belongs to the same task, training goes
        on from it. To be removed by the caller once the results are safe. The task is all that is
        given here, with every byte of the annotated set.
    code : str
        Digest of the code that trains, see `code_digests.digest_code`; it is part of the task.

    Returns
    -------
    dict
        `model` keras.Model, ready to predict, with batch normalization folded in; `history`
        DataFrame of `HISTORY_COLUMNS`, mean AP over IoU 0.50 to 0.90, pooled over objects, with
        the parameters of `instances.parameters_for`.

    Raises
    ------
    InputError
        For options that do not go together, a set without training images or without any object
        in them, or a training that diverges.
    """
    _check(network, training)
    if not len(annotated.rows("train")):
        raise InputError(f"{annotated.path}: the set has no training images. Check the split.")
    keras.utils.set_random_seed(seed)
    with precision_policy(training.mixed_precision):
        if start is None:
            learner = architecture.build(network, annotated.channels)
        else:
            learner = architecture.learner(start)
        core = architecture.core(learner, network.binning)
    truth = partial(targets, touching_weight=training.touching_weight)
    patches = Patches(
        annotated, training.patch_size, augmentation, truth, seed, binning=network.binning
    )
    watched = annotated.spread("validation", training.validation_images)
    parameters = parameters_for(annotated.labels(row) for row in watched)
    task = ""
    if checkpoint is not None:
        # A longer time limit goes on from the trained weights, since it changes no step.
        steps_only = training.model_copy(update={"max_minutes": None})
        given = [network, steps_only, augmentation, seed, parameters, code, origin]
        task = _fingerprint(annotated, given)
    learner.compile(
        optimizer=keras.optimizers.AdamW(
            training.learning_rate,
            weight_decay=training.weight_decay,
            global_clipnorm=1.0,
            use_ema=True,
            ema_momentum=_MOMENTUM,
        ),
        loss=_supervised(network, training.loss),
        # XLA is far slower for depthwise networks on a CPU, and needs a matching CUDA compiler.
        jit_compile=False,
    )
    learner.optimizer.build(learner.trainable_variables)
    multiple = architecture.multiple(network)
    predict = architecture.predictor(core)
    course = _Course(training, patches, annotated, watched.tolist(), multiple, parameters, predict)
    history = loop.train(learner, core, course, checkpoint=checkpoint, task=task)
    log_stop(history, training)
    frame = pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).astype({"step": "int64"})
    return {"model": transforms.fold_normalization(core), "history": frame}


def validate(
    predict: Function,
    annotated: AnnotatedSet,
    rows: Iterable[int],
    multiple: int,
    parameters: InstanceParameters,
) -> Iterator[Tally]:
    """Segment images of an annotated set and compare with its labels.

    Parameters
    ----------
    predict : callable
        From `architecture.predictor`.
    annotated : AnnotatedSet
        Where the images are.
    rows : iterable of int
        Which of them.
    multiple : int
        What height and width of the network's input must be multiples of.
    parameters : InstanceParameters
        How objects are cut out.

    Yields
    ------
    Tally
        Of each image.
    """
    for row in rows:
        image = annotated.normalized(row)
        maps = predict_tiled(predict, image, multiple=multiple)
        labels = label_objects(as_maps(maps), parameters)
        yield tally(annotated.labels(row), labels)


# --- the loop ---------------------------------------------------------------------------------


class _Course(loop.Course):
    """Steps between two validations by AP, until the steps or the time are over.

    Parameters
    ----------
    training : NetworkTraining
        Options.
    patches : Patches
        What is learned from.
    annotated : AnnotatedSet
        Validated on.
    watched : sequence of int
        Its images that are validated on.
    multiple : int
        What height and width of the network's input must be multiples of.
    parameters : InstanceParameters
        How objects are cut out.
    predict : callable
        From `architecture.predictor`.
    """

    counted = "patches"
    averages_weights = True

    def __init__(
        self,
        training: NetworkTraining,
        patches: Patches,
        annotated: AnnotatedSet,
        watched: Sequence[int],
        multiple: int,
        parameters: InstanceParameters,
        predict: Function,
    ) -> None:
        self.learning_rate = training.learning_rate
        self._training, self._patches = training, patches
        self._annotated, self._watched = annotated, watched
        self._multiple, self._parameters = multiple, parameters
        self._predict = predict
        self._started, self._step = 0.0, 0

    def prepare(self, history: loop.History) -> None:
        """Change nothing: the learner stays as it was compiled."""

    def batches(self, history: loop.History) -> Iterator[loop.Batch]:
        """Yield batches until the next validation, or until the time is over."""
        training = self._training
        step, minutes = position(history)
        first, now = step, minutes
        self._started = time.perf_counter()
        self._step = step
        patches = self._patches.batches(step, training.batch_size)
        while step < min(first + training.validate_every, training.steps):
            if is_out_of_time(training, now):
                break
            yield loop.Batch(rate_of(training, step), *next(patches))
            step += 1
            self._step = step
            now = minutes + (time.perf_counter() - self._started) / 60
        patches.close()

    def name_step(self, history: loop.History, number: int) -> str:
        """Return the number of the step."""
        return f"step {position(history)[0] + number + 1}"

    def share(self, history: loop.History, n_steps: int) -> float:
        """Return the share of all steps."""
        return (position(history)[0] + n_steps) / self._training.steps

    def complete(self, history: loop.History, row: loop.Row) -> loop.Row:
        """Segment the validation images, and return loss, AP and time."""
        tallies = list(
            validate(
                self._predict, self._annotated, self._watched, self._multiple, self._parameters
            )
        )
        minutes = position(history)[1] + (time.perf_counter() - self._started) / 60
        return {"step": self._step, **row, **scores_of(tallies), "minutes": minutes}

    def is_best(self, history: loop.History) -> bool:
        """Return whether the last validation has the highest mean AP."""
        return is_best(history)

    def is_over(self, history: loop.History) -> bool:
        """Return whether steps, time or patience are over."""
        return stopped_by(history, self._training) is not None

    def log(self, history: loop.History, progress: str) -> None:
        """Log the last validation."""
        log_validation(history[-1], self._training, progress)


def _supervised(network: Network, name: str) -> Any:
    """Return the loss of all heads; those of deep supervision count half of the one above them."""
    k = n_maps(network.outputs)
    single = loss(network.outputs, name)

    def total(truth: Any, predicted: Any) -> Any:
        n_heads = predicted.shape[-1] // k
        parts = [single(truth, predicted[..., k * i : k * (i + 1)]) / 2**i for i in range(n_heads)]
        return sum(parts[1:], start=parts[0])

    return total


def _fingerprint(annotated: AnnotatedSet, given: Sequence[Any]) -> str:
    """Digest everything that a checkpoint must agree with.

    `given` are the options, the seed and the digest of the code.
    """
    versions = [keras.__version__, keras.backend.backend()]
    about = [versions, file_digest(annotated.path), annotated.table.to_csv(), *given]
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(options: Any) -> dict[str, Any]:
    """Return options, of the configuration or of a dataclass, as plain values."""
    if isinstance(options, Section):
        return options.model_dump(mode="json")
    return asdict(options)


def _check(network: Network, training: NetworkTraining) -> None:
    multiple = architecture.multiple(network)
    if training.patch_size % multiple:
        raise InputError(
            f"training the segmentation network: patch_size: {training.patch_size} px is no "
            f"multiple of {multiple} px, which a network of depth {network.depth} and binning "
            f"{network.binning} needs"
        )
