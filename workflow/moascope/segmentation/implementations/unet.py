"""The U-Net as an engine: fitted to annotated images, then images in and label images out."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from moascope.core.options import restore
from moascope.images.intensities import PlateIntensities, Range, range_of, scaled
from moascope.networks.keras_defaults import keras
from moascope.networks.saving import save_model
from moascope.segmentation.channel_maps import matched_channels
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.engines.unet import Network, UNetOptions
from moascope.segmentation.image_scale import factor_of_job, measure_job
from moascope.segmentation.implementations.base import Job, Loaded, Training
from moascope.segmentation.instances import (
    InstanceParameters,
    Maps,
    as_maps,
    grid_for,
    height,
    label_objects,
    tune,
)
from moascope.segmentation.object_size import Tops, pair_at_scale, size_of
from moascope.segmentation.unet import architecture
from moascope.segmentation.unet import training as network_training
from moascope.segmentation.unet.description import NetworkDescription
from moascope.segmentation.unet.tiling import (
    OVERLAP,
    Function,
    predict_tiled,
    was_averaged,
    with_test_time_augmentation,
)

logger = logging.getLogger(__name__)

_TUNED_ON = 50  # validation images at most
_LARGE = 1 << 22  # px


def load(job: Job) -> Loaded:
    """Load the network of a job, and find at which magnification it sees the images.

    Parameters
    ----------
    job : Job
        With `UNetOptions`; `given` as of `image_scale.factor_of_job`, and `model`.

    Returns
    -------
    Loaded
        Ready to segment.
    """
    options, model = restore(UNetOptions, job.options), job.given["model"]
    engine = UNet.load(model, job.channels, options)
    factor = factor_of_job(job.given, options, model)
    return Loaded(engine, engine.channels, factor)


def sees_gpu() -> bool:
    """Return whether the Keras backend sees a GPU."""
    return bool(keras.distribution.list_devices("gpu"))


def measure_size(job: Job) -> dict[str, Any]:
    """Measure the size of objects in the images of a job, see `image_scale.measure_job`."""
    model = job.given["model"]
    engine = UNet.load(model, job.channels, restore(UNetOptions, job.options))
    return measure_job(engine, job.given, engine.channels, model)


def train_job(job: Job, annotated: AnnotatedSet, training: Training) -> pd.DataFrame:
    """Train a network, see `fit`; the input `start`, if there is one, is trained further."""
    return fit(
        annotated,
        job.channels,
        restore(UNetOptions, job.options),
        job.out["model"],
        seed=training.seed,
        checkpoint=training.checkpoint,
        start=job.given.get("start"),
        code=training.code,
    )


def tune_job(job: Job, annotated: AnnotatedSet) -> None:
    """Tune trained networks (the input `networks`) or a given one (`model`), see `tune_saved`."""
    options = restore(UNetOptions, job.options)
    is_given = "model" in job.given
    networks = [job.given["model"]] if is_given else job.given["networks"]
    tune_saved(
        networks,
        annotated,
        job.channels,
        options,
        job.out["model"],
        factor=factor_of_job(job.given, options, networks[0]),
        is_given=is_given,
    )


class UNet:
    """A trained network that segments images of any size.

    Parameters
    ----------
    network : keras.Model
        What predicts.
    about : mapping
        What was saved with it, see `unet.training.save`.
    options : UNetOptions
        Test-time augmentation, tiles, and what overrides parameters of the model, see
        `overridden`.

    Attributes
    ----------
    network : keras.Model
        What predicts.
    about : dict
        What was saved with it.
    parameters : InstanceParameters
        How objects are cut out.
    channels : list of str
        Channels of the images that it is shown, in its order.
    """

    def __init__(
        self,
        network: keras.Model,
        about: dict[str, Any],
        options: UNetOptions,
    ) -> None:
        self.network, self.about = network, about
        self.channels: list[str] = list(about["channels"])
        parameters = overridden(InstanceParameters(**self.about["instances"]), options)
        if options.min_area is not None:  # `predict` compares areas in px of the image
            parameters = replace(parameters, min_area=1)
        self.parameters = parameters
        self._plate: PlateIntensities | None = None
        self._multiple = int(self.about["multiple"])
        predict = architecture.predictor(self.network)
        self._predict = (
            with_test_time_augmentation(predict) if options.test_time_augmentation else predict
        )
        self._tile = options.tile
        usual = min(OVERLAP, self._tile // 2)
        self._overlap = usual if options.overlap is None else options.overlap

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        channels: Sequence[str],
        options: UNetOptions,
    ) -> UNet:
        """Read a network that `tune_saved` wrote.

        Parameters
        ----------
        path : path
            Of the model.
        channels : sequence of str
            Of the images.
        options : UNetOptions
            See `UNet`; also `channel_map`, see `channel_maps.matched_channels`.

        Returns
        -------
        UNet
            Ready to segment.

        Raises
        ------
        InputError
            If the file is no such network, is of another version, or its channels are not there.
        """
        network, about = network_training.load(path)
        shown = matched_channels(about["channels"], channels, options.channel_map, path)
        is_averaged = options.test_time_augmentation
        before = was_averaged(cast(NetworkDescription, about))
        if before is not None and before != is_averaged:
            logger.warning(
                "%s: its parameters were tuned with test_time_augmentation: %s, but "
                "test_time_augmentation is %s here",
                os.fspath(path),
                str(before).lower(),
                str(is_averaged).lower(),
            )
        engine = cls(network, about, options)
        engine.channels = shown
        return engine

    def predict(self, image: NDArray[np.generic]) -> Maps:
        """Predict what objects are cut out by, for an image (C, Y, X) of raw intensities."""
        limits = range_of(image, self._plate)
        return _maps(self._predict, image, limits, self._multiple, self._tile, self._overlap)

    def hold_to(self, images: Iterable[NDArray[np.generic]]) -> None:
        """Restrict the scale to that of raw images (C, Y, X) of a plate, at least one."""
        self._plate = PlateIntensities.of(images)

    def tops(self, image: NDArray[np.generic]) -> Tops:
        """Return areas in px of the objects of an image (C, Y, X), and the peaks of their maps."""
        maps = self.predict(image)
        labels = self.label(maps)
        numbers = np.arange(1, labels.max() + 1)
        areas = np.bincount(labels.ravel(), minlength=1)[1:].astype(np.float64)
        return areas, np.asarray(ndimage.maximum(height(maps), labels, numbers), np.float64)

    def label(self, predicted: Maps) -> NDArray[np.int32]:
        """Cut the objects (Y, X) out of what was predicted; 0 is background."""
        return label_objects(predicted, self.parameters)

    def __call__(self, image: NDArray[np.generic]) -> NDArray[np.int32]:
        """Find the objects of an image.

        Parameters
        ----------
        image : (C, Y, X) array
            Raw intensities.

        Returns
        -------
        (Y, X) int32
            0 is background.
        """
        return self.label(self.predict(image))


def overridden(parameters: InstanceParameters, options: UNetOptions) -> InstanceParameters:
    """Replace parameters by those that the user set.

    Parameters
    ----------
    parameters : InstanceParameters
        Stored or usual ones.
    options : UNetOptions
        Of the engine; keys that are null, or no parameters, change nothing.

    Returns
    -------
    InstanceParameters
        With the user's values.
    """
    names = {field.name for field in fields(parameters)}
    values = options.model_dump(include=names)
    given = {key: value for key, value in values.items() if value is not None}
    return replace(parameters, **given)


def _maps(
    function: Function,
    image: NDArray[np.generic],
    limits: Range,
    multiple: int,
    tile: int,
    overlap: int,
) -> Maps:
    """Predict the maps of an image (C, Y, X) of raw intensities, of which `limits` are 0 and 1.

    Intensities are scaled tile by tile, and only two maps are kept, in half precision for large
    images, so that little memory is used besides the image.
    """
    low, high = limits

    def predict(tiles: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        planes = np.moveaxis(tiles, -1, 0)
        shape = planes.shape
        scaled_planes = scaled(planes.reshape(shape[0], -1, shape[-1]), low, high)
        return function(np.moveaxis(scaled_planes.reshape(shape), 0, -1))

    output = predict_tiled(
        predict,
        np.moveaxis(image, 0, -1),
        tile,
        overlap,
        1,
        multiple=multiple,
        dtype=np.float16 if image[0].size > _LARGE else np.float32,
    )
    return as_maps(output)


def fit(
    annotated: AnnotatedSet,
    channels: Sequence[str],
    options: UNetOptions,
    out: str | os.PathLike[str],
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None,
    start: str | os.PathLike[str] | None = None,
    code: str = "",
) -> pd.DataFrame:
    """Train a network and save it, with usual parameters to cut out objects by.

    Parameters
    ----------
    annotated : AnnotatedSet
        Trained on; its validation images say which weights are best.
    channels : sequence of str
        Its channels.
    options : UNetOptions
        `network`, `training` and `augmentation`; with `start`, `channel_map` in place of `network`.
    out : path
        Where the model is written, ending in `.keras`.
    seed : int
        Of everything random.
    checkpoint : path
        What a killed training goes on from.
    start : path or None
        A model that `tune_saved` or `fit` wrote, to train further; None: a new network.
    code : str
        Digest of the code that trains, see `unet.training.train`.

    Returns
    -------
    pandas.DataFrame
        The training curve, see `unet.training.train`.
    """
    origin: dict[str, Any] = {}
    if start is None:
        network, started = options.network, None
    else:
        started, before = network_training.load(start)
        network = restore(Network, before["options"]["network"])
        shown = matched_channels(before["channels"], channels, options.channel_map, start)
        annotated.show(shown)
        digest = _sha256(start)
        origin = {"started_from": {**before, "model": os.fspath(start), "sha256": digest}}
        logger.info("training goes on from %s (sha256 %s)", start, digest)
    done = network_training.train(
        annotated,
        network,
        options.training,
        options.augmentation,
        seed=seed,
        start=started,
        origin=origin["started_from"]["sha256"] if origin else "",
        checkpoint=checkpoint,
        code=code,
    )
    size = size_of(annotated)
    trained_with = options.model_dump(mode="json", include={"training", "augmentation"})
    trained_with["network"] = network.model_dump(mode="json")
    if start is not None:
        trained_with["channel_map"] = options.channel_map
    about = {"options": trained_with, **origin, **asdict(size)}
    parameters = InstanceParameters()
    network_training.save(done["model"], out, annotated.channels, network, parameters, about)
    history: pd.DataFrame = done["history"]
    return history


def _sha256(path: str | os.PathLike[str]) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tune_saved(
    paths: Sequence[str | os.PathLike[str]],
    annotated: AnnotatedSet,
    channels: Sequence[str],
    options: UNetOptions,
    out: str | os.PathLike[str],
    *,
    factor: float = 1.0,
    is_given: bool = False,
) -> None:
    """Tune how objects are cut out of the maps of a network, and save it with that.

    The parameters that are stored with the network are kept where no others are better, see
    `instances.search`.

    Parameters
    ----------
    paths : sequence of path
        Models that `fit` or `tune_saved` wrote, of the same options; of several, the means of their
        maps count.
    annotated : AnnotatedSet
        Its validation images are tuned on; test images are not looked at.
    channels : sequence of str
        Its channels.
    options : UNetOptions
        How the network predicts, see `UNet`: averaged views are tuned for what they are; and
        `channel_map`, see `UNet.load`.
    out : path
        Where the model is written, ending in `.keras`.
    factor : float
        Images are resized by this, see `object_size.at_scale`.
    is_given : bool
        The first of `paths` is a given model, which the saved one names as its origin.
    """
    networks, abouts = zip(*(network_training.load(path) for path in paths), strict=True)
    shown = matched_channels(abouts[0]["channels"], channels, options.channel_map, paths[0])
    annotated.show(shown)
    engine = UNet(architecture.ensemble(networks), abouts[0], options)
    rows = annotated.spread("validation", _TUNED_ON)

    def pair(row: int) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
        return pair_at_scale(annotated.image(row), annotated.labels(row), factor)

    samples = ((engine.predict(image), labels) for image, labels in map(pair, rows))
    grid = grid_for(pair(row)[1] for row in rows)
    # What the user set stays as it is.
    free = {key: values for key, values in grid.items() if getattr(options, key, None) is None}
    start = overridden(InstanceParameters(**abouts[0]["instances"]), options)
    if options.min_area is not None:  # in px of the image, not of what the network sees
        start = replace(start, min_area=max(1, round(options.min_area * factor**2)))
    parameters, tried = tune(samples, free, start, groups=annotated.groups(rows))
    logger.info("tuned on %d validation images: %s", len(rows), parameters)
    validation = {key: float(tried.iloc[0][key]) for key in ("ap_50", "mean_ap")}
    logger.info("validation: %s", validation)
    tuned: dict[str, Any] = {
        "instances": asdict(parameters),
        "test_time_augmentation": options.test_time_augmentation,
    }
    if is_given:
        before = {"sha256": _sha256(paths[0]), "instances": abouts[0]["instances"]}
        tuned["tuned_from"] = {"model": os.fspath(paths[0]), **before}
    members = len(paths) * engine.about.get("ensemble", 1)
    about = {**engine.about, **tuned, "validation": validation, "ensemble": members}
    save_model(engine.network, out, about)
