"""Features of units, from one pass of a frozen backbone that all folds and heads share."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence

import numpy as np

from moascope.classification.streaming import (
    check_alike,
    check_shapes,
    images_per_call,
    predict,
    read_batches,
    unit_places,
)
from moascope.core.errors import InputError
from moascope.core.files import atomic_path, read_array, write_array_header
from moascope.networks.keras_defaults import keras
from moascope.networks.layers import DihedralViews, MeanOverViews, dihedral_views

logger = logging.getLogger(__name__)

VIEWS = (1, 4, 8)


def check_views(views: int, unit_shape: Sequence[int | None]) -> None:
    """Check that units have the views that a model averages.

    Parameters
    ----------
    views : int
        Number of views.
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


def with_views(
    model: keras.Model, views: int, unit_shape: tuple[int, int] | None = None
) -> keras.Model:
    """Average a feature model over the dihedral views of its input.

    Parameters
    ----------
    model : keras.Model
        `(n, H, W, C)` to `(n, d)`, from `moascope.networks.backbones.build`.
    views : {1, 4, 8}
        Number of views.
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
        Rows of every file, in this order; None (for a file, or for all)
        means every row.
    out_npy : path
        Gets float32 `(n, d)`: the files' rows one after the other. Written atomically.
    views : {1, 4, 8}
        The features are averaged over this many dihedral views, which are run one after the
        other, so that memory does not grow with them.

    Returns
    -------
    (int, int)
        The shape of the table.

    Raises
    ------
    InputError
        If the files differ in shape from one another or from what the model takes.
    """
    stacks = [read_array(path, mapped=True) for path in unit_files]
    check_alike(stacks, unit_files)
    check_shapes(stacks, unit_files, model)
    places = unit_places(stacks, rows)
    unit_shape = stacks[0].shape[1:3] if stacks else (1, 1)
    check_views(views, unit_shape)
    step = max(1, min(images_per_call(model, unit_shape), len(places)))
    shape = (len(places), int(model.output_shape[-1]))
    done, started = 0, time.perf_counter()
    with atomic_path(out_npy) as temporary, temporary.open("wb") as file:
        write_array_header(file, np.float32, shape)
        for batch in read_batches(stacks, places, step):
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
