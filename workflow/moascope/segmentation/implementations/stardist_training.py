"""Training of a StarDist model on annotated images."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.segmentation import relabel_sequential

from moascope.core.errors import InputError
from moascope.core.files import scratch_folder
from moascope.core.options import restore
from moascope.images.intensities import PERCENTILES
from moascope.networks.divergence import check_loss
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.object_sizes import size_of
from moascope.segmentation.data.patches import Patches
from moascope.segmentation.engines.options.stardist import StarDistOptions
from moascope.segmentation.engines.options.training import NetworkTraining
from moascope.segmentation.implementations.base import Job, Training
from moascope.segmentation.matching import Tally
from moascope.segmentation.schedule import (
    HISTORY_COLUMNS,
    is_best,
    is_out_of_time,
    log_stop,
    log_validation,
    rate_of,
    scores_of,
    stopped_by,
)
from moascope.segmentation.stardist.files import WEIGHTS, pack
from moascope.segmentation.stardist.network import import_stardist, segmenter, silence
from moascope.segmentation.stardist.thresholds import tallies, tune_thresholds

logger = logging.getLogger(__name__)

_LEVELS = 3  # how often the network halves the resolution of its grid
_LEARNING_KEYS = ("n_rays", "grid", "training", "augmentation")


def train_job(job: Job, annotated: AnnotatedSet, training: Training) -> pd.DataFrame:
    """Train a model and tune its thresholds, see `fit`; a killed training starts again."""
    options = restore(StarDistOptions, job.options)
    return fit(annotated, options, job.out["model"], seed=training.seed)


def fit(
    annotated: AnnotatedSet,
    options: StarDistOptions,
    out: str | os.PathLike[str],
    *,
    seed: int,
) -> pd.DataFrame:
    """Train a model on an annotated set, tune its thresholds, and save it.

    It learns from the same patches, on the same schedule, as the U-Net. The weights with the best
    AP on validation images are kept.

    Parameters
    ----------
    annotated : AnnotatedSet
        Read patch by patch. The thresholds are tuned on its validation images; test images are not
        looked at.
    options : StarDistOptions
        `n_rays`, `grid`, `training` and `augmentation`.
    out : path
        The zip file to write: `config.json`, `thresholds.json` and `weights_best.h5` of StarDist,
        and `moascope.json` with channels, options and scores.
    seed : int
        Of everything random.

    Returns
    -------
    pandas.DataFrame
        The training curve: `schedule.HISTORY_COLUMNS`.

    Raises
    ------
    InputError
        For a patch size that does not go with the grid, a set without training images or without
        any object in them, or a training that diverges.
    """
    training = options.training
    if training.patch_size % (options.grid << _LEVELS):
        raise InputError(
            f"patch_size: {training.patch_size} px is no multiple of {options.grid << _LEVELS} "
            f"px, which a grid of {options.grid} needs"
        )
    if not len(annotated.rows("train")):
        raise InputError(f"{annotated.path}: the set has no training images. Check the split.")
    models, keras = import_stardist()
    keras.utils.set_random_seed(seed)
    patches = Patches(annotated, training.patch_size, options.augmentation, _renumbered, seed)
    watched = annotated.spread("validation", training.validation_images)
    with scratch_folder() as folder, silence():
        network = models.StarDist2D(
            _configured(models.Config2D, options, len(annotated.channels)),
            name="model",
            basedir=str(folder),
        )
        segment = segmenter(network, "model")
        course = _Course(network, training, lambda: tallies(segment, map(annotated.pair, watched)))
        _train(network, keras, patches, training, course, seed)
        tune_thresholds(network, annotated, annotated.pair)
        validation = scores_of(tallies(segment, map(annotated.pair, watched)))
        logger.info("validation after tuning: %s", validation)
        about = {
            "channels": annotated.channels,
            "normalization": {"percentiles": list(PERCENTILES)},
            "options": options.model_dump(mode="json", include=set(_LEARNING_KEYS)),
            "validation": validation if len(watched) else None,
            **asdict(size_of(annotated)),
        }
        pack(network, about, out)
    return pd.DataFrame(course.history, columns=list(HISTORY_COLUMNS)).astype({"step": "int64"})


def _renumbered(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Renumber the objects of a patch 1 .. n; StarDist knows none above 65,535, and ignores -1."""
    numbers = relabel_sequential(np.maximum(labels, 0))[0].astype(np.int32)
    return np.where(labels < 0, labels, numbers)


