"""StarDist as an engine (Schmidt et al. 2018): images in and labels out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from moascope.core.options import restore
from moascope.segmentation.engines.options.stardist import StarDistOptions
from moascope.segmentation.image_scale import factor_of_job, measure_job
from moascope.segmentation.implementations.base import Job, Loaded, imported
from moascope.segmentation.stardist.files import load_network, shown_channels
from moascope.segmentation.stardist.network import StarDist, import_stardist, segmenter


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
    return measure_job(engine, job.given, channels, model, is_tuned=options.tune)


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
    models, _ = import_stardist()
    network = load_network(models.StarDist2D, model, channels)
    return segmenter(network, model, channels, prob_threshold, nms_threshold)


def sees_gpu() -> bool:
    """Return whether TensorFlow, which StarDist computes with, sees a GPU."""
    import_stardist()
    tensorflow = imported("tensorflow", "stardist", "tensorflow")
    return bool(tensorflow.config.list_physical_devices("GPU"))
