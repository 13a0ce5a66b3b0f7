"""Training of a U-Net on annotated images."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from moascope.core.options import restore
from moascope.segmentation.channel_maps import matched_channels
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.object_sizes import size_of
from moascope.segmentation.engines.options.unet import Network, UNetOptions
from moascope.segmentation.implementations.base import Job, Training
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.unet import saving
from moascope.segmentation.unet import training as network_training

logger = logging.getLogger(__name__)


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
        A model that `unet_tuning.tune_saved` or `fit` wrote, to train further; None: a new network.
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
        started, before = saving.load(start)
        network = restore(Network, before["options"]["network"])
        shown = matched_channels(before["channels"], channels, options.channel_map, start)
        annotated.show(shown)
        digest = saving.sha256_of(start)
        origin = {"started_from": {**before, "model": os.fspath(start), "sha256": digest}}
        logger.info("training continues from %s (sha256 %s)", start, digest)
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
    saving.save(done["model"], out, annotated.channels, network, parameters, about)
    history: pd.DataFrame = done["history"]
    return history
