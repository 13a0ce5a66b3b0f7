"""The U-Net as an engine: images in and label images out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from moascope.core.options import restore
from moascope.images.intensities import PlateIntensities, Range, range_of, scaled
from moascope.networks.keras_defaults import keras
from moascope.segmentation.channel_maps import matched_channels
from moascope.segmentation.engines.options.unet import UNetOptions
from moascope.segmentation.image_scale import factor_of_job, measure_job
from moascope.segmentation.implementations.base import Job, Loaded, Tops
from moascope.segmentation.instances import (
    InstanceParameters,
    Maps,
    as_maps,
    height,
    label_objects,
)
from moascope.segmentation.unet import architecture, saving
from moascope.segmentation.unet.tiling import (
    OVERLAP,
    Function,
    predict_tiled,
    was_averaged,
    with_test_time_augmentation,
)

logger = logging.getLogger(__name__)

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


def check_model(job: Job) -> None:
    """Check that the given model of a job is a segmentation network for its channels.

    Raises
    ------
    InputError
        See `UNet.load`.
    """
    model = job.given["model"]
    _, about = saving.load(model)
    channel_map = restore(UNetOptions, job.options).channel_map
    matched_channels(about["channels"], job.channels, channel_map, model)


def sees_gpu() -> bool:
    """Return whether the Keras backend sees a GPU."""
    return bool(keras.distribution.list_devices("gpu"))


def measure_size(job: Job) -> dict[str, Any]:
    """Measure the size of objects in the images of a job, see `image_scale.measure_job`."""
    model = job.given["model"]
    options = restore(UNetOptions, job.options)
    engine = UNet.load(model, job.channels, options)
    return measure_job(engine, job.given, engine.channels, model, is_tuned=options.tune)


class UNet:
    """A trained network that segments images of any size.

    Parameters
    ----------
    network : keras.Model
        What predicts.
    about : mapping
        What was saved with it, see `unet.saving.save`.
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
        about: saving.NetworkDescription,
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
        """Read a network that `unet_tuning.tune_saved` wrote.

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
        network, about = saving.load(path)
        shown = matched_channels(about["channels"], channels, options.channel_map, path)
        is_averaged = options.test_time_augmentation
        before = was_averaged(about)
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
