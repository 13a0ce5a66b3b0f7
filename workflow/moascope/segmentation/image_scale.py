"""Magnification at which an engine sees images: given, measured, or from pixel sizes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.core.files import read_json, read_parquet
from moascope.images.plate_store import PlateStore
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.object_sizes import Size
from moascope.segmentation.engines.options.base import MethodOptions
from moascope.segmentation.object_size import (
    Judge,
    factor_for,
    measure,
    told_diameter,
    trained_size,
)
from moascope.segmentation.typical_sites import TypicalSites

logger = logging.getLogger(__name__)

SITES = 20
"""Images that a size is measured in."""


def factor_of_job(
    given: Mapping[str, Any], options: MethodOptions, model: str | os.PathLike[str]
) -> float:
    """Compute the factor that gives objects of a job the size of the training images.

    Parameters
    ----------
    given : mapping of str to path
        `store`, or `images` and `table`; and `measured`, if the size was.
    options : MethodOptions
        Of the engine: `diameter`.
    model : str or path
        A file of the engine, or the name of a published model, of which nothing is known.

    Returns
    -------
    float
        See `object_size.factor_for`.
    """
    measured = read_json(given["measured"]) if "measured" in given else None
    shown = Size(told_diameter(options), _pixel_size(given))
    factor = factor_for(size_of_model(model), shown, f"engine {model}", measured)
    if factor != 1:
        logger.info(
            "images are resized by %.3g, so that objects have the size of the training images",
            factor,
        )
    return factor


def diameter_of_job(given: Mapping[str, Any], options: MethodOptions) -> float | None:
    """Return the diameter in px that the classical engine takes in the images of a job.

    Parameters
    ----------
    given : mapping of str to path
        See `factor_of_job`; `model` holds stored parameters, if there are any.
    options : MethodOptions
        Of the engine: `diameter`.

    Returns
    -------
    float or None
        The measured diameter, the one that the user told, or the stored one; None for the default.
    """
    measured = read_json(given["measured"]) if "measured" in given else None
    trained = size_of_model(given["model"]) if "model" in given else Size()
    return expected_diameter(trained, Size(told_diameter(options), _pixel_size(given)), measured)


def expected_diameter(
    trained: Size, shown: Size, measured: Mapping[str, Any] | None = None
) -> float | None:
    """Return the diameter in px that objects of some images are expected to have.

    Parameters
    ----------
    trained : Size
        Of the images that the engine was trained on.
    shown : Size
        Of the images; the diameter as the user told it.
    measured : mapping or None
        `diameter`, as it was measured in the images, or None.

    Returns
    -------
    float or None
        The measured one, the given one, or that of the training images, in pixels of these images;
        None where nothing is known.
    """
    if measured is not None and measured["diameter"] is not None:
        return float(measured["diameter"])
    if shown.diameter is not None or trained.diameter is None:
        return shown.diameter
    return trained.diameter / factor_for(trained, shown, "")


def size_of_model(model: str | os.PathLike[str]) -> Size:
    """Read the object size that a model was trained on; unknown for a published one."""
    return trained_size(model) if os.path.exists(model) else Size()  # noqa: PTH110  (may be a name)


def measure_job(
    engine: Judge,
    given: Mapping[str, Any],
    channels: Sequence[str],
    model: str | os.PathLike[str],
    *,
    is_tuned: bool = False,
) -> dict[str, Any]:
    """Measure at which magnification an engine finds the objects of a screen or set most surely.

    Parameters
    ----------
    engine : Judge
        What is to segment them.
    given : mapping
        `stores` and `ingested`, a path per plate; or `images` and `table`.
    channels : sequence of str
        Channels that the engine sees, in its order.
    model : str or path
        See `factor_of_job`.
    is_tuned : bool
        The engine is tuned on these images, so that those of the set test stay unseen.

    Returns
    -------
    dict
        See `object_size.measure`.
    """
    images, pixel_size_um = sample(given, channels, with_test=not is_tuned)
    shown = Size(None, pixel_size_um)
    return measure(engine, images, size_of_model(model), shown, f"engine {model}")


def sample(
    given: Mapping[str, Any], channels: Sequence[str], *, with_test: bool = True
) -> tuple[list[NDArray[np.generic]], float | None]:
    """Read some 20 images of a screen or an annotated set, and the size of their pixels.

    Parameters
    ----------
    given : mapping
        See `measure_job`.
    channels : sequence of str
        Which, in which order.
    with_test : bool
        Whether images of the set test of an annotated set may be among them.

    Returns
    -------
    (list of (C, Y, X) array, float or None)
        Raw intensities, evenly spread over sites with something in them; and micrometres, None
        where they are not known.
    """
    if "images" in given:
        with AnnotatedSet(given["images"], given["table"], channels) as annotated:
            is_seen = with_test | (annotated.table["set"] != "test").to_numpy()
            rows = np.flatnonzero(is_seen)
            chosen = np.linspace(0, len(rows) - 1, min(SITES, len(rows))).round().astype(int)
            return [annotated.image(row) for row in rows[chosen]], annotated.pixel_size_um
    each = -(-SITES // len(given["stores"]))
    images: list[NDArray[np.generic]] = []
    widths = set()
    for path, ingested in zip(given["stores"], given["ingested"], strict=True):
        with PlateStore(path) as plate:
            seen = [plate.channels.index(channel) for channel in channels]
            images += TypicalSites(plate, seen, read_parquet(ingested), most=each)
            widths.add(plate.pixel_size_um)
    return images, widths.pop() if len(widths) == 1 else None


def _pixel_size(given: Mapping[str, Any]) -> float | None:
    if "images" in given:
        with AnnotatedSet(given["images"], given["table"]) as annotated:
            return annotated.pixel_size_um
    with PlateStore(given["store"]) as plate:
        return plate.pixel_size_um
