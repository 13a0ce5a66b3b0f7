"""Saved models and checkpoints of trainings."""

from __future__ import annotations

import json
import logging
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from moascope.core.damage import machine_error
from moascope.core.errors import InputError
from moascope.core.files import atomic_path, damaged, reading
from moascope.core.zip_files import check_declared
from moascope.networks.keras_defaults import keras

logger = logging.getLogger(__name__)


_METADATA = "moascope.json"


def save_model(model: keras.Model, path: str | os.PathLike[str], metadata: dict[str, Any]) -> None:
    """Write a model as one `.keras` file that carries what it expects of its input.

    Parameters
    ----------
    model : keras.Model
        Any Keras model.
    path : path
        Ends in `.keras`.
    metadata : dict
        Ready for JSON; `load_model` compares parts of it.
    """
    content = json.dumps(metadata, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(_METADATA, content)


def load_model(
    path: str | os.PathLike[str], expected: Mapping[str, Any] | None = None
) -> tuple[keras.Model, dict[str, Any]]:
    """Read a model and refuse it where its metadata do not fit what it is to be used on.

    Parameters
    ----------
    path : path
        Written by `save_model`.
    expected : mapping or None
        Metadata that must be equal, for example the channels of the new screen.

    Returns
    -------
    (keras.Model, dict)
        The model and its metadata.

    Raises
    ------
    InputError
        If the file is no such model, or for every entry of `expected` that differs.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        check_declared(archive, path)
        metadata = json.loads(archive.read(_METADATA))
        if not isinstance(metadata, dict):
            raise TypeError(f"{_METADATA} is no mapping")
    problems = [
        f"{key}: the model has {metadata.get(key)!r}, the data have {wanted!r}"
        for key, wanted in (expected or {}).items()
        if metadata.get(key) != wanted
    ]
    if problems:
        raise InputError.collect(problems, f"{path} does not fit the data it is to be used on")
    try:
        return keras.models.load_model(path, compile=False), metadata
    except Exception as error:  # Keras raises what the layers raise that it builds
        # A Lambda layer is a program, and is not run: anyone may have written it.
        raise damaged(path, error) from error


@contextmanager
def precision_policy(is_mixed: bool) -> Iterator[None]:
    """Compute in half precision where a GPU makes that faster."""
    before = keras.config.dtype_policy()
    if is_mixed and keras.distribution.list_devices("gpu"):
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


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
    """Write what `restored` takes up: the state of the learner, its history, its best weights."""
    about = json.dumps({"task": task, "history": list(history)})
    arrays: dict[str, Any] = {"about": np.array(about)}
    for i, variable in enumerate(_state(learner)):
        arrays[f"state{i}"] = keras.ops.convert_to_numpy(variable)
    for i, value in enumerate(best):
        arrays[f"best{i}"] = value
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def restored(
    path: str | os.PathLike[str], task: str, learner: keras.Model, core: keras.Model
) -> tuple[list[dict[str, float]], list[np.ndarray]]:
    """Take up a checkpoint of the same task, if there is one."""
    if not Path(path).is_file():
        return [], []
    try:
        with np.load(path, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"]))
            if about["task"] != task:
                logger.info("%s belongs to other data or options: starting anew", path)
                return [], []
            variables = _state(learner)
            values = [saved[f"state{i}"] for i in range(len(variables))]
            n_best = len(core.weights) if "best0" in saved.files else 0
            best = [saved[f"best{i}"] for i in range(n_best)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if passing := machine_error(path, error):
            raise passing from error
        logger.warning("%s cannot be read (%s): starting anew", path, error)
        return [], []
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    logger.info("going on from %s, after epoch %d", path, len(about["history"]))
    return about["history"], best
