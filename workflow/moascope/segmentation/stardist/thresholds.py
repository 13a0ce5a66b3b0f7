"""Thresholds of StarDist, chosen on validation images."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moascope.images.intensities import range_of, scaled
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.implementations.base import Segment
from moascope.segmentation.matching import THRESHOLDS, Tally, tally

logger = logging.getLogger(__name__)

_TUNED_ON = 50  # validation images at most
_TUNED_BYTES = 1 << 30  # of predictions that are kept while the thresholds are tuned


Pair = tuple[NDArray[np.generic], NDArray[np.int32]]
"""An image (C, Y, X) of raw intensities and its objects (Y, X)."""


def tallies(segment: Segment, pairs: Iterable[Pair]) -> list[Tally]:
    """Segment images, and compare each with its reference masks."""
    return [tally(labels, segment(image), THRESHOLDS) for image, labels in pairs]


def tune_thresholds(
    network: Any, annotated: AnnotatedSet, read: Callable[[int], Pair], factor: float = 1.0
) -> None:
    """Choose the thresholds with the best AP on validation images, as far as they fit in memory.

    Parameters
    ----------
    network : stardist.models.StarDist2D
        It gets the thresholds.
    annotated : AnnotatedSet
        Its validation images are tuned on.
    read : callable
        Takes the position of an image in the set, and reads it with its objects.
    factor : float
        Magnification of what is read.
    """
    table = annotated.table.iloc[annotated.rows("validation")]
    if not len(table):
        return
    area = float((table["height"] * table["width"]).mean()) * factor**2
    maps = 4 * (network.config.n_rays + 1) * area / math.prod(network.config.grid)
    rows = annotated.spread("validation", max(1, min(_TUNED_ON, int(_TUNED_BYTES / maps))))
    pairs = [read(int(row)) for row in rows]
    try:
        network.optimize_thresholds(
            [np.moveaxis(scaled(image, *range_of(image, None)), 0, -1) for image, _ in pairs],
            [np.maximum(labels, 0) for _, labels in pairs],
            iou_threshs=list(THRESHOLDS),
            optimize_kwargs={"verbose": 0},
        )
    except RuntimeError:  # no threshold is better than another
        logger.warning("no object of the validation images is found at any threshold")
    logger.info("tuned on %d validation images: %s", len(rows), network.thresholds)
