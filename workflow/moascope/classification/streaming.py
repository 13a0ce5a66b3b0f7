"""Units streamed from disk into batches for networks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from moascope.core.errors import InputError
from moascope.core.read_ahead import map_ahead
from moascope.networks.keras_defaults import keras, layers

_BATCHES_AHEAD = 2
# Pixels per call of a network: 16 images of 256 px, or one of 1024 px. Larger calls are not
# faster on a CPU, and memory grows with them. A GPU needs more at a time.
_PIXELS_PER_CALL = {"cpu": 1 << 20, "gpu": 1 << 22}
_MOST_PER_CALL = 1024


def images_per_call(model: keras.Model, unit_shape: Sequence[int]) -> int:
    """Compute how many images a network takes at a time, from the pixels that it works on.

    Parameters
    ----------
    model : keras.Model
        From `moascope.networks.backbones.build`, or a model around one.
    unit_shape : (int, int)
        Height and width of the units in pixels.

    Returns
    -------
    int
        At least 1. Units that the model resizes count with the size that they get.
    """
    height, width = _resized_shape(model) or unit_shape
    device = "gpu" if keras.distribution.list_devices("gpu") else "cpu"
    return min(_MOST_PER_CALL, max(1, _PIXELS_PER_CALL[device] // (height * width)))


def _resized_shape(model: keras.Model) -> tuple[int, int] | None:
    """Return the size that a model resizes its input to, also in models within it."""
    for layer in model.layers:
        if isinstance(layer, layers.Resizing):
            return int(layer.height), int(layer.width)
        if isinstance(layer, keras.Model) and (found := _resized_shape(layer)):
            return found
    return None


def predict(model: keras.Model, batch: np.ndarray) -> np.ndarray:
    """Run a model on one batch in inference mode, compiled by the backend.

    Parameters
    ----------
    model : keras.Model
        Any model of one input and one output.
    batch : numpy.ndarray
        One batch; keep its shape the same from call to call.

    Returns
    -------
    numpy.ndarray
        The output.
    """
    return np.asarray(model.predict_on_batch(batch))


def unit_places(
    stacks: Sequence[np.ndarray], rows: Sequence[np.ndarray | None] | None = None
) -> np.ndarray:
    """Return the places of chosen units.

    Parameters
    ----------
    stacks : sequence of arrays
        The unit arrays.
    rows : sequence of integer arrays or None
        As for `extract`.

    Returns
    -------
    numpy.ndarray
        int64 `(n, 2)`: number of the array, row in it.
    """
    chosen = rows if rows is not None else [None] * len(stacks)
    parts = []
    for i, (stack, wanted) in enumerate(zip(stacks, chosen, strict=True)):
        row = np.arange(len(stack)) if wanted is None else np.asarray(wanted, dtype=np.int64)
        parts.append(np.stack([np.full_like(row, i), row], axis=1))
    return np.concatenate(parts) if parts else np.empty((0, 2), np.int64)


def gather(stacks: Sequence[np.ndarray], places: np.ndarray, n: int | None = None) -> np.ndarray:
    """Copy units from memory-mapped arrays into one batch.

    Parameters
    ----------
    stacks : sequence of arrays
        `(n_i, H, W, C)`.
    places : numpy.ndarray
        `(m, 2)` from `unit_places`.
    n : int or None
        Length of the batch; zero after the m units. None: m.

    Returns
    -------
    numpy.ndarray
        `(n, H, W, C)` of the arrays' dtype.
    """
    batch = np.zeros((n or len(places), *stacks[0].shape[1:]), stacks[0].dtype)
    for i in np.unique(places[:, 0]):
        rows = np.flatnonzero(places[:, 0] == i)
        batch[rows] = stacks[i][places[rows, 1]]
    return batch


def read_batches(
    stacks: Sequence[np.ndarray], places: np.ndarray, step: int
) -> Iterator[np.ndarray]:
    """Read batches in a thread, ahead of the one in use.

    Parameters
    ----------
    stacks, places
        As for `gather`.
    step : int
        Length of every batch. The last one is filled up with zeros, because a new shape would
        make the backend compile again.

    Yields
    ------
    numpy.ndarray
        `(step, H, W, C)`.
    """

    def read(start: int) -> np.ndarray:
        return gather(stacks, places[start : start + step], step)

    return map_ahead(read, range(0, len(places), step), ahead=_BATCHES_AHEAD)


def check_shapes(
    stacks: Sequence[np.ndarray],
    unit_files: Sequence[str | os.PathLike[str]],
    model: keras.Model,
) -> None:
    """Check that a model takes the units of all files.

    Parameters
    ----------
    stacks, unit_files
        As for `check_alike`.
    model : keras.Model
        Of one input.

    Raises
    ------
    InputError
        Naming every file that does not fit.
    """
    expected = model.input_shape[1:]
    problems = []
    for stack, path in zip(stacks, unit_files, strict=True):
        fits = len(stack.shape) == 4 and all(
            want in (None, have) for want, have in zip(expected, stack.shape[1:], strict=True)
        )
        if not fits:
            problems.append(
                f"{Path(path)} holds units of {stack.shape[1:]} (height, width, channels); the "
                f"model takes {expected}"
            )
    if problems:
        raise InputError.collect(problems, "units")


def check_alike(stacks: Sequence[np.ndarray], unit_files: Sequence[str | os.PathLike[str]]) -> None:
    """Check that the units of all plates have the same size.

    Parameters
    ----------
    stacks : sequence of array (n, H, W, C)
        The units of every plate.
    unit_files : sequence of path
        Their files.

    Raises
    ------
    InputError
        Naming one plate of each size.
    """
    sizes = {stack.shape[1:]: path for stack, path in zip(stacks, unit_files, strict=True)}
    if len(sizes) > 1:
        found = ", ".join(
            f"{os.fspath(path)} holds units of {size}" for size, path in sizes.items()
        )
        raise InputError(
            f"units: plates differ in size (height, width, channels): {found}. Set units.size, "
            "to resize all to one size."
        )
