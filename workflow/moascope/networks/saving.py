"""Saved models."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moascope.core.damage import check_declared
from moascope.core.errors import InputError
from moascope.core.files import atomic_path, damaged, reading
from moascope.networks import layers  # noqa: F401  (a model is only read if they are registered)
from moascope.networks.keras_defaults import keras

_METADATA = "moascope.json"


def save_model(model: keras.Model, path: str | os.PathLike[str], metadata: dict[str, Any]) -> None:
    """Write a model as one `.keras` file, with a description of its input.

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
    """Read a model, and check that it fits what it is used on.

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
        If the file is no such model; or for every entry of `expected` that differs.
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
    except Exception as error:  # layers raise all kinds of errors when they are built
        # A Lambda layer is a program of unknown origin, and is not run.
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
