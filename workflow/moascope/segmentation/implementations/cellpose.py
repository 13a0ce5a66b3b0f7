"""Cellpose as an engine (Pachitariu et al. 2025)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.core.options import restore
from moascope.segmentation.engines.options.cellpose import CellposeOptions
from moascope.segmentation.implementations.base import Job, Loaded, Scaled, imported
from moascope.segmentation.object_size import told_diameter

_TOP = 99.0  # the percentile that becomes 1 in images that Cellpose was trained on


def cellpose(
    model: str | Path | None = None,
    channels: Sequence[int] = (0,),
    diameter: float | None = None,
    *,
    flow_threshold: float | None = None,
    cellprob_threshold: float | None = None,
    gpu: bool = False,
) -> Scaled:
    """Build an engine of a Cellpose 4 model (Pachitariu et al. 2025).

    Parameters
    ----------
    model : str, path or None
        A file of weights, or the name of a published model, which Cellpose downloads; None: the
        newest that the installed version knows.
    channels : sequence of int
        Up to three channels that the network is shown, from 0.
    diameter : float or None
        Typical diameter of the objects in px. Cellpose scales images by 30 divided by it; with None
        it takes them as they are and estimates nothing.
    flow_threshold : float or None
        Largest error of the flows of an object; None: Cellpose's default.
    cellprob_threshold : float or None
        Pixels with a smaller logit belong to no object; None: Cellpose's default.
    gpu : bool
        Compute on the GPU.

    Returns
    -------
    Scaled
        Images are scaled by their percentiles 1 and 99, as Cellpose does it, but held to those of
        their plate.

    Raises
    ------
    InputError
        If Cellpose is not installed, or the model cannot be found, fetched or read.
    """
    models = imported("cellpose.models", "cellpose", "cellpose")
    network = _cellpose_model(models, model or models.MODEL_NAMES[0], gpu)
    thresholds = {"flow_threshold": flow_threshold, "cellprob_threshold": cellprob_threshold}
    given = {key: value for key, value in thresholds.items() if value is not None}

    def segment(image: NDArray[np.generic]) -> NDArray[np.int32]:
        shown = np.moveaxis(image[list(channels)], 0, -1)
        labels = network.eval(shown, channel_axis=-1, diameter=diameter, normalize=False, **given)[
            0
        ]
        return np.asarray(labels, np.int32)

    return Scaled(segment, _TOP)


def load(job: Job) -> Loaded:
    """Load the model of a job, which sees all its channels.

    Parameters
    ----------
    job : Job
        With `CellposeOptions`.

    Returns
    -------
    Loaded
        Ready to segment.
    """
    options = restore(CellposeOptions, job.options)
    engine = cellpose(
        options.model,
        range(len(job.channels)),
        told_diameter(options),
        flow_threshold=options.flow_threshold,
        cellprob_threshold=options.cellprob_threshold,
        gpu=job.uses_gpu,
    )
    return Loaded(engine, job.channels)


def sees_gpu() -> bool:
    """Return whether PyTorch, which Cellpose computes with, sees an NVIDIA GPU."""
    return bool(imported("torch", "cellpose", "cellpose").cuda.is_available())


def _cellpose_model(models: Any, model: str | Path, gpu: bool) -> Any:
    is_file = Path(model).is_file()
    if not is_file and str(model) not in models.MODEL_NAMES:
        raise InputError(
            f"engine cellpose: {str(model)!r} is neither a file nor a published model "
            f"({', '.join(models.MODEL_NAMES)}). Give a file of weights, or one of these names."
        )
    try:
        return models.CellposeModel(gpu=gpu, pretrained_model=str(model))
    except Exception as error:  # a download fails in as many ways as there are networks
        if is_file:
            raise InputError(
                f"{model}: cannot be read as weights of Cellpose 4 ({error}). Fix: set a model "
                "of Cellpose 4."
            ) from error
        raise InputError(
            f"engine cellpose: the weights {model} cannot be downloaded ({error}). Download them "
            "elsewhere from huggingface.co/mouseland/cellpose-sam, and put them into "
            f"{models.MODEL_DIR} or give their path instead of the name."
        ) from error