def _configured(kind: Any, options: StarDistOptions, n_channels: int) -> Any:
    training = options.training
    per_epoch = min(training.validate_every, training.steps)
    return kind(
        axes="YXC",
        n_rays=options.n_rays,
        grid=(options.grid,) * 2,
        n_channel_in=n_channels,
        train_patch_size=(training.patch_size,) * 2,
        train_batch_size=training.batch_size,
        train_learning_rate=training.learning_rate,
        train_epochs=-(-training.steps // per_epoch),
        train_steps_per_epoch=per_epoch,
        # Patches come as they are to be used, so there is nothing to choose and to remember.
        train_foreground_only=0,
        train_sample_cache=False,
        train_reduce_lr=None,
        train_tensorboard=False,
    )


class _Drawn:
    """Numbered patches as StarDist takes images: one sequence of images, and one of labels."""

    def __init__(self, patch: Callable[[int], Sequence[NDArray[Any]]], part: int, n: int) -> None:
        self._patch, self._part, self._n = patch, part, n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, number: int) -> NDArray[Any]:
        return self._patch(int(number))[self._part]


def _drawn(patches: Patches, n: int) -> tuple[_Drawn, _Drawn]:
    """Return `n` patches, (Y, X, C) images and (Y, X) labels, each drawn when it is needed."""

    @lru_cache(maxsize=4)  # StarDist asks for a patch three times in a row
    def patch(number: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        images, labels = patches.batch(number, 1)
        return images[0], labels[0]

    return _Drawn(patch, 0, n), _Drawn(patch, 1, n)


class _Course:
    """Callbacks of a training; `history` has a row per validation."""

    def __init__(
        self, network: Any, training: NetworkTraining, validate: Callable[[], list[Tally]]
    ) -> None:
        self.history: list[dict[str, float]] = []
        self._model, self._best = network.keras_model, str(network.logdir / WEIGHTS)
        self._training, self._validate = training, validate
        self._step, self._rate, self._started = 0, 0.0, time.perf_counter()

    def begin_step(self, batch: int, logs: Any = None) -> None:
        """Set the learning rate."""
        self._rate = rate_of(self._training, self._step)
        self._model.optimizer.learning_rate = self._rate

    def end_step(self, batch: int, logs: Mapping[str, float]) -> None:
        """Stop where steps or time are used up, or the loss is none."""
        self._step += 1
        check_loss(logs["loss"], f"step {self._step}", self._training.learning_rate)
        is_last = self._step >= self._training.steps
        self._model.stop_training = is_last or is_out_of_time(self._training, self._minutes())

    def end_stretch(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Validate, and keep the best weights."""
        row = {
            "step": self._step,
            "loss": float(logs["loss"]),
            "learning_rate": self._rate,
            **scores_of(self._validate()),
            "minutes": self._minutes(),
        }
        self.history.append(row)
        if is_best(self.history):
            self._model.save_weights(self._best)
        log_validation(row, self._training)
        self._model.stop_training = stopped_by(self.history, self._training) is not None
        if self._model.stop_training:
            log_stop(self.history, self._training)

    def _minutes(self) -> float:
        return (time.perf_counter() - self._started) / 60


def _train(
    network: Any,
    keras: Any,
    patches: Patches,
    training: NetworkTraining,
    course: _Course,
    seed: int,
) -> None:
    """Train; the network then has its best weights."""
    network.prepare_for_training(
        keras.optimizers.AdamW(training.learning_rate, weight_decay=training.weight_decay)
    )
    # Instead of those of StarDist, which look at the loss of single patches.
    network.callbacks = [
        keras.callbacks.LambdaCallback(
            on_batch_begin=course.begin_step,
            on_batch_end=course.end_step,
            on_epoch_end=course.end_stretch,
        )
    ]
    images, labels = _drawn(patches, training.steps * training.batch_size)
    # It wants a patch to compute a loss on as well, which nobody looks at.
    unused = [images[0]], [labels[0]]
    network.train(images, labels, validation_data=unused, seed=seed)
