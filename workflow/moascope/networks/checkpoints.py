"""Checkpoints of trainings."""

from __future__ import annotations

import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moascope.core.damage import machine_error
from moascope.core.files import atomic_path
from moascope.networks.keras_defaults import keras

logger = logging.getLogger(__name__)


def _state(learner: keras.Model) -> list[Any]:
    """List the variables that make a run repeatable: weights, seed generators, optimizer."""
    of_metrics = {id(variable) for metric in learner.metrics for variable in metric.variables}
    own = [variable for variable in learner.variables if id(variable) not in of_metrics]
    known = {id(variable) for variable in own}
    return own + [v for v in learner.optimizer.variables if id(v) not in known]


def save_checkpoint(
    path: str | os.PathLike[str],
    task: str,
    learner: keras.Model,
    history: Sequence[Mapping[str, float]],
    best: Sequence[np.ndarray],
) -> None:
    """Write the state of a training, for `restore_checkpoint`.

    Parameters
    ----------
    path : path
        A NumPy archive.
    task : str
        Digest of everything that the training depends on.
    learner : keras.Model
        Compiled, with a built optimizer.
    history : sequence of mappings
        A row per epoch or validation, ready for JSON.
    best : sequence of numpy.ndarray
        Best weights so far; may be empty.
    """
    about = json.dumps({"task": task, "history": list(history)})
    arrays: dict[str, Any] = {"about": np.array(about)}
    for i, variable in enumerate(_state(learner)):
        arrays[f"state{i}"] = keras.ops.convert_to_numpy(variable)
    for i, value in enumerate(best):
        arrays[f"best{i}"] = value
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def restore_checkpoint(
    path: str | os.PathLike[str],
    task: str,
    learner: keras.Model,
    core: keras.Model,
    prepare: Callable[[Sequence[Mapping[str, float]]], None] | None = None,
) -> tuple[list[dict[str, float]], list[np.ndarray]]:
    """Restore the state of a training from a checkpoint of the same task, if there is one.

    Parameters
    ----------
    path, task
        As for `save_checkpoint`.
    learner : keras.Model
        Compiled, with a built optimizer; it gets the saved state.
    core : keras.Model
        The model whose weights `best` are.
    prepare : callable or None
        Takes the saved history, and compiles the learner as it was when it was saved.

    Returns
    -------
    history : list of dict
        As saved; empty where there is no checkpoint, or none of this task.
    best : list of numpy.ndarray
        As saved.
    """
    if not Path(path).is_file():
        return [], []
    try:
        with np.load(path, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"]))
            if about["task"] != task:
                logger.info(
                    "%s belongs to other data or options: starting from the beginning", path
                )
                return [], []
            if prepare is not None:
                prepare(about["history"])
            variables = _state(learner)
            values = [saved[f"state{i}"] for i in range(len(variables))]
            n_best = len(core.weights) if "best0" in saved.files else 0
            best = [saved[f"best{i}"] for i in range(n_best)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if passing := machine_error(path, error):
            raise passing from error
        logger.warning("%s cannot be read (%s): starting from the beginning", path, error)
        return [], []
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    logger.info("continuing from %s, after %d epochs or validations", path, len(about["history"]))
    return about["history"], best
