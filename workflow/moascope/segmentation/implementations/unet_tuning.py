"""Tuning of how objects are cut out of the maps of trained U-Nets."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.core.options import restore
from moascope.networks.saving import save_model
from moascope.segmentation.channel_maps import matched_channels
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.engines.options.unet import UNetOptions
from moascope.segmentation.image_scale import factor_of_job
from moascope.segmentation.implementations.base import Job
from moascope.segmentation.implementations.unet import UNet, overridden
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.object_size import pair_at_scale
from moascope.segmentation.parameter_search import grid_for, tune
from moascope.segmentation.unet import architecture, saving

logger = logging.getLogger(__name__)

_TUNED_ON = 50  # validation images at most


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
    `parameter_search.search`.

    Parameters
    ----------
    paths : sequence of path
        Models that `unet_training.fit` or `tune_saved` wrote, of the same options; of several, the
        means of their maps count.
    annotated : AnnotatedSet
        Its validation images are tuned on; test images are not looked at.
    channels : sequence of str
        Its channels.
    options : UNetOptions
        How the network predicts, see `unet.UNet`: averaged views are tuned for what they are; and
        `channel_map`, see `unet.UNet.load`.
    out : path
        Where the model is written, ending in `.keras`.
    factor : float
        Images are resized by this, see `object_size.at_scale`.
    is_given : bool
        The first of `paths` is a given model, which the saved one names as its origin.
    """
    networks, abouts = zip(*(saving.load(path) for path in paths), strict=True)
    shown = matched_channels(abouts[0]["channels"], channels, options.channel_map, paths[0])
    annotated.show(shown)
    engine = UNet(architecture.ensemble(networks), abouts[0], options)
    rows = annotated.spread("validation", _TUNED_ON)

    def pair(row: int) -> tuple[NDArray[np.generic], NDArray[np.int32]]:
        return pair_at_scale(*annotated.pair(row), factor)

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
        before = {"sha256": saving.sha256_of(paths[0]), "instances": abouts[0]["instances"]}
        tuned["tuned_from"] = {"model": os.fspath(paths[0]), **before}
    members = len(paths) * engine.about.get("ensemble", 1)
    about = {**engine.about, **tuned, "validation": validation, "ensemble": members}
    save_model(engine.network, out, about)
