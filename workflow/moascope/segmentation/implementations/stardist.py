"""StarDist as an engine (Schmidt et al. 2018): given or fitted, then images in and labels out.

A fitted model is a zip file of what StarDist keeps in a folder, as published models are.
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.segmentation import relabel_sequential

from moascope.core.damage import machine_error
from moascope.core.errors import InputError
from moascope.core.files import atomic_path, damaged, scratch_folder, write_zip
from moascope.core.options import restore
from moascope.core.zip_files import check_declared
from moascope.images.intensities import PERCENTILES, range_of, scaled
from moascope.networks.divergence import check_loss
from moascope.networks.keras_settings import pin
from moascope.segmentation.channel_maps import matched_channels
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.data.patches import Patches
from moascope.segmentation.engines.stardist import StarDistOptions
from moascope.segmentation.engines.training_options import NetworkTraining
from moascope.segmentation.image_scale import factor_of_job, measure_job
from moascope.segmentation.implementations.base import (
    Job,
    Loaded,
    Scaled,
    Segment,
    Training,
    imported,
)
from moascope.segmentation.matching import THRESHOLDS, Tally, tally
from moascope.segmentation.object_size import ABOUT, Tops, pair_at_scale, size_of
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

logger = logging.getLogger(__name__)

CONFIG = "config.json"
THRESHOLDS_FILE, WEIGHTS = "thresholds.json", "weights_best.h5"

_TILE = 1024  # px; larger images go through the network in several tiles
_LEVELS = 3  # how often the network halves the resolution of its grid
_LEARNING_KEYS = ("n_rays", "grid", "training", "augmentation")
_TUNED_ON = 50  # validation images at most
_TUNED_BYTES = 1 << 30  # of predictions that are kept while the thresholds are tuned


def load(job: Job) -> Loaded:
    """Load the model of a job, and find at which magnification it sees the images.

    Parameters
    ----------
    job : Job
        With `StarDistOptions`; `given` as of `image_scale.factor_of_job`, and `model` where the
        options name none.

    Returns
    -------
    Loaded
        Ready to segment.
    """
    options = restore(StarDistOptions, job.options)
    model = options.model or job.given["model"]
    engine, channels = _engine_of(job, options, model)
    return Loaded(engine, channels, factor_of_job(job.given, options, model))


def measure_size(job: Job) -> dict[str, Any]:
    """Measure the size of objects in the images of a job, see `image_scale.measure_job`."""
    options = restore(StarDistOptions, job.options)
    model = options.model or job.given["model"]
    engine, channels = _engine_of(job, options, model)
    return measure_job(engine, job.given, channels, model)


def train_job(job: Job, annotated: AnnotatedSet, training: Training) -> pd.DataFrame:
    """Train a model and tune its thresholds, see `fit`; a killed training starts again."""
    options = restore(StarDistOptions, job.options)
    return fit(annotated, options, job.out["model"], seed=training.seed)


def tune_job(job: Job, annotated: AnnotatedSet) -> None:
    """Tune the thresholds of a given model, see `tune_given`."""
    options = restore(StarDistOptions, job.options)
    model = options.model or job.given["model"]
    factor = factor_of_job(job.given, options, model)
    tune_given(model, annotated, job.channels, options, job.out["model"], factor=factor)


def _engine_of(
    job: Job, options: StarDistOptions, model: str | os.PathLike[str]
) -> tuple[StarDist, list[str]]:
    """Load the model of a job, and return it with the channels that it sees."""
    channels = shown_channels(model, job.channels, options.channel_map)
    engine = stardist(
        model,
        channels,
        prob_threshold=options.prob_threshold,
        nms_threshold=options.nms_threshold,
    )
    return engine, channels


def stardist(
    model: str | os.PathLike[str],
    channels: Sequence[str] = (),
    *,
    prob_threshold: float | None = None,
    nms_threshold: float | None = None,
) -> StarDist:
    """Build an engine of a StarDist model.

    Parameters
    ----------
    model : str or path
        The folder or the zip file of a trained model, or the name of a published one such as
        2D_versatile_fluo, which StarDist downloads.
    channels : sequence of str
        Of the images, in order. A model that was fitted here is refused where it has others.
    prob_threshold : float or None
        Objects that are less sure are left out; None: what is stored with the model.
    nms_threshold : float or None
        Of two objects that overlap by more than this, the less sure is left out; None: what is
        stored with the model.

    Returns
    -------
    StarDist
        Images are scaled by their percentiles 1 and 99.8, held to those of their plate.

    Raises
    ------
    InputError
        If StarDist is not installed, or the model cannot be found, fetched or read.
    """
    models, _ = _stardist()
    network = _loaded(models.StarDist2D, model, channels)
    return _segmenter(network, model, channels, prob_threshold, nms_threshold)


def shown_channels(
    model: str | os.PathLike[str], channels: Sequence[str], channel_map: Mapping[str, str]
) -> list[str]:
    """Find the channels of the images that a model is shown.

    Parameters
    ----------
    model : str or path
        See `stardist`.
    channels : sequence of str
        Of the images.
    channel_map : mapping of str to str
        See `channel_maps.matched_channels`.

    Returns
    -------
    list of str
        In the order of a model that names its channels; for another one, those of the images.

    Raises
    ------
    InputError
        If a channel is not there, or there is a map but the model names no channels.
    """
    trained = _about(Path(model)).get("channels")
    if trained is None and channel_map:
        raise InputError(
            f"{os.fspath(model)}: channel_map: the model does not name its channels. Remove "
            "channel_map, and name the channels that it is to see in segmentation.channels."
        )
    return (
        list(channels)
        if trained is None
        else matched_channels(trained, channels, channel_map, model)
    )


def _about(path: Path) -> dict[str, Any]:
    """Read what a model that was fitted or tuned here says of itself; others say nothing."""
    if path.is_file():
        with _unpacked(path) as folder:
            return _about(folder)
    if not (path / ABOUT).is_file():
        return {}
    try:
        return dict(json.loads((path / ABOUT).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise damaged(path / ABOUT, error) from error


def sees_gpu() -> bool:
    """Return whether TensorFlow, which StarDist computes with, sees a GPU."""
    _stardist()
    tensorflow = imported("tensorflow", "stardist", "tensorflow")
    return bool(tensorflow.config.list_physical_devices("GPU"))


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
        The training curve: `segmentation_course.HISTORY_COLUMNS`.

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
    models, keras = _stardist()
    keras.utils.set_random_seed(seed)
    patches = Patches(annotated, training.patch_size, options.augmentation, _renumbered, seed)
    watched = annotated.spread("validation", training.validation_images)
    with scratch_folder() as folder, _silence():
        network = models.StarDist2D(
            _configured(models.Config2D, options, len(annotated.channels)),
            name="model",
            basedir=str(folder),
        )
        segment = _segmenter(network, "model")
        course = _Course(network, training, lambda: _tallies(segment, annotated, watched))
        _train(network, keras, patches, training, course, seed)
        _tune(network, annotated)
        validation = scores_of(_tallies(segment, annotated, watched))
        logger.info("validation after tuning: %s", validation)
        about = {
            "channels": annotated.channels,
            "normalization": {"percentiles": list(PERCENTILES)},
            "options": options.model_dump(mode="json", include=set(_LEARNING_KEYS)),
            "validation": validation if len(watched) else None,
            **asdict(size_of(annotated)),
        }
        _pack(network, about, out)
    return pd.DataFrame(course.history, columns=list(HISTORY_COLUMNS)).astype({"step": "int64"})


def tune_given(
    model: str | os.PathLike[str],
    annotated: AnnotatedSet,
    channels: Sequence[str],
    options: StarDistOptions,
    out: str | os.PathLike[str],
    *,
    factor: float = 1.0,
) -> None:
    """Tune the thresholds of a given model, and save it with them.

    Parameters
    ----------
    model : str or path
        See `stardist`. Its files are not changed.
    annotated : AnnotatedSet
        The thresholds are tuned on its validation images; test images are not looked at.
    channels : sequence of str
        Of the images.
    options : StarDistOptions
        `channel_map`, see `shown_channels`.
    out : path
        The zip file to write, see `fit`.
    factor : float
        Images are resized by this, see `object_size.at_scale`.

    Raises
    ------
    InputError
        See `stardist` and `shown_channels`.
    """
    annotated.show(shown_channels(model, channels, options.channel_map))
    models, _ = _stardist()
    given = _loaded(models.StarDist2D, model, annotated.channels)
    rows = annotated.spread("validation", _TUNED_ON)
    with scratch_folder() as folder, _silence():
        # A copy, since StarDist writes tuned thresholds to the folder of the model.
        network = models.StarDist2D(given.config, name="model", basedir=str(folder))
        network.keras_model.set_weights(given.keras_model.get_weights())
        network.keras_model.save_weights(str(network.logdir / WEIGHTS))
        network.thresholds = given.thresholds._asdict()
        segment = _segmenter(network, model, annotated.channels)
        before = scores_of(_tallies(segment, annotated, rows, factor))
        _tune(network, annotated, factor)
        after = scores_of(_tallies(segment, annotated, rows, factor))
        logger.info("validation before tuning: %s, after: %s", before, after)
        origin = {"model": os.fspath(model), "thresholds": given.thresholds._asdict()}
        saved = _about(Path(model)) | {"tuned_from": origin, "validation": after}
        _pack(network, saved, out)


# --- prediction -------------------------------------------------------------------------------


@dataclass
class StarDist(Scaled):
    """A StarDist model that finds objects, and says how sure it is of each."""

    instances: Callable[[NDArray[np.generic]], tuple[NDArray[np.int32], NDArray[np.float64]]] = (
        field(kw_only=True)
    )
    """Takes a scaled image (C, Y, X); returns labels (Y, X) and the probabilities of objects."""

    def tops(self, image: NDArray[np.generic]) -> Tops:
        """Return areas in px of the objects of an image (C, Y, X), and their probabilities."""
        labels, sure = self.instances(scaled(image, *range_of(image, self.plate, self.top)))
        areas = np.bincount(labels.ravel(), minlength=len(sure) + 1)[1:].astype(np.float64)
        return areas, sure


def _stardist() -> tuple[Any, Any]:
    """Import the models of StarDist, and the Keras that they are made with."""
    # StarDist 0.9 is written for Keras 2, which TensorFlow only looks for when it is imported.
    if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
        raise InputError(
            "engine stardist: TensorFlow runs with Keras 3 in this process, but StarDist needs "
            "Keras 2. Start it in a process of its own."
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    packages = "stardist tf-keras"
    models = imported("stardist.models", "stardist", packages)
    keras = imported("tf_keras", "stardist", packages)
    pin(keras.backend)  # it reads ~/.keras/keras.json as well
    return models, keras


def _segmenter(
    network: Any,
    name: str | os.PathLike[str],
    channels: Sequence[str] = (),
    prob_threshold: float | None = None,
    nms_threshold: float | None = None,
) -> StarDist:
    n_channels: int = network.config.n_channel_in

    def instances(image: NDArray[np.generic]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        if len(image) != n_channels:
            named = f" ({', '.join(channels)})" if channels else ""
            taken = "1 channel" if n_channels == 1 else f"{n_channels} channels"
            raise InputError(
                f"engine stardist: the model {os.fspath(name)} takes {taken}, but the image has "
                f"{len(image)}{named}. Name {n_channels} in segmentation.channels, or use a model "
                "that was trained on such images."
            )
        shown = np.moveaxis(image, 0, -1)
        rows, columns = (math.ceil(side / _TILE) for side in shown.shape[:2])
        tiles = (rows, columns, 1)
        labels, found = network.predict_instances(
            shown,
            axes="YXC",
            prob_thresh=prob_threshold,  # None: its own
            nms_thresh=nms_threshold,
            n_tiles=tiles,
            show_tile_progress=False,
        )
        return np.asarray(labels, np.int32), np.asarray(found["prob"], np.float64)

    return StarDist(lambda image: instances(image)[0], instances=instances)


def _loaded(kind: Any, model: str | os.PathLike[str], channels: Sequence[str]) -> Any:
    path = Path(model)
    if path.is_file():
        with _unpacked(path) as folder:
            return _read(kind, folder, path, channels)
    if (path / CONFIG).is_file():
        return _read(kind, path.resolve(), path, channels)
    known = sorted(_published(kind))
    if str(model) not in known:
        raise InputError(
            f"engine stardist: {str(model)!r} is neither a folder with config.json, nor a zip file "
            f"of one, nor a published model ({', '.join(known)}). Give the path of a trained "
            "model, or one of these names."
        )
    try:
        return kind.from_pretrained(str(model))
    except Exception as error:  # a download fails in as many ways as there are networks
        raise InputError(
            f"engine stardist: the model {model} cannot be downloaded ({error}). Download "
            f"{model}.zip from github.com/stardist/stardist-models/releases elsewhere, and give "
            "its path instead of its name."
        ) from error


def _read(kind: Any, folder: Path, given: Path, channels: Sequence[str]) -> Any:
    if not any(folder.glob("*.h5")):  # StarDist would go on with random weights
        raise InputError(f"{given}: has no weights ({WEIGHTS}). Copy all files of the model.")
    try:
        about = json.loads((folder / ABOUT).read_text()) if (folder / ABOUT).is_file() else {}
        network = kind(None, name=folder.name, basedir=str(folder.parent))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise machine_error(given, error) or InputError(
            f"{given}: cannot be read as a StarDist model ({error}). It needs config.json, "
            "thresholds.json and weights_best.h5 as StarDist wrote them."
        ) from error
    if channels and about.get("channels") and len(about["channels"]) != len(channels):
        raise InputError(
            f"{given}: channels: the model has {about['channels']}, the images have "
            f"{list(channels)}. Correct segmentation.channels, or set channel_map of the engine."
        )
    return network


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Unpack the files of a model into a folder that goes away again."""
    with scratch_folder() as place:
        folder = place / "model"
        folder.mkdir()
        contents: dict[str, bytes] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                check_declared(archive, path)
                for name in archive.namelist():
                    file = Path(name).name  # whatever folder it says
                    if file.startswith("."):  # what some archivers add to every file
                        continue
                    if file in (CONFIG, THRESHOLDS_FILE, ABOUT) or file.endswith(".h5"):
                        contents[file] = archive.read(name)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            raise InputError(
                f"{path}: cannot be read as a zip file of a StarDist model ({error}). Give a "
                "whole zip file, or a folder."
            ) from error
        for file, content in contents.items():
            (folder / file).write_bytes(content)
        if CONFIG not in contents:
            raise InputError(
                f"{path}: is no StarDist model, as it holds no config.json. Give a zip file of all "
                "files of a model."
            )
        yield folder


