"""One pass of a frozen backbone over all units, shared by every fold, seed and head."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from moascope.core.errors import InputError
from moascope.core.files import atomic_path, read_array, write_array_header
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import DihedralViews, MeanOverViews, dihedral_views

logger = logging.getLogger(__name__)

VIEWS = (1, 4, 8)
_BATCHES_AHEAD = 2
# Pixels per call of a network: 16 images of 256 px, or one of 1024 px. Larger calls are not
# faster on a CPU, and memory grows with them. A GPU needs more at a time.
_PIXELS_PER_CALL = {"cpu": 1 << 20, "gpu": 1 << 22}
_MOST_PER_CALL = 1024


def check_views(views: int, unit_shape: Sequence[int | None]) -> None:
    """Check that units have the views that a model averages.

    Parameters
    ----------
    views : int
        How many views.
    unit_shape : (int, int)
        Height and width of the units.

    Raises
    ------
    InputError
        For another number than 1, 4 or 8, or 8 views of units that are not square.
    """
    if views not in VIEWS:
        raise InputError(f"views: {views} is none of {', '.join(map(str, VIEWS))}.")
    height, width = unit_shape
    if views == 8 and height != width:
        raise InputError(
            f"views: 8 views need square units, and these are {height} x {width} px. "
            "Use 4 views, or cut square tiles."
        )


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
    """Find the size that a model brings its input to, also within models that it consists of."""
    for layer in model.layers:
        if isinstance(layer, layers.Resizing):
            return int(layer.height), int(layer.width)
        if isinstance(layer, keras.Model) and (found := _resized_shape(layer)):
            return found
    return None


def with_views(
    model: keras.Model, views: int, unit_shape: tuple[int, int] | None = None
) -> keras.Model:
    """Average a feature model over the dihedral views of its input.

    Parameters
    ----------
    model : keras.Model
        `(n, H, W, C)` to `(n, d)`, from `moascope.networks.backbones.build`.
    views : {1, 4, 8}
        How many views.
    unit_shape : (int, int) or None
        Height and width of the units, where the model leaves them open.

    Returns
    -------
    keras.Model
        The same input and output shapes.

    Raises
    ------
    InputError
        For another number of views, or 8 views of units that are not square.
    """
    _, *open_shape, n_channels = model.input_shape
    height, width = unit_shape or open_shape
    check_views(views, (height, width))
    if views == 1:
        return model
    image = keras.Input((height, width, n_channels), name="image")
    features = model(DihedralViews(views)(image))
    return keras.Model(image, MeanOverViews(views)(features), name=f"{model.name}_{views}_views")


def extract(
    model: keras.Model,
    unit_files: Sequence[str | os.PathLike[str]],
    rows: Sequence[np.ndarray | None] | None,
    out_npy: str | os.PathLike[str],
    *,
    views: int = 1,
) -> tuple[int, int]:
    """Compute the features of all units, streaming them from disk.

    Parameters
    ----------
    model : keras.Model
        From `moascope.networks.backbones.build`, with a pooling.
    unit_files : sequence of path
        `.npy` arrays `(n, H, W, C)`, float16, nominal range [0, 1], all of one shape but for n.
    rows : sequence of integer arrays or None
        For every file the rows that are wanted, in that order; None (for a file, or for all)
        means every row.
    out_npy : path
        Gets float32 `(n, d)`: the files' rows one after the other. Written atomically.
    views : {1, 4, 8}
        The features are averaged over this many dihedral views, which are run one after the
        other, so that memory does not grow with them.

    Returns
    -------
    (int, int)
        The shape of what was written.

    Raises
    ------
    InputError
        If the files differ in shape from one another or from what the model takes.
    """
    stacks = [read_array(path, mapped=True) for path in unit_files]
    check_alike(stacks, unit_files)
    _check_shapes(stacks, unit_files, model)
    places = unit_places(stacks, rows)
    unit_shape = stacks[0].shape[1:3] if stacks else (1, 1)
    check_views(views, unit_shape)
    step = max(1, min(images_per_call(model, unit_shape), len(places)))
    shape = (len(places), int(model.output_shape[-1]))
    done, started = 0, time.perf_counter()
    with atomic_path(out_npy) as temporary, temporary.open("wb") as file:
        write_array_header(file, np.float32, shape)
        for batch in prefetched(stacks, places, step):
            n_wanted = min(step, shape[0] - done)
            computed = mean_over_views(model, batch, views)[:n_wanted]
            file.write(np.ascontiguousarray(computed, dtype=np.float32).data)
            done += n_wanted
            if (done // step) % 20 == 0 or done == shape[0]:
                rate = done / (time.perf_counter() - started)
                logger.info("features of %d / %d units (%.1f units/s)", done, shape[0], rate)
    return shape


def mean_over_views(model: keras.Model, batch: np.ndarray, views: int) -> np.ndarray:
    """Average the features of one batch over its views, one call of the network per view.

    Parameters
    ----------
    model : keras.Model
        `(n, H, W, C)` to `(n, d)`.
    batch : numpy.ndarray
        `(n, H, W, C)`; keep its shape the same from call to call.
    views : {1, 4, 8}
        As for `DihedralViews`.

    Returns
    -------
    numpy.ndarray
        float32 `(n, d)`.
    """
    total = np.zeros((len(batch), int(model.output_shape[-1])), dtype=np.float32)
    for view in dihedral_views(batch, views):
        total += predict(model, np.ascontiguousarray(view))
    return total / np.float32(views)


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
    """List where the wanted units lie.

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
        Length of the batch; what lies behind the m units is zero. None: m.

    Returns
    -------
    numpy.ndarray
        `(n, H, W, C)` of the arrays' dtype.
    """
    batch = np.zeros((n or len(places), *stacks[0].shape[1:]), stacks[0].dtype)
    for i in np.unique(places[:, 0]):
        here = np.flatnonzero(places[:, 0] == i)
        batch[here] = stacks[i][places[here, 1]]
    return batch


def prefetched(stacks: Sequence[np.ndarray], places: np.ndarray, step: int) -> Iterator[np.ndarray]:
    """Read batches in a thread, ahead of the one in use.

    Parameters
    ----------
    stacks, places
        As for `gather`.
    step : int
        Length of every batch; the last one is filled up with zeros, because a new shape would
        make the backend compile again.

    Yields
    ------
    numpy.ndarray
        `(step, H, W, C)`.
    """
    starts = iter(range(0, len(places), step))
    with ThreadPoolExecutor(max_workers=1) as reader:

        def submit(start: int) -> Any:
            return reader.submit(gather, stacks, places[start : start + step], step)

        waiting = [submit(start) for start in islice(starts, _BATCHES_AHEAD)]
        while waiting:
            batch = waiting.pop(0).result()
            waiting += [submit(start) for start in islice(starts, 1)]
            yield batch


def _check_shapes(
    stacks: Sequence[np.ndarray],
    unit_files: Sequence[str | os.PathLike[str]],
    model: keras.Model,
) -> None:
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
        Where they come from.

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
            f"units: plates differ in size (height, width, channels): {found}. Set units.size, so "
            "that all are brought to one size."
        )
