"""Tuning of the thresholds of a given StarDist model."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moascope.core.files import scratch_folder
from moascope.core.options import restore
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.engines.options.stardist import StarDistOptions
from moascope.segmentation.image_scale import factor_of_job
from moascope.segmentation.implementations.base import Job
from moascope.segmentation.object_size import pair_at_scale
from moascope.segmentation.schedule import scores_of
from moascope.segmentation.stardist.files import (
    WEIGHTS,
    load_network,
    pack,
    read_description,
    shown_channels,
)
from moascope.segmentation.stardist.network import import_stardist, segmenter, silence
from moascope.segmentation.stardist.thresholds import tallies, tune_thresholds

logger = logging.getLogger(__name__)

_TUNED_ON = 50  # validation images at most


def tune_job(job: Job, annotated: AnnotatedSet) -> None:
    """Tune the thresholds of a given model, see `tune_given`."""
    options = restore(StarDistOptions, job.options)
    model = options.model or job.given["model"]
    factor = factor_of_job(job.given, options, model)
    tune_given(model, annotated, job.channels, options, job.out["model"], factor=factor)


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
    models, _ = import_stardist()
    given = load_network(models.StarDist2D, model, annotated.channels)
    rows = annotated.spread("validation", _TUNED_ON)

    def pair(row: int) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
        return pair_at_scale(*annotated.pair(row), factor)

    with scratch_folder() as folder, silence():
        # A copy, since StarDist writes tuned thresholds to the folder of the model.
        network = models.StarDist2D(given.config, name="model", basedir=str(folder))
        network.keras_model.set_weights(given.keras_model.get_weights())
        network.keras_model.save_weights(str(network.logdir / WEIGHTS))
        network.thresholds = given.thresholds._asdict()
        segment = segmenter(network, model, annotated.channels)
        before = scores_of(tallies(segment, map(pair, rows)))
        tune_thresholds(network, annotated, pair, factor)
        after = scores_of(tallies(segment, map(pair, rows)))
        logger.info("validation before tuning: %s, after: %s", before, after)
        origin = {"model": os.fspath(model), "thresholds": given.thresholds._asdict()}
        saved = read_description(Path(model)) | {"tuned_from": origin, "validation": after}
        pack(network, saved, out)