def _published(kind: Any) -> list[str]:
    models, _ = importlib.import_module("csbdeep.models.pretrained").get_registered_models(kind)
    return list(models)


# --- training ---------------------------------------------------------------------------------


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


def _tallies(
    segment: Segment, annotated: AnnotatedSet, rows: NDArray[np.int64], factor: float = 1.0
) -> list[Tally]:
    pairs = (pair_at_scale(annotated.image(row), annotated.labels(row), factor) for row in rows)
    return [tally(labels, segment(image), THRESHOLDS) for image, labels in pairs]


def _tune(network: Any, annotated: AnnotatedSet, factor: float = 1.0) -> None:
    """Choose the thresholds with the best AP on validation images, as far as they fit in memory."""
    table = annotated.table.iloc[annotated.rows("validation")]
    if not len(table):
        return
    area = float((table["height"] * table["width"]).mean()) * factor**2
    maps = 4 * (network.config.n_rays + 1) * area / math.prod(network.config.grid)
    rows = annotated.spread("validation", max(1, min(_TUNED_ON, int(_TUNED_BYTES / maps))))
    pairs = [pair_at_scale(annotated.image(row), annotated.labels(row), factor) for row in rows]
    try:
        network.optimize_thresholds(
            [np.moveaxis(scaled(image, *range_of(image, None)), 0, -1) for image, _ in pairs],
            [np.maximum(labels, 0) for _, labels in pairs],
            iou_threshs=list(THRESHOLDS),
            optimize_kwargs={"verbose": 0},
        )
    except RuntimeError:  # no threshold is better than another
        logger.warning("no object of the validation images is found, whatever the threshold")
    logger.info("tuned on %d validation images: %s", len(rows), network.thresholds)


def _pack(network: Any, about: dict[str, Any], out: str | os.PathLike[str]) -> None:
    files = {
        CONFIG: (network.logdir / CONFIG).read_bytes(),
        THRESHOLDS_FILE: json.dumps(network.thresholds._asdict()).encode(),
        WEIGHTS: (network.logdir / WEIGHTS).read_bytes(),
        ABOUT: json.dumps(about, indent=2).encode(),
    }
    with atomic_path(out) as temporary:
        write_zip(files, temporary)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the progress bars of StarDist and Keras, which cannot be switched off, to themselves."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield
